package returns

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// ImageLimits bound what is read of a photo before and while it is decoded.
// Zero fields take the defaults.
type ImageLimits struct {
	MaxBytes  int64 // of what is sent: 1 to 1 GiB, default 10 MiB
	MaxPixels int64 // width times height of what is sent: 1 to 2^31-1, default 40 million
	MaxSide   int   // longest side of what is stored, in pixels: 1 to 65,535, default 2048
}

// The largest limits. The whole of what is sent is held in memory, a pixel
// takes up to 8 bytes, and a JPEG counts its sides in 16 bits (ITU-T T.81, B.2.2).
const (
	mostBytes  = 1 << 30
	mostPixels = 1<<31 - 1
	mostSide   = 1<<16 - 1
)

func (l ImageLimits) validate() error {
	for _, f := range []struct {
		name        string
		value, most int64
	}{{"MaxBytes", l.MaxBytes, mostBytes}, {"MaxPixels", l.MaxPixels, mostPixels}, {"MaxSide", int64(l.MaxSide), mostSide}} {
		if f.value < 0 || f.value > f.most {
			return &Error{Code: CodeInvalid, Field: "Config.Limits." + f.name, Message: fmt.Sprintf(
				"It is %d; 1 to %d are allowed, and 0 takes the default.", f.value, f.most)}
		}
	}
	return nil
}

func (l ImageLimits) withDefaults() ImageLimits {
	if l.MaxBytes == 0 {
		l.MaxBytes = 10 << 20
	}
	if l.MaxPixels == 0 {
		l.MaxPixels = 40_000_000
	}
	if l.MaxSide == 0 {
		l.MaxSide = 2048
	}
	return l
}

// CleanedPhoto is a photo made by us from what was sent.
type CleanedPhoto struct {
	Data          []byte
	ContentType   string // image/jpeg, or image/png where it has transparency
	Width, Height int    // pixels, after turning and scaling
	Sent          string // type of what was sent: jpeg, png, gif or webp
}

// codecs are the image types we read, known by how their data begins and never
// by a name.
var codecs = []struct {
	name   string
	is     func([]byte) bool
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}{
	{"jpeg", func(b []byte) bool { return bytes.HasPrefix(b, []byte("\xff\xd8\xff")) }, jpeg.DecodeConfig, jpeg.Decode},
	{"png", func(b []byte) bool { return bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) }, png.DecodeConfig, png.Decode},
	{"gif", func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("GIF87a")) || bytes.HasPrefix(b, []byte("GIF89a"))
	}, gif.DecodeConfig, gif.Decode},
	{"webp", func(b []byte) bool {
		return len(b) >= 12 && bytes.Equal(b[:4], []byte("RIFF")) && bytes.Equal(b[8:12], []byte("WEBP"))
	}, webpConfig, webp.Decode},
}

// webpAnimated is the flag of an animation in the VP8X chunk, and errAnimated
// the refusal: the decoder reads single pictures alone.
const webpAnimated = 1 << 1

var errAnimated = errors.New("an animated WebP")

// webpConfig is the size of a WebP image: the larger of what its header says
// and what the frame inside says, because only the frame decides how much
// memory decoding takes.
// Source: RFC 9649, 2.5 to 2.7.
func webpConfig(r io.Reader) (image.Config, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return image.Config{}, err
	}
	if len(data) > 20 && string(data[12:16]) == "VP8X" && data[20]&webpAnimated != 0 {
		return image.Config{}, errAnimated
	}
	config, err := webp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return config, err
	}
	for at := 12; at+8 <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+8:]
		switch kind := string(data[at : at+4]); {
		case kind == "VP8 " && len(body) >= 10:
			config.Width = max(config.Width, int(binary.LittleEndian.Uint16(body[6:])&0x3fff))
			config.Height = max(config.Height, int(binary.LittleEndian.Uint16(body[8:])&0x3fff))
		case kind == "VP8L" && len(body) >= 5:
			bits := binary.LittleEndian.Uint32(body[1:])
			config.Width = max(config.Width, int(bits&0x3fff)+1)
			config.Height = max(config.Height, int(bits>>14&0x3fff)+1)
		}
		if size < 0 || size > len(body) {
			break
		}
		at += 8 + size + size&1
	}
	return config, nil
}

