package photo

import (
	"compress/flate"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// idat is the data of the picture, out of its chunks.
type idat struct {
	chunks *pngChunks
	left   int
	sum    uint32
	inside bool
}

func (d *idat) Read(p []byte) (int, error) {
	for d.left == 0 {
		if d.inside {
			var sum [4]byte
			if _, err := io.ReadFull(d.chunks.r, sum[:]); err != nil {
				return 0, err
			}
			if binary.BigEndian.Uint32(sum[:]) != d.sum {
				return 0, ErrDamaged
			}
			d.inside = false
		}
		k, err := d.chunks.next()
		if err != nil {
			return 0, err
		}
		if k.name == "IEND" {
			return 0, io.EOF
		}
		if k.name != "IDAT" {
			if err := d.chunks.skip(k); err != nil {
				return 0, err
			}
			continue
		}
		d.left, d.inside, d.sum = k.size, true, crc32.ChecksumIEEE([]byte(k.name))
	}
	n, err := d.chunks.r.Read(p[:min(len(p), d.left)])
	d.sum = crc32.Update(d.sum, crc32.IEEETable, p[:n])
	d.left -= n
	return n, err
}

// passes are where the passes of an interlaced picture begin, and the
// distances of their samples. Source: PNG (Third Edition), 8.1.
var passes = [7]struct{ x, y, dx, dy int }{
	{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
}

// decode gives each row of the picture to emit, in order, a slice a lane.
func (h *pngHeader) decode(ctx context.Context, r io.Reader, emit func(y int, row [][]byte)) error {
	chunks, err := newPNGChunks(r)
	if err != nil {
		return err
	}
	data, err := zlib.NewReader(&idat{chunks: chunks})
	if err != nil {
		return zlibError(err)
	}
	row := slices2D(h.lanes(), h.width)
	if !h.interlaced {
		return h.pass(ctx, data, h.width, h.height, func(y int, raw []byte) {
			h.expand(raw, row, h.width)
			emit(y, row)
		})
	}
	whole := slices2D(h.lanes(), h.width*h.height)
	for _, p := range passes {
		w, height := ceil(h.width-p.x, p.dx), ceil(h.height-p.y, p.dy)
		if h.width <= p.x || h.height <= p.y {
			continue
		}
		err := h.pass(ctx, data, w, height, func(y int, raw []byte) {
			h.expand(raw, row, w)
			for i := range whole {
				to := whole[i][(p.y+y*p.dy)*h.width:]
				for x, v := range row[i][:w] {
					to[p.x+x*p.dx] = v
				}
			}
		})
		if err != nil {
			return err
		}
	}
	for y := range h.height {
		for i := range whole {
			row[i] = whole[i][y*h.width:][:h.width]
		}
		emit(y, row)
	}
	return nil
}

func slices2D(n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, size)
	}
	return out
}

func zlibError(err error) error {
	if errors.Is(err, zlib.ErrHeader) || errors.Is(err, zlib.ErrChecksum) || errors.Is(err, zlib.ErrDictionary) {
		return ErrDamaged
	}
	return short(err)
}

// pass reads the rows of a pass and undoes their filters.
// Source: PNG (Third Edition), 9.2.
func (h *pngHeader) pass(ctx context.Context, r io.Reader, w, height int, row func(y int, raw []byte)) error {
	size, back := (w*h.bits()+7)/8, max(1, h.bits()/8)
	now, before := make([]byte, size+1), make([]byte, size+1)
	for y := range height {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.ReadFull(r, now); err != nil {
			return pngDataError(err)
		}
		if !unfilter(now[0], now[1:], before[1:], back) {
			return ErrDamaged
		}
		row(y, now[1:])
		now, before = before, now
	}
	return nil
}

// pngDataError sorts what the decompressor says of the data.
func pngDataError(err error) error {
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return ErrDamaged
	}
	return zlibError(err)
}

