package photo

// A plane is one channel of a picture on its way to its final size. Rows are
// added from top to bottom; each is resampled and dropped, so that the whole
// channel is never in memory at its first size. A smaller plane (colors are
// often stored at half the size) grows the same way.
//
// Downwards each sample is the average of the area it covers, upwards it lies
// on the line between its neighbors.
type plane struct {
	w, h   int // of what is made
	out    []byte
	cols   []tap // by column of out; nil where the width stays
	rows   []tap // by row of out
	next   int   // first row of out that is not done
	sums   [][]uint32
	spare  [][]uint32
	scaled []uint16 // the row just added, at its final width, in 64ths
}

// tap says which samples make one of the result, and their weights, which add
// up to 1<<tapBits.
type tap struct {
	from    int
	weights []uint32
}

const tapBits = 14

func newPlane(fromW, fromH, w, h int) *plane {
	p := &plane{w: w, h: h, out: make([]byte, w*h), rows: taps(fromH, h), scaled: make([]uint16, w)}
	if fromW != w {
		p.cols = taps(fromW, w)
	}
	return p
}

// planeMemory is how many bytes newPlane and its rows take at most.
func planeMemory(fromW, fromH, w, h int64) int64 {
	const perTap, perWeight = 40, 4
	return w*h + (w+h)*perTap + (fromW+fromH+2*(w+h))*perWeight + 18*w*4
}

// taps are the taps that make to samples of from.
func taps(from, to int) []tap {
	out := make([]tap, to)
	if to >= from {
		for i := range out {
			// The middle of sample i is here, in units of 1/(2 to), seen from the middle of the first.
			at := max(0, (2*i+1)*from-to)
			left := min(at/(2*to), from-1)
			rest := uint32(uint64(at%(2*to)) << tapBits / uint64(2*to))
			out[i] = tap{left, []uint32{1<<tapBits - rest}}
			if rest > 0 && left+1 < from {
				out[i].weights = append(out[i].weights, rest)
			} else {
				out[i].weights[0] = 1 << tapBits
			}
		}
		return out
	}
	weights := make([]uint32, 0, from+2*to) // one piece for all
	for i := range out {
		// In units of 1/to of a sample, i covers from i*from to (i+1)*from.
		begin, end := i*from, (i+1)*from
		first, start := begin/to, len(weights)
		left := uint32(1 << tapBits)
		for s := first; s*to < end; s++ {
			covered := min(end, (s+1)*to) - max(begin, s*to)
			w := uint32(uint64(covered) << tapBits / uint64(from))
			left -= w
			weights = append(weights, w)
		}
		weights[start+(len(weights)-start)/2] += left // what rounding left over
		out[i] = tap{first, weights[start:len(weights):len(weights)]}
	}
	return out
}

// add takes row y.
func (p *plane) add(y int, row []byte) {
	if p.next == p.h {
		return
	}
	p.widen(row)
	for i := p.next; i < p.h && p.rows[i].from <= y; i++ {
		t := &p.rows[i]
		if y >= t.from+len(t.weights) {
			continue
		}
		for i-p.next >= len(p.sums) {
			p.sums = append(p.sums, p.fresh())
		}
		sum, weight := p.sums[i-p.next], t.weights[y-t.from]
		for x, v := range p.scaled {
			sum[x] += uint32(v) * weight
		}
	}
	for p.next < p.h && len(p.sums) > 0 && p.rows[p.next].from+len(p.rows[p.next].weights) == y+1 {
		p.finish(p.sums[0])
		p.sums = p.sums[1:]
	}
}

// widen makes scaled of row.
func (p *plane) widen(row []byte) {
	if p.cols == nil {
		for x, v := range row[:p.w] {
			p.scaled[x] = uint16(v) << 6
		}
		return
	}
	for x := range p.cols {
		t := &p.cols[x]
		sum := uint32(1 << (tapBits - 7))
		for i, v := range row[t.from : t.from+len(t.weights)] {
			sum += uint32(v) * t.weights[i]
		}
		p.scaled[x] = uint16(sum >> (tapBits - 6))
	}
}

func (p *plane) fresh() []uint32 {
	if n := len(p.spare); n > 0 {
		s := p.spare[n-1]
		p.spare = p.spare[:n-1]
		clear(s)
		return s
	}
	return make([]uint32, p.w)
}

func (p *plane) finish(sum []uint32) {
	out := p.out[p.next*p.w:][:p.w]
	for x, v := range sum {
		out[x] = byte(min(255, (v+1<<(tapBits+5))>>(tapBits+6)))
	}
	p.next++
	p.spare = append(p.spare, sum)
}

// turned is the plane turned the way an EXIF orientation says, with its size.
// Source: CIPA DC-008 (Exif 2.32), 4.6.4, tag 274.
func (p *plane) turned(turn int) ([]byte, int, int) {
	if turn < 2 || turn > 8 {
		return p.out, p.w, p.h
	}
	w, h := p.w, p.h
	// Sample (x, y) goes to start + x*dx + y*dy.
	var start, dx, dy, width int
	switch turn {
	case 2:
		start, dx, dy, width = w-1, -1, w, w
	case 3:
		start, dx, dy, width = w*h-1, -1, -w, w
	case 4:
		start, dx, dy, width = w*(h-1), 1, -w, w
	case 5:
		start, dx, dy, width = 0, h, 1, h
	case 6:
		start, dx, dy, width = h-1, h, -1, h
	case 7:
		start, dx, dy, width = w*h-1, -h, -1, h
	case 8:
		start, dx, dy, width = h*(w-1), -h, 1, h
	}
	out := make([]byte, w*h)
	for y := range h {
		to := start + y*dy
		for _, v := range p.out[y*w:][:w] {
			out[to] = v
			to += dx
		}
	}
	return out, width, w * h / width
}
