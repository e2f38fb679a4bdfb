package guard

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// The codes of a result that a guard gave instead of the provider.
const (
	CodeOpen    = "breaker_open" // the breaker is open, so the call was not sent
	CodeNotSent = "not_sent"     // the caller's context had ended, so the call was not sent
)

// Charges returns a gateway that sends the calls of g while the breaker allows
// it, and charges the amounts that g does (payment.ChargeLimiter). It is a
// payment.PageGateway if g is one. It returns nil if g is nil.
func Charges(g payment.ChargeGateway, b *resilience.Breaker) payment.ChargeGateway {
	if g == nil {
		return nil
	}
	return guardCharges(g, b)
}

// Refunds returns a gateway that sends the calls of g while the breaker allows
// it. It is a payment.Capable with the capabilities of g, and a
// payment.RefundLister and a payment.HistoryReader if g is one. It returns nil if
// g is nil.
func Refunds(g payment.RefundGateway, b *resilience.Breaker) payment.RefundGateway {
	if g == nil {
		return nil
	}
	guarded := refunds{next: g, breaker: b}
	l, lists := g.(payment.RefundLister)
	h, reads := g.(payment.HistoryReader)
	switch {
	case lists && reads:
		return &knowingRefunds{listingRefunds{guarded, List(l, b)}, History(h, b)}
	case lists:
		return &listingRefunds{guarded, List(l, b)}
	case reads:
		return &readingRefunds{guarded, History(h, b)}
	}
	return &guarded
}

// List returns a lister that reads the list of l while the breaker allows it.
// A whole list is one call of the breaker: it has failed if the list ends with
// an error, and says nothing if the reader stops early. It returns nil if l is
// nil.
func List(l payment.RefundLister, b *resilience.Breaker) payment.RefundLister {
	if l == nil {
		return nil
	}
	return &lister{next: l, breaker: b}
}

// History returns a reader that reads the lists of h while the breaker allows it.
// As with [List], a whole list is one call. It returns nil if h is nil.
func History(h payment.HistoryReader, b *resilience.Breaker) payment.HistoryReader {
	if h == nil {
		return nil
	}
	return &history{next: h, breaker: b}
}

type charges struct {
	next    payment.ChargeGateway
	breaker *resilience.Breaker
}

// Chargeable implements payment.ChargeLimiter, as the guarded gateway does.
func (c *charges) Chargeable(amount int64, in money.Currency) (below, above int64, ok bool) {
	return payment.Chargeable(c.next, amount, in)
}

// CreatePayment implements payment.ChargeGateway.
func (c *charges) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	return call(ctx, c.breaker, payment.OutcomeNoEffect, func() payment.Result { return c.next.CreatePayment(ctx, r) })
}

// ConfirmPayment implements payment.ChargeGateway.
func (c *charges) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, providerID string) payment.Result {
	return call(ctx, c.breaker, payment.OutcomeNoEffect, func() payment.Result {
		return c.next.ConfirmPayment(ctx, r, providerID)
	})
}

// FindPayment implements payment.ChargeGateway.
func (c *charges) FindPayment(
	ctx context.Context, providerID string,
) (status payment.PaymentStatus, _ payment.Result) {
	result := call(ctx, c.breaker, payment.OutcomeUnknown, func() (r payment.Result) {
		status, r = c.next.FindPayment(ctx, providerID)
		return r
	})
	return status, result
}

// CancelPayment implements payment.ChargeGateway.
func (c *charges) CancelPayment(
	ctx context.Context, r payment.ChargeRequest, providerID string,
) (status payment.PaymentStatus, _ payment.Result) {
	result := call(ctx, c.breaker, payment.OutcomeNoEffect, func() (a payment.Result) {
		status, a = c.next.CancelPayment(ctx, r, providerID)
		return a
	})
	return status, result
}

type refunds struct {
	next    payment.RefundGateway
	breaker *resilience.Breaker
}

// CreateRefund implements payment.RefundGateway.
func (g *refunds) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return call(ctx, g.breaker, payment.OutcomeNoEffect, func() payment.Result { return g.next.CreateRefund(ctx, r) })
}

// FindRefund implements payment.RefundGateway.
func (g *refunds) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return call(ctx, g.breaker, payment.OutcomeUnknown, func() payment.Result { return g.next.FindRefund(ctx, r) })
}

