package web

import (
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

// creditBody is a page of the store credit of who looks.
type creditBody struct {
	endpoint.CreditPage
	Pages pager
	Off   string // what to read while it can't be used; empty: it can
}

func (s *server) storeCredit(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.Paging
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	page, err := s.Endpoints.StoreCredit(r.Context(), user(r), p)
	if err != nil {
		return err
	}
	body := creditBody{CreditPage: page, Off: s.Endpoints.Off(feature.StoreCredit, user(r).ID)}
	if body.Pages, err = pages(r, page.Page, page.Size, page.Total); err != nil {
		return err
	}
	return s.page(w, r, "store_credit", "Store credit", body)
}

// creditWords are the amounts of store credit that who looks has, one for each currency; empty
// for none.
func (s *server) creditWords(r *http.Request) (string, error) {
	page, err := s.Endpoints.StoreCredit(r.Context(), user(r), endpoint.Paging{})
	var have []string
	for _, m := range page.Balances {
		if m.Sign() > 0 {
			have = append(have, amount(m.Minor(), m.Currency()))
		}
	}
	return strings.Join(have, " and "), err
}

// creditForm is the part of the checkout that store credit pays.
type creditForm struct {
	Have string // all there is, in words; empty: there is none to use
	Use  string // what it pays, in words
	Sent string // the same, as the form sends it back
	Rest string // what is left to pay; empty: nothing
	On   bool   // it was chosen before a problem
}

// creditForm returns what store credit can pay of the cart.
func (s *server) creditForm(r *http.Request, cart orders.CartView) (creditForm, error) {
	offer, err := s.Endpoints.CreditOffer(r.Context(), user(r), cart)
	if err != nil || offer.Use.Sign() <= 0 {
		return creditForm{}, err
	}
	form := creditForm{
		Have: amount(offer.Balance.Minor(), cart.Currency), Use: amount(offer.Use.Minor(), cart.Currency),
		Sent: offer.Use.Decimal(), On: r.PostForm.Get("store_credit") != "",
	}
	if rest := cart.Total - offer.Use.Minor(); rest > 0 {
		form.Rest = amount(rest, cart.Currency)
	}
	return form, nil
}
