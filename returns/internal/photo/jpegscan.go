package photo

// zigzag is the place in a block of each coefficient of a scan.
// Source: ITU-T T.81, figure A.6.
var zigzag = [64]byte{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// scanOf is what the header of a scan says: which planes, and of a progressive
// picture which coefficients (from first to last) and which of their bits.
type scanOf struct {
	comps       []*component
	first, last int
	high, low   uint
}

// scan reads a scan: its header and its data.
func (d *jpegReader) scan() error {
	if d.scans++; d.scans > maxScans {
		return ErrDamaged
	}
	s, err := d.readScan()
	if err != nil {
		return err
	}
	for _, c := range s.comps {
		if !d.progressive {
			if c.seen {
				return ErrDamaged // a baseline picture has each plane once
			}
			c.stripRows = 8
			if len(s.comps) > 1 {
				c.stripRows = 8 * int(c.v)
			}
			c.strip = make([]byte, c.across*8*c.stripRows)
		} else if c.coef == nil {
			c.coef = make([][]int16, c.down)
			for i := range c.coef {
				c.coef[i] = make([]int16, c.across*64)
			}
		}
		c.seen = c.seen || s.first == 0
	}
	if err := d.data(s); err != nil {
		return err
	}
	if !d.progressive {
		for _, c := range s.comps {
			c.strip = nil
		}
	}
	return nil
}

// readScan reads the header of a scan.
// Source: ITU-T T.81, B.2.3 and G.1.1.1.
func (d *jpegReader) readScan() (scanOf, error) {
	var s scanOf
	var head [3]byte
	if err := d.in.full(head[:]); err != nil {
		return s, err
	}
	n := int(head[2])
	if n < 1 || n > len(d.comps) || int(head[0])<<8|int(head[1]) != 6+2*n {
		return s, ErrDamaged
	}
	data := make([]byte, 2*n+3)
	if err := d.in.full(data); err != nil {
		return s, err
	}
	blocks := 0
	for i := range n {
		c := d.byID(data[2*i])
		if c == nil {
			return s, ErrDamaged
		}
		for _, other := range s.comps {
			if other == c {
				return s, ErrDamaged
			}
		}
		c.dcTable, c.acTable = data[2*i+1]>>4, data[2*i+1]&15
		if c.dcTable > 3 || c.acTable > 3 {
			return s, ErrDamaged
		}
		s.comps = append(s.comps, c)
		blocks += int(c.h) * int(c.v)
	}
	s.first, s.last, s.high, s.low = int(data[2*n]), int(data[2*n+1]), uint(data[2*n+2]>>4), uint(data[2*n+2]&15)
	if !d.progressive {
		s.first, s.last, s.high, s.low = 0, 63, 0, 0 // some encoders write nonsense there
	}
	return s, d.checkScan(s, blocks)
}

func (d *jpegReader) checkScan(s scanOf, blocks int) error {
	if len(s.comps) > 1 && blocks > 10 {
		return ErrDamaged
	}
	if d.progressive && !s.orderly() {
		return ErrDamaged
	}
	for _, c := range s.comps {
		if s.first == 0 && s.high == 0 && !d.tables[0][c.dcTable].ok || s.last > 0 && !d.tables[1][c.acTable].ok {
			return ErrDamaged
		}
		if s.high != 0 && c.coef == nil {
			return ErrDamaged // nothing to refine
		}
	}
	return nil
}

// orderly reports whether a scan of a progressive picture has a range and bits
// that there can be: the first coefficient goes alone, the others a plane at a
// time.
func (s scanOf) orderly() bool {
	inRange := s.first <= s.last && s.last <= 63 && s.low <= 13
	apart := s.first == 0 && s.last == 0 || s.first > 0 && len(s.comps) == 1
	return inRange && apart && (s.high == 0 || s.high == s.low+1)
}

// data reads the data of a scan, unit by unit. Where a plane goes alone a unit
// is one of its blocks.
func (d *jpegReader) data(s scanOf) error {
	across, down, alone := d.acrossU, d.downU, len(s.comps) == 1
	if alone {
		across, down = ceil(s.comps[0].w, 8), ceil(s.comps[0].height, 8)
	}
	d.restart(s)
	left := d.restartInterval
	for y := range down {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		for x := range across {
			if d.restartInterval > 0 {
				if left == 0 {
					if err := d.resync(s); err != nil {
						return err
					}
					left = d.restartInterval
				}
				left--
			}
			if !d.unit(s, alone, x, y) {
				return d.badData()
			}
		}
		if d.in.overrun() {
			return d.badData()
		}
		if !d.progressive {
			d.emitStrips(s, y)
		}
	}
	return nil
}

// badData is the error of a scan that ends too early or makes no sense.
func (d *jpegReader) badData() error {
	if d.in.overrun() {
		return d.in.short()
	}
	return ErrDamaged
}

// restart begins anew after a restart marker.
func (d *jpegReader) restart(s scanOf) {
	d.in.startScan()
	d.eobRun = 0
	for _, c := range s.comps {
		c.dc = 0
	}
}

// resync passes over the restart marker that must come now.
func (d *jpegReader) resync(s scanOf) error {
	if d.in.overrun() {
		return d.in.short()
	}
	if m := d.in.nextMarker(); m < markerRST0 || m > markerRST7 {
		if m == markerEOI {
			return d.in.short()
		}
		return ErrDamaged
	}
	d.restart(s)
	return nil
}

// unit reads the blocks of a unit; false where the data makes no sense.
func (d *jpegReader) unit(s scanOf, alone bool, x, y int) bool {
	if alone {
		return d.one(s, s.comps[0], x, y, 0)
	}
	for _, c := range s.comps {
		for v := range int(c.v) {
			for h := range int(c.h) {
				if !d.one(s, c, x*int(c.h)+h, y*int(c.v)+v, v) {
					return false
				}
			}
		}
	}
	return true
}

// one reads the block at (x, y) of a plane; of a baseline picture into the
// strip, whose row of blocks it is in.
func (d *jpegReader) one(s scanOf, c *component, x, y, row int) bool {
	if d.progressive {
		b := (*[64]int16)(c.coef[y][64*x:])
		switch {
		case s.first == 0 && s.high == 0:
			return d.dcFirst(c, b, s.low)
		case s.first == 0:
			b[0] |= int16(d.in.receive(1)) << s.low
			return true
		case s.high == 0:
			return d.acFirst(c, b, s)
		default:
			return d.acRefine(c, b, s)
		}
	}
	if !d.baseline(c) {
		return false
	}
	stride := 8 * c.across
	inverse(&d.block, c.strip[8*row*stride+8*x:], stride)
	return true
}

// baseline reads a block into d.block.
// Source: ITU-T T.81, F.2.2.
func (d *jpegReader) baseline(c *component) bool {
	quant := &d.quant[c.quant]
	d.block = [64]int32{}
	t := d.in.decode(&d.tables[0][c.dcTable])
	if t < 0 || t > 15 {
		return false
	}
	c.dc += d.in.extended(uint(t))
	d.block[0] = c.dc * int32(quant[0])
	ac := &d.tables[1][c.acTable]
	for k := 1; k < 64; k++ {
		sym := d.in.decode(ac)
		if sym < 0 {
			return false
		}
		run, size := sym>>4, uint(sym&15)
		if size == 0 {
			if run != 15 {
				return true
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return false
		}
		d.block[zigzag[k]] = d.in.extended(size) * int32(quant[k])
	}
	return true
}

// dcFirst reads the upper bits of a first coefficient. Source: T.81, G.1.2.1.
func (d *jpegReader) dcFirst(c *component, b *[64]int16, low uint) bool {
	t := d.in.decode(&d.tables[0][c.dcTable])
	if t < 0 || t > 15 {
		return false
	}
	c.dc += d.in.extended(uint(t))
	b[0] = int16(c.dc << low)
	return true
}

// acFirst reads the upper bits of other coefficients. Source: T.81, G.1.2.2.
func (d *jpegReader) acFirst(c *component, b *[64]int16, s scanOf) bool {
	if d.eobRun > 0 {
		d.eobRun--
		return true
	}
	ac := &d.tables[1][c.acTable]
	for k := s.first; k <= s.last; k++ {
		sym := d.in.decode(ac)
		if sym < 0 {
			return false
		}
		run, size := sym>>4, uint(sym&15)
		if size == 0 {
			if run != 15 {
				d.eobRun = 1<<run + d.in.receive(uint(run)) - 1
				return true
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return false
		}
		b[k] = int16(d.in.extended(size) << s.low)
	}
	return true
}

// acRefine reads one more bit of other coefficients. Source: T.81, G.1.2.3.
func (d *jpegReader) acRefine(c *component, b *[64]int16, s scanOf) bool {
	k, bit := s.first, int16(1)<<s.low
	for ac := &d.tables[1][c.acTable]; d.eobRun == 0 && k <= s.last; k++ {
		sym := d.in.decode(ac)
		if sym < 0 || sym&15 > 1 {
			return false
		}
		run, fresh := sym>>4, int16(0)
		switch {
		case sym&15 == 1:
			fresh = bit
			if d.in.receive(1) == 0 {
				fresh = -bit
			}
		case run != 15:
			d.eobRun = 1<<run + d.in.receive(uint(run))
		}
		if d.eobRun > 0 {
			break
		}
		k = d.refine(b, k, s.last, run, bit)
		if fresh != 0 && k <= s.last {
			b[k] = fresh
		}
	}
	if d.eobRun > 0 {
		d.refine(b, k, s.last, -1, bit)
		d.eobRun--
	}
	return true
}

// refine reads a bit of each coefficient that is not zero, up to the one after
// the given number of zeros (all of them for -1), and returns its place.
func (d *jpegReader) refine(b *[64]int16, k, last, zeros int, bit int16) int {
	for ; k <= last; k++ {
		switch v := b[k]; {
		case v == 0:
			if zeros == 0 {
				return k
			}
			zeros--
		case d.in.receive(1) == 0:
		case v > 0:
			b[k] += bit
		default:
			b[k] -= bit
		}
	}
	return k
}

// emitStrips gives on the rows of the units in row y.
func (d *jpegReader) emitStrips(s scanOf, y int) {
	for _, c := range s.comps {
		d.emitStrip(c, y*c.stripRows)
	}
}

func (d *jpegReader) emitStrip(c *component, top int) {
	index := 0
	for &d.comps[index] != c {
		index++
	}
	for i := range min(c.stripRows, c.height-top) {
		d.emit(index, top+i, c.strip[i*8*c.across:][:c.w])
	}
}

// reconstruct makes samples of a progressive picture's coefficients, and
// gives each row of blocks back once it is done with it.
func (d *jpegReader) reconstruct() error {
	for i := range d.comps {
		c := &d.comps[i]
		c.stripRows = 8
		c.strip = make([]byte, 8*8*c.across)
		quant := &d.quant[c.quant]
		for y := range ceil(c.height, 8) {
			if err := d.ctx.Err(); err != nil {
				return err
			}
			for x := range c.across {
				b := (*[64]int16)(c.coef[y][64*x:])
				for k, v := range b {
					d.block[zigzag[k]] = int32(v) * int32(quant[k])
				}
				inverse(&d.block, c.strip[8*x:], 8*c.across)
			}
			c.coef[y] = nil
			d.emitStrip(c, 8*y)
		}
		c.coef, c.strip = nil, nil
	}
	return nil
}