// CleanImage makes a new JPEG or PNG of what r holds: decoded, turned the way
// its EXIF says, scaled to the limit, and encoded again, so that nothing of
// the sent bytes (metadata, scripts, a second format behind the first) is
// kept. Size and dimensions are checked before any pixel is decoded. Of an
// animated GIF the first picture is kept; an animated WebP can't be read and is
// refused. A refusal is an *Error with CodeEvidence, or with
// PHOTO_TYPE_NOT_ALLOWED where it is no image we read; limits out of range are
// CodeInvalid.
func CleanImage(r io.Reader, l ImageLimits) (CleanedPhoto, error) {
	if err := l.validate(); err != nil {
		return CleanedPhoto{}, err
	}
	l = l.withDefaults()
	data, err := io.ReadAll(io.LimitReader(r, l.MaxBytes+1))
	if err != nil {
		return CleanedPhoto{}, fmt.Errorf("returns: read photo: %w", err)
	}
	if int64(len(data)) > l.MaxBytes {
		return CleanedPhoto{}, evidenceError(CodeEvidence, "It is larger than %s; make it smaller or take it with a lower resolution.", megabytes(l.MaxBytes))
	}
	for _, c := range codecs {
		if !c.is(data) {
			continue
		}
		config, err := c.config(bytes.NewReader(data))
		if errors.Is(err, errAnimated) {
			return CleanedPhoto{}, evidenceError(CodeEvidence, "It is an animated WebP, which we can't read; send a single picture of it.")
		}
		if err != nil {
			return CleanedPhoto{}, evidenceError(CodeEvidence, "It begins like a %s image but can't be read; it may be damaged.", c.name)
		}
		if config.Width < 1 || config.Height < 1 || int64(config.Width)*int64(config.Height) > l.MaxPixels {
			return CleanedPhoto{}, evidenceError(CodeEvidence, "It has %d x %d pixels; at most %d million pixels in all are allowed.", config.Width, config.Height, l.MaxPixels/1_000_000)
		}
		m, err := c.decode(bytes.NewReader(data))
		if err != nil {
			return CleanedPhoto{}, evidenceError(CodeEvidence, "It begins like a %s image but can't be read to its end; it may be cut off.", c.name)
		}
		turn := 1
		if c.name == "jpeg" {
			turn = orientation(data)
		}
		p, err := encode(oriented(scaled(m, l.MaxSide), turn))
		p.Sent = c.name
		return p, err
	}
	return CleanedPhoto{}, evidenceError(Code(PhotoTypeNotAllowed), "It is not a photo of a type we take: %s.", join(ImageTypes()))
}

func evidenceError(code Code, format string, args ...any) error {
	return &Error{Code: code, Field: "photos", Message: fmt.Sprintf(format, args...)}
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n>>20) }

// scaled is m with its longest side at most side pixels.
func scaled(m image.Image, side int) image.Image {
	b := m.Bounds()
	longest := max(b.Dx(), b.Dy())
	if longest <= side {
		return m
	}
	w, h := max(1, b.Dx()*side/longest), max(1, b.Dy()*side/longest)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(out, out.Bounds(), m, b, draw.Src, nil)
	return out
}

// encode writes a PNG where m has transparency, else a JPEG.
func encode(m image.Image) (CleanedPhoto, error) {
	p := CleanedPhoto{ContentType: "image/jpeg", Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}
	var out bytes.Buffer
	var err error
	if opaque, ok := m.(interface{ Opaque() bool }); ok && !opaque.Opaque() {
		p.ContentType = "image/png"
		err = png.Encode(&out, m)
	} else {
		err = jpeg.Encode(&out, m, &jpeg.Options{Quality: 85})
	}
	if err != nil {
		return CleanedPhoto{}, fmt.Errorf("returns: encode photo: %w", err)
	}
	p.Data = out.Bytes()
	return p, nil
}

// photos are the photos of one request, cleaned.
type photos []CleanedPhoto

// types are the types of what was sent, for Evaluate.
func (p photos) types() []string {
	out := make([]string, len(p))
	for i := range p {
		out[i] = p[i].Sent
	}
	return out
}

// clean makes our own photos of the uploads.
func (s *Service) clean(ctx context.Context, uploads []Upload) (photos, error) {
	out := make(photos, len(uploads))
	for i, u := range uploads {
		p, err := s.cleanOne(ctx, u)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

func (s *Service) cleanOne(ctx context.Context, u Upload) (CleanedPhoto, error) {
	select {
	case s.decoders <- struct{}{}:
		defer func() { <-s.decoders }()
	case <-ctx.Done():
		return CleanedPhoto{}, fmt.Errorf("returns: photo: %w", ctx.Err())
	}
	p, err := CleanImage(u.Body, s.cfg.Limits)
	var refused *Error
	if errors.As(err, &refused) && u.Name != "" {
		named := *refused
		named.Message = fmt.Sprintf("The photo %q can't be used. %s", clip(u.Name), named.Message)
		return CleanedPhoto{}, &named
	}
	return p, err
}

// keep stores the photos; on an error none is left behind.
func (s *Service) keep(ctx context.Context, list photos, at time.Time) ([]Evidence, error) {
	var kept []Evidence
	for _, p := range list {
		e := Evidence{
			ID: s.cfg.NewID(), ContentType: p.ContentType, Bytes: int64(len(p.Data)), Width: p.Width, Height: p.Height, UploadedAt: at,
		}
		ending := "jpg"
		if p.ContentType == "image/png" {
			ending = "png"
		}
		e.Path = at.UTC().Format("2006/01/") + e.ID + "." + ending
		if err := s.cfg.Evidence.Put(ctx, e.Path, p.Data); err != nil {
			return nil, errors.Join(fmt.Errorf("returns: store photo: %w", err), s.forget(ctx, kept))
		}
		kept = append(kept, e)
	}
	return kept, nil
}

// refused is the error of a save, after which the photos of what was certainly
// not saved are removed. Where the store did not say, the case may have them.
func (s *Service) refused(ctx context.Context, err error, list []Evidence) error {
	if CodeOf(err) == "" && !errors.Is(err, ErrNotFound) {
		return err
	}
	return errors.Join(err, s.forget(ctx, list))
}

// forget removes photos of a request that was refused. It goes on when the
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
