package orders

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// action is what an attempt to charge an order does next. There are no others.
type action string

const (
	actCreate   action = "create"   // make the payment object at the provider
	actConfirm  action = "confirm"  // record that a confirm may be out, and send it
	actLookUp   action = "look up"  // read the state of the payment object
	actCancel   action = "cancel"   // have the provider never capture it
	actComplete action = "complete" // the order is paid
	actDecline  action = "decline"  // the order ends unpaid, by a definite no
	actEnd      action = "end"      // the order ends unpaid, withdrawn
	actWait     action = "wait"     // nothing is settled: try again later
	actReview   action = "review"   // nothing is settled, and staff have to look
	actAwait    action = "await"    // nothing is settled: the customer can pay on the provider's page
)

// answer is what the last call of an attempt said, in the words of the table.
type answer string

const (
	answerNone     answer = "none"      // there was no call yet
	answerDone     answer = "done"      // created, or captured by the confirm
	answerDeclined answer = "declined"  // a definite no
	answerNoEffect answer = "no effect" // nothing happened at the provider
	answerCaptured answer = "captured"  // the state of the payment object, from a look-up or a cancel
	answerOpen     answer = "open"
	answerCanceled answer = "canceled"
	answerUnclear  answer = "unclear" // pending, unknown, and whatever is not recognized
)

// facts are all that decide looks at.
type facts struct {
	created     bool // there is a payment object
	unanswered  bool // a confirm may have been sent and has no usable answer
	first       bool // no confirm was sent before this attempt
	withdrawing bool // the order is to end unpaid: it is too old, or someone cancels it
	overdue     bool // older than GiveUpAfter
	page        bool // the customer pays on a page of the provider's; it is what created and closing are about
	closing     bool // closing the page was tried in this attempt

	last   action // the call before, empty for none
	answer answer
	result payment.Result
	amount int64 // what the order costs, minor units
}

// when is a condition of a rule; the empty one always holds.
type when struct {
	name  string
	holds func(facts) bool
}

var (
	whenWithdrawing = when{"withdrawing", func(f facts) bool { return f.withdrawing }}
	whenNotCreated  = when{"nothing was created", func(f facts) bool { return !f.created }}
	whenDoneNothing = when{
		"withdrawing, nothing was created",
		func(f facts) bool { return f.withdrawing && !f.created },
	}
	whenUnanswered = when{"a confirm is unanswered", func(f facts) bool { return f.unanswered }}
	whenFirst      = when{"the first confirm", func(f facts) bool { return f.first }}
	whenOther      = when{"", func(facts) bool { return true }}
)

// anyAnswer stands in a rule for all answers that no rule above names.
const anyAnswer answer = "any other"

// rules is the table of an attempt to charge. The first row that matches the
// last call, its answer and the condition says what is done next:
//
//	last call  answer     condition              next
//	(none)     none       withdrawing, nothing   end: an order without a payment object is certainly unpaid
//	                      was created
//	(none)     none       withdrawing            cancel
//	(none)     none       nothing was created    create
//	(none)     none       a confirm is           look up: never pay again blindly
//	                      unanswered
//	(none)     none                              confirm
//	create     done                              confirm
//	create     declined                          decline
//	create     any other                         wait: without a payment object nothing can be captured
//	look up    captured                          complete
//	look up    canceled   withdrawing            end
//	look up    canceled                          decline
//	look up    open       withdrawing            wait: cancel again, under a key that replays nothing
//	look up    open                              confirm
//	look up    any other                         wait
//	confirm    done                              complete
//	confirm    declined   the first confirm      decline
//	confirm    declined                          cancel: an earlier confirm may still arrive
//	confirm    no effect                         wait: no confirm is unanswered
//	confirm    any other                         wait
//	cancel     canceled                          end
//	cancel     captured                          look up: an order is completed by the payment's own state only
//	cancel     any other                         wait
//
// Two things stand above it: a payment of another amount than was asked for is
// reviewed instead of completed, and what would wait is reviewed when the order
// is older than GiveUpAfter.
var rules = []rule{
	{last: "", answer: answerNone, when: whenDoneNothing, next: actEnd, why: "there is no payment object"},
	{last: "", answer: answerNone, when: whenWithdrawing, next: actCancel, why: "the order is to end unpaid"},
	{last: "", answer: answerNone, when: whenNotCreated, next: actCreate, why: "there is no payment object"},
	{last: "", answer: answerNone, when: whenUnanswered, next: actLookUp, why: "a confirm may have been sent"},
	{last: "", answer: answerNone, when: whenOther, next: actConfirm, why: "no confirm is unanswered"},
	{last: actCreate, answer: answerDone, when: whenOther, next: actConfirm, why: "the payment object exists"},
	{last: actCreate, answer: answerDeclined, when: whenOther, next: actDecline, why: "the provider declined it"},
	{
		last:   actCreate,
		answer: anyAnswer,
		when:   whenOther,
		next:   actWait,
		unpaid: true,
		why:    "without a payment object nothing can be captured",
	},
	{
		last:   actLookUp,
		answer: answerCaptured,
		when:   whenOther,
		next:   actComplete,
		why:    "the provider shows it captured",
	},
	{
		last:   actLookUp,
		answer: answerCanceled,
		when:   whenWithdrawing,
		next:   actEnd,
		why:    "the provider shows it canceled",
	},
	{
		last:   actLookUp,
		answer: answerCanceled,
		when:   whenOther,
		next:   actDecline,
		why:    "the provider canceled the payment",
	},
	{
		last:   actLookUp,
		answer: answerOpen,
		when:   whenWithdrawing,
		next:   actWait,
		newKey: true,
		why:    "neither captured nor canceled",
	},
	{last: actLookUp, answer: answerOpen, when: whenOther, next: actConfirm, why: "not captured, and still can be"},
	{last: actLookUp, answer: anyAnswer, when: whenOther, next: actWait, why: "its state is not known"},
	{last: actConfirm, answer: answerDone, when: whenOther, next: actComplete, why: "captured"},
	{last: actConfirm, answer: answerDeclined, when: whenFirst, next: actDecline, why: "the provider declined it"},
	{
		last:   actConfirm,
		answer: answerDeclined,
		when:   whenOther,
		next:   actCancel,
		why:    "an earlier confirm may still arrive",
	},
	{
		last:   actConfirm,
		answer: answerNoEffect,
		when:   whenOther,
		next:   actWait,
		unpaid: true,
		why:    "the confirm had no effect",
	},
	{last: actConfirm, answer: anyAnswer, when: whenOther, next: actWait, why: "the confirm may have captured it"},
	{last: actCancel, answer: answerCanceled, when: whenOther, next: actEnd, why: "the provider never will capture it"},
	{
		last:   actCancel,
		answer: answerCaptured,
		when:   whenOther,
		next:   actLookUp,
		why:    "the provider says it is captured",
	},
	{last: actCancel, answer: anyAnswer, when: whenOther, next: actWait, why: "its state is not known"},
}

