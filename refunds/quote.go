package refunds

import (
	"fmt"
	"math"
	"slices"

	"github.com/returnkit/returnkit/orders/money"
)

// Quote is what would be paid back, and how it splits. It is a function of
// its QuoteRequest and of what was given before, and of nothing else.
type Quote struct {
	Currency money.Currency `json:"currency"`
	Lines    []QuoteLine    `json:"lines"`
	Fees     []Fee          `json:"fees,omitempty"`
	Gross    int64          `json:"gross"`    // sum of the lines, minor units
	FeesSum  int64          `json:"fees_sum"` // sum of the fees taken, minor units
	Amount   int64          `json:"amount"`   // gross less fees and what is carried, never below zero
	// Carried is what the provider can't carry of what is due, minor units: it joins
	// the next refund of the payment, by any method. Negative where this one pays
	// what others before it carried. Always Amount = Gross - FeesSum - Carried. 0 where
	// several payments paid the order.
	Carried int64 `json:"carried,omitempty"`
	// ByTerms is what the pinned terms alone would have paid; what Amount has
	// above it is leakage, added by overrides.
	ByTerms int64 `json:"by_terms"`
	// Whole is what the refunds on all payments of the order are of, where the quote is of
	// one of several: what they pay together, and what others had given back of it; else 0.
	Whole int64 `json:"whole,omitempty"`
}

// QuoteLine is what one order line gives back now.
type QuoteLine struct {
	OrderLineID string           `json:"order_line_id"`
	Units       int              `json:"units"` // 0 where all were given back before
	Refunded    money.Components `json:"given"`
}

// FeeKind names a fee.
type FeeKind string

// The fees of a quote.
const (
	RestockingFee     FeeKind = "restocking_fee"
	ReturnShippingFee FeeKind = "return_shipping_fee"
	// PaidByOthers is no fee of the terms: what others gave back already, taken off
	// where Request.LessOutside says so.
	PaidByOthers FeeKind = "paid_by_others"
)

// Fee is a fee as it was taken.
type Fee struct {
	Kind        FeeKind `json:"kind"`
	OrderLineID string  `json:"order_line_id,omitempty"` // empty for the whole case
	Amount      int64   `json:"amount"`                  // minor units
}

// FeeRule is a fee as the terms state it. Percent is of the line's price
// component given back now (of all lines when OrderLineID is empty), rounded
// half up; Fixed is per unit on a line, once for the whole case. Both may be
// set and are added then.
type FeeRule struct {
	Kind        FeeKind `json:"kind"`
	OrderLineID string  `json:"order_line_id,omitempty"`
	PercentBP   int     `json:"percent_bp,omitempty"` // basis points, 0 to 10000
	Fixed       int64   `json:"fixed,omitempty"`      // minor units
	Waived      bool    `json:"waived,omitempty"`     // by a recorded override: not taken, but part of ByTerms
}

// QuoteRequest says which units come back and what the terms take off. It is
// kept with the refund: a new attempt after a failed one quotes it again.
type QuoteRequest struct {
	Currency money.Currency     `json:"currency"`
	Lines    []QuoteRequestLine `json:"lines"`
	Fees     []FeeRule          `json:"fees,omitempty"`
}

// QuoteRequestLine is one order line with units to give back.
type QuoteRequestLine struct {
	OrderLineID string           `json:"order_line_id"`
	Bought      int              `json:"bought"` // units bought on the line
	Paid        money.Components `json:"paid"`   // what the whole line was paid
	// Free states that nothing was paid for the line, so that a Paid nobody filled
	// in is not read as nothing.
	Free  bool `json:"free,omitempty"`
	Units int  `json:"units"` // units to give back now
	// Overridden: the line is given back by override only; the terms alone
	// would pay nothing for it.
	Overridden bool `json:"overridden,omitempty"`
}

// Refunded is what earlier refunds of the order that are not failed or reversed
// gave for one line.
type Refunded struct {
	Units      int
	Components money.Components
}

