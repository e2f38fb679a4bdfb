package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
)

// Markers of a JPEG. Source: ITU-T T.81, table B.1; APP14 is Adobe's.
const (
	markerSOF0  = 0xc0
	markerSOF1  = 0xc1
	markerSOF2  = 0xc2
	markerDHT   = 0xc4
	markerSOF15 = 0xcf
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAPP0  = 0xe0
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
	markerTEM   = 0x01
)

// maxScans is far over what an encoder writes: a progressive picture has some
// ten. Each scan walks over the whole picture, whatever it holds.
const maxScans = 100

// component is a plane of a JPEG: h by v of its blocks are in a unit.
type component struct {
	id, h, v, quant byte
	w, height       int // samples
	across, down    int // blocks, whole units of the frame

	dc        int32
	dcTable   byte
	acTable   byte
	coef      [][]int16 // of a progressive picture, a slice a row of blocks, in zigzag order
	seen      bool      // a scan had its first coefficient
	strip     []byte    // the samples of a row of units
	stripRows int
}

// jpegReader decodes a JPEG: baseline, extended or progressive, of any
// sampling, with 8 bits a sample.
type jpegReader struct {
	in   *input
	ctx  context.Context
	emit func(component, y int, row []byte) // takes a row of a plane; rows come in order

	width, height   int
	hMax, vMax      int
	acrossU, downU  int // units
	progressive     bool
	frame           bool
	comps           []component
	quant           [4][64]uint16 // in zigzag order
	tables          [2][4]huffman // DC, AC
	restartInterval int
	scans           int
	eobRun          int32
	block           [64]int32

	jfif      bool
	adobe     bool
	transform byte
	exif      []byte // of the first segment that has any
}

// readHeader reads up to the first scan.
func (d *jpegReader) readHeader() error {
	var soi [2]byte
	if err := d.in.full(soi[:]); err != nil {
		return err
	}
	if soi != [2]byte{0xff, markerSOI} {
		return ErrDamaged
	}
	for {
		m := d.in.nextMarker()
		switch {
		case m == markerEOI:
			return d.in.short()
		case m == markerSOS:
			if !d.frame {
				return ErrDamaged
			}
			return nil
		}
		if err := d.segment(m); err != nil {
			return err
		}
	}
}

// decode reads the scans. readHeader has stopped before the first.
func (d *jpegReader) decode() error {
	for m := byte(markerSOS); m != markerEOI; m = d.in.nextMarker() {
		err := error(nil)
		if m == markerSOS {
			err = d.scan()
		} else {
			err = d.segment(m)
		}
		if err != nil {
			return err
		}
	}
	if d.in.err != nil {
		return d.in.err
	}
	for i := range d.comps {
		if !d.comps[i].seen {
			return ErrTruncated
		}
	}
	if d.progressive {
		return d.reconstruct()
	}
	return nil
}

// segment reads what follows a marker, but for scans.
func (d *jpegReader) segment(m byte) error {
	if m >= markerRST0 && m <= markerSOI || m == markerTEM {
		return nil // stands alone
	}
	var size [2]byte
	if err := d.in.full(size[:]); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint16(size[:])) - 2
	if n < 0 {
		return ErrDamaged
	}
	read := d.readerOf(m)
	if read == nil {
		return d.in.skip(n)
	}
	data := make([]byte, n)
	if err := d.in.full(data); err != nil {
		return err
	}
	return read(m, data)
}

// readerOf is what reads the segments of a marker; nil for one that does not
// matter.
func (d *jpegReader) readerOf(m byte) func(m byte, data []byte) error {
	switch m {
	case markerDHT:
		return d.readHuffman
	case markerDQT:
		return d.readQuant
	case markerDRI:
		return d.readRestart
	case markerAPP0, markerAPP14:
		return d.readApp
	case markerAPP1:
		if d.exif == nil {
			return d.readApp
		}
	case markerJPG, markerDAC:
	default:
		if m >= markerSOF0 && m <= markerSOF15 {
			return d.readFrame
		}
	}
	return nil
}

func (d *jpegReader) readRestart(_ byte, data []byte) error {
	if len(data) != 2 {
		return ErrDamaged
	}
	d.restartInterval = int(binary.BigEndian.Uint16(data))
	return nil
}

func (d *jpegReader) readApp(m byte, data []byte) error {
	has := func(prefix string) bool { return bytes.HasPrefix(data, []byte(prefix)) }
	switch {
	case m == markerAPP0 && has("JFIF\x00"):
		d.jfif = true
	case m == markerAPP14 && len(data) >= 12 && has("Adobe"):
		d.adobe, d.transform = true, data[11]
	case m == markerAPP1 && has(exifPrefix):
		d.exif = data
	}
	return nil
}