// rule is a row of rules, or of pageRules.
type rule struct {
	last   action
	answer answer
	when   when
	next   action
	unpaid bool // wait: no confirm is unanswered
	newKey bool // wait: the key replays what settles nothing
	why    string
}

// decision is what decide says.
type decision struct {
	next action
	// Of actWait and actReview:
	mayBeCaptured bool // a confirm was sent and has no usable answer
	newKey        bool // the key is given up
	why           string
}

// decide says what an attempt does next. It is a function of the facts alone;
// see rules and pageRules.
func decide(f facts) decision {
	table := rules
	if f.page {
		table = pageRules
	}
	for _, r := range table {
		if r.last != f.last || r.answer != f.answer && r.answer != anyAnswer || !r.when.holds(f) {
			continue
		}
		d := decision{next: r.next, why: r.why}
		switch {
		case d.next == actComplete && f.result.Amount != 0 && f.result.Amount != f.amount:
			d.next, d.mayBeCaptured = actReview, true
			d.why = fmt.Sprintf("the provider says %d minor units were captured, the order is for %d", f.result.Amount,
				f.amount)
		case d.next == actWait:
			d.mayBeCaptured, d.newKey = !r.unpaid, r.newKey || f.result.Replayed
			if f.overdue {
				d.next = actReview
			}
		}
		return d
	}
	// Every call has a row for any other answer.
	return decision{next: actReview, mayBeCaptured: true, why: fmt.Sprintf("no rule for %s after %q", f.answer, f.last)}
}

// answerOf is what a call said, in the words of the table.
func answerOf(status payment.PaymentStatus, r payment.Result) answer {
	switch status {
	case payment.Captured:
		return answerCaptured
	case payment.Open:
		return answerOpen
	case payment.Canceled:
		return answerCanceled
	case "":
	default:
		return answerUnclear
	}
	switch r.Outcome {
	case payment.OutcomeDone:
		return answerDone
	case payment.OutcomeDeclined:
		return answerDeclined
	case payment.OutcomeNoEffect:
		return answerNoEffect
	}
	return answerUnclear
}

// The waits between attempts that settled nothing: 100 ms, doubling to a minute.
// Where nothing happened (a provider that takes no calls) they do not grow.
var (
	chargeBackoff = resilience.Backoff{Initial: 100 * time.Millisecond, Max: time.Minute, Jitter: resilience.Spread(0)}
	idleBackoff   = resilience.Backoff{Initial: time.Second, Factor: 1, Max: time.Second, Jitter: resilience.Spread(0)}
)

// backoff is how long after an attempt that settled nothing the next one is due,
// before Config.Jitter.
func backoff(outcome payment.Outcome, attempts int) time.Duration {
	if outcome == payment.OutcomeNoEffect {
		return idleBackoff.Wait(attempts)
	}
	return chargeBackoff.Wait(attempts)
}