// NewQuote values the units of r by the floor law: of what was paid for all n
// units of a line, the first k are worth floor(paid x k / n) in each component
// (price, duty, shipping), and these units pay the difference to what was given
// before. A component is never negative, and with zero fees everything given
// back, in any order and any grouping, sums to exactly what was paid.
//
// Units that were given back already pay nothing: they may be requested again,
// and nothing is refused for it, so that a case whose units were paid by another
// refund ends. QuoteLine.Units counts those that are given back now.
//
// Fees come off last, in the order of r.Fees, each at most what is left, so
// that Amount is never negative. A waived fee is not taken; it lowers ByTerms
// alone, as do lines that are given back by override only.
//
// given is what earlier refunds that are not failed or reversed gave, by order
// line id; lines that are absent gave nothing. Errors are *Error with
// CodeInvalid (a value out of its range; Field names the line or fee) or
// CodeNothingToRefund (no lines).
func NewQuote(r QuoteRequest, given map[string]Refunded) (Quote, error) {
	return NewQuoteOn(r, given, Grid{})
}

// NewQuoteOn is NewQuote on the grid of a payment: Amount is always what its
// provider can carry, and what is due beside that is Quote.Carried. Fees are floored
// to the grid. So where a payment is given back whole, with any fees and in any
// grouping, the amounts of its refunds and the fees sum to what was captured, and
// nothing is carried in the end.
func NewQuoteOn(r QuoteRequest, given map[string]Refunded, g Grid) (Quote, error) {
	if err := r.validate(given); err != nil {
		return Quote{}, err
	}
	q := Quote{Currency: r.Currency, Lines: make([]QuoteLine, len(r.Lines))}
	var byTerms int64
	for i, l := range r.Lines {
		before := given[l.OrderLineID]
		units := min(l.Units, l.Bought-before.Units)
		now := l.Paid.Share(before.Units+units, l.Bought).Sub(before.Components)
		// What was reversed may have been the smaller steps, so that those
		// still given are ahead of the law for a while.
		now = money.Components{Price: max(0, now.Price), Duty: max(0, now.Duty), Shipping: max(0, now.Shipping)}
		q.Lines[i] = QuoteLine{OrderLineID: l.OrderLineID, Units: units, Refunded: now}
		q.Gross += now.Total()
		if !l.Overridden {
			byTerms += now.Total()
		}
	}
	taken, err := q.fees(r, false)
	if err != nil {
		return Quote{}, err
	}
	stated, err := q.fees(r, true)
	if err != nil {
		return Quote{}, err
	}
	q.settle(taken, stated, byTerms, g)
	return q, nil
}

// Rest is what of its lines a refund has not paid and may yet be, minor units: what it
// carried over, and beside an amount what others had given back, which is owed once
// theirs comes back. Negative where it pays what others before it left.
func (q Quote) Rest() int64 {
	if q.Amount == 0 && !q.Part() {
		return q.Carried // what others paid of it is opened anew; see Service.SyncPayment
	}
	return q.Carried + q.byOthers()
}

// byOthers is what others had given back of it.
func (q Quote) byOthers() (sum int64) {
	for _, f := range q.Fees {
		if f.Kind == PaidByOthers {
			sum += f.Amount
		}
	}
	return sum
}

// lessOthers is the quote without what others gave back of it, at most its amount.
func (q Quote) lessOthers(minor int64) Quote {
	q.Fees = append(slices.Clone(q.Fees), Fee{Kind: PaidByOthers, Amount: minor})
	q.FeesSum, q.Amount = q.FeesSum+minor, q.Amount-minor
	q.ByTerms = max(0, q.ByTerms-minor)
	return q
}

// Leakage is what overrides added to the refund: Amount above ByTerms, 0 or
// more minor units.
func (q Quote) Leakage() int64 { return max(0, q.Amount-q.ByTerms) }

// fees computes each fee before it meets what is left: those that are taken,
// or those the terms alone would take.
func (q Quote) fees(r QuoteRequest, byTerms bool) ([]Fee, error) {
	var fees []Fee
	for _, rule := range r.Fees {
		if rule.Waived && !byTerms {
			continue
		}
		var price int64
		units := 0
		for i, l := range r.Lines {
			if (rule.OrderLineID == "" || rule.OrderLineID == l.OrderLineID) && !(byTerms && l.Overridden) {
				price += q.Lines[i].Refunded.Price
				units += q.Lines[i].Units
			}
		}
		if units == 0 {
			continue // the terms give no such line back, so they take nothing off it
		}
		if rule.OrderLineID == "" {
			units = 1
		}
		amount, err := money.BasisPoints(price, rule.PercentBP)
		if err != nil {
			return nil, &Error{Code: CodeInvalid, Field: string(rule.Kind),
				Message: "its percentage can't be computed", Err: err}
		}
		// Far more than any refund is as good as all of it.
		if rule.Fixed > (math.MaxInt64-amount)/int64(units) {
			amount = math.MaxInt64
		} else {
			amount += rule.Fixed * int64(units)
		}
		if amount > 0 {
			fees = append(fees, Fee{Kind: rule.Kind, OrderLineID: rule.OrderLineID, Amount: amount})
		}
	}
	return fees, nil
}

