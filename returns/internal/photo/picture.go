// Package photo makes a new JPEG or PNG of a picture that was sent, in
// memory that is known before a pixel is decoded.
//
// Read parses the header alone; Memory says what Clean will take. JPEGs and
// PNGs are decoded row by row into planes of the final size, by decoders of
// this package: a baseline JPEG of 48 million pixels takes no more than a small
// one, a progressive one two bytes a sample for its coefficients. JPEGs of any
// sampling are read, and those without their last two bytes, as browsers do.
// GIF and WebP are decoded by their libraries, and priced by what those
// allocate.
package photo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
)

// Types are the types of picture that are read.
func Types() []string { return []string{"jpeg", "png", "gif", "webp"} }

// SniffLength is how many bytes Sniff looks at.
const SniffLength = 12

// Sniff returns the type of a picture by how its data begins, never by a name;
// "" for none.
func Sniff(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "jpeg"
	case bytes.HasPrefix(head, []byte(pngMagic)):
		return "png"
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return "gif"
	case len(head) >= SniffLength && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "webp"
	}
	return ""
}

// Picture is a picture whose header was read.
type Picture struct {
	Type          string // jpeg, png, gif or webp
	Width, Height int    // as sent, before it is turned
	Turn          int    // EXIF orientation, 1 to 8
	Kind          string // in words, such as "progressive JPEG, 4:4:4"

	src  io.ReadSeeker
	jpeg *jpegReader
	png  *pngHeader
	webp *webpHeader
}

