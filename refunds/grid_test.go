package refunds_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// steps is a grid of multiples.
func steps(n int64) func(int64) int64 { return func(amount int64) int64 { return amount / n * n } }

// TestOnAGridTheRestIsCarriedToTheNextRefund: 37.030 KWD for three units, of which
// Stripe carries multiples of 0.010.
func TestOnAGridTheRestIsCarriedToTheNextRefund(t *testing.T) {
	line := refunds.QuoteRequestLine{OrderLineID: "l", Bought: 3, Paid: money.Components{Price: 37_030}, Units: 1}
	r := refunds.QuoteRequest{Currency: "KWD", Lines: []refunds.QuoteRequestLine{line}}
	given, carried := map[string]refunds.Refunded{}, int64(0)
	for i, want := range [][2]int64{{12_340, 3}, {12_340, 3}, {12_350, -6}} {
		q, err := refunds.NewQuoteOn(r, given, refunds.Grid{Below: steps(10), Carried: carried})
		if err != nil || q.Amount != want[0] || q.Carried != want[1] || q.Leakage() != 0 {
			t.Errorf(
				"step %d: %d, carried %d, leakage %d, %v; want %v",
				i+1,
				q.Amount,
				q.Carried,
				q.Leakage(),
				err,
				want,
			)
		}
		give(given, q)
		carried += q.Carried
	}
}

// TestAnyGroupingOnAGridSumsToWhatWasPaid: units of several lines come back in any
// grouping, with any fees, and a refund in between is taken back and made again.
func TestAnyGroupingOnAGridSumsToWhatWasPaid(t *testing.T) {
	properties := gopter.NewProperties(nil)
	properties.Property("amounts and fees sum to what was captured, each on the grid", prop.ForAll(
		func(price, duty, shipping int64, bought, group, percent int, grid int64, reversed int) string {
			total := price + duty + shipping
			price += (grid - (total+7)%grid) % grid // what was captured is on the grid
			lines := []refunds.QuoteRequestLine{
				{
					OrderLineID: "a",
					Bought:      bought,
					Paid:        money.Components{Price: price, Duty: duty, Shipping: shipping},
				},
				{OrderLineID: "b", Bought: 2, Paid: money.Components{Price: 7}},
			}
			captured := price + duty + shipping + 7
			return giveBack(lines, captured, grid, group, percent, reversed)
		},
		gen.Int64Range(1, 50_000), gen.Int64Range(0, 999), gen.Int64Range(0, 999), gen.IntRange(1, 9),
		gen.IntRange(1, 4), gen.IntRange(0, 3000), gen.OneConstOf(int64(1), int64(10), int64(100)), gen.IntRange(0, 5),
	))
	properties.TestingRun(t)
}

// giveBack returns the units of the lines, group by group, and says what is wrong.
func giveBack(
	lines []refunds.QuoteRequestLine, captured, grid int64, group, percent, reversed int,
) string {
	var all []refunds.Quote
	state := func(without int) (map[string]refunds.Refunded, int64) {
		given, carried := map[string]refunds.Refunded{}, int64(0)
		for i, q := range all {
			if i != without {
				give(given, q)
				carried += q.Carried
			}
		}
		return given, carried
	}
	var requests []refunds.QuoteRequest
	quote := func(r refunds.QuoteRequest, without int) (refunds.Quote, string) {
		given, carried := state(without)
		q, err := refunds.NewQuoteOn(r, given, refunds.Grid{Below: steps(grid), Carried: carried})
		switch {
		case err != nil:
			return q, err.Error()
		case q.Amount%grid != 0 || q.Amount < 0:
			return q, fmt.Sprintf("an amount of %d on a grid of %d", q.Amount, grid)
		case q.Amount != q.Gross-q.FeesSum-q.Carried:
			return q, fmt.Sprintf("it does not add up: %+v", q)
		case percent == 0 && q.Leakage() != 0:
			return q, fmt.Sprintf("leakage of %d without an override", q.Leakage())
		}
		return q, ""
	}
	for _, l := range lines {
		for left := l.Bought; left > 0; left -= group {
			one := l
			one.Units = min(group, left)
			r := refunds.QuoteRequest{Currency: "KWD", Lines: []refunds.QuoteRequestLine{one}}
			if percent > 0 {
				r.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, PercentBP: percent}}
			}
			q, wrong := quote(r, -1)
			if wrong != "" {
				return wrong
			}
			all, requests = append(all, q), append(requests, r)
		}
	}
	if reversed < len(all) { // the provider took it back, and it is made again
		q, wrong := quote(requests[reversed], reversed)
		if wrong != "" {
			return wrong
		}
		all[reversed] = q
	}
	var paid, fees, carried int64
	for _, q := range all {
		paid, fees, carried = paid+q.Amount, fees+q.FeesSum, carried+q.Carried
	}
	if paid+fees != captured || carried != 0 {
		return fmt.Sprintf("paid %d and %d in fees of %d, %d carried", paid, fees, captured, carried)
	}
	return ""
}

