package web

import (
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

// catalogPage is how many products are on a page: a partner's feed brings thousands.
const catalogPage = 60

// catalogFilter is which products a page lists.
type catalogFilter struct {
	endpoint.Paging

	Text string `json:"q"` // part of the name or the category
	// Stock is "low" for products that are low on stock, in the list of staff.
	Stock string `json:"stock" validate:"omitempty,word=low"`
}

// catalogOf reads the filter of a list. One that can't be read lists everything, with notes that
// say so.
func catalogOf(r *http.Request) (catalogFilter, []note, error) {
	var f catalogFilter
	if r.Method != http.MethodGet { // a page that answers a refused form
		return f, nil, nil
	}
	err := input.Query(r.URL.Query(), &f)
	if notes := filterNotes(err); len(notes) > 0 {
		return catalogFilter{}, notes, nil
	}
	f.Text = strings.TrimSpace(f.Text)
	return f, nil, err
}

// matches reports whether the text of the filter is in the name or the category.
func (f catalogFilter) matches(p orders.Product) bool {
	text := strings.ToLower(f.Text)
	return strings.Contains(strings.ToLower(p.Name), text) || strings.Contains(strings.ToLower(p.Category), text)
}

// cut returns a page of the products that match, how many match, and the links to the other pages,
// which are at path.
func (f catalogFilter) cut(
	r *http.Request, path string, products []orders.Product,
) (page []orders.Product, total int, links pager) {
	var found []orders.Product
	for _, p := range products {
		if f.matches(p) {
			found = append(found, p)
		}
	}
	return paging.Cut(found, f.Page(), catalogPage), len(found),
		pagesAt(r, path, "page", f.Page(), catalogPage, len(found))
}
