package returns_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// L14: what a shop's adapter left out is refused when the return is requested,
// and names the field, before goods or money move.
func TestAPurchaseIsCheckedWhenItsReturnIsRequested(t *testing.T) {
	for field, spoil := range map[string]func(o *purchase.Purchase){
		"Lines[0].Paid":          func(o *purchase.Purchase) { o.Lines[0].Paid = purchase.Amount{} },
		"PlacedAt":               func(o *purchase.Purchase) { o.PlacedAt = time.Time{} },
		"Currency":               func(o *purchase.Purchase) { o.Currency = "" },
		"Payments[0].Method":     func(o *purchase.Purchase) { o.Payments[0].Method = "ideal" },
		"Payments[0].ProviderID": func(o *purchase.Purchase) { o.Payments[0].ProviderID = "" },
		"Payments": func(o *purchase.Purchase) { // they captured more than was paid
			o.Payments = append(o.Payments, purchase.Payment{ID: "second", Method: payment.StoreCredit, Captured: 100})
		},
	} {
		t.Run(field, func(t *testing.T) {
			s := newShop(t, policy())
			o := s.bought(2)
			spoil(&o)
			s.orders.Put(o)
			_, err := s.svc.Create(s.ctx, ann, ask(o, 1))
			s.refused(err, returns.CodePurchase)
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("error %v does not name %s", err, field)
			}
			_, n, err := s.svc.Returns(s.ctx, returns.Query{})
			s.ok(err)
			s.equal("cases", n, 0)
		})
	}
}

func TestAGiftIsReturnedForNothing(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(2)
	o.Lines[0].Paid = purchase.Amount{Currency: "USD"} // a stated zero
	o.Payments[0].Captured, o.Payments[0].Method = 0, payment.Cash
	s.orders.Put(o)
	r := s.inspected(s.received(o, 2).ID, 2)
	r, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
	s.ok(err)
	s.equal(
		"case, refund and amount", []any{r.Status, refund.Status, refund.Amount()}, []any{
			returns.StatusRefunded, refunds.StatusSucceeded, int64(0),
		},
	)
}

func TestAnotherOrderIsNotTakenForTheOneAskedFor(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(2)
	svc, err := returns.New(
		returns.Config{Store: s.store, Orders: confused{s.orders, o.OrderID}, Refunder: s.payer, Restocker: s.orders},
	)
	s.ok(err)
	wrong := ask(o, 1)
	wrong.OrderID = "another"
	_, err = svc.Create(s.ctx, ann, wrong)
	s.refused(err, returns.CodePurchase)
}

func TestWithoutAnEvidenceStoreAllButPhotosWorks(t *testing.T) {
	s := newShop(t, policy())
	svc, err := returns.New(returns.Config{
		Store: s.store, Orders: s.orders, Refunder: s.payer, Restocker: s.orders,
		Now: func() time.Time { return s.now },
	})
	s.ok(err)
	o := s.bought(2)
	q := ask(o, 1)
	q.Photos = uploads(1)
	_, err = svc.Create(s.ctx, ann, q)
	s.refused(err, returns.CodeEvidence)
	r, err := svc.Create(s.ctx, ann, ask(o, 1))
	s.ok(err)
	_, err = svc.RequestInfo(s.ctx, r.ID, kim, "which side?")
	s.ok(err)
	_, err = svc.ProvideInfo(s.ctx, r.ID, ann, returns.InfoParams{Details: "left", Photos: uploads(1)})
	s.refused(err, returns.CodeEvidence)
	_, err = svc.ProvideInfo(s.ctx, r.ID, ann, returns.InfoParams{Details: "left", Photos: nil})
	s.ok(err)
	if got := s.get(r.ID); got.Details == "" || !slices.Equal(got.Evidence, nil) {
		t.Errorf("got %+v", got)
	}
}
