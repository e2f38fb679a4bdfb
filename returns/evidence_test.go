package returns_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/returns"
)

// progressive is the header of a progressive JPEG of 4:4:4.
func progressive(w, h uint16) []byte {
	out := binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xc2\x00\x11\x08"), h)
	out = binary.BigEndian.AppendUint16(out, w)
	return append(out, "\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00\xff\xda"...)
}

// TestAPhotoIsPricedBeforeItIsDecoded: a refusal for its price needs no more
// than the header, and names the size and what is allowed.
func TestAPhotoIsPricedBeforeItIsDecoded(t *testing.T) {
	for _, c := range []struct {
		name  string
		sent  []byte
		words []string
	}{
		{"40 megapixels progressive", progressive(6324, 6324),
			[]string{"6324 x 6324 pixels (progressive JPEG, 4:4:4)", "at most 256 MB are allowed"}},
		{"53 megapixels", progressive(7300, 7300), []string{"7300 x 7300 pixels", "at most 52 million pixels"}},
	} {
		_, err := returns.CleanImage(bytes.NewReader(c.sent), returns.ImageLimits{})
		if returns.CodeOf(err) != returns.CodePhotoTooLarge {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, text := range c.words {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: no %q in %v", c.name, text, err)
			}
		}
	}
	// What is allowed passes the header, and is then found to be cut off.
	if _, err := returns.CleanImage(bytes.NewReader(progressive(6000, 4000)), returns.ImageLimits{}); returns.CodeOf(
		err,
	) != returns.CodeEvidence {
		t.Errorf("24 megapixels: %v", err)
	}
}

func jpegConfig(r io.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) }

// header is a PNG that says it has w x h pixels, and has none.
func header(w, h uint32) []byte {
	chunk := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	chunk = append(binary.BigEndian.AppendUint32(chunk, h), 8, 6, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), chunk...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
}

