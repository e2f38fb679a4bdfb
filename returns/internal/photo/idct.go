package photo

// The products of cosines that the inverse transform multiplies with, in units
// of 2^-13.
// Source: C. Loeffler, A. Ligtenberg and G. Moschytz, "Practical fast 1-D DCT
// algorithms with 11 multiplications", ICASSP 1989.
const (
	c0298 = 2446
	c0390 = 3196
	c0541 = 4433
	c0765 = 6270
	c0899 = 7373
	c1175 = 9633
	c1501 = 12299
	c1847 = 15137
	c1961 = 16069
	c2053 = 16819
	c2562 = 20995
	c3072 = 25172

	constBits = 13
	passBits  = 2 // that the first pass keeps of its fractions
)

// inverse writes the samples of a block into out, whose rows are stride apart.
// The block is in natural order and is overwritten.
func inverse(b *[64]int32, out []byte, stride int) {
	for i := range 8 {
		column(b, i)
	}
	for y := range 8 {
		row := (*[8]int32)(b[8*y:])
		even := evenPart(row[0], row[2], row[4], row[6])
		odd := oddPart(row[1], row[3], row[5], row[7])
		const shift = constBits + passBits + 3
		const half = 1<<(shift-1) + 128<<shift
		o := (*[8]byte)(out[y*stride:])
		for i := range 4 {
			o[i] = clamp((even[i] + odd[3-i] + half) >> shift)
			o[7-i] = clamp((even[i] - odd[3-i] + half) >> shift)
		}
	}
}

func column(b *[64]int32, i int) {
	if b[8+i]|b[16+i]|b[24+i]|b[32+i]|b[40+i]|b[48+i]|b[56+i] == 0 {
		dc := b[i] << passBits
		for y := range 8 {
			b[8*y+i] = dc
		}
		return
	}
	even := evenPart(b[i], b[16+i], b[32+i], b[48+i])
	odd := oddPart(b[8+i], b[24+i], b[40+i], b[56+i])
	const shift = constBits - passBits
	const half = 1 << (shift - 1)
	for y := range 4 {
		b[8*y+i] = (even[y] + odd[3-y] + half) >> shift
		b[8*(7-y)+i] = (even[y] - odd[3-y] + half) >> shift
	}
}

func evenPart(x0, x2, x4, x6 int32) [4]int32 {
	z := (x2 + x6) * c0541
	t2, t3 := z-x6*c1847, z+x2*c0765
	t0, t1 := (x0+x4)<<constBits, (x0-x4)<<constBits
	return [4]int32{t0 + t3, t1 + t2, t1 - t2, t0 - t3}
}

func oddPart(x1, x3, x5, x7 int32) [4]int32 {
	z1, z2, z3, z4 := x7+x1, x5+x3, x7+x3, x5+x1
	z5 := (z3 + z4) * c1175
	z1, z2 = -z1*c0899, -z2*c2562
	z3, z4 = z5-z3*c1961, z5-z4*c0390
	return [4]int32{x7*c0298 + z1 + z3, x5*c2053 + z2 + z4, x3*c3072 + z2 + z3, x1*c1501 + z1 + z4}
}

func clamp(v int32) byte {
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return byte(v)
}
