package web

import (
	"net/http"
	"sort"
	"strconv"

	"github.com/returnkit/returnkit/internal/paging"
)

// pager links to the pages before and after.
type pager struct {
	Page, Last     int
	Previous, Next string // addresses, empty where there is none
}

// elsewhere is the error of a page that is at another address.
type elsewhere string

func (e elsewhere) Error() string { return "the page is at " + string(e) }

func pages(r *http.Request, number, size, total int) (pager, error) {
	return pagesAt(r, r.URL.Path, "page", number, size, total)
}

// pagesAt is pages where the number is in another field, or the list at
// another address. A page beyond the last one is elsewhere: the list may have
// become shorter since somebody linked to it.
func pagesAt(r *http.Request, path, field string, number, size, total int) (pager, error) {
	p := pager{Page: number, Last: paging.Last(total, size)}
	if number > p.Last {
		return p, elsewhere(pageAddress(r, path, field, p.Last))
	}
	if number > 1 {
		p.Previous = pageAddress(r, path, field, number-1)
	}
	if number < p.Last {
		p.Next = pageAddress(r, path, field, number+1)
	}
	return p, nil
}

// pageAddress is the address of a page of a list at path, with the number in a field and
// what else the request's address selects.
func pageAddress(r *http.Request, path, field string, number int) string {
	q := r.URL.Query()
	q.Set(field, strconv.Itoa(number))
	return path + "?" + q.Encode()
}

// older leads through a list that is not counted.
type older struct {
	Page        int
	Newer, Next string // addresses, empty where there is none
}

// olderPage returns a page of the list at path, which read reads, as the request's address
// numbers it. An empty page beyond the last one is elsewhere.
func olderPage[T any](
	r *http.Request, path string, number int, read func(number int) ([]T, bool, error),
) ([]T, older, error) {
	list, more, err := read(number)
	if err != nil {
		return nil, older{}, err
	}
	if number > 1 && len(list) == 0 {
		filled := sort.Search(number-1, func(n int) bool {
			var some []T
			if err == nil {
				some, _, err = read(n + 1)
			}
			return len(some) == 0
		})
		if err == nil {
			err = elsewhere(pageAddress(r, path, "page", max(1, filled)))
		}
		return nil, older{}, err
	}
	o := older{Page: number}
	if number > 1 {
		o.Newer = pageAddress(r, path, "page", number-1)
	}
	if more {
		o.Next = pageAddress(r, path, "page", number+1)
	}
	return list, o, nil
}
