package refunds

import (
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Grid is what a provider can carry of a payment. Amounts that it can't carry are
// never quoted: what is due is floored, and the rest is carried over to the next
// refund of the payment. The zero value carries every amount.
type Grid struct {
	// Below returns the largest amount at or below one that the provider can carry,
	// minor units. Amounts it returns sum to amounts that can be carried. nil: every
	// amount can.
	Below func(amount int64) int64
	// Carried is what the refunds before carried over, in minor units: the sum of
	// their Quote.Carried.
	Carried int64
}

func (g Grid) below(amount int64) int64 {
	if g.Below == nil || amount <= 0 {
		return max(0, amount)
	}
	return g.Below(amount)
}

// gridOf is the grid of a payment of the method, of which this much was captured. A
// payment that the shop took itself has none, nor one that the provider can't have
// charged: an amount beside the grid is then refused as checkCapable says.
func (c Config) gridOf(m payment.Method, captured int64, currency money.Currency, carried int64) Grid {
	nearest := payment.CapabilitiesOf(c.Gateway).Nearest
	if m.Manual() || nearest == nil {
		return Grid{}
	}
	if below, above, ok := nearest(captured, currency); !ok || below != captured || above != captured {
		return Grid{}
	}
	return Grid{Carried: carried, Below: func(amount int64) int64 {
		below, _, _ := nearest(amount, currency)
		return below
	}}
}

// settle takes the fees off what the lines give, on the grid, and notes what is
// carried over. Of all that is due with what refunds before carried, the provider
// pays what it can; fees are floored too, so that what is due of everything is what
// was captured less whole steps, and the last refund carries nothing over.
func (q *Quote) settle(fees, stated []Fee, byTerms int64, g Grid) {
	due := g.below(q.Gross + g.Carried)
	if q.Gross == 0 {
		due = 0 // nothing is given back here; what is carried joins a refund that gives something
	}
	q.Amount = due
	for _, f := range fees {
		if f.Kind != PaidByOthers {
			f.Amount = g.below(f.Amount)
		}
		f.Amount = min(f.Amount, q.Amount)
		q.Amount -= f.Amount
		q.FeesSum += f.Amount
		q.Fees = append(q.Fees, f)
	}
	if q.Amount != g.below(q.Amount) { // what others paid is beside the grid
		q.Amount = g.below(q.Amount)
	}
	q.Carried = q.Gross - q.FeesSum - q.Amount
	if byTerms > 0 {
		byTerms = g.below(byTerms + g.Carried)
	}
	for _, f := range stated {
		byTerms -= min(g.below(f.Amount), byTerms)
	}
	q.ByTerms = byTerms
}
