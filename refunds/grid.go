package refunds

import (
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Grid is what a provider can carry of a payment. Amounts that it can't carry are
// never quoted: what is due is floored, and the rest is carried over to the next
// refund of the payment. The zero value carries every amount. Only orders with one
// payment are quoted on one: of several, another payment gives what one can't.
type Grid struct {
	// Below returns the largest amount at or below one that the provider can carry,
	// minor units. Amounts it returns sum to amounts that can be carried. nil: every
	// amount can.
	Below func(amount int64) int64
	// Carried is what the refunds before left, in minor units: the sum of their
	// Quote.Rest.
	Carried int64
}

func (g Grid) below(amount int64) int64 {
	if g.Below == nil || amount <= 0 {
		return max(0, amount)
	}
	return g.Below(amount)
}

// gridOf is the grid of a payment by the method, with this much captured. A
// payment that the shop took itself carries every amount, and so does one that the provider
// can't have charged: an amount beside the grid is then refused as checkCapable says.
func (c Config) gridOf(m payment.Method, captured int64, currency money.Currency, carried int64) Grid {
	nearest := payment.CapabilitiesOf(c.Gateway).Nearest
	g := Grid{Carried: carried}
	if m.Manual() || nearest == nil {
		return g
	}
	if below, above, ok := nearest(captured, currency); !ok || below != captured || above != captured {
		return g
	}
	g.Below = func(amount int64) int64 {
		below, _, _ := nearest(amount, currency)
		return below
	}
	return g
}

// gridFor is the grid that a refund is quoted on: the grid of its payment, if there is
// only one. Several payments carry nothing over; see evenOut.
func (c Config) gridFor(payments []Payment, states []PaymentState) Grid {
	if len(payments) != 1 {
		return Grid{}
	}
	s := states[0]
	return c.gridOf(payments[0].Method, s.Balance.Captured, s.Balance.Currency, s.Carried)
}

// evenOut puts the parts that payments at the provider give back on their grids, and
// keeps the sum: one that the shop took itself, such as store credit, gives what is
// left, or less by what is missing to the next step. Payments that were captured on
// their grids stay on them so, and end at exactly what was captured. A part that no
// such payment makes even stays as it is, and is refused as checkCapable says.
func (c Config) evenOut(payments []SplitPayment, parts []int64, currency money.Currency) {
	for i, p := range payments {
		g := c.gridOf(p.Method, p.Captured, currency, 0)
		below := g.below(parts[i])
		if below == parts[i] {
			continue
		}
		_, above, ok := payment.CapabilitiesOf(c.Gateway).Nearest(parts[i], currency)
		for j, q := range payments {
			left, missing := parts[i]-below, above-parts[i]
			switch {
			case !q.Method.Manual():
				continue
			case left <= q.Available-parts[j]:
				parts[i], parts[j] = below, parts[j]+left
			case ok && missing > 0 && missing <= parts[j] && above <= p.Available:
				parts[i], parts[j] = above, parts[j]-missing
			default:
				continue
			}
			break
		}
	}
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