// TestARefundIsPaidOnTheGridOfItsPayment: the service quotes on the grid, whatever
// the method of the refund, and the provider is never asked for what it can't carry.
func TestARefundIsPaidOnTheGridOfItsPayment(t *testing.T) {
	c := refunds.Config{Gateway: able{nil, payment.Capabilities{
		Nearest: func(amount int64, c money.Currency) (int64, int64, bool) {
			return amount / 10 * 10, (amount + 9) / 10 * 10, c == "KWD"
		},
	}, t}}
	for _, tc := range []struct {
		name     string
		method   payment.Method
		captured int64
		currency money.Currency
		want     int64 // what is left of 17
	}{
		{"a card payment", payment.Card, 100, "KWD", 10},
		{"cash", payment.Cash, 100, "KWD", 17},
		{"captured beside the grid", payment.Card, 105, "KWD", 17},
		{"a currency without a grid", payment.Card, 100, "USD", 17},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := refunds.QuoteRequest{Currency: tc.currency, Lines: []refunds.QuoteRequestLine{
				{OrderLineID: "l", Bought: 1, Units: 1, Paid: money.Components{Price: 17}},
			}}
			q, err := refunds.NewQuoteOn(r, nil, refunds.GridOf(c, tc.method, tc.captured, tc.currency, 0))
			if err != nil || q.Amount != tc.want {
				t.Errorf("%d, %v; want %d", q.Amount, err, tc.want)
			}
		})
	}
}

// TestTheOtherPaymentGivesWhatTheProviderCant: of an order that store credit and a card
// paid, the card gives whole steps, and both end at what they captured.
func TestTheOtherPaymentGivesWhatTheProviderCant(t *testing.T) {
	c := refunds.Config{Gateway: able{nil, payment.Capabilities{
		Nearest: func(amount int64, _ money.Currency) (int64, int64, bool) {
			return amount / 10 * 10, (amount + 9) / 10 * 10, true
		},
	}, t}}
	properties := gopter.NewProperties(nil)
	properties.Property("parts sum to the amount, and are even where store credit can make them", prop.ForAll(
		func(credit, card int64, amounts []int64, rule refunds.SplitRule) string {
			pays := []refunds.SplitPayment{
				{Method: payment.StoreCredit, Captured: credit}, {Method: payment.Card, Captured: card * 10},
			}
			left := credit + card*10
			for _, amount := range append(amounts, left) {
				amount = min(amount, left)
				for i := range pays {
					pays[i].Available = pays[i].Captured - pays[i].Refunded
				}
				parts, err := refunds.Split(rule, pays, amount)
				if err != nil {
					return err.Error()
				}
				before := slices.Clone(parts)
				refunds.EvenOut(c, pays, parts, "KWD")
				switch {
				case parts[0]+parts[1] != amount || parts[0] < 0 || parts[1] < 0 ||
					parts[0] > pays[0].Available || parts[1] > pays[1].Available:
					return fmt.Sprintf("%v of %d, %+v", parts, amount, pays)
				case max(parts[1]-before[1], before[1]-parts[1]) >= 10:
					return fmt.Sprintf("%v in place of %v", parts, before)
				case parts[1]%10 != 0 && (parts[0] >= 10 || pays[0].Available-parts[0] >= 10):
					return fmt.Sprintf("%v is uneven, %+v", parts, pays)
				case parts[1]%10 != 0:
					continue // it is refused
				}
				left -= amount
				pays[0].Refunded += parts[0]
				pays[1].Refunded += parts[1]
			}
			if left > 0 && left%10 == 0 {
				return fmt.Sprintf("%d is left of %+v", left, pays)
			}
			return ""
		},
		gen.Int64Range(1, 500), gen.Int64Range(1, 50), gen.SliceOf(gen.Int64Range(1, 200)),
		gen.OneConstOf(refunds.SplitProportional, refunds.SplitLastPaidFirst, refunds.SplitStoreCreditFirst),
	))
	properties.TestingRun(t)
}

// onTens is a shop whose provider pays multiples of 0.10.
func onTens(t *testing.T) func(*refunds.Config) {
	return capable(t, payment.Capabilities{Nearest: func(amount int64, _ money.Currency) (int64, int64, bool) {
		return amount / 10 * 10, (amount + 9) / 10 * 10, true
	}})
}

func TestPartsOfSeveralPaymentsAreOnTheGrid(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.equal("the first unit, 6.66 and 3.34 by the rule", legs(s.pay(shared(1, 1))),
			[]string{"credit by store_credit: 670 succeeded", "card by card: 330 succeeded"})
		s.equal("the others", legs(s.pay(shared(2, 2))),
			[]string{"credit by store_credit: 1330 succeeded", "card by card: 670 succeeded"})
		s.check()
	}, onTens(t))
}

func TestWhatTheProviderTookBackIsOwedOnTheGrid(t *testing.T) {
	inBubble(t, func(s *shop) {
		r := request(1, 1)
		r.Quote.Lines[0].Paid.Price = 2997
		first := s.refund(r)
		s.equal("paid and carried", []int64{first.Amount(), first.Quote.Carried}, []int64{990, 9})
		if _, err := s.Reverse(s.Context(), first.ID, kim, refunds.ReverseParams{Reason: "returned"}); err != nil {
			s.Fatal(err)
		}
		again, err := s.ByClientReference(s.Context(), r.ClientReference)
		s.equal("offered", []any{again.Amount(), again.Quote.Carried, again.HoldRef, err},
			[]any{int64(990), int64(9), refunds.AwaitingMethod, nil})
	}, onTens(t))
}
