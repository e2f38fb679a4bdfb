package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

func (s *server) searchRoutes() {
	s.staff("GET /admin/search", s.searchPage)
}

// searchBody is all that matches what staff look for.
type searchBody struct {
	Q       string
	Returns []caseView
	Orders  []adminOrder
	Users   []auth.User // for who may read accounts
}

// adminOrder is an order with its state in words.
type adminOrder struct {
	orders.Order
	State badge
}

// searchFound is how many of a kind a search shows.
const searchFound = 20

// searchPage finds RMA, order, tracking and refund numbers, ids, products, e-mail addresses and
// parts of a name. What only one thing matches, such as the number that a scanner reads, opens
// at once.
func (s *server) searchPage(w http.ResponseWriter, r *http.Request) error {
	body := searchBody{Q: strings.TrimSpace(r.URL.Query().Get("q"))}
	if body.Q == "" {
		return s.page(w, r, "admin_search", "Search", body)
	}
	for _, find := range []func(*http.Request, string) (string, error){s.refundFound, s.idFound} {
		to, err := find(r, body.Q)
		if err != nil {
			return err
		}
		if to != "" {
			return s.redirect(w, r, to, "")
		}
	}
	users, _, err := s.Auth.Users(r.Context(), auth.UserQuery{Text: body.Q, PageSize: searchFound})
	if err != nil {
		return err
	}
	if access.Has(user(r).Role, access.UsersRead) {
		body.Users = users
	}
	if err := s.returnsFound(r, &body, users); err != nil {
		return err
	}
	if err := s.ordersFound(r, &body); err != nil {
		return err
	}
	if to := body.only(); to != "" {
		return s.redirect(w, r, to, "")
	}
	return s.page(w, r, "admin_search", "Search", body)
}

// refundFound is the page of the return whose refund has the provider's id or our number.
func (s *server) refundFound(r *http.Request, text string) (string, error) {
	refund, err := s.Refunds.ByProviderID(r.Context(), text)
	if errors.Is(err, refunds.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return refundPage(refund), nil
}

// refundPage is the page of staff that shows a refund: its return, or its order for a rest that
// belongs to none.
func refundPage(r refunds.Refund) string {
	if _, rest := refunds.CarriedPayment(r.ClientReference); rest {
		return "/orders/" + r.OrderID
	}
	return "/admin/returns/" + r.ClientReference
}

// idFound is the page of the return, order, refund or account that has the id by which logs,
// webhooks and the JSON interface name it; empty where none has.
func (s *server) idFound(r *http.Request, text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return "", nil
	}
	ctx := r.Context()
	pages := []func(id string) (string, error){
		func(id string) (string, error) {
			c, err := s.Returns.Return(ctx, id)
			return "/admin/returns/" + c.ID, err
		},
		func(id string) (string, error) { o, err := s.Orders.Order(ctx, id); return "/orders/" + o.ID, err },
		func(id string) (string, error) { f, err := s.Refunds.ByID(ctx, id); return refundPage(f), err },
	}
	if access.Has(user(r).Role, access.UsersRead) {
		pages = append(pages, func(id string) (string, error) {
			u, err := s.Auth.User(ctx, id)
			return "/admin/users/" + u.ID, err
		})
	}
	for _, page := range pages {
		to, err := page(id.String())
		if err == nil {
			return to, nil
		}
		if problem.Of(err).Status != http.StatusNotFound {
			return "", err
		}
	}
	return "", nil
}

// returnsFound adds returns by RMA, tracking number and product, and the returns of the users.
func (s *server) returnsFound(r *http.Request, body *searchBody, users []auth.User) error {
	queries := []returns.Query{{Text: body.Q, PageSize: searchFound, CountUpTo: searchFound}}
	for _, u := range users {
		queries = append(queries, returns.Query{CustomerID: u.ID, PageSize: searchFound, CountUpTo: searchFound})
	}
	seen := map[string]bool{}
	var list []returns.Return
	for _, q := range queries {
		found, _, err := s.Returns.Returns(r.Context(), q)
		if err != nil {
			return err
		}
		for _, c := range found {
			if !seen[c.ID] && len(list) < searchFound {
				seen[c.ID], list = true, append(list, c)
			}
		}
	}
	var err error
	body.Returns, err = s.caseViews(r, list)
	return err
}

func (s *server) ordersFound(r *http.Request, body *searchBody) error {
	found, _, err := s.Orders.Orders(r.Context(), orders.Query{
		Text: body.Q, PageSize: searchFound, CountUpTo: searchFound,
	})
	if err != nil {
		return err
	}
	for _, o := range found {
		body.Orders = append(body.Orders, adminOrder{o, orderState(o.Status)})
	}
	return nil
}

// only is the page of the one thing that matches as a whole; empty where there is none.
func (b searchBody) only() string {
	for _, c := range b.Returns {
		if strings.EqualFold(c.RMA, b.Q) || c.Shipment != nil && strings.EqualFold(c.Shipment.TrackingNumber, b.Q) {
			return "/admin/returns/" + c.ID
		}
	}
	for _, o := range b.Orders {
		if strings.EqualFold(o.Number, b.Q) {
			return "/orders/" + o.ID
		}
	}
	return ""
}

// Empty reports whether nothing matches.
func (b searchBody) Empty() bool { return len(b.Returns)+len(b.Orders)+len(b.Users) == 0 }
