package web

import "net/http"

// older leads through a list that is not counted.
type older struct {
	Page        int
	Newer, Next string // addresses, empty where there is none
}

// olderPages is of the list at a path; more says that there are entries older than the
// page's.
func olderPages(r *http.Request, path string, page int, more bool) older {
	o := older{Page: page}
	if page > 1 {
		o.Newer = pageAddress(r, path, "page", page-1)
	}
	if more {
		o.Next = pageAddress(r, path, "page", page+1)
	}
	return o
}
