package returns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/returnkit/returnkit/returns/budget"
	"github.com/returnkit/returnkit/returns/internal/photo"
)

// ImageLimits bound what is read of a photo before and while it is decoded.
// Zero fields take the defaults.
type ImageLimits struct {
	MaxBytes  int64 // of what is sent: 1 to 1 GiB, default 10 MiB
	MaxPixels int64 // width times height of what is sent: 1 to 2^31-1, default 52 million
	MaxSide   int   // longest side of what is stored, in pixels: 1 to 65,535, default 2048
	// MaxMemory is how many bytes the decoding of one photo may take, and of
	// all that a Service decodes at a time together: 1 to 2^40, default 256 MiB.
	// A photo is priced by its header, before a pixel is decoded. Baseline JPEGs
	// and PNGs take some 40 MB whatever their size; a progressive JPEG takes two
	// bytes a sample more (48 million pixels of 4:2:0 or 24 million of 4:4:4
	// pass by default), an interlaced PNG one byte a sample.
	MaxMemory int64
}

// The largest limits. A JPEG counts its sides in 16 bits (ITU-T T.81, B.2.2).
const (
	mostBytes  = 1 << 30
	mostPixels = 1<<31 - 1
	mostSide   = 1<<16 - 1
	mostMemory = 1 << 40
)

func (l ImageLimits) validate() error {
	for _, f := range []struct {
		name         string
		value, limit int64
	}{
		{"MaxBytes", l.MaxBytes, mostBytes}, {"MaxPixels", l.MaxPixels, mostPixels},
		{"MaxSide", int64(l.MaxSide), mostSide}, {"MaxMemory", l.MaxMemory, mostMemory},
	} {
		if f.value < 0 || f.value > f.limit {
			return &Error{Code: CodeInvalid, Field: "Config.Limits." + f.name, Message: fmt.Sprintf(
				"It is %d; 1 to %d are allowed, and 0 takes the default.", f.value, f.limit)}
		}
	}
	return nil
}

func (l ImageLimits) withDefaults() ImageLimits {
	if l.MaxBytes == 0 {
		l.MaxBytes = 10 << 20
	}
	if l.MaxPixels == 0 {
		l.MaxPixels = 52_000_000
	}
	if l.MaxSide == 0 {
		l.MaxSide = 2048
	}
	if l.MaxMemory == 0 {
		l.MaxMemory = 256 << 20
	}
	return l
}

// cleanedPhoto is a photo made by us from what was sent.
type cleanedPhoto struct {
	Data          []byte
	ContentType   string // image/jpeg, or image/png where it has transparency
	Width, Height int    // pixels, after turning and scaling
	Sent          string // type of what was sent: jpeg, png, gif or webp
}

// cleanImage makes a new JPEG or PNG of what r holds: decoded, turned the way
// its EXIF says, scaled to the limit, and encoded again, so that nothing of
// the sent bytes (metadata, scripts, a second format behind the first) is
// kept. Size, dimensions and the memory that decoding takes are checked before
// any pixel is decoded. An io.ReadSeeker, such as a file, is read from its
// start as it is decoded; of any other reader up to MaxBytes are kept in memory.
//
// Of an animated GIF the first picture is kept; an animated WebP can't be read
// and is refused. A refusal is an *Error with CodeEvidence, with
// CodePhotoTooLarge where a limit is passed, or with PHOTO_TYPE_NOT_ALLOWED
// where it is no image we read; limits out of range are CodeInvalid.
func cleanImage(r io.Reader, l ImageLimits) (cleanedPhoto, error) {
	if err := l.validate(); err != nil {
		return cleanedPhoto{}, err
	}
	l = l.withDefaults()
	p, _, err := open(r, l)
	if err != nil {
		return cleanedPhoto{}, err
	}
	return decode(context.Background(), p, l)
}

