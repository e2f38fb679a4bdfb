package photo

import (
	"bufio"
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

// readPNG reads the header as far as there is one; EXIF data may stand before the
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
