// Package paging cuts lists into pages, which are numbered from 1.
//
// A list that is counted has a last page ([Last]); of one that is not, one entry more than a
// page is read, to know whether there is [More]. No number of a page is too large: beyond the
// last one pages are empty.
package paging

import "math"

// Offset returns how many entries come before a page of size entries, 1 or more. A number
// below 1 is the first page.
func Offset(number, size int) int64 {
	before := int64(max(number, 1) - 1)
	if before > math.MaxInt64/int64(size) {
		return math.MaxInt64
	}
	return before * int64(size)
}

// Cut returns a page of a whole list, without copying it.
func Cut[T any](all []T, number, size int) []T {
	from := int(min(Offset(number, size), int64(len(all))))
	return all[from:min(from+size, len(all))]
}

// CutCounted is Cut that also counts the list, up to limit where that is above 0.
func CutCounted[T any](all []T, number, size, limit int) ([]T, int) {
	total := len(all)
	if limit > 0 {
		total = min(total, limit)
	}
	return Cut(all, number, size), total
}

// More cuts the entry too many from what was read for a page, size+1 entries at most, and
// reports whether there was one.
func More[T any](read []T, size int) ([]T, bool) {
	return read[:min(size, len(read))], len(read) > size
}

// Last returns the number of the last page of total entries; a list without any has one page.
func Last(total, size int) int { return max(1, (total+size-1)/size) }