// Capabilities implements payment.Capable: the guarded gateway's.
func (g *refunds) Capabilities() payment.Capabilities { return payment.CapabilitiesOf(g.next) }

// listingRefunds guards a gateway that lists its refunds too.
type listingRefunds struct {
	refunds
	payment.RefundLister
}

// readingRefunds guards a gateway that reads what happened to a payment too.
type readingRefunds struct {
	refunds
	payment.HistoryReader
}

// knowingRefunds guards a gateway that does both.
type knowingRefunds struct {
	listingRefunds
	payment.HistoryReader
}

type lister struct {
	next    payment.RefundLister
	breaker *resilience.Breaker
}

// ListRefunds implements payment.RefundLister.
func (l *lister) ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[payment.ProviderRefund, error] {
	return list(ctx, l.breaker, "list refunds", func() iter.Seq2[payment.ProviderRefund, error] {
		return l.next.ListRefunds(ctx, from, to)
	})
}

type history struct {
	next    payment.HistoryReader
	breaker *resilience.Breaker
}

// RefundsOf implements payment.HistoryReader.
func (h *history) RefundsOf(ctx context.Context, providerID string) iter.Seq2[payment.ProviderRefund, error] {
	return list(ctx, h.breaker, "list refunds of a payment", func() iter.Seq2[payment.ProviderRefund, error] {
		return h.next.RefundsOf(ctx, providerID)
	})
}

// DisputesOf implements payment.HistoryReader.
func (h *history) DisputesOf(ctx context.Context, providerID string) iter.Seq2[payment.ProviderDispute, error] {
	return list(ctx, h.breaker, "list disputes of a payment", func() iter.Seq2[payment.ProviderDispute, error] {
		return h.next.DisputesOf(ctx, providerID)
	})
}

// ListDisputes implements payment.HistoryReader.
func (h *history) ListDisputes(ctx context.Context, from, to time.Time) iter.Seq2[payment.ProviderDispute, error] {
	return list(ctx, h.breaker, "list disputes", func() iter.Seq2[payment.ProviderDispute, error] {
		return h.next.ListDisputes(ctx, from, to)
	})
}

// list reads a list if the breaker allows it.
func list[T any](
	ctx context.Context, b *resilience.Breaker, what string, read func() iter.Seq2[T, error],
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := ctx.Err(); err != nil {
			yield(none, fmt.Errorf("guard: %s: %w", what, err))
			return
		}
		permit, err := b.Allow()
		if err != nil {
			yield(none, fmt.Errorf("guard: %s: %w", what, err))
			return
		}
		verdict := resilience.Failure // what a panic in the list counts as
		defer func() { permit.Done(verdict) }()
		for one, err := range read() {
			if err != nil {
				verdict = resilience.ClassifyError(ctx, err)
				yield(one, err)
				return
			}
			verdict = resilience.Neutral // what stopping here, or a panic of the reader, counts as
			if !yield(one, nil) {
				return
			}
			verdict = resilience.Failure
		}
		verdict = resilience.Success
	}
}

// call makes one call if the breaker allows it. notSent is the outcome if it does
// not.
func call(
	ctx context.Context, b *resilience.Breaker, notSent payment.Outcome, send func() payment.Result,
) payment.Result {
	if err := ctx.Err(); err != nil {
		return payment.Result{Outcome: notSent, Code: CodeNotSent, Message: "the call was not sent: " + err.Error()}
	}
	permit, err := b.Allow()
	if err != nil {
		return payment.Result{
			Outcome: notSent, Code: CodeOpen, Message: "the call was not sent: " + err.Error(),
			Failure: payment.Unreachable,
		}
	}
	verdict := resilience.Failure // what a panic in send counts as
	defer func() { permit.Done(verdict) }()
	r := send()
	verdict = judge(ctx, r)
	return r
}

// judge returns what a result shows about the provider. The table is in the
// package's documentation.
func judge(ctx context.Context, r payment.Result) resilience.Outcome {
	switch r.Outcome {
	case payment.OutcomeDone,
		payment.OutcomeDeclined,
		payment.OutcomeAbsent,
		payment.OutcomePending,
		payment.OutcomeRequiresAction:
		return resilience.Success
	case payment.OutcomeNoEffect:
		return resilience.Neutral
	}
	if r.Replayed || r.HTTP == http.StatusTooManyRequests || errors.Is(ctx.Err(), context.Canceled) {
		return resilience.Neutral
	}
	return resilience.Failure
}
