package refunds

import (
	"slices"

	"github.com/returnkit/returnkit/orders/money"
)

// inParts divides a quote into one for each amount; the amounts sum to what q pays. The
// lines, fees and ByTerms of the parts sum to q's, and each part pays its lines less its
// fees. The units of a line stand in the first part, the fees in the last. What others gave
// back stands in the part whose payment they gave it back on (others, by part). Which
// component of which line a payment gives back matters only in the sum.
func (q Quote) inParts(amounts, others []int64) []Quote {
	if len(amounts) == 1 {
		return []Quote{q}
	}
	parts := make([]Quote, len(amounts))
	lines, byTerms := slices.Clone(q.Lines), q.ByTerms
	fees := slices.DeleteFunc(slices.Clone(q.Fees), func(f Fee) bool { return f.Kind == PaidByOthers })
	for i, amount := range amounts {
		p := Quote{Currency: q.Currency, Amount: amount, Gross: amount, ByTerms: min(amount, byTerms), Whole: q.whole()}
		if i == len(amounts)-1 {
			p.Fees, p.ByTerms = fees, byTerms
		}
		if others[i] > 0 {
			p.Fees = append(p.Fees, Fee{Kind: PaidByOthers, Amount: others[i]})
		}
		for _, f := range p.Fees {
			p.Gross, p.FeesSum = p.Gross+f.Amount, p.FeesSum+f.Amount
		}
		byTerms -= p.ByTerms
		p.Lines = takeLines(lines, p.Gross, i == 0)
		parts[i] = p
	}
	return parts
}

// takeLines takes as much as is named off the lines, in their order; the first part
// takes their units too. Lines that give the part nothing are left out.
func takeLines(lines []QuoteLine, gross int64, first bool) []QuoteLine {
	var taken []QuoteLine
	for i := range lines {
		l := &lines[i]
		part := QuoteLine{OrderLineID: l.OrderLineID}
		for _, c := range []struct{ from, to *int64 }{
			{&l.Refunded.Price, &part.Refunded.Price}, {&l.Refunded.Duty, &part.Refunded.Duty},
			{&l.Refunded.Shipping, &part.Refunded.Shipping},
		} {
			*c.to = min(*c.from, gross)
			*c.from -= *c.to
			gross -= *c.to
		}
		if first {
			part.Units, l.Units = l.Units, 0
		}
		if first || part.Refunded != (money.Components{}) {
			taken = append(taken, part)
		}
	}
	return taken
}

// without is what of a quote is left beside parts of it that are paid, or are about
// to be. It never pays less than nothing.
func (q Quote) without(paid []Quote) Quote {
	rest := Quote{Currency: q.Currency, Whole: q.whole(), Amount: q.Amount, ByTerms: q.ByTerms}
	lines, fees := slices.Clone(q.Lines), q.FeesSum
	var gross int64
	for _, p := range paid {
		rest.Amount -= p.Amount
		rest.ByTerms -= p.ByTerms
		fees -= p.FeesSum
		for i := range lines {
			for _, l := range p.Lines {
				if l.OrderLineID == lines[i].OrderLineID {
					lines[i].Units = max(0, lines[i].Units-l.Units)
					lines[i].Refunded = atLeastZero(lines[i].Refunded.Sub(l.Refunded))
				}
			}
		}
	}
	for _, l := range lines {
		gross += l.Refunded.Total()
	}
	rest.Amount, rest.ByTerms = min(max(0, rest.Amount), gross), max(0, rest.ByTerms)
	rest.FeesSum = min(max(0, fees), gross-rest.Amount)
	rest.Gross = rest.Amount + rest.FeesSum
	rest.Lines = takeLines(lines, rest.Gross, true)
	left := rest.FeesSum
	for _, f := range slices.Backward(q.Fees) { // the last ones first: those before were taken
		if f.Amount = min(f.Amount, left); f.Amount > 0 {
			rest.Fees = append(rest.Fees, f)
			left -= f.Amount
		}
	}
	return rest
}

// atMost is the quote of an amount, or less than it.
func (q Quote) atMost(amount int64) Quote {
	if q.Amount <= amount {
		return q
	}
	return q.inParts([]int64{amount, q.Amount - amount}, []int64{0, q.byOthers()})[0]
}

// part is what the quote is of: what it pays, and what others had given back of it.
func (q Quote) part() int64 { return q.Amount + q.byOthers() }

// whole is what all the parts are of where the quote is one of them.
func (q Quote) whole() int64 { return max(q.Whole, q.part()) }

// Part reports whether other payments of the order give back parts of the same
// decision.
func (q Quote) Part() bool { return q.Whole > 0 }

// merged is the quote that the parts make.
func merged(parts []Quote) Quote {
	if len(parts) == 1 {
		return parts[0]
	}
	var q Quote
	for _, p := range parts {
		q.Currency = p.Currency
		q.Gross, q.FeesSum = q.Gross+p.Gross, q.FeesSum+p.FeesSum
		q.Amount, q.ByTerms = q.Amount+p.Amount, q.ByTerms+p.ByTerms
		q.Carried += p.Carried
		for _, l := range p.Lines {
			i := slices.IndexFunc(q.Lines, func(have QuoteLine) bool { return have.OrderLineID == l.OrderLineID })
			if i < 0 {
				q.Lines = append(q.Lines, l)
				continue
			}
			q.Lines[i].Units += l.Units
			q.Lines[i].Refunded = q.Lines[i].Refunded.Add(l.Refunded)
		}
		for _, f := range p.Fees {
			i := slices.IndexFunc(q.Fees, func(have Fee) bool {
				return have.Kind == f.Kind && have.OrderLineID == f.OrderLineID
			})
			if i < 0 {
				q.Fees = append(q.Fees, f)
				continue
			}
			q.Fees[i].Amount += f.Amount
		}
	}
	return q
}

func atLeastZero(c money.Components) money.Components {
	return money.Components{Price: max(0, c.Price), Duty: max(0, c.Duty), Shipping: max(0, c.Shipping)}
}
