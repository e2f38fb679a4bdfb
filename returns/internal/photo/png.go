package photo

import (
	"bufio"
	"compress/flate"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// Color types of a PNG. Source: PNG (Third Edition), 11.2.1.
const (
	pngGray      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGrayAlpha = 4
	pngRGBA      = 6
)

// The largest chunks that are kept; others are passed over.
const (
	maxExif  = 64 << 10
	maxSmall = 3 * 256
)

// pngHeader is what a PNG says of itself.
type pngHeader struct {
	width, height int
	depth, kind   byte
	interlaced    bool
	palette       [256][4]byte // red, green, blue, alpha
	clear         []byte       // of gray and RGB: the color that is transparent, as it stands in tRNS
	alpha         bool
	exif          []byte
}

// chunk is the header of a chunk.
type chunk struct {
	size int
	name string
}

// pngChunks reads the chunks of a PNG.
type pngChunks struct {
	r    *bufio.Reader
	head [8]byte
}

func newPNGChunks(r io.Reader) (*pngChunks, error) {
	c := &pngChunks{r: bufio.NewReaderSize(r, inputBuffer)}
	if _, err := io.ReadFull(c.r, c.head[:]); err != nil {
		return nil, short(err)
	}
	if string(c.head[:]) != pngMagic {
		return nil, ErrDamaged
	}
	return c, nil
}

// short turns the end of the data into ErrTruncated.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

func (c *pngChunks) next() (chunk, error) {
	if _, err := io.ReadFull(c.r, c.head[:]); err != nil {
		return chunk{}, short(err)
	}
	size := binary.BigEndian.Uint32(c.head[:])
	if size > 1<<31-1 {
		return chunk{}, ErrDamaged
	}
	return chunk{int(size), string(c.head[4:])}, nil
}

// whole reads a chunk, whose header was read, to its end.
func (c *pngChunks) whole(k chunk) ([]byte, error) {
	data := make([]byte, k.size+4)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return nil, short(err)
	}
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(k.name)), crc32.IEEETable, data[:k.size])
	if sum != binary.BigEndian.Uint32(data[k.size:]) {
		return nil, ErrDamaged
	}
	return data[:k.size], nil
}

func (c *pngChunks) skip(k chunk) error {
	_, err := c.r.Discard(k.size + 4)
	return short(err)
}

// readPNG reads what there is of a header; EXIF data may stand before the
// picture or behind it.
func readPNG(r io.Reader) (*pngHeader, error) {
	chunks, err := newPNGChunks(r)
	if err != nil {
		return nil, err
	}
	var h pngHeader
	data := false
	for {
		k, err := chunks.next()
		if err == nil {
			if k.name == "IDAT" && h.kind == pngPalette && h.palette[0][3] == 0 && !h.alpha {
				return nil, ErrDamaged // no palette
			}
			data = data || k.name == "IDAT"
			if k.name == "IEND" {
				break
			}
			err = h.chunk(chunks, k)
		}
		if err != nil && h.width > 0 && (data || errors.Is(err, ErrTruncated)) {
			break // its size is known; decoding will find out whether the picture itself is whole
		}
		if err != nil {
			return nil, err
		}
	}
	return &h, nil
}

func (h *pngHeader) chunk(chunks *pngChunks, k chunk) error {
	if (k.name == "IHDR") != (h.width == 0) {
		return ErrDamaged // it is the first, and there is one
	}
	wanted := k.name == "IHDR" || k.name == "PLTE" || k.name == "tRNS"
	if wanted && k.size > maxSmall {
		return ErrDamaged
	}
	if !wanted && (k.name != "eXIf" || k.size > maxExif) {
		return chunks.skip(k)
	}
	data, err := chunks.whole(k)
	if err != nil {
		return err
	}
	switch k.name {
	case "IHDR":
		return h.readHeader(data)
	case "PLTE":
		if len(data)%3 != 0 {
			return ErrDamaged
		}
		for i := range h.palette {
			h.palette[i][3] = 255
		}
		for i := range len(data) / 3 {
			copy(h.palette[i][:3], data[3*i:])
		}
	case "tRNS":
		return h.readClear(data)
	default:
		h.exif = data
	}
	return nil
}

func (h *pngHeader) readHeader(b []byte) error {
	if len(b) != 13 {
		return ErrDamaged
	}
	w, height := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	h.depth, h.kind, h.interlaced = b[8], b[9], b[12] == 1
	if w < 1 || height < 1 || w > 1<<31-1 || height > 1<<31-1 || b[10] != 0 || b[11] != 0 || b[12] > 1 {
		return ErrDamaged
	}
	h.width, h.height = int(w), int(height)
	depths := map[byte]string{
		pngGray: "\x01\x02\x04\x08\x10", pngRGB: "\x08\x10", pngPalette: "\x01\x02\x04\x08",
		pngGrayAlpha: "\x08\x10", pngRGBA: "\x08\x10",
	}
	for _, d := range []byte(depths[h.kind]) {
		if d == h.depth {
			h.alpha = h.kind == pngGrayAlpha || h.kind == pngRGBA
			return nil
		}
	}
	return ErrDamaged
}

func (h *pngHeader) readClear(data []byte) error {
	switch {
	case h.kind == pngPalette && len(data) <= 256:
		for i, a := range data {
			h.palette[i][3] = a
			h.alpha = h.alpha || a != 255
		}
	case h.kind == pngGray && len(data) == 2, h.kind == pngRGB && len(data) == 6:
		h.clear, h.alpha = data, true
	default:
		return ErrDamaged
	}
	return nil
}

// lanes is how many planes the picture makes: gray, or red, green and blue,
// and with alpha the colors multiplied by it.
func (h *pngHeader) lanes() int {
	switch {
	case h.alpha:
		return 4
	case h.kind == pngGray:
		return 1
	}
	return 3
}

func (h *pngHeader) bits() int {
	return int(h.depth) * map[byte]int{pngGray: 1, pngRGB: 3, pngPalette: 1, pngGrayAlpha: 2, pngRGBA: 4}[h.kind]
}

// memory is how many bytes decode takes at most: two rows as they are stored
// and one as samples, and an interlaced picture whole, at 8 bits a sample.
func (h *pngHeader) memory() int64 {
	row := (int64(h.width)*int64(h.bits())+7)/8 + 1
	total := 2*row + int64(h.width*h.lanes()) + 128<<10 // what zlib and the reader keep
	if h.interlaced {
		total += int64(h.width) * int64(h.height) * int64(h.lanes())
	}
	return total
}

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
