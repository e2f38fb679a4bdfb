package refunds_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest/refundsgen"
)

// fresh is payments that nothing was refunded of.
func fresh(captured ...int64) []refunds.SplitPayment {
	methods := []payment.Method{payment.Card, payment.StoreCredit, payment.Cash, payment.Card}
	all := make([]refunds.SplitPayment, len(captured))
	for i, c := range captured {
		all[i] = refunds.SplitPayment{Method: methods[i], Captured: c, Available: c}
	}
	return all
}

func TestSplitByEachRule(t *testing.T) {
	for _, c := range []struct {
		name     string
		rule     refunds.SplitRule
		payments []refunds.SplitPayment
		amount   int64
		want     []int64
	}{
		{"one payment gives it all", "", fresh(100), 40, []int64{40}},
		{"proportional is the default", "", fresh(3000, 1000), 400, []int64{300, 100}},
		{"the last payment takes the rest", refunds.SplitProportional, fresh(50, 50), 1, []int64{0, 1}},
		{"three payments", refunds.SplitProportional, fresh(10, 20, 30), 30, []int64{5, 10, 15}},
		{"one that captured nothing gives nothing", refunds.SplitProportional, fresh(0, 10), 7, []int64{0, 7}},
		{"nothing is split into nothing", refunds.SplitProportional, fresh(0, 0), 0, []int64{0, 0}},
		{"the last paid comes first", refunds.SplitLastPaidFirst, fresh(50, 30, 20), 45, []int64{0, 25, 20}},
		{"store credit comes first", refunds.SplitStoreCreditFirst, fresh(50, 30, 20), 45, []int64{15, 30, 0}},
		{"what was given before counts", refunds.SplitProportional, []refunds.SplitPayment{
			{Captured: 50, Refunded: 20, Available: 30}, {Captured: 50, Available: 50},
		}, 40, []int64{10, 30}},
		{"one that is ahead gives nothing", refunds.SplitProportional, []refunds.SplitPayment{
			{Captured: 50, Refunded: 40, Available: 10}, {Captured: 50, Available: 50},
		}, 10, []int64{0, 10}},
		{"the others give what one has not left", refunds.SplitProportional, []refunds.SplitPayment{
			{Captured: 60, Available: 5}, {Captured: 40, Available: 40},
		}, 40, []int64{5, 35}},
		{"one that is ahead gives what the others have not left", refunds.SplitProportional, []refunds.SplitPayment{
			{Captured: 50, Refunded: 30, Available: 20}, {Captured: 50, Refunded: 0, Available: 10},
		}, 15, []int64{5, 10}},
		{"no more than the amount where one is ahead and the other has not all left", refunds.SplitLastPaidFirst,
			[]refunds.SplitPayment{
				{Captured: 100, Refunded: 2, Available: 98}, {Captured: 32, Available: 31},
			}, 30, []int64{0, 30}},
		{"amounts of any size", refunds.SplitProportional, fresh(1<<61, 1<<61), 1 << 61, []int64{1 << 60, 1 << 60}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := refunds.Split(c.rule, c.payments, c.amount)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("it is %v (%v), want %v", got, err, c.want)
			}
		})
	}
}

func TestSplitRefusals(t *testing.T) {
	for _, c := range []struct {
		name     string
		rule     refunds.SplitRule
		payments []refunds.SplitPayment
		amount   int64
		want     refunds.Code
	}{
		{"a rule that is none", "all_at_once", fresh(1), 1, refunds.CodeInvalid},
		{"less than nothing", "", fresh(1), -1, refunds.CodeInvalid},
		{"more than there is", "", fresh(60, 40), 101, refunds.CodeBalance},
		{"no payments", "", nil, 1, refunds.CodeBalance},
		{"more refunded than captured", "", []refunds.SplitPayment{{Captured: 1, Refunded: 2}}, 0, refunds.CodeInvalid},
		{"more available than left", "", []refunds.SplitPayment{{Captured: 3, Refunded: 2, Available: 2}}, 0,
			refunds.CodeInvalid},
		{"sums beyond int64", "", fresh(1<<62, 1<<62), 0, refunds.CodeInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := refunds.Split(c.rule, c.payments, c.amount); refunds.CodeOf(err) != c.want {
				t.Errorf("it is %v, %v; want %s", got, err, c.want)
			}
		})
	}
}

// splitCase is payments of an order, a rule, and the things that come back.
type splitCase struct {
	Captured []int64
	Rule     refunds.SplitRule
	Amounts  []int64
}

