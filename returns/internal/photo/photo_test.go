package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"runtime"
	"strings"
	"testing"
)

// exif is EXIF data with one tag.
func exif(order string, kind uint16, value string) string {
	if order == "II" {
		return "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01" + string(
			[]byte{byte(kind), 0},
		) + "\x01\x00\x00\x00" + value + "\x00\x00\x00\x00"
	}
	return "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12" + string(
		[]byte{0, byte(kind)},
	) + "\x00\x00\x00\x01" + value + "\x00\x00\x00\x00"
}

func TestTheOrientationIsReadHoweverItIsWritten(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       int
	}{
		{"a SHORT, big-endian", exif("MM", 3, "\x00\x06\x00\x00"), 6},
		{"a SHORT, little-endian", exif("II", 3, "\x06\x00\x00\x00"), 6},
		{"a LONG, big-endian", exif("MM", 4, "\x00\x00\x00\x06"), 6},
		{"a LONG, little-endian", exif("II", 4, "\x06\x00\x00\x00"), 6},
		{"a BYTE", exif("MM", 1, "\x06\x00\x00\x00"), 6},
		{"with the prefix of a JPEG", exifPrefix + exif("MM", 3, "\x00\x03\x00\x00"), 3},
		{"9", exif("MM", 3, "\x00\x09\x00\x00"), 1},
		{"0", exif("MM", 3, "\x00\x00\x00\x00"), 1},
		{"a string", exif("MM", 2, "\x00\x06\x00\x00"), 1},
		{"a directory outside of the data", "MM\x00*\xff\xff\xff\xff\x00\x01", 1},
		{"more entries than there are", "MM\x00*\x00\x00\x00\x08\xff\xff", 1},
		{"nothing", "", 1},
	} {
		if got := orientation([]byte(c.data)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func pngChunk(name, body string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(out, name+body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE([]byte(name+body)))
}

func riffChunk(name, body string) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(body)))
	return append(append(out, body...), make([]byte, len(body)%2)...)
}

// withEXIF puts EXIF data into a picture, at each place where it may stand.
func withEXIF(data []byte, exif string) map[string][]byte {
	switch Sniff(data) {
	case "jpeg":
		segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exifPrefix)+len(exif)+2))
		segment = append(append(segment, exifPrefix...), exif...)
		return map[string][]byte{
			"JPEG": bytes.Join([][]byte{data[:2], segment, data[2:]}, nil),
			"JPEG after fill bytes": bytes.Join(
				[][]byte{data[:2], {0xff, 0xff, 0xff}, segment, {0xff, 0xff}, data[2:]},
				nil,
			),
		}
	case "png":
		return map[string][]byte{
			"PNG before the picture": bytes.Join([][]byte{data[:33], pngChunk("eXIf", exif), data[33:]}, nil),
			"PNG behind the picture": bytes.Join(
				[][]byte{data[:len(data)-12], pngChunk("eXIf", exif), data[len(data)-12:]},
				nil,
			),
		}
	}
	head := riffChunk("VP8X", "\x08\x00\x00\x00"+"\x3c\x00\x00"+"\x2c\x00\x00")
	body := bytes.Join([][]byte{[]byte("WEBP"), head, data[12:], riffChunk("EXIF", exif)}, nil)
	return map[string][]byte{"WebP": riffChunk("RIFF", string(body))}
}

func TestAPhotoIsTurnedUpright(t *testing.T) {
	for _, name := range []string{"2x2_1x1_1x1.jpg", "1x1_1x1_1x1-progressive.jpg", "rgb8.png",
		"rgb8-interlaced.png", "lossless.webp"} {
		for turn := 1; turn <= 8; turn++ {
			for what, data := range withEXIF(fixture(t, name), exif("MM", 4, "\x00\x00\x00"+string(rune(turn)))) {
				c, m := cleaned(t, data, 2048)
				w, h := fixtureW, fixtureH
				if turn >= 5 {
					w, h = h, w
				}
				if c.Width != w || c.Height != h {
					t.Errorf("%s, turn %d: %d x %d", what, turn, c.Width, c.Height)
					continue
				}
				for _, f := range fields {
					x, y := f.x, f.y
					switch turn { // where the sample of the sent picture is to be seen
					case 2:
						x = fixtureW - 1 - x
					case 3:
						x, y = fixtureW-1-x, fixtureH-1-y
					case 4:
						y = fixtureH - 1 - y
					case 5:
						x, y = y, x
					case 6:
						x, y = fixtureH-1-y, x
					case 7:
						x, y = fixtureH-1-y, fixtureW-1-x
					case 8:
						x, y = y, fixtureW-1-x
					}
					near(t, fmt.Sprintf("%s, turn %d", what, turn), m.At(x, y), f.c, 10)
				}
			}
		}
	}
}

