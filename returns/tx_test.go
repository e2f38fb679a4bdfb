package returns_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// heard counts what an observer hears.
type heard struct{ created int }

func (h *heard) Created(context.Context, returns.Return) { h.created++ }

func (h *heard) StatusChanged(context.Context, returns.Return, returns.Status, returns.Status) {}

func TestInATransactionTheServiceCreatesAndExecutesNothing(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(2)
	var h heard
	outside, err := returns.New(returns.Config{
		Store: s.store, Orders: s.orders, Refunder: s.payer, Restocker: s.orders, Observer: &h,
		Now: func() time.Time { return s.now },
	})
	s.ok(err)
	inside := outside.With(s.store)
	q := ask(o, 1)
	_, err = inside.Create(s.ctx, ann, q)
	s.refused(err, returns.CodeInvalid)
	q.Purchase = &o
	amount := int64(1)
	q.Estimate = &amount
	if _, err = inside.Create(s.ctx, ann, q); !errors.Is(err, payment.ErrInTransaction) {
		t.Errorf("with an estimate: %v", err)
	}
	q.Estimate = nil
	q.OrderID = "another"
	_, err = inside.Create(s.ctx, ann, q)
	s.refused(err, returns.CodePurchase)
	q.OrderID = ""
	r, err := inside.Create(s.ctx, ann, q)
	s.ok(err)
	s.equal("what the observer heard", h.created, 0)
	r, err = inside.Authorize(s.ctx, r.ID, kim, "")
	s.ok(err)

	for name, call := range map[string]func() error{
		"estimate": func() error { _, err := inside.Estimate(s.ctx, ann, q); return err },
		"quote":    func() error { _, _, err := inside.Quote(s.ctx, r.ID, returns.RefundParams{}); return err },
		"refund":   func() error { _, _, err := inside.Refund(s.ctx, r.ID, kim, returns.RefundParams{}); return err },
		"refund changed": func() error {
			return inside.RefundChanged(
				s.ctx, refunds.Refund{ID: "f", ClientReference: r.ID, Status: refunds.StatusSucceeded},
			)
		},
		"inspect": func() error {
			_, err := inside.Inspect(s.ctx, r.ID, kim, returns.InspectionInput{})
			return err
		},
		"reject": func() error { _, err := inside.Reject(s.ctx, r.ID, kim, ""); return err },
		"cancel": func() error { _, err := inside.Cancel(s.ctx, r.ID, ann); return err },
		"close task": func() error {
			_, err := inside.CloseTask(
				s.ctx, r.ID, kim, returns.Task{ID: 1, Note: "x"},
			)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := call(); !errors.Is(err, payment.ErrInTransaction) {
				t.Errorf("%v, want ErrInTransaction", err)
			}
		})
	}
	s.equal("the case", s.get(r.ID), r)
	_, err = outside.Create(s.ctx, ann, q) // the order may come with the request outside too
	s.ok(err)
	s.equal("what the observer heard outside", h.created, 1)
}
