package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
)

// restDue is what refunds of an order left and may yet pay, for staff.
type restDue struct {
	OrderID string
	Amount  string
	Decimal string // as the form sends it back
	Wait    string // why it can't be paid now; empty: it can
	May     bool   // who looks may pay it
	Key     string
}

// restDueOf returns what is owed of an order; nil for nothing.
func (s *server) restDueOf(r *http.Request, o orders.Order) (*restDue, error) {
	due, ok, err := s.Endpoints.RestOf(r.Context(), user(r), o)
	if err != nil || !ok {
		return nil, err
	}
	own := s.Gate.CheckOwner(r.Context(), user(r), access.OrderInPath, o.ID)
	if own != nil && problem.Of(own).Internal {
		return nil, own
	}
	return &restDue{
		OrderID: o.ID, Amount: due.Amount.Format(language), Decimal: due.Amount.Decimal(), Wait: due.Wait,
		May: own == nil && access.Has(user(r).Role, access.RefundsPay), Key: newKey(),
	}, nil
}

// payRest pays what refunds of an order left.
func (s *server) payRest(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.RestParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	p.Key = formKey(r, r.PostForm)
	c, err := s.Endpoints.PayRest(r.Context(), user(r), r.PathValue("id"), p)
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/orders/"+c.Order.ID, c.Message)
}

// restView is what the refunds of an order could not send to the card in the end, as it
// became store credit.
type restView struct {
	Amount    int64
	Currency  money.Currency
	At        time.Time
	Reference string
}

// restsOf returns the rests of an order that were paid, oldest first.
func (s *server) restsOf(ctx context.Context, orderID string) ([]restView, error) {
	list, err := s.Refunds.ByOrder(ctx, orderID)
	if err != nil {
		return nil, err
	}
	var rests []restView
	for _, r := range slices.Backward(list) {
		if _, ok := refunds.CarriedPayment(r.ClientReference); ok && r.Status == refunds.StatusSucceeded {
			rests = append(rests, restView{
				Amount: r.Amount(), Currency: r.Quote.Currency, At: r.Attempt().SettledAt,
				Reference: r.Attempt().ProviderID,
			})
		}
	}
	return rests, nil
}