func gifOf(w, h int) []byte {
	var b bytes.Buffer
	if err := gif.Encode(&b, picture(w, h), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// webpOf is one pixel, lossless.
func webpOf() []byte {
	b, err := hex.DecodeString("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")
	if err != nil {
		panic(err)
	}
	return b
}

// animatedWebP is one frame of one pixel in an animation.
func animatedWebP() []byte {
	chunk := func(name, body string) string {
		return name + string(
			binary.LittleEndian.AppendUint32(nil, uint32(len(body))),
		) + body + strings.Repeat("\x00", len(body)%2)
	}
	picture := string(webpOf()[12:])
	body := "WEBP" + chunk("VP8X", "\x02\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00") +
		chunk("ANIM", "\x00\x00\x00\x00\x00\x00") +
		chunk("ANMF", strings.Repeat("\x00", 16)+picture)
	return []byte(chunk("RIFF", body))
}

// turned is a JPEG whose EXIF says it is turned, with a comment.
func turned(data []byte, orientation byte) []byte {
	exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(
		orientation,
	) + "\x00\x00\x00\x00\x00\x00SECRET PLACE"
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	out := append([]byte{0xff, 0xd8}, segment...)
	return append(append(out, exif...), data[2:]...)
}

func TestAPhotoIsMadeAnew(t *testing.T) {
	for _, c := range []struct {
		name string
		sent []byte
		kind string
		w, h int
	}{
		{"jpeg", jpegOf(30, 20), "image/jpeg", 30, 20},
		{"png", pngOf(30, 20), "image/jpeg", 30, 20},
		{"gif", gifOf(30, 20), "image/jpeg", 30, 20},
		{"larger than what is stored", jpegOf(200, 50), "image/jpeg", 100, 25},
		{"turned by its EXIF", turned(jpegOf(30, 20), 6), "image/jpeg", 20, 30},
		{"with a script behind it", append(pngOf(3, 3), "<?php SECRET ?>"...), "image/jpeg", 3, 3},
	} {
		p, err := returns.CleanImage(bytes.NewReader(c.sent), returns.ImageLimits{MaxSide: 100})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if p.ContentType != c.kind || p.Width != c.w || p.Height != c.h {
			t.Errorf(
				"%s: %s of %d x %d, want %s of %d x %d",
				c.name,
				p.ContentType,
				p.Width,
				p.Height,
				c.kind,
				c.w,
				c.h,
			)
		}
		if bytes.Contains(p.Data, []byte("SECRET")) || bytes.Contains(p.Data, []byte("Exif")) {
			t.Errorf("%s: what was sent is still in it", c.name)
		}
	}
	clear := picture(4, 4)
	clear.Pix[3] = 0
	var b bytes.Buffer
	if err := png.Encode(&b, clear); err != nil {
		t.Fatal(err)
	}
	if p, err := returns.CleanImage(&b, returns.ImageLimits{}); err != nil || p.ContentType != "image/png" {
		t.Errorf("a transparent picture: %s, %v", p.ContentType, err)
	}
}

// counter counts what is read of an endless photo.
type counter struct{ n int64 }

func (c *counter) Read(b []byte) (int, error) {
	copy(b, "\xff\xd8\xff")
	c.n += int64(len(b))
	return len(b), nil
}

func TestReadingStopsAtTheLimit(t *testing.T) {
	sent := &counter{}
	_, err := returns.CleanImage(io.LimitReader(sent, 100<<20), returns.ImageLimits{MaxBytes: 1 << 20})
	if returns.CodeOf(err) != returns.CodePhotoTooLarge || sent.n > 2<<20 {
		t.Errorf("%d bytes of 100 MB read, %v", sent.n, err)
	}
}

func TestWhatIsNoPhotoIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		sent []byte
		want returns.Code
	}{
		"nothing":                {nil, returns.Code(returns.PhotoTypeNotAllowed)},
		"PHP":                    {[]byte("<?php system('id'); ?>"), returns.Code(returns.PhotoTypeNotAllowed)},
		"SVG":                    {[]byte("<svg onload='alert(1)'/>"), returns.Code(returns.PhotoTypeNotAllowed)},
		"50,000 x 50,000 pixels": {header(50_000, 50_000), returns.CodePhotoTooLarge},
		"2^31-1 squared":         {header(1<<31-1, 1<<31-1), returns.CodePhotoTooLarge},
		"cut off":                {jpegOf(50, 50)[:300], returns.CodeEvidence},
		"an animated WebP":       {animatedWebP(), returns.CodeEvidence},
		"PHP behind a PNG magic": {[]byte("\x89PNG\r\n\x1a\n<?php ?>"), returns.CodeEvidence},
	} {
		if _, err := returns.CleanImage(bytes.NewReader(c.sent), returns.ImageLimits{}); returns.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := returns.CleanImage(bytes.NewReader(header(50_000, 50_000)), returns.ImageLimits{}); err == nil ||
		!strings.Contains(err.Error(), "50000 x 50000") {
		t.Errorf("the refusal does not name the size: %v", err)
	}
	if _, err := returns.CleanImage(bytes.NewReader(animatedWebP()), returns.ImageLimits{}); err == nil ||
		!strings.Contains(err.Error(), "animated") {
		t.Errorf("the refusal does not say that it is an animation: %v", err)
	}
}

func TestLimitsOfPhotosHaveLimits(t *testing.T) {
	for _, c := range []struct {
		l    returns.ImageLimits
		want string // the field that is named; empty: none
	}{
		{returns.ImageLimits{}, ""},
		{returns.ImageLimits{MaxBytes: 1, MaxPixels: 1, MaxSide: 1, MaxMemory: 1}, ""},
		{returns.ImageLimits{MaxBytes: 1 << 30, MaxPixels: 1<<31 - 1, MaxSide: 65_535}, ""},
		{returns.ImageLimits{MaxBytes: 1<<30 + 1}, "MaxBytes"},
		{returns.ImageLimits{MaxBytes: -1}, "MaxBytes"},
		{returns.ImageLimits{MaxPixels: 1 << 31}, "MaxPixels"},
		{returns.ImageLimits{MaxPixels: -1}, "MaxPixels"},
		{returns.ImageLimits{MaxSide: 65_536}, "MaxSide"},
		{returns.ImageLimits{MaxSide: -1}, "MaxSide"},
		{returns.ImageLimits{MaxMemory: 1<<40 + 1}, "MaxMemory"},
		{returns.ImageLimits{MaxMemory: -1}, "MaxMemory"},
	} {
		_, photo := returns.CleanImage(bytes.NewReader(jpegOf(1, 1)), c.l)
		s := newShop(t, policy())
		_, service := returns.New(returns.Config{
			Store: s.store, Orders: s.orders, Refunder: s.payer, Restocker: s.orders, Evidence: s.evidence, Limits: c.l,
		})
		for what, err := range map[string]error{"a service": service, "a photo": photo} {
			switch {
			case c.want == "" && what == "a photo" &&
				returns.CodeOf(err) == returns.CodePhotoTooLarge: // larger than one byte
			case c.want == "" && err != nil,
				c.want != "" && (returns.CodeOf(err) != returns.CodeInvalid || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%+v for %s: %v, want a refusal of %q", c.l, what, err, c.want)
			}
		}
	}
}

// FuzzCleanImage: I16, whatever is sent.
func FuzzCleanImage(f *testing.F) {
	for _, seed := range [][]byte{
		jpegOf(5, 3), pngOf(5, 3), gifOf(5, 3), webpOf(), animatedWebP(), turned(jpegOf(5, 3), 8),
		[]byte("<?php ?>"), []byte("<svg/>"), header(50_000, 50_000),
	} {
		f.Add(seed)
	}
	limits := returns.ImageLimits{MaxBytes: 1 << 16, MaxPixels: 1 << 16, MaxSide: 64}
	f.Fuzz(func(t *testing.T, sent []byte) {
		p, err := returns.CleanImage(bytes.NewReader(sent), limits)
		if err != nil {
			if returns.CodeOf(err) == "" {
				t.Errorf("a refusal without a code: %v", err)
			}
			return
		}
		if bad := badPhoto(p, limits.MaxSide); bad != "" {
			t.Error(bad)
		}
	})
}

// badPhoto says what is wrong with a photo of ours, by I16.
func badPhoto(p returns.CleanedPhoto, side int) string {
	m, kind, err := image.Decode(bytes.NewReader(p.Data))
	switch {
	case err != nil:
		return "it can't be decoded: " + err.Error()
	case p.ContentType != "image/"+kind || kind != "jpeg" && kind != "png":
		return p.ContentType + " holds " + kind
	case m.Bounds().Dx() != p.Width || m.Bounds().Dy() != p.Height || max(p.Width, p.Height) > side:
		return "its size is not what it says, or over the limit"
	}
	return ""
}

// TestARefusalSaysWhichPhoto: by its place among several, and by its name.
func TestARefusalSaysWhichPhoto(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(2)
	good, cut := jpegOf(5, 5), jpegOf(50, 50)[:300]
	for _, c := range []struct {
		name    string
		uploads []returns.Upload
		want    string
	}{
		{"one without a name", []returns.Upload{{Body: bytes.NewReader(cut)}}, "The photo can't be used."},
		{"one by name", []returns.Upload{{Name: "a.jpg", Body: bytes.NewReader(cut)}},
			"The photo (a.jpg) can't be used."},
		{"the second", []returns.Upload{{Name: "a.jpg", Body: bytes.NewReader(good)}, {Name: "b.jpg",
			Body: bytes.NewReader(cut)}}, "Photo 2 of 2 (b.jpg) can't be used."},
		{"the third is none", []returns.Upload{
			{Body: bytes.NewReader(good)}, {Body: bytes.NewReader(good)}, {Body: strings.NewReader("<?php ?>")},
		}, "Photo 3 of 3 can't be used. It is not a photo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := ask(o, 1)
			q.Photos = c.uploads
			_, err := s.svc.Create(s.ctx, ann, q)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			s.equal("photos kept", s.photosKept(), []string(nil))
		})
	}
}

// unread fails the test when it is read beyond how it begins.
type unread struct {
	*bytes.Reader
	t *testing.T
}

func (u unread) Read(b []byte) (int, error) {
	if len(b) > 64 {
		u.t.Error("a photo of a request that is refused was read")
	}
	return u.Reader.Read(b)
}

// TestARequestIsJudgedBeforeAPhotoIsRead: whose order, the verdict with the
// units that earlier cases hold, and the types of all photos.
func TestARequestIsJudgedBeforeAPhotoIsRead(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(2)
	_, err := s.svc.Create(s.ctx, ann, ask(o, 1))
	s.ok(err)
	for _, c := range []struct {
		name string
		set  func(*returns.CreateParams)
		want returns.Code
	}{
		{"somebody else's order", func(q *returns.CreateParams) { q.CustomerID = "bob" },
			returns.Code(returns.NotYourOrder)},
		{"units that another case holds", func(q *returns.CreateParams) { q.Items[0].Quantity = 2 },
			returns.Code(returns.AlreadyReturned)},
		{"a second file that is no photo", func(q *returns.CreateParams) {
			q.Photos = append(q.Photos, returns.Upload{Body: strings.NewReader("GIF88a is none")})
		}, returns.Code(returns.PhotoTypeNotAllowed)},
		{"a type that the policy does not take", func(q *returns.CreateParams) {
			q.Photos = append(q.Photos, returns.Upload{Body: unread{bytes.NewReader(gifOf(3, 3)), t}})
		}, returns.Code(returns.PhotoTypeNotAllowed)},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := ask(o, 1)
			q.Photos = []returns.Upload{{Body: unread{bytes.NewReader(jpegOf(5, 5)), t}}}
			c.set(&q)
			_, err := s.svc.Create(s.ctx, ann, q)
			s.refused(err, c.want)
			if c.name[0] != 'a' { // the rest is about the photos, of which Check knows nothing
				s.refused(s.svc.Check(s.ctx, ann, q), c.want)
			} else if err := s.svc.Check(s.ctx, ann, q); err != nil {
				t.Errorf("Check: %v", err)
			}
		})
	}
	p := policy()
	p.PhotosRequired = 1
	_, err = s.svc.PublishTerms(s.ctx, kim, p, "photos")
	s.ok(err)
	q := ask(s.bought(1), 1)
	s.ok(s.svc.Check(s.ctx, ann, q)) // they may come yet
	_, err = s.svc.Create(s.ctx, ann, q)
	s.refused(err, returns.Code(returns.PhotosRequired))
}