// open reads the header of a photo and holds it against the limits. The price
// is how many bytes decoding takes at most.
func open(r io.Reader, l ImageLimits) (p *photo.Picture, price int64, err error) {
	src, size, err := seekable(r, l.MaxBytes)
	if err != nil {
		return nil, 0, fmt.Errorf("returns: read photo: %w", err)
	}
	if size > l.MaxBytes {
		return nil, 0, evidenceError(
			CodePhotoTooLarge,
			"It is larger than %s, the most that is allowed; take it with a lower resolution or quality.",
			megabytes(l.MaxBytes),
		)
	}
	p, err = photo.Read(src)
	if err != nil {
		return nil, 0, unreadable(p, err)
	}
	if p.Pixels() > l.MaxPixels {
		return nil, 0, evidenceError(
			CodePhotoTooLarge,
			"It has %d x %d pixels; at most %d million pixels in all are allowed.",
			p.Width,
			p.Height,
			l.MaxPixels/1_000_000,
		)
	}
	if price = p.Memory(l.MaxSide); price > l.MaxMemory {
		return nil, 0, evidenceError(CodePhotoTooLarge,
			"It has %d x %d pixels (%s), and %s of memory are needed to read it; at most %s are allowed. "+
				"Make it smaller, or save it as a JPEG that is not progressive.",
			p.Width, p.Height, p.Kind, megabytes(price), megabytes(l.MaxMemory))
	}
	return p, price, nil
}

// seekable returns r where it can seek, else what it holds, up to a byte more than
// the limit.
func seekable(r io.Reader, limit int64) (src io.ReadSeeker, size int64, err error) {
	if src, ok := r.(io.ReadSeeker); ok {
		size, err = src.Seek(0, io.SeekEnd)
		return src, size, err
	}
	if r == nil {
		return bytes.NewReader(nil), 0, nil
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	return bytes.NewReader(data), int64(len(data)), err
}

func decode(ctx context.Context, p *photo.Picture, l ImageLimits) (cleanedPhoto, error) {
	c, err := p.Clean(ctx, l.MaxSide)
	if err != nil {
		return cleanedPhoto{}, unreadable(p, err)
	}
	return cleanedPhoto{Data: c.Data, ContentType: c.ContentType, Width: c.Width, Height: c.Height, Sent: p.Type}, nil
}

// unreadable is the refusal of a photo that can't be read, or the error of
// reading it.
func unreadable(p *photo.Picture, err error) error {
	switch {
	case errors.Is(err, photo.ErrType):
		return noPhoto()
	case errors.Is(err, photo.ErrAnimated):
		return evidenceError(CodeEvidence, "It is an animated WebP, which we can't read; send a single picture of it.")
	case errors.Is(err, photo.ErrUnsupported):
		return evidenceError(
			CodeEvidence,
			"It is a %s image of a rare kind, which we can't read; save it as a JPEG and send that.",
			p.Type,
		)
	case errors.Is(err, photo.ErrTruncated):
		return evidenceError(CodeEvidence, "It begins like a %s image but ends too early; it may be cut off.", p.Type)
	case errors.Is(err, photo.ErrDamaged):
		return evidenceError(CodeEvidence, "It begins like a %s image but can't be read; it may be damaged.", p.Type)
	}
	return fmt.Errorf("returns: read photo: %w", err)
}

func noPhoto() error {
	return evidenceError(Code(PhotoTypeNotAllowed), "It is not a photo of a type we take: %s.", join(ImageTypes()))
}

func evidenceError(code Code, format string, args ...any) error {
	return &Error{Code: code, Field: "photos", Message: fmt.Sprintf(format, args...)}
}

func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MB", n>>20)
}

// which has a refusal say which photo it is about: by its place among several,
// and by its name. The field is photos[i].
func which(err error, i int, uploads []Upload) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	subject := "The photo"
	if len(uploads) > 1 {
		subject = fmt.Sprintf("Photo %d of %d", i+1, len(uploads))
	}
	if name := uploads[i].Name; name != "" {
		subject += fmt.Sprintf(" (%s)", clip(name))
	}
	named := *refused
	named.Field = fmt.Sprintf("photos[%d]", i)
	named.Message = subject + " can't be used. " + named.Message
	return &named
}

