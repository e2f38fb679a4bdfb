package orders

import (
	"strings"
	"testing"
)

// eachPageFacts calls f with every combination of what decide looks at for an
// order that is paid on a page.
func eachPageFacts(f func(name string, x facts)) {
	eachFacts(func(name string, x facts) {
		if x.last == actConfirm {
			return // the customer confirms
		}
		for _, closing := range []bool{false, true} {
			x.page, x.closing = true, closing
			f(name, x)
		}
	})
}

// TestDecideOnAPageKeepsItsPromises: an order on a page is never charged by the
// shop, called paid without proof, or ended while it may be paid.
func TestDecideOnAPageKeepsItsPromises(t *testing.T) {
	used := map[action]int{}
	eachPageFacts(func(name string, x facts) {
		d := decide(x)
		used[d.next]++
		bad := func(why string) { t.Errorf("%s: %s, and %s", name, d.next, why) }
		switch d.next {
		case actCreate:
			if x.created || x.withdrawing || x.last != "" {
				bad("there may be a page already, or nobody wants one")
			}
		case actComplete:
			if x.last != actLookUp || x.answer != answerCaptured || x.result.Amount != x.amount {
				bad("the provider does not show it paid")
			}
		case actDecline:
			if x.last != actCreate || x.answer != answerDeclined {
				bad("the customer may have paid")
			}
		case actEnd:
			if x.answer != answerCanceled && (x.last != "" || x.created) {
				bad("the customer may have paid")
			}
		case actAwait:
			if x.withdrawing && x.last != actCreate {
				bad("the order is to end unpaid")
			}
		case actWait, actReview:
			if !d.mayBeCaptured && x.last != actCreate {
				bad("it is called certainly unpaid")
			}
		case actLookUp:
			if x.last == actLookUp {
				bad("it was just read")
			}
		case actCancel:
			if x.closing {
				bad("closing was tried in this attempt")
			}
		default:
			bad("no order on a page comes to that")
		}
		if strings.HasPrefix(d.why, "no rule") {
			bad(d.why)
		}
	})
	for _, a := range []action{
		actCreate, actLookUp, actCancel, actComplete, actDecline, actEnd, actWait, actReview, actAwait,
	} {
		if used[a] == 0 {
			t.Errorf("nothing leads to %s", a)
		}
	}
}
