package orders_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// creditStep does one thing in a shop: the number says what, and how much.
func (s *creditShop) step(n int, at int) (granted int64) {
	ctx, amount := s.t.Context(), int64(n/8%40*50)
	switch n % 8 {
	case 0:
		ref := fmt.Sprintf("gift-%d", at)
		_, err := s.ledger.Credit(ctx, refunds.CreditEntry{
			ID: ref, Ref: ref, CustomerID: "ann", Currency: "USD", Amount: amount + 1,
		})
		must(s.t, err)
		return amount + 1
	case 1, 2, 3, 4:
		_, _ = s.AddToCart(ctx, "ann", s.mouse.ID, 1+n/8%2) // it may be out of stock
		r := orders.CheckoutRequest{Customer: ann, Method: payment.Cash, Credit: usd(amount)}
		if n%8 != 1 {
			r.Method, r.Token = payment.Card, []string{orderstest.TokenPays, orderstest.TokenDeclined}[n/16%2]
		}
		if n%8 == 4 {
			r.Credit, r.AllCredit = usd(0), true
			s.gateway.Script(orderstest.CallConfirm, orderstest.Fault5xx) // queued
		}
		_, _ = s.Checkout(ctx, r)
	case 5:
		list, _, err := s.Orders(ctx, orders.Query{Status: []orders.Status{orders.StatusQueued}})
		must(s.t, err)
		if len(list) > 0 {
			_, _ = s.Cancel(ctx, list[n/8%len(list)].ID, ann, "")
		}
	case 6:
		_, err := s.ChargeDue(ctx, 2)
		must(s.t, err)
	case 7:
		_, err := s.SaveProduct(ctx, s.mouse.ID, staff, func(p *orders.Product) error {
			p.Stock = 10
			return nil
		})
		must(s.t, err)
	}
	return 0
}

// creditSums recounts I23: what was given is what is left and what orders have,
// and each order is paid for by its parts.
func (s *creditShop) creditSums(given int64) string {
	left, err := s.ledger.CreditBalance(s.t.Context(), "ann", "USD")
	must(s.t, err)
	list, _, err := s.Orders(s.t.Context(), orders.Query{PageSize: orders.MaxPageSize})
	must(s.t, err)
	charged := map[string]int64{}
	for _, c := range s.gateway.Charges() {
		charged[c.OrderID] += c.Amount
	}
	var taken int64
	for _, o := range list {
		var parts int64
		for _, p := range o.Payments() {
			parts += p.Amount
		}
		if parts != o.Total() || o.Credit.Amount < 0 || o.Payment.Amount < 0 {
			return fmt.Sprintf("order %s of %d has parts of %d", o.Number, o.Total(), parts)
		}
		if o.Status != orders.StatusCanceled {
			taken += o.Credit.Amount
		}
		byCard := o.Status == orders.StatusCompleted && o.Payment.Method == payment.Card
		if n := charged[o.ID]; byCard && n != o.Payment.Amount || o.Status == orders.StatusCanceled && n != 0 {
			return fmt.Sprintf("order %s is %s and was charged %d, not %d", o.Number, o.Status, n, o.Payment.Amount)
		}
		if p := o.Purchase(); o.Status == orders.StatusCompleted && p.Captured() != o.Total() {
			return fmt.Sprintf("order %s of %d captured %d", o.Number, o.Total(), p.Captured())
		}
	}
	if left < 0 || given != left+taken {
		return fmt.Sprintf("%d was given, %d is left and orders have %d", given, left, taken)
	}
	return ""
}

func TestStoreCreditGivenIsWhatIsLeftAndWhatOrdersHave(t *testing.T) {
	properties := gopter.NewProperties(nil)
	properties.Property("given = left + orders not canceled", prop.ForAll(func(steps []int) string {
		now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
		s := openCredit(t, 0, func(c *orders.Config) { c.Now = func() time.Time { return now } })
		var given int64
		for i, n := range steps {
			given += s.step(n, i)
			now = now.Add(time.Duration(n) * time.Second)
			if wrong := s.creditSums(given); wrong != "" {
				return fmt.Sprintf("after step %d: %s", i, wrong)
			}
		}
		return ""
	}, gen.SliceOfN(25, gen.IntRange(0, 8*40-1))))
	properties.TestingRun(t)
}