func unfilter(kind byte, row, above []byte, back int) bool {
	switch kind {
	case 0:
	case 1:
		for i := back; i < len(row); i++ {
			row[i] += row[i-back]
		}
	case 2:
		for i, v := range above {
			row[i] += v
		}
	case 3:
		for i := range row {
			left := 0
			if i >= back {
				left = int(row[i-back])
			}
			row[i] += byte((left + int(above[i])) / 2)
		}
	case 4:
		for i := range min(back, len(row)) {
			row[i] += above[i] // nothing is on the left
		}
		for i := back; i < len(row); i++ {
			row[i] += paeth(int(row[i-back]), int(above[i]), int(above[i-back]))
		}
	default:
		return false
	}
	return true
}

func paeth(a, b, c int) byte {
	pa, pb := b-c, a-c
	pc := pa + pb
	pa, pb, pc = max(pa, -pa), max(pb, -pb), max(pc, -pc)
	switch {
	case pa <= pb && pa <= pc:
		return byte(a)
	case pb <= pc:
		return byte(b)
	}
	return byte(c)
}

// expand makes w samples of 8 bits a lane of a stored row.
func (h *pngHeader) expand(raw []byte, row [][]byte, w int) {
	switch h.kind {
	case pngGray, pngPalette:
		h.expandSmall(raw, row, w)
		return
	case pngGrayAlpha:
		step := int(h.depth) / 8
		for x := range w {
			v, a := raw[2*step*x], raw[2*step*x+step]
			store(row, x, v, v, v, a)
		}
		return
	}
	step := int(h.depth) / 8
	pixel := h.bits() / 8
	for x := range w {
		p := raw[pixel*x:][:pixel]
		a := byte(255)
		switch {
		case h.kind == pngRGBA:
			a = p[3*step]
		case h.clear != nil && h.isClear(p):
			a = 0
		}
		store(row, x, p[0], p[step], p[2*step], a)
	}
}

// isClear reports whether a pixel has the transparent color.
func (h *pngHeader) isClear(p []byte) bool {
	if h.depth == 16 {
		return string(p) == string(h.clear)
	}
	return p[0] == h.clear[1] && p[1] == h.clear[3] && p[2] == h.clear[5]
}

// expandSmall is expand for one sample a pixel, of 1 to 16 bits.
func (h *pngHeader) expandSmall(raw []byte, row [][]byte, w int) {
	clearAt := -1
	if h.clear != nil {
		clearAt = int(binary.BigEndian.Uint16(h.clear))
	}
	largest := 1<<h.depth - 1
	for x := range w {
		v := sampleAt(raw, x, int(h.depth))
		if h.kind == pngPalette {
			c := &h.palette[v]
			store(row, x, c[0], c[1], c[2], c[3])
			continue
		}
		a := byte(255)
		if v == clearAt {
			a = 0
		}
		g := byte(v * 255 / largest)
		store(row, x, g, g, g, a)
	}
}

func sampleAt(raw []byte, x, depth int) int {
	switch depth {
	case 8:
		return int(raw[x])
	case 16:
		return int(raw[2*x])<<8 | int(raw[2*x+1])
	}
	at := x * depth
	return int(raw[at/8]>>(8-depth-at%8)) & (1<<depth - 1)
}

// store puts a pixel into as many lanes as there are, colors multiplied by
// alpha where there is a lane for it.
func store(row [][]byte, x int, r, g, b, a byte) {
	switch len(row) {
	case 1:
		row[0][x] = r
	case 3:
		row[0][x], row[1][x], row[2][x] = r, g, b
	case 4:
		if a != 255 {
			r, g, b = times(r, a), times(g, a), times(b, a)
		}
		row[0][x], row[1][x], row[2][x], row[3][x] = r, g, b, a
	}
}

func times(v, a byte) byte { return byte((uint32(v)*uint32(a) + 127) / 255) }
