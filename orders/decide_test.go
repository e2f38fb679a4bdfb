package orders

import (
	"fmt"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/payment"
)

// eachFacts calls f with every combination of what decide looks at.
func eachFacts(f func(name string, x facts)) {
	bools := []bool{false, true}
	answers := []answer{
		answerNone,
		answerDone,
		answerDeclined,
		answerNoEffect,
		answerCaptured,
		answerOpen,
		answerCanceled,
		answerUnclear,
	}
	for _, last := range []action{"", actCreate, actConfirm, actLookUp, actCancel} {
		for _, a := range answers {
			if (last == "") != (a == answerNone) {
				continue
			}
			for n := range 64 {
				bit := func(i int) bool { return bools[n>>i&1] }
				x := facts{
					last:        last,
					answer:      a,
					created:     bit(0),
					unanswered:  bit(1),
					first:       bit(2),
					withdrawing: bit(3),
					overdue:     bit(4),
					amount:      1000,
				}
				if x.result.Amount = 1000; bit(5) {
					x.result.Amount = 999
				}
				f(fmt.Sprintf("%+v", x), x)
			}
		}
	}
}

// TestDecideKeepsItsPromises: whatever the facts are, nothing is paid twice,
// given up, or called paid without proof.
func TestDecideKeepsItsPromises(t *testing.T) {
	all := []action{actCreate, actConfirm, actLookUp, actCancel, actComplete, actDecline, actEnd, actWait, actReview}
	used := map[action]int{}
	eachFacts(func(name string, x facts) {
		d := decide(x)
		used[d.next]++
		bad := func(why string) { t.Errorf("%s: %s, and %s", name, d.next, why) }
		switch d.next {
		case actCreate:
			if x.created || x.last != "" {
				bad("there may be a payment object already")
			}
		case actConfirm:
			if x.withdrawing && x.last == "" || x.withdrawing && x.last == actLookUp {
				bad("the order is to end unpaid")
			}
			if x.unanswered && x.last == "" && x.created {
				bad("a confirm is unanswered")
			}
			if x.last != "" && (x.last != actCreate || x.answer != answerDone) &&
				(x.last != actLookUp || x.answer != answerOpen) {
				bad("it may be captured already")
			}
		case actComplete:
			if x.answer != answerCaptured && x.answer != answerDone || x.last == actCancel ||
				x.result.Amount != x.amount {
				bad("the provider does not show it captured")
			}
		case actDecline:
			if x.last == actConfirm && !x.first {
				bad("an earlier confirm may still arrive")
			}
			if x.answer != answerDeclined && x.answer != answerCanceled {
				bad("nobody declined it")
			}
		case actEnd:
			if x.answer != answerCanceled && (x.last != "" || x.created) {
				bad("it may be captured")
			}
		case actWait, actReview:
			if x.overdue && d.next == actWait {
				bad("it is overdue")
			}
			if !d.mayBeCaptured &&
				(x.last == actLookUp || x.last == actCancel || x.last == actConfirm && x.answer != answerNoEffect) {
				bad("it is called certainly not captured")
			}
		case actLookUp, actCancel:
			if x.last == "" && !x.created && x.withdrawing {
				bad("there is no payment object")
			}
		default:
			bad("that is no action")
		}
		if strings.HasPrefix(d.why, "no rule") {
			bad(d.why)
		}
	})
	for _, a := range all {
		if used[a] == 0 {
			t.Errorf("nothing leads to %s", a)
		}
	}
}

// TestEveryRuleIsReached: a row that none of the facts lead to says nothing.
func TestEveryRuleIsReached(t *testing.T) {
	for i, r := range rules {
		reached := false
		eachFacts(func(_ string, x facts) {
			x.overdue, x.result.Amount = false, x.amount
			reached = reached || !reached && firstRule(x) == i
		})
		if !reached {
			t.Errorf("rule %d (%s %s %s) is never reached", i+1, r.last, r.answer, r.when.name)
		}
	}
}

func firstRule(x facts) int {
	for i, r := range rules {
		if r.last == x.last && (r.answer == x.answer || r.answer == anyAnswer) && r.when.holds(x) {
			return i
		}
	}
	return -1
}

func TestAnswerOf(t *testing.T) {
	for _, c := range []struct {
		status  payment.PaymentStatus
		outcome payment.Outcome
		want    answer
	}{
		{payment.Captured, payment.OutcomeDone, answerCaptured},
		{payment.Open, payment.OutcomeDone, answerOpen},
		{payment.Canceled, payment.OutcomeDone, answerCanceled},
		{payment.Processing, payment.OutcomeDone, answerUnclear},
		{"brand_new", payment.OutcomeDone, answerUnclear},
		{"", payment.OutcomeDone, answerDone},
		{"", payment.OutcomeDeclined, answerDeclined},
		{"", payment.OutcomeNoEffect, answerNoEffect},
		{"", payment.OutcomePending, answerUnclear},
		{"", payment.OutcomeRequiresAction, answerUnclear},
		{"", payment.OutcomeUnknown, answerUnclear},
		{"", "brand_new", answerUnclear},
		{"", "", answerUnclear},
	} {
		if got := answerOf(c.status, payment.Result{Outcome: c.outcome}); got != c.want {
			t.Errorf("%q %q: %s, want %s", c.status, c.outcome, got, c.want)
		}
	}
}
