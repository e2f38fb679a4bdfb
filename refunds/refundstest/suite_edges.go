package refundstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func testNotFound(b *bench) {
	p, r := b.history()
	_, err := b.credit(7, newID()) // ann's
	b.ok(err)
	for _, id := range []string{"", newID(), "nul\x00byte", "not\xffutf8", "' OR 1=1 --", r.ID + " ",
		strings.ToUpper(r.ID), strings.ToUpper(p.reference), strings.Repeat("x", 300)} {
		at := func(what string) string { return fmt.Sprintf("%s of %.40q", what, id) }
		_, err := b.store.Refund(b.ctx, id)
		b.missing(at("Refund"), err)
		_, err = b.byReference(id)
		b.missing(at("ByClientReference"), err)
		_, err = b.store.ByProviderID(b.ctx, id)
		b.missing(at("ByProviderID"), err)
		_, err = b.store.Events(b.ctx, id)
		b.missing(at("Events"), err)
		_, err = b.change(id, func(*refunds.Refund) error {
			b.Error("a change of nothing was run")
			return nil
		})
		b.missing(at("Update"), err)
		found, err := b.store.ByClientReferences(b.ctx, []string{id})
		b.ok(err)
		b.equal(at("ByClientReferences"), len(found), 0)
		n, err := b.store.CreditBalance(b.ctx, id, "USD")
		b.ok(err)
		b.equal(at("CreditBalance"), n, int64(0))
	}
	n, err := b.store.CreditBalance(b.ctx, "ANN", "USD")
	b.ok(err)
	b.equal("CreditBalance of ANN, where ann has some", n, int64(0))
	_, listed, err := b.store.List(b.ctx, refunds.Query{OrderID: strings.ToUpper(p.order)})
	b.ok(err)
	b.equal("refunds of the order in upper case", listed, 0)
}

func testContext(b *bench) {
	p, r := b.history()
	before := b.snapshot(p, r.ID)
	no := func(what string) error {
		b.Errorf("%s ran its callback in a context that has ended", what)
		return errors.New("called")
	}
	s, other := b.store, p.other()
	b.Ended(reflect.TypeFor[refunds.Store](), map[string]func(ctx context.Context) error{
		"Open": func(ctx context.Context) error {
			_, err := s.Open(ctx, []refunds.OpenRequest{other.open()},
				func(refunds.OpenState) ([]refunds.Change, error) { return nil, no("Open") })
			return err
		},
		"Update": func(ctx context.Context) error {
			_, err := s.Update(ctx, r.ID, refunds.Changing(func(*refunds.Refund) error { return no("Update") }))
			return err
		},
		"UpdatePayment": func(ctx context.Context) error {
			_, err := s.UpdatePayment(ctx, p.open(), refunds.ChangingPayment(
				func(*refunds.Balance, []*refunds.Refund) error { return no("UpdatePayment") }))
			return err
		},
		"Refund": func(ctx context.Context) error { _, err := s.Refund(ctx, r.ID); return err },
		"ByClientReferences": func(ctx context.Context) error {
			_, err := s.ByClientReferences(ctx, []string{p.reference})
			return err
		},
		"List": func(ctx context.Context) error { _, _, err := s.List(ctx, refunds.Query{}); return err },
		"Claim": func(ctx context.Context) error {
			_, err := s.Claim(ctx, b.now.Add(time.Hour), lease, "t", 1)
			return err
		},
		"Events": func(ctx context.Context) error { _, err := s.Events(ctx, r.ID); return err },
		"NextManualReference": func(ctx context.Context) error {
			_, err := s.NextManualReference(ctx, payment.Cash)
			return err
		},
		"ByProviderID": func(ctx context.Context) error { _, err := s.ByProviderID(ctx, "re_1"); return err },
		"PaymentState": func(ctx context.Context) error { _, err := s.PaymentState(ctx, p.open()); return err },
		"CarriedRests": func(ctx context.Context) error { _, err := s.CarriedRests(ctx, "", 10); return err },
		"ProviderAttempts": func(ctx context.Context) error {
			_, err := s.ProviderAttempts(ctx, refunds.AttemptQuery{IDs: []string{r.Attempt().ID}})
			return err
		},
		"Book": func(ctx context.Context) error {
			l := b.elsewhere(p, "re_late", 1, payment.OutcomeDone)
			_, err := s.Book(ctx, p.open(), l.ProviderID, refunds.Booking(b.stamp(), p.ref(), l))
			return err
		},
		"Outside": func(ctx context.Context) error {
			_, err := s.Outside(ctx, refunds.OutsideQuery{PaymentID: p.payment})
			return err
		},
		"UpdateSweep": func(ctx context.Context) error {
			_, err := s.UpdateSweep(ctx,
				func(w refunds.Sweep) (refunds.Sweep, error) { return w, no("UpdateSweep") })
			return err
		},
		"Credit": func(ctx context.Context) error {
			_, err := s.Credit(ctx, refunds.CreditEntry{
				ID: newID(), CustomerID: "ann", Currency: "USD", Amount: 1, Ref: newID(), At: b.now,
			})
			return err
		},
		"CreditBalance": func(ctx context.Context) error { _, err := s.CreditBalance(ctx, "ann", "USD"); return err },
		"CreditEntries": func(ctx context.Context) error { _, err := s.CreditEntries(ctx, "ann"); return err },
	})
	b.equal("what is stored", b.snapshot(p, r.ID), before)
}