func genSplit() gopter.Gen {
	amount := gen.Frequency(map[int]gopter.Gen{1: gen.Const(int64(0)), 4: gen.Int64Range(0, 40),
		3: gen.Int64Range(0, 1_000_000_00)})
	rule := gen.OneConstOf(refunds.SplitProportional, refunds.SplitLastPaidFirst, refunds.SplitStoreCreditFirst)
	return gopter.CombineGens(gen.IntRange(2, 4), gen.SliceOfN(4, amount), rule, gen.SliceOf(amount)).
		Map(func(v []any) splitCase {
			return splitCase{Captured: v[1].([]int64)[:v[0].(int)], Rule: v[2].(refunds.SplitRule),
				Amounts: v[3].([]int64)}
		})
}

// pay splits the amount and takes the parts off the payments.
func pay(rule refunds.SplitRule, payments []refunds.SplitPayment, amount int64) string {
	parts, err := refunds.Split(rule, payments, amount)
	if err != nil {
		return err.Error()
	}
	var sum int64
	for i, part := range parts {
		if part < 0 || part > payments[i].Available {
			return fmt.Sprintf("part %d of %v is not from 0 to what is available of %+v", i, parts, payments)
		}
		sum += part
		payments[i].Refunded += part
		payments[i].Available -= part
	}
	if sum != amount {
		return fmt.Sprintf("%v sum to %d, and not to %d", parts, sum, amount)
	}
	return ""
}

func TestSplitProperties(t *testing.T) {
	properties := gopter.NewProperties(nil)
	properties.Property("how amounts are grouped changes no payment, and all of it is what was captured", prop.ForAll(
		func(c splitCase) string {
			payments := fresh(c.Captured...)
			var total, given int64
			for _, captured := range c.Captured {
				total += captured
			}
			for _, amount := range append(c.Amounts, total) {
				amount = min(amount, total-given)
				if bad := pay(c.Rule, payments, amount); bad != "" {
					return bad
				}
				given += amount
				once := fresh(c.Captured...)
				if bad := pay(c.Rule, once, given); bad != "" {
					return bad
				}
				if !slices.Equal(once, payments) {
					return fmt.Sprintf("in steps it is %+v, at once %+v", payments, once)
				}
			}
			for _, p := range payments {
				if p.Refunded != p.Captured {
					return fmt.Sprintf("all is given back, and it is %+v", payments)
				}
			}
			return ""
		}, genSplit()))
	properties.Property("whatever others gave back, the parts sum to the amount and fit", prop.ForAll(
		func(c splitCase, outside, before []int64) string {
			payments := fresh(c.Captured...)
			var left int64
			for i := range payments {
				p := &payments[i]
				p.Refunded = min(before[i], p.Captured)
				p.Available = max(0, p.Captured-p.Refunded-outside[i])
				left += p.Available
			}
			for _, amount := range append(c.Amounts, left) {
				amount = min(amount, left)
				if bad := pay(c.Rule, payments, amount); bad != "" {
					return bad
				}
				left -= amount
			}
			return ""
		}, genSplit(), gen.SliceOfN(4, gen.Int64Range(0, 60)), gen.SliceOfN(4, gen.Int64Range(0, 60))))
	properties.TestingRun(t)
}

// Units come back one after the other, of several lines, in a currency of any
// number of decimals: what each payment captured is what it has given back.
func TestSplitOfUnitsSumsToWhatEachPaymentCaptured(t *testing.T) {
	properties := gopter.NewProperties(nil)
	properties.Property("units in any order", prop.ForAll(
		func(bought refundsgen.Purchase, c splitCase, steps []refundsgen.Step) string {
			rest := bought.Paid()
			for i := range c.Captured {
				if c.Captured[i] = min(c.Captured[i], rest); i == len(c.Captured)-1 {
					c.Captured[i] = rest
				}
				rest -= c.Captured[i]
			}
			payments, given := fresh(c.Captured...), map[string]refunds.Refunded{}
			for _, step := range append(steps, bought.Rest()...) {
				request, ok := bought.Request(step, given)
				if !ok {
					continue
				}
				q, err := refunds.NewQuote(request, given)
				if err != nil {
					return err.Error()
				}
				give(given, q)
				if bad := pay(c.Rule, payments, q.Amount); bad != "" {
					return bad
				}
			}
			for _, p := range payments {
				if p.Refunded != p.Captured {
					return fmt.Sprintf("all units are back, and it is %+v in %s", payments, bought.Currency)
				}
			}
			return ""
		}, refundsgen.GenPurchase(), genSplit(), gen.SliceOf(refundsgen.GenStep())))
	properties.TestingRun(t)
}