// sniffed is what each upload is by how it begins. Bodies that can't seek are
// replaced by ones that still have what was read.
func sniffed(uploads []Upload) (types []string, again []Upload, err error) {
	again = slices.Clone(uploads)
	for i, u := range uploads {
		head := make([]byte, photo.SniffLength)
		n := 0
		if u.Body != nil {
			n, err = io.ReadFull(u.Body, head)
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, fmt.Errorf("returns: read photo: %w", err)
		}
		kind := photo.Sniff(head[:n])
		if kind == "" {
			return nil, nil, which(noPhoto(), i, uploads)
		}
		types = append(types, kind)
		if _, ok := u.Body.(io.ReadSeeker); !ok {
			again[i].Body = io.MultiReader(bytes.NewReader(head[:n]), u.Body)
		}
	}
	return types, again, nil
}

// keep cleans the photos and stores them, one at a time, so that no more than
// one of a request is in memory. On an error none is left behind. account is
// whose share of the memory they take.
func (s *Service) keep(ctx context.Context, account string, uploads []Upload, at time.Time) ([]Evidence, error) {
	var kept []Evidence
	for i, u := range uploads {
		e, err := s.keepOne(ctx, account, u, at)
		if err != nil {
			return nil, errors.Join(which(err, i, uploads), s.forget(ctx, kept))
		}
		kept = append(kept, e)
	}
	return kept, nil
}

// collectAbove is the price of a photo after which garbage is collected before
// its memory counts as free: the runtime would let it grow to as much again.
const collectAbove = 48 << 20

func (s *Service) keepOne(ctx context.Context, account string, u Upload, at time.Time) (Evidence, error) {
	p, price, err := open(u.Body, s.cfg.Limits)
	if err != nil {
		return Evidence{}, err
	}
	release, err := s.memory.Acquire(ctx, account, price)
	if errors.Is(err, budget.ErrBusy) {
		return Evidence{}, evidenceError(
			CodeBusy,
			"Many photos of your account are being read at this moment. Wait for them, then send it again.",
		)
	}
	if err != nil {
		return Evidence{}, fmt.Errorf("returns: photo: %w", err)
	}
	defer release()
	if price > collectAbove {
		defer runtime.GC()
	}
	made, err := decode(ctx, p, s.cfg.Limits)
	if err != nil {
		return Evidence{}, err
	}
	return s.put(ctx, made, at)
}

func (s *Service) put(ctx context.Context, p cleanedPhoto, at time.Time) (Evidence, error) {
	e := Evidence{
		ID: s.cfg.NewID(), ContentType: p.ContentType, Bytes: int64(len(p.Data)), Width: p.Width, Height: p.Height,
		UploadedAt: at,
	}
	ending := "jpg"
	if p.ContentType == "image/png" {
		ending = "png"
	}
	e.Path = at.UTC().Format("2006/01/") + e.ID + "." + ending
	if err := s.cfg.Evidence.Put(ctx, e.Path, p.Data); err != nil {
		return Evidence{}, fmt.Errorf("returns: store photo: %w", err)
	}
	return e, nil
}

// refused is the error of a save, after which the photos of what was certainly
// not saved are removed. Where the store did not say, the case may have them.
func (s *Service) refused(ctx context.Context, err error, list []Evidence) error {
	if CodeOf(err) == "" && !errors.Is(err, ErrNotFound) {
		return err
	}
	return errors.Join(err, s.forget(ctx, list))
}

// forget removes photos of a request that was refused. It continues when the
// request's own time is up.
func (s *Service) forget(ctx context.Context, list []Evidence) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var errs []error
	for _, e := range list {
		if err := s.cfg.Evidence.Delete(ctx, e.Path); err != nil {
			errs = append(errs, fmt.Errorf("returns: remove photo %s: %w", e.Path, err))
		}
	}
	return errors.Join(errs...)
}