// readFrame reads the size of the picture and of its planes.
// Source: ITU-T T.81, B.2.2 and A.1.1.
func (d *jpegReader) readFrame(m byte, data []byte) error {
	if m > markerSOF2 {
		return fmt.Errorf("%w: JPEG process %d", ErrUnsupported, m-markerSOF0)
	}
	if d.frame || len(data) < 6 || len(data) != 6+3*int(data[5]) {
		return ErrDamaged
	}
	if data[0] != 8 {
		return fmt.Errorf("%w: JPEG with %d bits a sample", ErrUnsupported, data[0])
	}
	d.frame, d.progressive = true, m == markerSOF2
	d.height, d.width = int(binary.BigEndian.Uint16(data[1:])), int(binary.BigEndian.Uint16(data[3:]))
	if n := data[5]; n != 1 && n != 3 && n != 4 {
		return fmt.Errorf("%w: JPEG of %d planes", ErrUnsupported, n)
	}
	if d.width == 0 || d.height == 0 {
		return ErrDamaged
	}
	return d.readPlanes(data[6:], int(data[5]))
}

// readPlanes reads how the n planes of a frame are sampled.
func (d *jpegReader) readPlanes(data []byte, n int) error {
	for i := range n {
		b := data[3*i:]
		c := component{id: b[0], h: b[1] >> 4, v: b[1] & 15, quant: b[2]}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quant > 3 || d.byID(c.id) != nil {
			return ErrDamaged
		}
		d.comps = append(d.comps, c)
		d.hMax, d.vMax = max(d.hMax, int(c.h)), max(d.vMax, int(c.v))
	}
	d.acrossU, d.downU = ceil(d.width, 8*d.hMax), ceil(d.height, 8*d.vMax)
	for i := range d.comps {
		c := &d.comps[i]
		c.w, c.height = ceil(d.width*int(c.h), d.hMax), ceil(d.height*int(c.v), d.vMax)
		c.across, c.down = d.acrossU*int(c.h), d.downU*int(c.v)
	}
	return nil
}

func (d *jpegReader) byID(id byte) *component {
	for i := range d.comps {
		if d.comps[i].id == id {
			return &d.comps[i]
		}
	}
	return nil
}

func (d *jpegReader) readQuant(_ byte, data []byte) error {
	for len(data) > 0 {
		wide, to := data[0]>>4, data[0]&15
		data = data[1:]
		if wide > 1 || to > 3 || len(data) < 64<<wide {
			return ErrDamaged
		}
		for i := range 64 {
			if wide == 0 {
				d.quant[to][i] = uint16(data[i])
			} else {
				d.quant[to][i] = binary.BigEndian.Uint16(data[2*i:])
			}
		}
		data = data[64<<wide:]
	}
	return nil
}

func (d *jpegReader) readHuffman(_ byte, data []byte) error {
	for len(data) > 0 {
		if len(data) < 17 {
			return ErrDamaged
		}
		class, to := data[0]>>4, data[0]&15
		counts := (*[16]byte)(data[1:17])
		n := 0
		for _, c := range counts {
			n += int(c)
		}
		data = data[17:]
		if class > 1 || to > 3 || n < 1 || n > 256 || n > len(data) {
			return ErrDamaged
		}
		if err := d.tables[class][to].make(counts, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// memory is how many bytes decode takes at most: a row of units of each plane,
// and of a progressive picture every coefficient, two bytes each.
func (d *jpegReader) memory() int64 {
	total := int64(inputBuffer)
	for _, c := range d.comps {
		total += int64(c.across) * 8 * int64(c.v) * 8
		if d.progressive {
			total += int64(c.across) * int64(c.down) * (64*2 + 1) // a slice's header for each row of blocks
		}
	}
	return total
}

// isRGB reports whether three planes are red, green and blue as they are.
func (d *jpegReader) isRGB() bool {
	if d.jfif {
		return false
	}
	if d.adobe && d.transform == 0 {
		return true
	}
	return d.comps[0].id == 'R' && d.comps[1].id == 'G' && d.comps[2].id == 'B'
}

// sampling is how the planes relate, such as 4:2:0, or in words of the
// standard where it has no name.
func (d *jpegReader) sampling() string {
	if len(d.comps) == 1 {
		return "gray"
	}
	names := map[[2]byte]string{
		{1, 1}: "4:4:4",
		{2, 1}: "4:2:2",
		{2, 2}: "4:2:0",
		{1, 2}: "4:4:0",
		{4, 1}: "4:1:1",
		{4, 2}: "4:1:0",
	}
	c := d.comps
	if len(c) == 3 && c[1].h == 1 && c[1].v == 1 && c[2].h == 1 && c[2].v == 1 {
		if name, ok := names[[2]byte{c[0].h, c[0].v}]; ok {
			return name
		}
	}
	out := ""
	for i := range c {
		if i > 0 {
			out += "/"
		}
		out += fmt.Sprintf("%dx%d", c[i].h, c[i].v)
	}
	return out
}

func ceil(a, b int) int { return (a + b - 1) / b }
