package refundstest

import (
	"errors"

	"github.com/returnkit/returnkit/internal/differ"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// badField fails the case if err does not refuse the field as no text.
func (b *bench) badField(what string, err error, field string) {
	b.Helper()
	var e *refunds.Error
	if !errors.As(err, &e) || e.Code != refunds.CodeInvalid || e.Field != field {
		b.Errorf("%s: error %v, want %s of the field %s", what, err, refunds.CodeInvalid, field)
	}
}

// testNoText gives each verb a text that not every database keeps.
func testNoText(b *bench) {
	p, r := b.history()
	before := b.snapshot(p, r.ID)
	for field, at := range differ.Spoiled(b.stamp()) {
		_, err := b.change(r.ID, func(r *refunds.Refund) error { return r.Hold(at, "dp_2", "disputed again") })
		b.badField("Update", err, field)
		_, err = b.openBy(p.other().open(), func(s refunds.PaymentState, _ *refunds.Refund) (*refunds.Refund, error) {
			a, err := p.attempt(s.Refunded)
			b.ok(err)
			return refunds.NewRefund(refunds.Params{ID: newID(), ClientReference: newID(), OrderID: p.order,
				PaymentID: p.payment, Customer: "customer-1", Attempt: a}, at)
		})
		b.badField("Open", err, field)
		l := b.elsewhere(p, "re_"+newID(), 1, payment.OutcomeDone)
		_, err = b.store.Book(b.ctx, p.open(), l.ProviderID, refunds.Booking(at, p.ref(), l))
		b.badField("Book", err, field)
	}
	_, err := b.changePayment(p.open(), func(s *refunds.Balance, _ []*refunds.Refund) error {
		s.Holds = append(s.Holds, refunds.HoldRecord{Hold: payment.Hold{Ref: "dp_3", At: b.now},
			By: event.Actor{ID: "nul\x00"}})
		return nil
	})
	b.badField("UpdatePayment", err, "by.id")
	_, err = b.store.Credit(b.ctx, refunds.CreditEntry{ID: newID(), CustomerID: "ann", Currency: "USD", Amount: 1,
		Ref: newID(), At: b.now, By: event.Actor{ID: "nul\x00"}})
	b.badField("Credit", err, "by.id")
	_, err = b.store.UpdateSweep(b.ctx, func(s refunds.Sweep) (refunds.Sweep, error) {
		s.Failures, s.LastError = 1, "nul\x00"
		return s, nil
	})
	b.badField("UpdateSweep", err, "last_error")
	b.equal("what is stored", b.snapshot(p, r.ID), before)
}
