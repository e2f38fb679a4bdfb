package refundsgen

import (
	"fmt"
	"reflect"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// Purchase is what an order paid, line by line.
type Purchase struct {
	Currency money.Currency
	Lines    []refunds.QuoteRequestLine // Units are 0
}

// Paid is the sum of all lines, in minor units.
func (p Purchase) Paid() int64 {
	var sum int64
	for _, l := range p.Lines {
		sum += l.Paid.Total()
	}
	return sum
}

// Step is one thing that happens to a purchase: Units of Line come back, or a
// refund made before is reversed. Both are taken modulo what there is.
type Step struct {
	Line, Units int
	Reverse     bool
}

// Request is the step as a request without fees, of units that are left; false
// when none are.
func (p Purchase) Request(s Step, given map[string]refunds.Refunded) (refunds.QuoteRequest, bool) {
	l := p.Lines[s.Line%len(p.Lines)]
	left := l.Bought - given[l.OrderLineID].Units
	if left < 1 {
		return refunds.QuoteRequest{}, false
	}
	l.Units = 1 + s.Units%left
	return refunds.QuoteRequest{Currency: p.Currency, Lines: []refunds.QuoteRequestLine{l}}, true
}

// Rest is steps that give back whatever is left, unit by unit.
func (p Purchase) Rest() []Step {
	var steps []Step
	for i, l := range p.Lines {
		for range l.Bought {
			steps = append(steps, Step{Line: i})
		}
	}
	return steps
}

var (
	sliceOfLines = reflect.TypeFor[[]refunds.QuoteRequestLine]()
	sliceOfFees  = reflect.TypeFor[[]refunds.FeeRule]()
)

// genCurrency generates currencies with 0, 2 and 3 decimals.
func genCurrency() gopter.Gen {
	return gen.OneConstOf(money.Currency("JPY"), money.Currency("USD"), money.Currency("KWD"))
}

func genComponents() gopter.Gen {
	minor := gen.Frequency(map[int]gopter.Gen{1: gen.Const(int64(0)), 4: gen.Int64Range(0, 300),
		3: gen.Int64Range(0, 1_000_000_00)})
	return gopter.CombineGens(minor, minor, minor).Map(func(v []any) money.Components {
		return money.Components{Price: v[0].(int64), Duty: v[1].(int64), Shipping: v[2].(int64)}
	})
}

func genLines() gopter.Gen {
	line := gopter.CombineGens(gen.IntRange(1, 9), genComponents(), gen.IntRange(0, 100),
		gen.Bool()).Map(func(v []any) refunds.QuoteRequestLine {
		n := v[0].(int)
		return refunds.QuoteRequestLine{Bought: n, Paid: v[1].(money.Components), Units: 1 + v[2].(int)%n,
			Overridden: v[3].(bool), Free: v[1].(money.Components) == money.Components{}}
	})
	return gen.IntRange(1, 4).FlatMap(func(n any) gopter.Gen { return gen.SliceOfN(n.(int), line) }, sliceOfLines).
		Map(func(lines []refunds.QuoteRequestLine) []refunds.QuoteRequestLine {
			for i := range lines {
				lines[i].OrderLineID = fmt.Sprint("line-", i+1)
			}
			return lines
		})
}

// GenPurchase generates purchases of 1 to 4 lines of 1 to 9 units.
func GenPurchase() gopter.Gen {
	return gopter.CombineGens(genCurrency(), genLines()).Map(func(v []any) Purchase {
		p := Purchase{Currency: v[0].(money.Currency), Lines: v[1].([]refunds.QuoteRequestLine)}
		for i := range p.Lines {
			p.Lines[i].Units, p.Lines[i].Overridden = 0, false
		}
		return p
	})
}

// GenStep generates steps, one in five a reversal.
func GenStep() gopter.Gen {
	return gopter.CombineGens(gen.IntRange(0, 100), gen.IntRange(0, 100), gen.IntRange(0, 4)).Map(func(v []any) Step {
		return Step{Line: v[0].(int), Units: v[1].(int), Reverse: v[2].(int) == 0}
	})
}

// GenQuoteRequest generates valid requests with up to 3 fees, some of them
// waived, and with some lines overridden.
func GenQuoteRequest() gopter.Gen {
	fee := gopter.CombineGens(
		gen.OneConstOf(refunds.RestockingFee, refunds.ReturnShippingFee), gen.IntRange(0, 8), gen.IntRange(0,
			10_000), gen.Int64Range(0, 500), gen.Bool(),
	).Map(func(v []any) refunds.FeeRule {
		f := refunds.FeeRule{Kind: v[0].(refunds.FeeKind), PercentBP: v[2].(int), Fixed: v[3].(int64),
			Waived: v[4].(bool)}
		if n := v[1].(int); n < 4 {
			f.OrderLineID = fmt.Sprint(n) // a place, made an id below
		}
		return f
	})
	fees := gen.IntRange(0, 3).FlatMap(func(n any) gopter.Gen { return gen.SliceOfN(n.(int), fee) }, sliceOfFees)
	return gopter.CombineGens(genCurrency(), genLines(), fees).Map(func(v []any) refunds.QuoteRequest {
		r := refunds.QuoteRequest{Currency: v[0].(money.Currency), Lines: v[1].([]refunds.QuoteRequestLine),
			Fees: v[2].([]refunds.FeeRule)}
		for i := range r.Fees {
			if id := r.Fees[i].OrderLineID; id != "" {
				r.Fees[i].OrderLineID = r.Lines[int(id[0]-'0')%len(r.Lines)].OrderLineID
			}
		}
		return r
	})
}

// GenMethod generates what a caller may ask for.
func GenMethod() gopter.Gen {
	return gen.OneConstOf(payment.Card, payment.Cash, payment.StoreCredit, payment.OriginalMethod)
}

// GenFault generates faults of refundstest.CallCreate, FaultNone often. FaultKeyPruned is
// left out: a key that is forgotten within its first second breaks the
// provider's promise, and nobody could stand that; see refundstest.Gateway.PruneKeys.
func GenFault() gopter.Gen {
	faults := []any{refundstest.FaultNone, refundstest.FaultNone, refundstest.FaultNone}
	for _, f := range refundstest.Faults() {
		if f != refundstest.FaultKeyPruned {
			faults = append(faults, f)
		}
	}
	return gen.OneConstOf(faults...)
}
