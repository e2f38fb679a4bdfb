package refunds_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest/refundsgen"
)

// give records what a quote gave.
func give(given map[string]refunds.Refunded, q refunds.Quote) {
	for _, l := range q.Lines {
		g := given[l.OrderLineID]
		g.Units += l.Units
		g.Components = g.Components.Add(l.Refunded)
		given[l.OrderLineID] = g
	}
}

// bought prices products like a shop and returns a line to quote for each.
func bought(t *testing.T, items ...orders.Item) []refunds.QuoteRequestLine {
	t.Helper()
	priced, err := orders.Price(items, orders.Rules{DutyBP: 500, DutyFreeOrigins: []string{"USA"}, ShippingRate: 1500})
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]refunds.QuoteRequestLine, len(priced))
	for i, l := range priced {
		lines[i] = refunds.QuoteRequestLine{OrderLineID: fmt.Sprint("line-", i), Bought: l.Quantity,
			Paid: l.Paid, Free: l.Paid == money.Components{}}
	}
	return lines
}

// everyOrder calls f with each order in which single units of the lines can
// come back.
func everyOrder(lines []refunds.QuoteRequestLine, f func(order []int)) {
	left := make([]int, len(lines))
	total := 0
	for i, l := range lines {
		left[i] = l.Bought
		total += l.Bought
	}
	var walk func(order []int)
	walk = func(order []int) {
		if len(order) == total {
			f(order)
			return
		}
		for i := range left {
			if left[i] > 0 {
				left[i]--
				walk(append(order, i))
				left[i]++
			}
		}
	}
	walk(make([]int, 0, total))
}

func TestReturningEverythingUnitByUnitInEveryOrderSumsToWhatWasPaid(t *testing.T) {
	item := func(id int64, price int64, discountBP, n int, full bool) orders.Item {
		p := orders.Product{ID: id, Name: "P", Price: price, Currency: "USD", Stock: 100,
			DiscountBP: discountBP, CountryOfOrigin: "USA"}
		if full {
			p.CountryOfOrigin, p.RequiresShipping, p.ShippingWeight = "Germany", true, 1_333
		}
		return orders.Item{Product: p, Quantity: n}
	}
	cases := map[string][]refunds.QuoteRequestLine{
		"0.35 at 15 % off x 3":      bought(t, item(1, 35, 1500, 3, false)),
		"two lines of 0.25 at 50 %": bought(t, item(1, 25, 5000, 1, false), item(2, 25, 5000, 1, false)),
		"19.99 at 33.33 % x 5":      bought(t, item(1, 1999, 3333, 5, false)),
	}
	// 51 prices from 1.01 to 99.97, each beside the one before it.
	prices := make([]int64, 51)
	for i := range prices {
		prices[i] = 101 + int64(i)*(9997-101)/50
	}
	for i, price := range prices {
		beside := prices[(i+50)%51]
		cases[fmt.Sprintf("%d.%02d at 33.33 %% off with duty and shipping x 3", price/100, price%100)] =
			bought(t, item(1, price, 3333, 3, true), item(2, beside, 3333, 3, true))
	}
	orderings := 0
	for name, lines := range cases {
		var paid int64
		for _, l := range lines {
			paid += l.Paid.Total()
		}
		everyOrder(lines, func(order []int) {
			orderings++
			given := map[string]refunds.Refunded{}
			var sum int64
			for _, i := range order {
				l := lines[i]
				l.Units = 1
				q, err := refunds.NewQuote(refunds.QuoteRequest{Currency: "USD",
					Lines: []refunds.QuoteRequestLine{l}}, given)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				give(given, q)
				sum += q.Amount
			}
			if sum != paid {
				t.Errorf("%s: units in the order %v gave %d of %d", name, order, sum, paid)
			}
		})
	}
	t.Logf("%d purchases, %d orderings", len(cases), orderings)
}