func badField(field, format string, args ...any) error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

func (r QuoteRequest) validate(given map[string]Refunded) error {
	if len(r.Lines) == 0 {
		return &Error{Code: CodeNothingToRefund, Field: "lines", Message: "there are no units to give back"}
	}
	if r.Currency == "" {
		return badField("currency", "it is empty; an ISO 4217 code such as USD is needed")
	}
	seen := make(map[string]bool, len(r.Lines))
	left := int64(math.MaxInt64)
	for i, l := range r.Lines {
		if l.OrderLineID == "" {
			return badField(fmt.Sprintf("line %d", i+1), "it has no order line id")
		}
		if seen[l.OrderLineID] {
			return badField("line "+l.OrderLineID, "it is named twice; one entry with all units is allowed")
		}
		seen[l.OrderLineID] = true
		if err := l.validateUnits(given[l.OrderLineID]); err != nil {
			return err
		}
		var err error
		if left, err = l.validatePaid(left); err != nil {
			return err
		}
	}
	for i, f := range r.Fees {
		if err := f.validate(fmt.Sprintf("fee %d", i+1), seen); err != nil {
			return err
		}
	}
	return nil
}

// validateUnits checks the units of a line against what was given back before.
func (l QuoteRequestLine) validateUnits(before Refunded) error {
	name := "line " + l.OrderLineID
	switch {
	case l.Bought < 1:
		return badField(name, "%d units were bought; 1 or more are needed", l.Bought)
	case l.Units < 1:
		return badField(name, "%d units can't be given back; 1 or more are allowed", l.Units)
	case before.Units < 0 || before.Units > l.Bought:
		return badField(name, "%d units are recorded as given back of %d bought", before.Units, l.Bought)
	case l.Units > l.Bought:
		return badField(name, "%d units can't be given back; %d were bought", l.Units, l.Bought)
	}
	return nil
}

// validatePaid checks what was paid for a line: at most left, which is what the lines
// may still sum to. It returns what remains of left.
func (l QuoteRequestLine) validatePaid(left int64) (int64, error) {
	name := "line " + l.OrderLineID
	switch {
	case !l.Free && l.Paid == money.Components{}:
		return left, badField(name, "what was paid for it is not set; where it was free, set Free")
	case l.Free && l.Paid != money.Components{}:
		return left, badField(name, "it is Free, and %d minor units were paid for it", l.Paid.Total())
	}
	for _, part := range []struct {
		name  string
		minor int64
	}{{"price", l.Paid.Price}, {"duty", l.Paid.Duty}, {"shipping", l.Paid.Shipping}} {
		if part.minor < 0 {
			return left, badField(name, "the %s paid is %d minor units; 0 or more are allowed", part.name, part.minor)
		}
		if part.minor > left {
			return left, badField(name, "the lines sum to more than %d minor units", int64(math.MaxInt64))
		}
		left -= part.minor
	}
	return left, nil
}

// validate checks the rule of the name; lines are those that are given back.
func (f FeeRule) validate(name string, lines map[string]bool) error {
	switch {
	case f.Kind != RestockingFee && f.Kind != ReturnShippingFee && f.Kind != PaidByOthers:
		return badField(name, "its kind is %q; %s, %s or "+
			"%s", string(f.Kind), RestockingFee, ReturnShippingFee, PaidByOthers)
	case f.PercentBP < 0 || f.PercentBP > 10000:
		return badField(name, "%d basis points; 0 to 10000 are allowed", f.PercentBP)
	case f.Fixed < 0:
		return badField(name, "it is %d minor units; 0 or more are allowed", f.Fixed)
	case f.OrderLineID != "" && !lines[f.OrderLineID]:
		return badField(name, "it is for line %s, which is not given back", f.OrderLineID)
	}
	return nil
}
