package refunds

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/returnkit/returnkit/orders/payment"
)

// SplitRule says how a refund is split over the payments of its order.
type SplitRule string

// The rules.
const (
	// SplitProportional gives each payment its share of what all captured. It is
	// the default.
	SplitProportional SplitRule = "proportional"
	// SplitLastPaidFirst gives the last payment back first, and each other one when
	// those after it are given back.
	SplitLastPaidFirst SplitRule = "last_paid_first"
	// SplitStoreCreditFirst gives back what was paid by store credit first, then the
	// others in the order in which they were paid.
	SplitStoreCreditFirst SplitRule = "store_credit_first"
)

// SplitRules returns all rules, the default first. The empty rule, which means the default,
// is none of them.
func SplitRules() []SplitRule {
	return []SplitRule{SplitProportional, SplitLastPaidFirst, SplitStoreCreditFirst}
}

// SplitPayment is a payment that a refund is split over.
type SplitPayment struct {
	Method   payment.Method
	Captured int64 // minor units
	Refunded int64 // given back by refunds of ours so far, open ones too
	// Available is the most that may be given back now. Less than what is captured
	// and not refunded where others gave money back.
	Available int64
}

// Split splits an amount over the payments of an order, given in the order in
// which they were paid. The parts are in the same order, sum to the amount, and
// none is above what is available of its payment. An empty rule is
// SplitProportional.
//
// Of all that was given back so far with this amount, the rule says how much is
// due from each payment, and each pays the difference to what it gave before. So
// while nothing else touches the payments, no part depends on how the amounts
// before were grouped, and when the amounts sum to all that was captured, each
// payment has given back exactly what it captured.
//
// A payment that is ahead of what is due, as after a reversal, or that has not
// enough left, gives less; the others pay that by the same rule.
//
// Errors are *Error: CodeInvalid (a rule or an amount that is none) and CodeBalance
// (less is available in all).
func Split(rule SplitRule, payments []SplitPayment, amount int64) ([]int64, error) {
	if rule == "" {
		rule = SplitProportional
	}
	if !slices.Contains(SplitRules(), rule) {
		return nil, badField("split", "%.40q is not a rule; %s, %s or %s", string(rule), SplitProportional,
			SplitLastPaidFirst, SplitStoreCreditFirst)
	}
	if err := checkSplit(payments, amount); err != nil {
		return nil, err
	}
	parts := make([]int64, len(payments))
	for order := rule.order(payments); ; {
		due := rule.due(payments, order, amount)
		// Those that run out come first: what is ahead may be due once they have.
		left := slices.DeleteFunc(slices.Clone(order), func(p int) bool { return due[p] > payments[p].Available })
		if len(left) == len(order) {
			left = slices.DeleteFunc(left, func(p int) bool { return due[p] < 0 })
		}
		if len(left) == len(order) {
			for _, p := range order {
				parts[p] = due[p]
			}
			return parts, nil
		}
		for _, p := range order {
			if due[p] > payments[p].Available {
				// More than the amount may be due where others are ahead.
				parts[p] = min(payments[p].Available, amount)
				amount -= parts[p]
			}
		}
		order = left
	}
}

// checkSplit checks the values, and that the amount can be split at all.
func checkSplit(payments []SplitPayment, amount int64) error {
	if amount < 0 {
		return badField("amount", "%d minor units; 0 or more are allowed", amount)
	}
	var captured, available int64
	for i, p := range payments {
		name := fmt.Sprintf("payment %d", i+1)
		switch {
		case p.Captured < 0 || p.Refunded < 0 || p.Available < 0:
			return badField(name, "it is of %d minor units, with %d refunded and %d available; 0 or more are allowed",
				p.Captured, p.Refunded, p.Available)
		case p.Refunded > p.Captured || p.Available > p.Captured-p.Refunded:
			return badField(name, "it captured %d minor units, so it can't have refunded %d and have %d left",
				p.Captured, p.Refunded, p.Available)
		case p.Captured > math.MaxInt64-captured:
			return badField(name, "the payments sum to more than %d minor units", int64(math.MaxInt64))
		}
		captured += p.Captured
		available += p.Available
	}
	if amount > available {
		return &Error{Code: CodeBalance, Field: "amount", Message: fmt.Sprintf(
			"%d minor units are more than the payments of the order can still give back, which is %d", amount,
			available)}
	}
	return nil
}

// order is the order in which payments are given back, as places in the list.
func (s SplitRule) order(payments []SplitPayment) []int {
	order := make([]int, len(payments))
	for i := range order {
		order[i] = i
	}
	switch s {
	case SplitLastPaidFirst:
		slices.Reverse(order)
	case SplitStoreCreditFirst:
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Compare(creditRank(payments[a].Method), creditRank(payments[b].Method))
		})
	}
	return order
}

func creditRank(m payment.Method) int {
	if m == payment.StoreCredit {
		return 0
	}
	return 1
}

// due is what each of some payments has yet to pay, by its place in the list, when
// they give back the amount and nobody runs out. Below zero: it is ahead.
//
// What is due so far never falls while the sum that is given back grows. The
// proportional share of each is taken of what those before it leave, and not of the
// whole: floors of running totals could go back by a unit from the third one on.
func (s SplitRule) due(payments []SplitPayment, order []int, amount int64) map[int]int64 {
	left, captured := amount, int64(0) // of all that is given back, and of what was captured
	for _, p := range order {
		left += payments[p].Refunded
		captured += payments[p].Captured
	}
	due := make(map[int]int64, len(order))
	for _, p := range order {
		part := min(left, payments[p].Captured)
		if s == SplitProportional {
			part = shareOf(left, payments[p].Captured, captured)
		}
		due[p] = part - payments[p].Refunded
		left -= part
		captured -= payments[p].Captured
	}
	return due
}

// shareOf is floor(total x part / whole), for a total and a part of at most the
// whole. A part of nothing gets nothing.
func shareOf(total, part, whole int64) int64 {
	if part == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(total), uint64(part))
	q, _ := bits.Div64(hi, lo, uint64(whole)) // hi < whole, because part <= whole
	return int64(q)
}