// Read reads the header of a picture from the start of src, which Clean reads
// again. The error is ErrType, ErrAnimated, ErrDamaged, ErrTruncated or
// ErrUnsupported, wrapped, or an error of src.
func Read(src io.ReadSeeker) (*Picture, error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	head := make([]byte, SniffLength)
	n, err := io.ReadFull(src, head)
	if err != nil && !errors.Is(short(err), ErrTruncated) {
		return nil, err
	}
	p := &Picture{Type: Sniff(head[:n]), Turn: 1, src: src}
	if p.Type == "" {
		return nil, ErrType
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if err := p.readHeader(); err != nil {
		return p, err
	}
	return p, nil
}

func (p *Picture) readHeader() (err error) {
	switch p.Type {
	case "jpeg":
		p.jpeg = &jpegReader{in: newInput(p.src)}
		if err := p.jpeg.readHeader(); err != nil {
			return err
		}
		p.Width, p.Height, p.Turn = p.jpeg.width, p.jpeg.height, orientation(p.jpeg.exif)
		p.Kind = "JPEG, " + p.jpeg.sampling()
		if p.jpeg.progressive {
			p.Kind = "progressive " + p.Kind
		}
	case "png":
		if p.png, err = readPNG(p.src); err != nil {
			return err
		}
		p.Width, p.Height, p.Turn = p.png.width, p.png.height, orientation(p.png.exif)
		p.Kind = fmt.Sprintf("PNG, %d bits a pixel", p.png.bits())
		if p.png.interlaced {
			p.Kind = "interlaced " + p.Kind
		}
	case "gif":
		p.Width, p.Height, err = readGIF(p.src)
		p.Kind = "GIF"
	case "webp":
		if p.webp, err = readWebP(p.src); err != nil {
			return err
		}
		p.Width, p.Height, p.Turn = p.webp.width, p.webp.height, orientation(p.webp.exif)
		p.Kind = "lossy WebP"
		if p.webp.lossless {
			p.Kind = "lossless WebP"
		}
	}
	return err
}

// Pixels is how many pixels the picture has.
func (p *Picture) Pixels() int64 { return int64(p.Width) * int64(p.Height) }

// size is the size of the new picture: the longest side is at most side.
func (p *Picture) size(side int) (w, h int) {
	longest := max(p.Width, p.Height)
	if longest <= side {
		return p.Width, p.Height
	}
	scale := func(n int) int { return max(1, int(int64(n)*int64(side)/int64(longest))) }
	return scale(p.Width), scale(p.Height)
}

// Memory is how many bytes Clean takes at most for a result with a longest
// side of at most side pixels: what decoding takes, the planes of the result,
// the result turned and put together, and encoded.
func (p *Picture) Memory(side int) int64 {
	w, h := p.size(side)
	out := int64(w) * int64(h)
	lanes, alpha, decode := int64(3), false, int64(0)
	switch p.Type {
	case "jpeg":
		lanes, decode = int64(len(p.jpeg.comps)), p.jpeg.memory()
	case "png":
		lanes, alpha, decode = int64(p.png.lanes()), p.png.alpha, p.png.memory()
	case "gif":
		lanes, alpha, decode = 4, true, gifMemory(p.Width, p.Height)
	case "webp":
		alpha, decode = p.webp.alpha, p.webp.memory()
		if alpha {
			lanes = 4
		}
	}
	total := decode + lanes*(planeMemory(int64(p.Width), int64(p.Height), int64(w), int64(h))+out)
	if lanes != 1 {
		total += 4 * out
	}
	if alpha {
		return total + 12*out + 1<<20 // a PNG can be as large as its pixels, in a buffer that doubles
	}
	return total + 3*out + 1<<20
}

// Cleaned is a picture made by us.
type Cleaned struct {
	Data          []byte
	ContentType   string // image/jpeg, or image/png where it has transparency
	Width, Height int    // after turning and scaling
}

// Clean decodes the picture, turns it the way its EXIF says, scales its
// longest side down to side pixels, and encodes it again: nothing of the sent
// bytes is kept. Of an animated GIF the first picture is kept. Errors are those
// of Read, or of ctx.
func (p *Picture) Clean(ctx context.Context, side int) (Cleaned, error) {
	if _, err := p.src.Seek(0, io.SeekStart); err != nil {
		return Cleaned{}, err
	}
	var m image.Image
	var err error
	switch p.Type {
	case "jpeg":
		m, err = p.cleanJPEG(ctx, side)
	case "png":
		m, err = p.collect(
			side,
			p.png.lanes(),
			func(emit func(int, [][]byte)) error { return p.png.decode(ctx, p.src, emit) },
		)
	case "gif":
		m, err = p.cleanGIF(ctx, side)
	case "webp":
		m, err = p.cleanWebP(ctx, side)
	}
	if err != nil {
		return Cleaned{}, err
	}
	return encode(m)
}

// collect makes the planes of the rows that decode gives, and a picture of
// them: gray, red green blue, or those multiplied by alpha.
func (p *Picture) collect(side, lanes int, decode func(emit func(y int, row [][]byte)) error) (image.Image, error) {
	w, h := p.size(side)
	planes := make([]*plane, lanes)
	for i := range planes {
		planes[i] = newPlane(p.Width, p.Height, w, h)
	}
	err := decode(func(y int, row [][]byte) {
		for i := range planes {
			planes[i].add(y, row[i])
		}
	})
	if err != nil {
		return nil, err
	}
	return p.together(planes, straight), nil
}

// A model says how the samples of planes make a color.
type model int

const (
	straight model = iota // gray; red, green, blue; and alpha
	ycc                   // luma and two of color
	inks                  // CMYK, as 255 less the ink
	yccInks               // CMY as if it were RGB, in luma and color; and K as 255 less the ink
)

// together makes a picture of planes, turned upright, and lets go of them.
func (p *Picture) together(planes []*plane, how model) image.Image {
	out := make([][]byte, len(planes))
	var w, h int
	for i := range planes {
		out[i], w, h = planes[i].turned(p.Turn)
		planes[i] = nil
	}
	box := image.Rect(0, 0, w, h)
	switch {
	case len(out) == 1:
		return &image.Gray{Pix: out[0], Stride: w, Rect: box}
	case how == ycc:
		return &image.YCbCr{
			Y:              out[0],
			Cb:             out[1],
			Cr:             out[2],
			YStride:        w,
			CStride:        w,
			SubsampleRatio: image.YCbCrSubsampleRatio444,
			Rect:           box,
		}
	}
	m := image.NewRGBA(box)
	for i := range w * h {
		px := m.Pix[4*i:][:4]
		px[0], px[1], px[2], px[3] = out[0][i], out[1][i], out[2][i], 255
		switch how {
		case straight:
			if len(out) == 4 {
				px[3] = out[3][i]
			}
		case yccInks:
			r, g, b := color.YCbCrToRGB(px[0], px[1], px[2])
			px[0], px[1], px[2] = times(255-r, out[3][i]), times(255-g, out[3][i]), times(255-b, out[3][i])
		case inks:
			px[0], px[1], px[2] = times(px[0], out[3][i]), times(px[1], out[3][i]), times(px[2], out[3][i])
		}
	}
	return m
}

func (p *Picture) cleanJPEG(ctx context.Context, side int) (image.Image, error) {
	d := &jpegReader{in: newInput(p.src), ctx: ctx}
	if err := d.readHeader(); err != nil {
		return nil, err
	}
	if d.memory() > p.jpeg.memory() {
		return nil, ErrDamaged // it is not what it was
	}
	w, h := p.size(side)
	planes := make([]*plane, len(d.comps))
	for i, c := range d.comps {
		planes[i] = newPlane(c.w, c.height, w, h)
	}
	d.emit = func(i, y int, row []byte) { planes[i].add(y, row) }
	if err := d.decode(); err != nil {
		return nil, err
	}
	how := ycc
	switch {
	case len(d.comps) == 4 && d.adobe && d.transform != 0:
		how = yccInks
	case len(d.comps) == 4:
		how = inks
	case len(d.comps) == 3 && d.isRGB():
		how = straight
	}
	return p.together(planes, how), nil
}

func (p *Picture) cleanGIF(ctx context.Context, side int) (image.Image, error) {
	m, err := decodeGIF(ctx, p.src)
	if err != nil {
		return nil, err
	}
	first := *p // the picture may be smaller than the screen
	first.Width, first.Height = m.Rect.Dx(), m.Rect.Dy()
	if first.Pixels() < 1 || first.Width > p.Width || first.Height > p.Height {
		return nil, ErrDamaged
	}
	return first.collect(side, 4, func(emit func(int, [][]byte)) error { return gifRows(ctx, m, emit) })
}

func (p *Picture) cleanWebP(ctx context.Context, side int) (image.Image, error) {
	m, err := decodeWebP(ctx, p.src)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	inner := *p
	inner.Width, inner.Height = m.Bounds().Dx(), m.Bounds().Dy()
	if inner.Pixels() < 1 || inner.Width > p.Width || inner.Height > p.Height {
		return nil, ErrDamaged
	}
	flat, ok := m.(*image.YCbCr)
	if !ok {
		return inner.collect(side, 4, func(emit func(int, [][]byte)) error { return rowsOf(ctx, m, 4, emit) })
	}
	w, h := inner.size(side)
	cw, ch := (inner.Width+1)/2, (inner.Height+1)/2
	planes := []*plane{newPlane(inner.Width, inner.Height, w, h), newPlane(cw, ch, w, h), newPlane(cw, ch, w, h)}
	for y := range inner.Height {
		planes[0].add(y, flat.Y[y*flat.YStride:][:inner.Width])
	}
	for y := range ch {
		planes[1].add(y, flat.Cb[y*flat.CStride:][:cw])
		planes[2].add(y, flat.Cr[y*flat.CStride:][:cw])
	}
	return inner.together(planes, ycc), nil
}

// encode writes a PNG where m has transparency, else a JPEG.
func encode(m image.Image) (Cleaned, error) {
	c := Cleaned{ContentType: "image/jpeg", Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}
	var out bytes.Buffer
	var err error
	if rgba, ok := m.(*image.RGBA); ok && !rgba.Opaque() {
		c.ContentType = "image/png"
		err = png.Encode(&out, m)
	} else {
		err = jpeg.Encode(&out, m, &jpeg.Options{Quality: 85})
	}
	if err != nil {
		return Cleaned{}, err
	}
	c.Data = out.Bytes()
	return c, nil
}
