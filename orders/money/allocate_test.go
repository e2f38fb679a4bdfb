package money_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest/ordersgen"
)

func ExampleAllocate() {
	fmt.Println(money.Allocate(100, []int64{1, 1, 1}))
	fmt.Println(money.Allocate(5, []int64{70, 0, 30}))
	// Output:
	// [34 33 33] <nil>
	// [4 0 1] <nil>
}

func ExampleShare() {
	// 1.00 was paid for three units; they come back one at a time.
	for k := 1; k <= 3; k++ {
		fmt.Println(money.Share(100, k, 3) - money.Share(100, k-1, 3))
	}
	// Output:
	// 33
	// 33
	// 34
}

func ExampleBasisPoints() {
	fmt.Println(money.BasisPoints(35, 1500)) // 15 % of 0.35
	fmt.Println(money.BasisPoints(25, 5000)) // half of 0.25, half up
	// Output:
	// 5 <nil>
	// 13 <nil>
}

func TestAllocate(t *testing.T) {
	for _, c := range []struct {
		name    string
		total   int64
		weights []int64
		want    []int64
		code    money.Code
	}{
		{"even", 90, []int64{1, 1, 1}, []int64{30, 30, 30}, ""},
		{"ties go to the earlier position", 2, []int64{1, 1, 1, 1}, []int64{1, 1, 0, 0}, ""},
		{"the largest remainder first", 10, []int64{1, 2, 4}, []int64{1, 3, 6}, ""},
		{"zero weight gets zero", 7, []int64{0, 3, 0}, []int64{0, 7, 0}, ""},
		{"nothing over anything", 0, []int64{0, 5}, []int64{0, 0}, ""},
		{"nothing over nothing", 0, nil, []int64{}, ""},
		{"products beyond 64 bits", math.MaxInt64, []int64{math.MaxInt64 - 1, 1}, []int64{math.MaxInt64 - 1, 1}, ""},
		{"something over zero weights", 1, []int64{0, 0}, nil, money.CodeInvalid},
		{"something over nobody", 1, nil, nil, money.CodeInvalid},
		{"negative total", -1, []int64{1}, nil, money.CodeInvalid},
		{"negative weight", 1, []int64{1, -1}, nil, money.CodeInvalid},
		{"weights beyond int64", 1, []int64{math.MaxInt64, 1}, nil, money.CodeOverflow},
	} {
		got, err := money.Allocate(c.total, c.weights)
		if money.CodeOf(err) != c.code || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v, %q", c.name, got, err, c.want, c.code)
		}
	}
}

// allocated checks the laws of Allocate on one result, with big integers.
func allocated(total int64, weights, parts []int64) error {
	var sum, all int64
	for _, w := range weights {
		all += w
	}
	for i, p := range parts {
		sum += p
		exact := new(big.Int).Mul(big.NewInt(total), big.NewInt(weights[i]))
		floor := new(big.Int)
		if all > 0 {
			floor.Div(exact, big.NewInt(all))
		}
		switch off := p - floor.Int64(); {
		case p < 0:
			return fmt.Errorf("part %d is %d", i, p)
		case weights[i] == 0 && p != 0:
			return fmt.Errorf("part %d has no weight and got %d", i, p)
		case off != 0 && off != 1:
			return fmt.Errorf("part %d is %d off its floor", i, off)
		}
		for j := range i {
			if weights[j] >= weights[i] && parts[j] < p {
				return fmt.Errorf("part %d weighs less than part %d, and got more", i, j)
			}
		}
	}
	if sum != total {
		return fmt.Errorf("the parts sum to %d, not %d", sum, total)
	}
	return nil
}

func TestAllocateProperties(t *testing.T) {
	p := properties()
	p.Property("parts sum to the total, each its floor or one more, monotone in weight", prop.ForAll(
		func(total int64, weights []int64) string {
			parts, err := money.Allocate(total, weights)
			if err != nil {
				if total > 0 && !slices.ContainsFunc(weights, func(w int64) bool { return w > 0 }) {
					return ""
				}
				return err.Error()
			}
			if err := allocated(total, weights, parts); err != nil {
				return err.Error()
			}
			return ""
		}, gen.OneGenOf(ordersgen.GenMinor(1_000_000), gen.Int64Range(0, math.MaxInt64)),
		gen.SliceOf(ordersgen.GenMinor(1_000_000_000))))
	p.TestingRun(t)
}

