package refundstest

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Capture makes the provider keep a payment's refunds within what was captured,
// as providers do: one above is declined.
func (g *Gateway) Capture(paymentReference string, amount int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.captured == nil {
		g.captured = map[string]int64{}
	}
	g.captured[paymentReference] = amount
}

// SetClock sets the provider's clock. Default: time.Now.
func (g *Gateway) SetClock(now func() time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = now
}

// exceeds reports whether a refund is more than is left of its payment.
func (g *Gateway) exceeds(r payment.RefundRequest) bool {
	captured, known := g.captured[r.PaymentProviderID]
	return known && g.paidOut(r.PaymentProviderID)+r.Amount > captured
}

// add makes a refund in the ledger.
func (g *Gateway) add(r payment.RefundRequest, status string) string {
	id := fmt.Sprintf("re_%d", len(g.ledger)+1)
	g.ledger = append(g.ledger, Paid{Reference: id, Request: r, Status: status, At: g.clock()})
	return id
}

func (g *Gateway) clock() time.Time {
	if g.now == nil {
		return time.Now()
	}
	return g.now()
}

// RefundOutside makes a refund as somebody does on the provider's own pages, and
// returns its id; empty where the payment has not as much left.
func (g *Gateway) RefundOutside(paymentReference string, amount int64, c money.Currency) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	r := payment.RefundRequest{PaymentProviderID: paymentReference, Amount: amount, Currency: c}
	if g.exceeds(r) {
		return ""
	}
	return g.add(r, "succeeded")
}

// Dispute opens a dispute of a payment, or moves the one of that id.
func (g *Gateway) Dispute(d payment.ProviderDispute) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.disputes {
		if g.disputes[i].ProviderID == d.ProviderID {
			d.CreatedAt = g.disputes[i].CreatedAt
			g.disputes[i] = d
			return
		}
	}
	d.CreatedAt = g.clock()
	g.disputes = append(g.disputes, d)
}

// Lists are the provider's own lists: a payment.RefundLister and
// payment.HistoryReader of a Gateway's ledger.
type Lists struct {
	g *Gateway
	// Err ends every list after its last row; nil: they are complete.
	Err error
}

var (
	_ payment.RefundLister  = (*Lists)(nil)
	_ payment.HistoryReader = (*Lists)(nil)
)

// Lists returns the lists of the gateway's ledger.
func (g *Gateway) Lists() *Lists { return &Lists{g: g} }

// ListRefunds implements payment.RefundLister.
func (l *Lists) ListRefunds(_ context.Context, from, to time.Time) iter.Seq2[payment.ProviderRefund, error] {
	return each(l, l.g.Ledger(), func(p Paid) (payment.ProviderRefund, bool) {
		return listedAs(p), !p.At.Before(from) && p.At.Before(to)
	})
}

// RefundsOf implements payment.HistoryReader.
func (l *Lists) RefundsOf(_ context.Context, reference string) iter.Seq2[payment.ProviderRefund, error] {
	return each(l, l.g.Ledger(), func(p Paid) (payment.ProviderRefund, bool) {
		return listedAs(p), p.Request.PaymentProviderID == reference
	})
}

// DisputesOf implements payment.HistoryReader.
func (l *Lists) DisputesOf(_ context.Context, reference string) iter.Seq2[payment.ProviderDispute, error] {
	return each(l, l.g.allDisputes(), func(d payment.ProviderDispute) (payment.ProviderDispute, bool) {
		return d, d.PaymentProviderID == reference
	})
}

// ListDisputes implements payment.HistoryReader.
func (l *Lists) ListDisputes(_ context.Context, from, to time.Time) iter.Seq2[payment.ProviderDispute, error] {
	return each(l, l.g.allDisputes(), func(d payment.ProviderDispute) (payment.ProviderDispute, bool) {
		return d, !d.CreatedAt.Before(from) && d.CreatedAt.Before(to)
	})
}

func (g *Gateway) allDisputes() []payment.ProviderDispute {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]payment.ProviderDispute(nil), g.disputes...)
}

// each yields those rows that are picked, newest first.
func each[T, R any](l *Lists, rows []T, pick func(T) (R, bool)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for i := len(rows) - 1; i >= 0; i-- {
			if r, ok := pick(rows[i]); ok && !yield(r, nil) {
				return
			}
		}
		if l.Err != nil {
			var none R
			yield(none, l.Err)
		}
	}
}

func listedAs(p Paid) payment.ProviderRefund {
	a := told(p)
	return payment.ProviderRefund{
		ProviderID: p.Reference, PaymentProviderID: p.Request.PaymentProviderID, AttemptID: p.Request.AttemptID,
		RefundID: p.Request.RefundID, Amount: p.Request.Amount, Currency: p.Request.Currency,
		Outcome: a.Outcome, Status: p.Status, CreatedAt: p.At.UTC(),
	}
}
