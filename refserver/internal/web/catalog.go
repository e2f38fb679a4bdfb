package web

import (
	"net/http"
	"strings"

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

// find returns a page of the products that match, how many match, and the links to the other
// pages, which are at path.
func (s *server) find(r *http.Request, path string, f catalogFilter) ([]orders.Product, int, pager, error) {
	q := orders.ProductQuery{Text: f.Text, Page: f.Page(), PageSize: catalogPage}
	if f.Stock != "" {
		q.StockBelow = s.LowStock + 1
	}
	found, total, err := s.Endpoints.FindProducts(r.Context(), user(r), q)
	if err != nil {
		return nil, 0, pager{}, err
	}
	links, err := pagesAt(r, path, "page", f.Page(), catalogPage, total)
	return found, total, links, err
}
