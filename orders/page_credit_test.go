package orders_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

// TestStoreCreditPaysFirstAndAPageTheRest: the page asks for what store credit leaves,
// which comes back once where the page is not paid.
func TestStoreCreditPaysFirstAndAPageTheRest(t *testing.T) {
	for _, c := range []struct {
		name   string
		settle func(*creditShop, orders.Order)
		status orders.Status
		left   int64 // of 1500
	}{
		{"paid", func(s *creditShop, o orders.Order) {
			if !s.gateway.PayPage(o.Payment.Page.ProviderID) {
				s.t.Error("the page takes no payment")
			}
			_, err := s.CheckPayment(s.t.Context(), o.ID)
			must(s.t, err)
		}, orders.StatusCompleted, 800},
		{"expired", func(s *creditShop, _ orders.Order) { s.work(61 * time.Minute) }, orders.StatusCanceled, 1500},
		{"canceled by the customer", func(s *creditShop, o orders.Order) {
			_, err := s.Cancel(s.t.Context(), o.ID, ann, "")
			must(s.t, err)
		}, orders.StatusCanceled, 1500},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openCredit(t, 1500, withPages)
				s.mice(2)
				request := onPage("key")
				request.Credit = usd(700)
				o, err := s.Checkout(t.Context(), request)
				must(t, err)
				s.expect("answer", []any{o.Status, o.Credit.Amount, o.Payment.Amount, o.PayAt(time.Now())},
					[]any{orders.StatusQueued, int64(700), int64(1300), "https://pay.example/cs_00001"})
				s.left(800)
				c.settle(s, o)
				s.work(2 * time.Minute)
				_, _ = s.CheckPayment(t.Context(), o.ID)
				_, err = s.Cancel(t.Context(), o.ID, ann, "once more")
				s.expect("in the end", s.order(o.ID).Status, c.status)
				if c.status == orders.StatusCompleted {
					s.expect("a cancel of what is paid", orders.CodeOf(err), orders.CodeTransition)
					s.expect("charges", s.gateway.Charges(), []orderstest.Charge{
						{Reference: "pi_cs_00001", OrderID: o.ID, Amount: 1300, Currency: "USD"},
					})
				}
				s.left(c.left)
				s.expect("misuse of the provider", s.gateway.Misuse(), []string{})
				foldsTo(t, s.shop, s.order(o.ID))
			})
		})
	}
}

// TestStoreCreditThatPaysAllNeedsNoPage: the order completes at once, and asking again
// under its key gets it.
func TestStoreCreditThatPaysAllNeedsNoPage(t *testing.T) {
	s := openCredit(t, 2000, withPages)
	s.mice(2)
	request := onPage("key")
	request.AllCredit = true
	for range 2 {
		o, err := s.Checkout(t.Context(), request)
		must(t, err)
		s.expect("answer", []any{o.Status, o.Payment.Method, o.Payment.OnPage(), o.PayAt(time.Now())},
			[]any{orders.StatusCompleted, payment.StoreCredit, false, ""})
		s.expect("pages", s.gateway.Pages(), 0)
	}
	s.left(0)
}