func TestQuoteOfFeesAndOverrides(t *testing.T) {
	// Each line: 4 units for 10.00, 1.00 duty, 0.40 shipping.
	line := func(id string, units int, overridden bool) refunds.QuoteRequestLine {
		return refunds.QuoteRequestLine{OrderLineID: id, Bought: 4, Units: units,
			Paid: money.Components{Price: 1000, Duty: 100, Shipping: 40}, Overridden: overridden}
	}
	restock, ship := refunds.RestockingFee, refunds.ReturnShippingFee
	for _, c := range []struct {
		name            string
		lines           []refunds.QuoteRequestLine
		fees            []refunds.FeeRule
		gross           int64
		want            []refunds.Fee
		amount, byTerms int64
	}{
		{"no fees", []refunds.QuoteRequestLine{line("a", 2, false)}, nil, 570, nil, 570, 570},
		{"a percentage is of the price alone, rounded half up", []refunds.QuoteRequestLine{line("a", 1, false)},
			[]refunds.FeeRule{{Kind: restock, OrderLineID: "a",
				PercentBP: 1510}}, 285, []refunds.Fee{{Kind: restock, OrderLineID: "a", Amount: 38}}, 247, 247},
		{"a fixed fee is per unit on a line", []refunds.QuoteRequestLine{line("a", 3, false)},
			[]refunds.FeeRule{{Kind: restock, OrderLineID: "a", Fixed: 50}}, 855, []refunds.Fee{{Kind: restock,
				OrderLineID: "a", Amount: 150}}, 705, 705},
		{"a fixed fee is once for the case", []refunds.QuoteRequestLine{line("a", 3, false), line("b", 1, false)},
			[]refunds.FeeRule{{Kind: ship, Fixed: 50}}, 1140, []refunds.Fee{{Kind: ship, Amount: 50}}, 1090, 1090},
		{"a percentage of the case is of all lines", []refunds.QuoteRequestLine{line("a", 3, false), line("b",
			1, false)},
			[]refunds.FeeRule{{Kind: restock, PercentBP: 1000}}, 1140, []refunds.Fee{{Kind: restock,
				Amount: 100}}, 1040, 1040},
		{"percentage and fixed add up", []refunds.QuoteRequestLine{line("a", 1, false)},
			[]refunds.FeeRule{{Kind: restock, PercentBP: 1000, Fixed: 3}}, 285, []refunds.Fee{{Kind: restock,
				Amount: 28}}, 257, 257},
		{"fees are capped in order and the amount is not negative", []refunds.QuoteRequestLine{line("a", 1, false)},
			[]refunds.FeeRule{{Kind: restock, Fixed: 200}, {Kind: ship, Fixed: 100}, {Kind: ship,
				OrderLineID: "a", Fixed: 7}}, 285,
			[]refunds.Fee{{Kind: restock, Amount: 200}, {Kind: ship, Amount: 85}, {Kind: ship, OrderLineID: "a",
				Amount: 0}}, 0, 0},
		{"a fee as large as int64 is capped too", []refunds.QuoteRequestLine{line("a", 4, false)},
			[]refunds.FeeRule{{Kind: restock, OrderLineID: "a",
				Fixed: math.MaxInt64}}, 1140, []refunds.Fee{{Kind: restock, OrderLineID: "a", Amount: 1140}}, 0, 0},
		{"a waived fee is not taken and counts by the terms", []refunds.QuoteRequestLine{line("a", 1, false)},
			[]refunds.FeeRule{{Kind: restock, Fixed: 20, Waived: true}, {Kind: ship,
				Fixed: 5}}, 285, []refunds.Fee{{Kind: ship, Amount: 5}}, 280, 260},
		{"a rule of nothing is not shown", []refunds.QuoteRequestLine{line("a", 1, false)},
			[]refunds.FeeRule{{Kind: restock}}, 285, nil, 285, 285},
		{"an overridden line is worth nothing by the terms, and neither are its fees",
			[]refunds.QuoteRequestLine{line("a", 1, true), line("b", 1, false)},
			[]refunds.FeeRule{{Kind: restock, OrderLineID: "a", Fixed: 40}, {Kind: restock, PercentBP: 1000}}, 570,
			[]refunds.Fee{{Kind: restock, OrderLineID: "a", Amount: 40}, {Kind: restock, Amount: 50}}, 480, 285 - 25},
		{"with every line overridden the terms pay nothing", []refunds.QuoteRequestLine{line("a", 1, true)},
			[]refunds.FeeRule{{Kind: ship, Fixed: 40}}, 285, []refunds.Fee{{Kind: ship, Amount: 40}}, 245, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := refunds.NewQuote(refunds.QuoteRequest{Currency: "USD", Lines: c.lines, Fees: c.fees}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if q.Gross != c.gross || q.Amount != c.amount || q.ByTerms != c.byTerms ||
				q.FeesSum != c.gross-c.amount || fmt.Sprint(q.Fees) != fmt.Sprint(c.want) {
				t.Errorf("got %+v", q)
			}
			if q.Leakage() != max(0, c.amount-c.byTerms) {
				t.Errorf("leakage %d", q.Leakage())
			}
		})
	}
}

