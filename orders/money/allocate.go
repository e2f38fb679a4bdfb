package money

import (
	"fmt"
	"math"
	"math/bits"
	"sort"
)

// Allocate splits total (0 or more minor units) over the weights (each 0 or
// more) by largest remainder: each gets floor(total x weight / sum), and the
// units left over go one each to the largest remainders, ties to the earlier
// position. The parts are never negative, sum to total exactly, and a zero
// weight gets zero. Products are computed in 128 bits, so nothing is lost
// before the division.
//
// A negative total or weight, and a total above zero over weights that are
// all zero, is CodeInvalid; weights that sum beyond int64 are CodeOverflow.
//
// It is used once, at purchase, for what belongs to the whole order. For what
// some of a line's units are worth, see Share: largest remainder on running
// totals can go back a unit.
func Allocate(total int64, weights []int64) ([]int64, error) {
	sum, err := checkWeights(total, weights)
	if err != nil {
		return nil, err
	}
	parts := make([]int64, len(weights))
	if total == 0 {
		return parts, nil
	}
	// On the stack for the orders people make; longer ones allocate.
	var few [64]uint64
	remainders := few[:]
	if len(weights) > len(few) {
		remainders = make([]uint64, len(weights))
	}
	remainders = remainders[:len(weights)]
	left := total
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(total), uint64(w))
		q, r := bits.Div64(hi, lo, uint64(sum)) // hi < sum, because w <= sum
		parts[i], remainders[i] = int64(q), r
		left -= int64(q)
	}
	giveLeft(parts, remainders, left, len(few))
	return parts, nil
}

// checkWeights returns the sum of the weights, more than 0 where total is.
func checkWeights(total int64, weights []int64) (sum int64, err error) {
	if total < 0 {
		return 0, &Error{
			Code:    CodeInvalid,
			Field:   "total",
			Message: fmt.Sprintf("%d can't be allocated; it must be 0 or more", total),
		}
	}
	for i, w := range weights {
		if w < 0 {
			return 0, &Error{
				Code:    CodeInvalid,
				Field:   "weights",
				Message: fmt.Sprintf("weight %d is %d; it must be 0 or more", i+1, w),
			}
		}
		if sum, err = Add(sum, w); err != nil {
			return 0, overflow("sum of the weights")
		}
	}
	if sum == 0 && total > 0 {
		return 0, &Error{
			Code:    CodeInvalid,
			Field:   "weights",
			Message: fmt.Sprintf("%d can't be allocated over weights that are all zero", total),
		}
	}
	return sum, nil
}

// giveLeft gives one unit each to the parts with the largest remainders, ties by
// position. left is below the number of remainders that are not zero. Up to few
// parts are searched without allocating.
func giveLeft(parts []int64, remainders []uint64, left int64, few int) {
	if len(parts) <= few {
		for ; left > 0; left-- {
			best := 0
			for i, r := range remainders {
				if r > remainders[best] {
					best = i
				}
			}
			parts[best]++
			remainders[best] = 0
		}
		return
	}
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return remainders[order[a]] > remainders[order[b]] })
	for i := int64(0); i < left; i++ {
		parts[order[i]]++
	}
}

// Share is what the first k of n units are worth of what was paid for all n:
// floor(paid x k / n), computed in 128 bits. A step from k to k+m units pays
// Share(paid, k+m, n) - Share(paid, k, n), so in any order and any grouping
// the steps are never negative, none is off by more than one minor unit, and
// all of them sum to paid.
//
// paid is 0 or more, k is 0 to n, n is 1 or more. What lies outside is taken
// as the nearest value inside; Share of no units is 0.
func Share(paid int64, k, n int) int64 {
	switch {
	case paid <= 0 || k <= 0 || n <= 0:
		return 0
	case k >= n:
		return paid
	}
	hi, lo := bits.Mul64(uint64(paid), uint64(k))
	q, _ := bits.Div64(hi, lo, uint64(n)) // hi < n, because k < n
	return int64(q)
}

// BasisPoints is amount x bp / 10000 rounded half up: bp basis points of an amount
// of 0 or more minor units (15 % is 1500).
func BasisPoints(amount int64, bp int) (int64, error) {
	if amount < 0 || bp < 0 {
		return 0, &Error{
			Code:    CodeInvalid,
			Field:   "basis points",
			Message: fmt.Sprintf("%d basis points of %d: neither may be negative", bp, amount),
		}
	}
	return MulDiv(amount, int64(bp), 10_000)
}

// MulDiv is a x b / c rounded half up, through 128 bits; a and b are
// not negative and c is positive.
func MulDiv(a, b, c int64) (int64, error) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, uint64(c)/2, 0)
	hi += carry
	if hi >= uint64(c) {
		return 0, overflow("product")
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	if q > math.MaxInt64 {
		return 0, overflow("product")
	}
	return int64(q), nil
}
