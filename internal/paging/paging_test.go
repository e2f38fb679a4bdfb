package paging_test

import (
	"math"
	"slices"
	"testing"

	"github.com/returnkit/returnkit/internal/paging"
)

func TestPagesMakeTheList(t *testing.T) {
	for total := range 12 {
		all := make([]int, total)
		for i := range all {
			all[i] = i
		}
		for size := 1; size < 14; size++ {
			var got []int
			last := paging.Last(total, size)
			for n := 1; n <= last; n++ {
				cut := paging.Cut(all, n, size)
				if n < last && len(cut) != size || len(cut) > size {
					t.Fatalf("page %d of %d by %d has %d entries", n, total, size, len(cut))
				}
				got = append(got, cut...)
				read := all[paging.Offset(n, size):min(int(paging.Offset(n, size))+size+1, total)]
				some, more := paging.More(read, size)
				if !slices.Equal(some, cut) || more != (n < last) {
					t.Fatalf("page %d of %d by %d: %v and more: %t", n, total, size, some, more)
				}
			}
			if !slices.Equal(got, all) {
				t.Fatalf("the pages of %d by %d make %v", total, size, got)
			}
			if cut := paging.Cut(all, last+1, size); len(cut) != 0 {
				t.Fatalf("page %d of %d by %d: %v", last+1, total, size, cut)
			}
		}
	}
}

func TestNumbersOutOfRange(t *testing.T) {
	all := []string{"a", "b", "c"}
	for _, c := range []struct {
		name   string
		number int
		offset int64
		cut    int
	}{
		{"below the first", -7, 0, 2},
		{"none", 0, 0, 2},
		{"the second", 2, 2, 1},
		{"the greatest", math.MaxInt, math.MaxInt64, 0},
		{"the greatest that an offset holds", math.MaxInt/2 + 1, math.MaxInt64 - 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := paging.Offset(c.number, 2); got != c.offset {
				t.Errorf("offset %d, want %d", got, c.offset)
			}
			if got := paging.Cut(all, c.number, 2); len(got) != c.cut {
				t.Errorf("%v, want %d entries", got, c.cut)
			}
		})
	}
}