func TestQuoteRefusals(t *testing.T) {
	good := refunds.QuoteRequestLine{OrderLineID: "a", Bought: 3, Units: 1, Paid: money.Components{Price: 1}}
	change := func(f func(*refunds.QuoteRequestLine)) []refunds.QuoteRequestLine {
		l := good
		f(&l)
		return []refunds.QuoteRequestLine{l}
	}
	one := []refunds.QuoteRequestLine{good}
	usd := func(lines []refunds.QuoteRequestLine, fees ...refunds.FeeRule) refunds.QuoteRequest {
		return refunds.QuoteRequest{Currency: "USD", Lines: lines, Fees: fees}
	}
	for _, c := range []struct {
		name  string
		r     refunds.QuoteRequest
		given map[string]refunds.Refunded
		code  refunds.Code
		want  string // in the error
	}{
		{"no lines", usd(nil), nil, refunds.CodeNothingToRefund, "no units"},
		{"no currency", refunds.QuoteRequest{Lines: one}, nil, refunds.CodeInvalid, "currency"},
		{"no id", usd(change(func(l *refunds.QuoteRequestLine) { l.OrderLineID = "" })), nil,
			refunds.CodeInvalid, "line 1"},
		{"no units", usd(change(func(l *refunds.QuoteRequestLine) { l.Units = 0 })), nil, refunds.CodeInvalid,
			"line a: 0 units"},
		{"units below zero", usd(change(func(l *refunds.QuoteRequestLine) { l.Units = -1 })), nil,
			refunds.CodeInvalid, "line a: -1 units"},
		{"over bought", usd(change(func(l *refunds.QuoteRequestLine) { l.Units = 4 })), nil,
			refunds.CodeInvalid, "line a: 4 units can't be given back; 3 were bought"},
		{"far over bought", usd(change(func(l *refunds.QuoteRequestLine) { l.Units = math.MaxInt })),
			map[string]refunds.Refunded{"a": {Units: 1}}, refunds.CodeInvalid, "3 were bought"},
		{"nothing bought", usd(change(func(l *refunds.QuoteRequestLine) { l.Bought = 0 })), nil,
			refunds.CodeInvalid, "line a: 0 units were bought"},
		{"twice", usd([]refunds.QuoteRequestLine{good, good}), nil, refunds.CodeInvalid, "line a: it is named twice"},
		{"paid not set", usd(change(func(l *refunds.QuoteRequestLine) { l.Paid = money.Components{} })), nil,
			refunds.CodeInvalid, "line a: what was paid for it is not set"},
		{"free and paid", usd(change(func(l *refunds.QuoteRequestLine) { l.Free = true })), nil,
			refunds.CodeInvalid, "line a: it is Free"},
		{"negative paid", usd(change(func(l *refunds.QuoteRequestLine) { l.Paid.Duty = -1 })), nil,
			refunds.CodeInvalid, "line a: the duty paid is -1"},
		{"beyond int64", usd(change(func(l *refunds.QuoteRequestLine) {
			l.Paid.Price,
				l.Paid.Duty = math.MaxInt64, 1
		})), nil, refunds.CodeInvalid, "line a: the lines sum"},
		{"fee of no kind", usd(one, refunds.FeeRule{Kind: "tip"}), nil, refunds.CodeInvalid,
			`fee 1: its kind is "tip"`},
		{"fee over 100 %", usd(one, refunds.FeeRule{Kind: refunds.RestockingFee, PercentBP: 10001}), nil,
			refunds.CodeInvalid, "fee 1: 10001 basis points"},
		{"negative fee", usd(one, refunds.FeeRule{Kind: refunds.RestockingFee, Fixed: -1}), nil,
			refunds.CodeInvalid, "fee 1: it is -1"},
		{"fee of another line", usd(one, refunds.FeeRule{Kind: refunds.RestockingFee, OrderLineID: "b"}), nil,
			refunds.CodeInvalid, "line b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := refunds.NewQuote(c.r, c.given)
			if refunds.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("error %v, want %s with %q", err, c.code, c.want)
			}
		})
	}
}