func TestPlanesKeepTheirMean(t *testing.T) {
	for _, c := range [][4]int{{100, 80, 100, 80}, {100, 80, 33, 27}, {3, 5, 10, 11}, {1, 1, 7, 7}, {65535, 1, 2048,
		1}, {7, 1000, 1, 100}, {2, 2, 3, 1}} {
		p := newPlane(c[0], c[1], c[2], c[3])
		row := bytes.Repeat([]byte{200}, c[0])
		for y := range c[1] {
			p.add(y, row)
		}
		if p.next != c[3] || bytes.Count(p.out, []byte{200}) != len(p.out) {
			t.Errorf("%v: %d rows, samples %v", c, p.next, p.out[:min(10, len(p.out))])
		}
	}
	p := newPlane(4, 2, 2, 1) // the mean of two squares
	p.add(0, []byte{0, 100, 10, 20})
	p.add(1, []byte{100, 200, 30, 40})
	if p.out[0] != 100 || p.out[1] != 25 {
		t.Errorf("means %v, want 100 and 25", p.out)
	}
}

var racing bool // the race detector is on

// measured is how many bytes f allocates in all, which is no less than what it
// takes at a time.
func measured(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestThePriceIsNoLessThanWhatIsTaken compares the price with all that is
// allocated, which for our own decoders is what is held.
func TestThePriceIsNoLessThanWhatIsTaken(t *testing.T) {
	noise := func(w, h int, alpha bool) *image.NRGBA {
		m := image.NewNRGBA(image.Rect(0, 0, w, h))
		v := uint32(1)
		for i := range m.Pix {
			v = v*1664525 + 1013904223
			m.Pix[i] = byte(v >> 24)
			if i%4 == 3 && !alpha {
				m.Pix[i] = 255
			}
		}
		return m
	}
	encoded := func(m image.Image, kind string) []byte {
		var b bytes.Buffer
		if kind == "jpeg" {
			_ = jpeg.Encode(&b, m, nil)
		} else {
			_ = png.Encode(&b, m)
		}
		return b.Bytes()
	}
	wide := image.NewNRGBA64(image.Rect(0, 0, 900, 600))
	for y := range 600 {
		for x := range 900 {
			wide.Set(x, y, color.NRGBA64{uint16(x * 40), uint16(y * 60), 9, uint16(x * y)})
		}
	}
	cases := map[string][]byte{
		"JPEG":                  encoded(noise(900, 600, false), "jpeg"),
		"PNG":                   encoded(noise(900, 600, false), "png"),
		"transparent PNG":       encoded(noise(900, 600, true), "png"),
		"PNG of 16 bits":        encoded(wide, "png"),
		"small progressive":     fixture(t, "2x2_1x1_1x1-progressive.jpg"),
		"small interlaced":      fixture(t, "rgba8-interlaced.png"),
		"lossy WebP":            fixture(t, "lossy-alpha.webp"),
		"lossless WebP":         fixture(t, "lossless.webp"),
		"interlaced GIF":        fixture(t, "interlaced.gif"),
		"progressive by header": progressive(1600, 1200, 1),
	}
	for name, data := range cases {
		for _, side := range []int{2048, 200} {
			t.Run(fmt.Sprint(name, " to ", side), func(t *testing.T) {
				p, err := Read(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				price := p.Memory(side)
				took := measured(func() { _, err = p.Clean(t.Context(), side) })
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(name, "small") {
					price += 1 << 20 // encoders' buffers of fixed size
				}
				if strings.Contains(name, "PNG") {
					took -= 2 << 20 // of the compressor, beside a picture that small
				}
				if racing {
					price *= 4 // its own bookkeeping, and pools that give away what they keep
				}
				if took > price {
					t.Errorf("it took %d bytes, priced at %d", took, price)
				}
			})
		}
	}
}

// progressive is a progressive JPEG of one color: a scan of first
// coefficients, in which each block is two bits. Sampling is 4:4:4 for 1,
// 4:2:0 for 2.
func progressive(w, h, sampling int) []byte {
	out := []byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0}
	out = append(out, bytes.Repeat([]byte{1}, 64)...)
	out = append(out, 0xff, 0xc2, 0, 17, 8)
	out = binary.BigEndian.AppendUint16(out, uint16(h))
	out = binary.BigEndian.AppendUint16(out, uint16(w))
	out = append(out, 3, 1, byte(sampling*17), 0, 2, 0x11, 0, 3, 0x11, 0)
	out = append(out, 0xff, 0xc4, 0, 20, 0, 0, 1)
	out = append(out, bytes.Repeat([]byte{0}, 14)...)
	out = append(out, 0) // the code 00: no difference
	out = append(out, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)
	units := ceil(w, 8*sampling) * ceil(h, 8*sampling)
	out = append(out, make([]byte, ceil(units*(sampling*sampling+2)*2, 8))...)
	return append(out, 0xff, 0xd9)
}

func TestTheLargestPhotosFitIntoTheBudget(t *testing.T) {
	const budget = 256 << 20
	for name, c := range map[string]struct {
		data []byte
		fits bool
	}{
		"a progressive phone photo of 48 megapixels": {progressive(8064, 6048, 2), true},
		"progressive 4:4:4 of 24 megapixels":         {progressive(6000, 4000, 1), true},
		"progressive 4:4:4 of 40 megapixels":         {progressive(6324, 6324, 1), false},
	} {
		p, err := Read(bytes.NewReader(c.data))
		if err != nil {
			t.Fatal(name, err)
		}
		if price := p.Memory(2048); (price <= budget) != c.fits {
			t.Errorf("%s (%s): %d MiB, fits: %v", name, p.Kind, price>>20, !c.fits)
		}
	}
}

func TestDecodingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"2x2_1x1_1x1.jpg", "1x1_1x1_1x1-progressive.jpg", "rgb8.png",
		"rgb8-interlaced.png", "lossless.webp", "interlaced.gif"} {
		p, err := Read(bytes.NewReader(fixture(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Clean(ctx, 100); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add([]byte(exif("MM", 4, "\x00\x00\x00\x06")))
	f.Add([]byte(exifPrefix + exif("II", 3, "\x06\x00\x00\x00")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if v := orientation(data); v < 1 || v > 8 {
			t.Errorf("orientation %d", v)
		}
	})
}

// FuzzHeader: whatever is sent, the header is read or refused by a known
// error, and its numbers make sense.
func FuzzHeader(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data))
		if err != nil {
			known(t, err)
			return
		}
		if p.Width < 1 || p.Height < 1 || p.Turn < 1 || p.Turn > 8 || p.Kind == "" {
			t.Errorf("%+v", p)
		}
		if p.Pixels() < 1<<26 && p.Memory(2048) < 1 {
			t.Errorf("%d x %d are priced at %d", p.Width, p.Height, p.Memory(2048))
		}
	})
}

