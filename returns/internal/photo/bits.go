package photo

import (
	"errors"
	"io"
)

// Errors of a picture that can't be read. Read and Clean wrap them.
var (
	// ErrType says that the data begins like no type of picture we read.
	ErrType = errors.New("not a picture of a type we read")
	// ErrAnimated says that the picture is an animation that we can't read.
	ErrAnimated = errors.New("an animation")
	// ErrDamaged says that the data breaks the rules of its type.
	ErrDamaged = errors.New("damaged")
	// ErrTruncated says that the data ends before the picture does.
	ErrTruncated = errors.New("cut off")
	// ErrUnsupported says that the data is of a rare kind that no browser shows.
	ErrUnsupported = errors.New("of a kind that browsers don't show")
)

// input reads a JPEG byte by byte, and the bits of its scans.
//
// The end of the data counts as an EOI marker, so that a picture without its
// last two bytes is whole. Within a scan, bits after the last real one are
// zeros, and phantom counts them: a scan that needs one is cut off.
type input struct {
	r        io.Reader
	buf      []byte
	pos, end int
	eof      bool
	err      error // of r, io.EOF aside

	acc     uint64
	n       uint // bits in acc
	phantom uint // how many of them, at its low end, are not from the data
	marker  byte // that ended the data of the scan; 0: none yet
}

const inputBuffer = 32 << 10

func newInput(r io.Reader) *input { return &input{r: r, buf: make([]byte, inputBuffer)} }

// byte returns the next byte, false at the end.
func (in *input) byte() (byte, bool) {
	if in.pos == in.end && !in.fillBuffer() {
		return 0, false
	}
	b := in.buf[in.pos]
	in.pos++
	return b, true
}

func (in *input) fillBuffer() bool {
	for !in.eof {
		n, err := in.r.Read(in.buf)
		in.pos, in.end = 0, n
		if err != nil {
			in.eof = true
			if !errors.Is(err, io.EOF) {
				in.err = err
			}
		}
		if n > 0 {
			return true
		}
	}
	return false
}

// short is the error of data that ends too early.
func (in *input) short() error {
	if in.err != nil {
		return in.err
	}
	return ErrTruncated
}

// full fills p.
func (in *input) full(p []byte) error {
	for len(p) > 0 {
		if in.pos == in.end && !in.fillBuffer() {
			return in.short()
		}
		n := copy(p, in.buf[in.pos:in.end])
		in.pos += n
		p = p[n:]
	}
	return nil
}

// skip passes over n bytes.
func (in *input) skip(n int) error {
	for n > 0 {
		if in.pos == in.end && !in.fillBuffer() {
			return in.short()
		}
		step := min(n, in.end-in.pos)
		in.pos += step
		n -= step
	}
	return nil
}

// nextMarker passes over what is left of a scan, or lies between two
// segments, and returns the next marker: EOI at the end of the data.
func (in *input) nextMarker() byte {
	if m := in.marker; m != 0 {
		in.marker = 0
		return m
	}
	for {
		b, ok := in.byte()
		for ok && b != 0xff {
			b, ok = in.byte()
		}
		for ok && b == 0xff { // any number of fill bytes
			b, ok = in.byte()
		}
		if !ok {
			return markerEOI
		}
		if b != 0 {
			return b
		}
	}
}

// startScan forgets the bits of what came before.
func (in *input) startScan() { in.acc, in.n, in.phantom, in.marker = 0, 0, 0, 0 }

// fill brings acc to more than 48 bits.
func (in *input) fill() {
	for in.n <= 48 {
		in.acc = in.acc<<8 | uint64(in.scanByte())
		in.n += 8
	}
}

func (in *input) scanByte() byte {
	if in.marker == 0 {
		b, ok := in.byte()
		if ok && b != 0xff {
			return b
		}
		for ok && b == 0xff {
			b, ok = in.byte()
		}
		switch {
		case ok && b == 0:
			return 0xff
		case ok:
			in.marker = b
		default:
			in.marker = markerEOI
		}
	}
	in.phantom += 8
	return 0
}

// overrun reports whether bits were used that the data does not have.
func (in *input) overrun() bool { return in.phantom > in.n }

// receive returns the next s bits, 0 to 16.
func (in *input) receive(s uint) int32 {
	if in.n < s {
		in.fill()
	}
	in.n -= s
	return int32(in.acc>>in.n) & (1<<s - 1)
}

// extended returns a value of s bits with the sign that its first bit gives. Source:
// ITU-T T.81, F.2.2.1.
func (in *input) extended(s uint) int32 {
	if s == 0 {
		return 0
	}
	v := in.receive(s)
	if v < 1<<(s-1) {
		v += -1<<s + 1
	}
	return v
}

// huffman is a table of codes.
type huffman struct {
	ok     bool
	lookup [1 << lookupBits]uint16 // length<<8 | symbol; 0: a longer code
	last   [17]int32               // largest code of each length; -1: none
	first  [17]int32               // what to add to a code to get its symbol's place
	symbol [256]byte
}

const lookupBits = 9

// make makes the table of counts[i] codes of i+1 bits.
// Source: ITU-T T.81, C.2 and F.2.2.3.
func (h *huffman) make(counts *[16]byte, symbols []byte) error {
	*h = huffman{ok: true}
	copy(h.symbol[:], symbols)
	code, at := int32(0), int32(0)
	for bits := int32(1); bits <= 16; bits++ {
		count := int32(counts[bits-1])
		h.last[bits], h.first[bits] = -1, at-code
		if code+count > 1<<bits {
			return ErrDamaged
		}
		for range count {
			if bits <= lookupBits {
				from := code << (lookupBits - bits)
				for i := range int32(1) << (lookupBits - bits) {
					h.lookup[from+i] = uint16(bits)<<8 | uint16(h.symbol[at])
				}
			}
			h.last[bits] = code
			code++
			at++
		}
		code <<= 1
	}
	return nil
}

// decode returns the next symbol; -1 for a code that the table does not have.
func (in *input) decode(h *huffman) int {
	if in.n < 16 {
		in.fill()
	}
	if e := h.lookup[in.acc>>(in.n-lookupBits)&(1<<lookupBits-1)]; e != 0 {
		in.n -= uint(e >> 8)
		return int(e & 0xff)
	}
	for bits := uint(lookupBits + 1); bits <= 16; bits++ {
		code := int32(in.acc>>(in.n-bits)) & (1<<bits - 1)
		if code <= h.last[bits] {
			in.n -= bits
			return int(h.symbol[(code+h.first[bits])&0xff])
		}
	}
	return -1
}