// TestTheQuoteLaw: in any order, any grouping and any currency exponent, with
// refunds reversed in between, no step is negative, what is held never exceeds
// what was paid, and everything given back is exactly what was paid.
func TestTheQuoteLaw(t *testing.T) {
	properties := gopter.NewProperties(nil)
	properties.Property("everything returned sums to what was paid", prop.ForAll(
		func(p refundsgen.Purchase, steps []refundsgen.Step) (string, error) {
			given := map[string]refunds.Refunded{}
			var held []refunds.Quote
			for _, s := range append(steps, p.Rest()...) {
				if s.Reverse && len(held) > 0 {
					i := s.Line % len(held)
					for _, l := range held[i].Lines {
						g := given[l.OrderLineID]
						given[l.OrderLineID] = refunds.Refunded{Units: g.Units - l.Units,
							Components: g.Components.Sub(l.Refunded)}
					}
					held = append(held[:i:i], held[i+1:]...)
					continue
				}
				r, ok := p.Request(s, given)
				if !ok {
					continue
				}
				q, err := refunds.NewQuote(r, given)
				if err != nil {
					return "", err
				}
				for _, l := range q.Lines {
					if l.Refunded.Price < 0 || l.Refunded.Duty < 0 || l.Refunded.Shipping < 0 {
						return fmt.Sprintf("negative step %+v", l), nil
					}
				}
				if q.Amount != q.Gross || q.ByTerms != q.Gross {
					return fmt.Sprintf("without fees: %+v", q), nil
				}
				give(given, q)
				held = append(held, q)
				for _, l := range p.Lines {
					g := given[l.OrderLineID].Components
					if g.Price > l.Paid.Price || g.Duty > l.Paid.Duty || g.Shipping > l.Paid.Shipping {
						return fmt.Sprintf("line %+v gave %+v", l, g), nil
					}
				}
			}
			for _, l := range p.Lines {
				if g := given[l.OrderLineID]; g.Components != l.Paid {
					return fmt.Sprintf("line %+v gave %+v in all", l, g), nil
				}
			}
			return "", nil
		}, refundsgen.GenPurchase(), gen.SliceOf(refundsgen.GenStep())))

	properties.Property("without reversals a step is at most one minor unit off per component", prop.ForAll(
		func(p refundsgen.Purchase, steps []refundsgen.Step) string {
			given := map[string]refunds.Refunded{}
			for _, s := range steps {
				r, ok := p.Request(s, given)
				if !ok {
					continue
				}
				q, err := refunds.NewQuote(r, given)
				if err != nil {
					return err.Error()
				}
				for i, l := range q.Lines {
					paid, n := r.Lines[i].Paid, r.Lines[i].Bought
					for _, part := range [][2]int64{{l.Refunded.Price, paid.Price}, {l.Refunded.Duty, paid.Duty},
						{l.Refunded.Shipping, paid.Shipping}} {
						if fair := money.Share(part[1], l.Units, n); part[0] < fair || part[0] > fair+1 {
							return fmt.Sprintf("%d units of %d gave %d, the fair share is %d", l.Units, n,
								part[0], fair)
						}
					}
				}
				give(given, q)
			}
			return ""
		}, refundsgen.GenPurchase(), gen.SliceOf(refundsgen.GenStep())))

	properties.Property("fees come off last and stay within the gross", prop.ForAll(
		func(r refunds.QuoteRequest) string {
			q, err := refunds.NewQuote(r, nil)
			if err != nil {
				return err.Error()
			}
			var fees int64
			exact := true
			for _, f := range q.Fees {
				if f.Amount < 0 {
					return fmt.Sprintf("negative fee %+v", f)
				}
				fees += f.Amount
			}
			for _, f := range r.Fees {
				exact = exact && !f.Waived
			}
			for _, l := range r.Lines {
				exact = exact && !l.Overridden
			}
			switch {
			case fees != q.FeesSum, q.Amount != q.Gross-fees, q.Amount < 0, q.ByTerms < 0, q.ByTerms > q.Gross:
				return fmt.Sprintf("%+v", q)
			case exact && q.ByTerms != q.Amount:
				return fmt.Sprintf("no override, and the terms pay %d of %d", q.ByTerms, q.Amount)
			}
			return ""
		}, refundsgen.GenQuoteRequest()))
	properties.TestingRun(t)
}

func FuzzNewQuote(f *testing.F) {
	f.Add(int64(10003), int64(501), int64(300), 10, 3, 2, int64(2000), 1500, int64(4), false)
	f.Add(int64(math.MaxInt64), int64(0), int64(0), math.MaxInt, 1, math.MaxInt-1, int64(0), 10000,
		int64(math.MaxInt64), true)
	f.Fuzz(func(t *testing.T, price, duty, shipping int64, n, units, before int, beforePrice int64, bp int,
		fixed int64, waived bool) {
		r := refunds.QuoteRequest{
			Currency: "USD",
			Lines: []refunds.QuoteRequestLine{{OrderLineID: "a", Bought: n, Units: units,
				Paid: money.Components{Price: price, Duty: duty, Shipping: shipping}, Free: price+duty+shipping == 0}},
			Fees: []refunds.FeeRule{{Kind: refunds.RestockingFee, OrderLineID: "a", PercentBP: bp,
				Fixed: fixed, Waived: waived}},
		}
		q, err := refunds.NewQuote(r, map[string]refunds.Refunded{"a": {Units: before,
			Components: money.Components{Price: max(0, beforePrice)}}})
		if err != nil {
			if refunds.CodeOf(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if q.Amount < 0 || q.Amount > q.Gross || q.Gross > price+duty+shipping || q.Gross < 0 ||
			q.Amount+q.FeesSum != q.Gross {
			t.Fatalf("%+v of %+v", q, r)
		}
	})
}
