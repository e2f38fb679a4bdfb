package photo

import (
	"bufio"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"io"

	"golang.org/x/image/webp"
)

// webpHeader is what a WebP says of itself.
type webpHeader struct {
	width, height int
	lossless      bool
	alpha         bool
	trees         int64 // bytes that the code tables of lossless data may take
	exif          []byte
	packed        bool // the alpha is compressed
}

// The largest tables that golang.org/x/image/vp8l makes (2,600 groups of five
// trees), and how many times larger than the data they can be: a length that
// is repeated costs half a bit, and its two nodes 16 bytes.
const (
	maxTrees   = 140 << 20
	treeGrowth = 256
)

// readWebP reads the chunks of a WebP. The size is the larger of what its
// header says and what the frame inside says, because only the frame decides
// how much memory decoding takes.
// Source: RFC 9649, 2.5 to 2.7.
func readWebP(r io.Reader) (*webpHeader, error) {
	in := bufio.NewReaderSize(r, inputBuffer)
	if _, err := in.Discard(12); err != nil {
		return nil, short(err)
	}
	var h webpHeader
	for {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			break // what is there is all there is
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		taken, err := h.chunk(in, string(head[:4]), size)
		if err != nil {
			return nil, err
		}
		if _, err := in.Discard(int(size + size&1 - taken)); err != nil {
			break
		}
	}
	if h.width == 0 || h.height == 0 {
		return nil, ErrDamaged
	}
	return &h, nil
}

// chunk reads of a chunk what matters, and returns how many bytes that took.
func (h *webpHeader) chunk(in *bufio.Reader, name string, size int64) (taken int64, err error) {
	need := map[string]int{"VP8X": 10, "VP8 ": 10, "VP8L": 5, "ALPH": 1}[name]
	if name == "EXIF" && size <= maxExif {
		need = int(size)
	}
	if need == 0 {
		return 0, nil
	}
	if int64(need) > size {
		return 0, ErrDamaged
	}
	b := make([]byte, need)
	if _, err := io.ReadFull(in, b); err != nil {
		return 0, short(err)
	}
	switch name {
	case "VP8X":
		if b[0]&(1<<1) != 0 {
			return 0, ErrAnimated
		}
		h.alpha = h.alpha || b[0]&(1<<4) != 0
		h.grow(1+(int(b[4])|int(b[5])<<8|int(b[6])<<16), 1+(int(b[7])|int(b[8])<<8|int(b[9])<<16))
	case "VP8 ":
		h.grow(int(binary.LittleEndian.Uint16(b[6:])&0x3fff), int(binary.LittleEndian.Uint16(b[8:])&0x3fff))
	case "VP8L":
		bits := binary.LittleEndian.Uint32(b[1:])
		h.grow(int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1)
		h.lossless, h.alpha = true, true
		h.trees = max(h.trees, min(maxTrees, size*treeGrowth))
	case "ALPH":
		if b[0]&3 == 1 {
			h.packed, h.trees = true, max(h.trees, min(maxTrees, size*treeGrowth))
		}
	case "EXIF":
		h.exif = b
	}
	return int64(need), nil
}

func (h *webpHeader) grow(w, height int) { h.width, h.height = max(h.width, w), max(h.height, height) }

// memory is how many bytes decoding takes at most. Lossless data is decoded
// into four bytes a pixel, twice where it has a palette, beside pictures of at
// most a quarter of a byte for each of three transforms. A lossy frame takes a
// byte and a half, and its data, up to 16 MiB, is read whole.
func (h *webpHeader) memory() int64 {
	pixels := int64(ceil(h.width, 16)) * int64(ceil(h.height, 16)) * 256
	lossless := 8*pixels + pixels*3/4 + h.trees
	if h.lossless {
		return lossless
	}
	total := pixels*3/2 + pixels/16 + 17<<20
	if h.alpha {
		total += pixels
	}
	if h.packed {
		total += lossless
	}
	return total
}

// stopper ends the reading when nobody waits for it any more.
type stopper struct {
	ctx context.Context
	r   io.Reader
}

func (s stopper) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

func decodeWebP(ctx context.Context, r io.Reader) (image.Image, error) {
	return webp.Decode(stopper{ctx, r})
}

// rowsOf gives each row of a decoded picture to emit, a slice a lane.
func rowsOf(ctx context.Context, m image.Image, lanes int, emit func(y int, row [][]byte)) error {
	b := m.Bounds()
	row := slices2D(lanes, b.Dx())
	for y := range b.Dy() {
		if err := ctx.Err(); err != nil {
			return err
		}
		pixelsOf(m, b.Min.X, b.Min.Y+y, b.Dx(), row)
		emit(y, row)
	}
	return nil
}

func pixelsOf(m image.Image, x0, y, w int, row [][]byte) {
	switch m := m.(type) {
	case *image.NRGBA:
		from := m.Pix[m.PixOffset(x0, y):]
		for x := range w {
			p := from[4*x:][:4]
			store(row, x, p[0], p[1], p[2], p[3])
		}
	case *image.NYCbCrA:
		for x := range w {
			yi, ci := m.YOffset(x0+x, y), m.COffset(x0+x, y)
			r, g, b := color.YCbCrToRGB(m.Y[yi], m.Cb[ci], m.Cr[ci])
			store(row, x, r, g, b, m.A[m.AOffset(x0+x, y)])
		}
	default:
		for x := range w {
			c := color.NRGBAModel.Convert(m.At(x0+x, y)).(color.NRGBA)
			store(row, x, c.R, c.G, c.B, c.A)
		}
	}
}