// FuzzClean: whatever is sent, a result is ours, and a refusal a known error.
func FuzzClean(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data))
		if err != nil || p.Pixels() > 1<<16 || p.Memory(64) > 64<<20 {
			return
		}
		c, err := p.Clean(t.Context(), 64)
		if err != nil {
			known(t, err)
			return
		}
		m, kind, err := image.Decode(bytes.NewReader(c.Data))
		if err != nil || "image/"+kind != c.ContentType || kind != "jpeg" && kind != "png" ||
			m.Bounds().Dx() != c.Width || m.Bounds().Dy() != c.Height || max(c.Width, c.Height) > 64 {
			t.Errorf("%s of %d x %d: %v", c.ContentType, c.Width, c.Height, err)
		}
	})
}

func addFixtures(f *testing.F) {
	for _, name := range []string{
		"2x2_1x1_1x2.jpg", "1x1_2x2_1x1-progressive.jpg", "restart-progressive.jpg", "planes.jpg", "cmyk.jpg",
		"gray.jpg",
		"rgb16.png", "palette-interlaced.png", "gray2.png", "rgba8-interlaced.png", "interlaced.gif",
		"lossy-alpha.webp", "lossless.webp",
	} {
		f.Add(fixture(f, name))
	}
	f.Add(progressive(64, 64, 2))
}

func known(t *testing.T, err error) {
	t.Helper()
	for _, e := range []error{ErrType, ErrAnimated, ErrDamaged, ErrTruncated, ErrUnsupported} {
		if errors.Is(err, e) {
			return
		}
	}
	t.Errorf("an error of no kind: %v", err)
}