// TestAllocateLongListsAgreesWithShortOnes covers the path for more than 64
// weights: padding with zero weights changes no part.
func TestAllocateLongListsAgreesWithShortOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		weights := make([]int64, 1+r.IntN(60))
		for i := range weights {
			weights[i] = 1 + r.Int64N(50)
		}
		total := r.Int64N(10_000)
		short, err := money.Allocate(total, weights)
		if err != nil {
			t.Fatal(err)
		}
		long, err := money.Allocate(total, append(slices.Clone(weights), make([]int64, 100)...))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(short, long[:len(short)]) {
			t.Fatalf("%d over %v: %v, padded %v", total, weights, short, long)
		}
	}
}

func TestAllocateAllocatesItsResultAlone(t *testing.T) {
	weights := make([]int64, 20)
	for i := range weights {
		weights[i] = int64(i*37%11 + 1)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = money.Allocate(9999, weights) }); n != 1 {
		t.Errorf("%v allocations, want the result alone", n)
	}
}

func TestShareOutsideItsDomain(t *testing.T) {
	for _, c := range []struct {
		paid int64
		k, n int
		want int64
	}{
		{100, 0, 3, 0}, {100, -1, 3, 0}, {100, 3, 3, 100}, {100, 9, 3, 100}, {100, 1, 0, 0}, {-100, 1, 3, 0},
		{math.MaxInt64, math.MaxInt - 1, math.MaxInt, math.MaxInt64 - 1},
	} {
		if got := money.Share(c.paid, c.k, c.n); got != c.want {
			t.Errorf("Share(%d, %d, %d) = %d, want %d", c.paid, c.k, c.n, got, c.want)
		}
	}
}

func TestShareProperties(t *testing.T) {
	p := properties()
	p.Property("steps in any grouping sum to what was paid, none negative, none off by more than one", prop.ForAll(
		func(paid int64, n int, seed uint64) string {
			r := rand.New(rand.NewPCG(seed, 1))
			var sum int64
			for k := 0; k < n; {
				step := 1 + r.IntN(n-k)
				part := money.Share(paid, k+step, n) - money.Share(paid, k, n)
				fair := new(big.Int).Mul(big.NewInt(paid), big.NewInt(int64(step)))
				fair.Div(fair, big.NewInt(int64(n)))
				if off := part - fair.Int64(); part < 0 || off < -1 || off > 1 {
					return fmt.Sprintf("%d of %d units from %d on pay %d, fair is %v", step, n, k, part, fair)
				}
				sum += part
				k += step
			}
			if sum != paid {
				return fmt.Sprintf("the steps sum to %d, paid was %d", sum, paid)
			}
			return ""
		}, gen.OneGenOf(ordersgen.GenMinor(1_000_000), gen.Int64Range(0, math.MaxInt64)), gen.IntRange(1, 1000),
		gen.UInt64()))
	p.TestingRun(t)
}

func FuzzAllocate(f *testing.F) {
	f.Add(int64(100), int64(1), int64(1), int64(1))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(0), int64(0))
	f.Add(int64(-1), int64(-1), int64(0), int64(5))
	f.Fuzz(func(t *testing.T, total, a, b, c int64) {
		weights := []int64{a, b, c}
		parts, err := money.Allocate(total, weights)
		if err != nil {
			if code := money.CodeOf(err); code != money.CodeInvalid && code != money.CodeOverflow {
				t.Fatal(err)
			}
			return
		}
		if err := allocated(total, weights, parts); err != nil {
			t.Fatalf("%d over %v is %v: %v", total, weights, parts, err)
		}
	})
}

func BenchmarkAllocate(b *testing.B) {
	weights := make([]int64, 20)
	for i := range weights {
		weights[i] = int64(i*37%11 + 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		for range 4 {
			_, _ = money.Allocate(9999, weights)
		}
	}
}
