package refunds

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// action is what the execution of an attempt does next.
type action string

// The actions. Send and look up call the provider, and what it answers is
// decided about again; the others end the try.
const (
	actionSend    action = "send"    // send the attempt under its key
	actionLookUp  action = "look up" // look the refund up at the provider
	actionWait    action = "wait"    // record what is known, try again later
	actionSucceed action = "succeed"
	actionFail    action = "fail"
	actionReview  action = "review" // record what is known, and show it in the review queue
)

// progress is what a run knows besides the stored refund.
type progress struct {
	sent, found *payment.Result // of this try; nil where that was not done

	doubt   bool // a call under the key may have had an effect and has no answer
	stored  bool // the provider replays a server error under the key
	confirm bool // look up before anything is sent
	blind   bool // the provider can't be asked about the attempt
	tries   int  // fruitless tries of this run that are not recorded yet

	// foreign names the refund that already has the provider's id in the answer; empty
	// where the id is new, or is the attempt's own.
	foreign string
	// elsewhere says that others refunded the payment, where the provider declines
	// because of it; empty: nothing says so.
	elsewhere string
}

// decide returns what to do next about an attempt, and why: the table of the
// package documentation. It is a function of its arguments alone, and the only
// place where such a decision is made.
//
// A send is safe when it can't pay twice: no call before may have had an
// effect, or the key is young and nothing was ever answered under it. From
// Config.LookupFirst on it follows a look-up that found nothing, so that even a
// provider that forgets keys too early is not asked twice.
func decide(r *Refund, c *Config, now time.Time, p progress) (action, string) {
	switch {
	case p.sent == nil && p.found == nil:
		return decideFirst(r, c, now, p)
	case p.sent != nil && p.found == nil:
		if why := unconfirmed(r, p); why != "" {
			return actionLookUp, why
		}
	}
	res := p.standing()
	switch {
	case contradiction(r, res, p) != "":
		return actionReview, contradiction(r, res, p)
	case res.Outcome == payment.OutcomeDone:
		return actionSucceed, "the provider paid it"
	case res.Outcome == payment.OutcomeDeclined:
		if p.blind && p.sent != nil && p.doubt {
			return actionReview, "it is declined now, an earlier call without an answer may have paid, and the " +
				"provider can't be asked"
		}
		if p.elsewhere != "" {
			return actionReview, p.elsewhere
		}
		return actionFail, "the provider declined it"
	case effective(res.Outcome):
		return actionWait, "the provider has it and decides later"
	case res.Outcome == payment.OutcomeAbsent:
		return decideAbsent(r, c, now, p)
	case p.lookedUp():
		return decideNotLookedUp(r, c, now, p)
	}
	return decideNotDone(r, c, now, p)
}

// decideFirst begins a try.
func decideFirst(r *Refund, c *Config, now time.Time, p progress) (action, string) {
	switch {
	case p.blind:
		return decideBlind(r, c, now, p)
	case p.stored:
		return actionLookUp, "the provider keeps a server error under the key"
	case r.following():
		return actionLookUp, "the provider has it and decides later"
	case r.HoldRef != "":
		return actionLookUp, "it may have been sent, and is on hold"
	case p.confirm:
		return actionLookUp, "a message requests it"
	case p.doubt && r.keyAge(now) >= c.LookupFirst:
		return actionLookUp, "it was sent and not answered"
	}
	return actionSend, "it can't pay twice"
}

// decideBlind begins a try where the provider can't be asked: what it sends
// messages about is waited for, and a young key is sent again.
func decideBlind(r *Refund, c *Config, now time.Time, p progress) (action, string) {
	since := now.Sub(r.Attempt().AnsweredAt)
	switch {
	case r.following() && since < c.MessageWithin && !r.Work.NeedsReview:
		return actionWait, "the provider sends a message when it has decided"
	case r.following():
		return actionReview, fmt.Sprintf(
			"the provider has decided nothing, or sent no message of it, in %d days", days(since))
	case p.stored:
		return actionReview, "the provider keeps a server error under the key, and can't be asked"
	case r.HoldRef != "":
		return waitForRelease(r, c, r.keyAge(now), "can't be looked up")
	case p.doubt && r.keyAge(now) >= c.keyMaxAge():
		return actionReview, "it was never answered, its key is too old to be sent again, and the provider can't " +
			"be asked"
	}
	return actionSend, "the provider still knows the key"
}

// unconfirmed says why the answer of a send needs a look-up; empty where it
// speaks for itself.
func unconfirmed(r *Refund, p progress) string {
	switch a := p.sent; {
	case p.blind:
		return ""
	case storedError(a):
		return "the provider keeps a server error under the key"
	case a.Outcome == payment.OutcomeDeclined && p.doubt:
		return "it is declined now, and an earlier call without an answer may have paid"
	case a.Replayed && effective(a.Outcome) && contradiction(r, *a, p) == "":
		// What was true when the key was first answered; the provider may have
		// taken it back since, and its message of that may have come and gone.
		return "the answer is an old one"
	}
	return ""
}

// decideAbsent follows a look-up that read every page without the refund,
// where nothing was sent in this try.
func decideAbsent(r *Refund, c *Config, now time.Time, p progress) (action, string) {
	a, age := r.Attempt(), r.keyAge(now)
	since := now.Sub(a.AnsweredAt)
	switch {
	case !r.following() && a.ProviderID == "" && !p.stored && r.HoldRef == "" && age < c.keyMaxAge():
		return actionSend, "the provider does not have it, and still knows the key"
	case r.heldBack(c, now, p):
		return waitForRelease(r, c, age, "is not at the provider")
	case a.AnsweredAt.IsZero() && !p.stored:
		return actionReview, "it was never answered, its key is too old to be sent again, and the provider does " +
			"not have it"
	case a.AnsweredAt.IsZero() || since < c.AbsenceGrace:
		return actionWait, "the provider does not have it yet"
	case a.ProviderID != "":
		return actionReview, fmt.Sprintf("the provider had it as %s and does not list it any more", a.ProviderID)
	}
	return actionFail, fmt.Sprintf(
		"the provider answered with an error %s ago and does not have the refund", since.Round(time.Second))
}

// decideNotLookedUp follows a look-up that failed.
func decideNotLookedUp(r *Refund, c *Config, now time.Time, p progress) (action, string) {
	age := r.keyAge(now)
	switch {
	case age >= c.keyMaxAge() && !r.following():
		return actionReview, "it was never answered, its key is too old to be sent again, and it can't be looked up"
	case r.heldBack(c, now, p):
		return waitForRelease(r, c, age, "can't be looked up")
	case r.Work.NeedsReview:
		return actionReview, r.Work.LastError // nothing new, and it is still shown
	}
	return actionWait, "the look-up failed"
}

// decideNotDone follows a send whose effect is not there or not known.
func decideNotDone(r *Refund, c *Config, now time.Time, p progress) (action, string) {
	if p.sent.Outcome != payment.OutcomeNoEffect || p.doubt {
		return actionWait, "the outcome is unknown"
	}
	created := r.Attempt().CreatedAt
	// Not at the first failure of one that was on hold for as long.
	if n := r.Work.Attempts + p.tries; now.Sub(created) >= c.GiveUpAfter && n >= idleTries {
		return actionReview, fmt.Sprintf("nothing of it could be sent in %d tries since %s, and it is still tried: %s",
			n+1, created.Format(time.RFC3339), describe(*p.sent))
	}
	return actionWait, "nothing happened"
}

// waitForRelease ends the look-up of a refund that the hold alone keeps from
// being sent again. A call may still be on its way; after AbsenceGrace it is
// shown for review, and still looked up and may be released.
func waitForRelease(r *Refund, c *Config, age time.Duration, found string) (action, string) {
	if age >= c.AbsenceGrace {
		return actionReview, fmt.Sprintf(
			"it was never answered, %s, and is not sent again while it is on hold for %s", found, r.HoldRef)
	}
	return actionWait, "it is on hold"
}

// standing is the result that counts: the look-up's where it found a state, the send's
// otherwise.
func (p progress) standing() payment.Result {
	if p.lookedUp() {
		return *p.found
	}
	return *p.sent
}

func (p progress) lookedUp() bool {
	return p.found != nil && (p.sent == nil || answered(p.found) ||
		p.sent.Outcome == payment.OutcomeDeclined && p.found.Outcome == payment.OutcomeUnknown)
}

// answered reports whether the provider returned a state of the refund.
func answered(a *payment.Result) bool {
	return effective(a.Outcome) || a.Outcome == payment.OutcomeDeclined
}

// effective reports whether the provider has the refund, and has paid it or may.
func effective(o payment.Outcome) bool { return o.Effective() }

// storedError reports whether an answer is a server error that the provider keeps
// under the key and will replay forever.
func storedError(a *payment.Result) bool {
	return a.Outcome == payment.OutcomeUnknown && a.Replayed && a.HTTP >= 500
}

// contradiction says what an answer names that was not requested; empty where it
// is about this refund.
func contradiction(r *Refund, a payment.Result, p progress) string {
	switch {
	case wrongAmount(r, a):
		return fmt.Sprintf("the provider says %d minor units went back, we requested %d", a.Amount, r.Amount())
	case a.Currency != "" && a.Currency != r.Quote.Currency:
		return fmt.Sprintf("the provider says it is in %s, we requested %s", a.Currency, r.Quote.Currency)
	case p.foreign != "" && a.ProviderID != "":
		return fmt.Sprintf("the provider answers with %s, which is the id of refund %s", a.ProviderID, p.foreign)
	}
	return ""
}

// wrongAmount reports whether an answer speaks of another amount than was
// requested.
func wrongAmount(r *Refund, a payment.Result) bool {
	return a.Amount != 0 && a.Amount != r.Amount() && a.Outcome != payment.OutcomeDeclined
}

// following reports whether the provider has the refund and decides later.
func (r *Refund) following() bool {
	return r.Status == StatusPending || r.Status == StatusRequiresAction
}

// keyAge is how long ago the attempt was first sent under its key.
func (r *Refund) keyAge(now time.Time) time.Duration { return now.Sub(r.Attempt().FirstSentAt) }

// heldBack reports whether the hold alone keeps the attempt from being sent
// again, as long as its key is young.
func (r *Refund) heldBack(c *Config, now time.Time, p progress) bool {
	return r.HoldRef != "" && r.Attempt().unanswered() && !p.stored && r.keyAge(now) < c.keyMaxAge()
}

// nextTry is when to try again after a wait or a review; zero: only when somebody asks.
func nextTry(r *Refund, c *Config, now time.Time, p progress, act action) time.Time {
	res := payment.Result{Outcome: payment.OutcomeUnknown}
	if p.sent != nil || p.found != nil {
		res = p.standing()
	}
	if act == actionReview {
		return nextAfterReview(r, c, now, p, res)
	}
	return nextAfterWait(r, c, now, p, res)
}

// nextAfterReview is when to look up a refund again that is in the review queue.
func nextAfterReview(r *Refund, c *Config, now time.Time, p progress, res payment.Result) time.Time {
	switch {
	case res.Outcome == payment.OutcomeAbsent && !r.heldBack(c, now, p),
		contradiction(r, res, p) != "", p.elsewhere != "":
		return time.Time{} // another look-up would find the same
	case p.blind:
		return time.Time{} // the provider has no look-ups
	case res.Outcome == payment.OutcomeNoEffect:
		return now.Add(idleInQueue)
	}
	return now.Add(c.LookupMax)
}

// nextAfterWait is when to try a refund again that waits.
func nextAfterWait(r *Refund, c *Config, now time.Time, p progress, res payment.Result) time.Time {
	a := r.Attempt()
	switch {
	case p.blind && r.following():
		return a.AnsweredAt.Add(c.MessageWithin)
	case effective(res.Outcome) && !c.findable(&Attempt{ProviderID: res.ProviderID}):
		return now.Add(c.MessageWithin)
	case p.blind && r.HoldRef != "" && p.found == nil:
		return a.FirstSentAt.Add(c.AbsenceGrace)
	}
	next := now.Add(c.waitBackoff(r, now, p, res))
	if end := a.FirstSentAt.Add(c.AbsenceGrace); r.heldBack(c, now, p) && !effective(res.Outcome) && end.Before(next) {
		next = end
	}
	return next
}

// waitBackoff is how long to wait after what is known.
func (c Config) waitBackoff(r *Refund, now time.Time, p progress, res payment.Result) time.Duration {
	n := r.Work.Attempts + p.tries
	switch {
	case res.Outcome == payment.OutcomePending && r.Status != StatusPending,
		res.Outcome == payment.OutcomeRequiresAction && r.Status != StatusRequiresAction:
		return c.lookupBackoff(0)
	case r.following():
		return c.lookupBackoff(n)
	case p.stored:
		in, answered := c.lookupBackoff(n), r.Attempt().AnsweredAt
		if answered.IsZero() {
			answered = now
		}
		// Not past the end of the grace, when absence becomes an answer.
		if left := answered.Add(c.AbsenceGrace).Sub(now); left > 0 {
			in = min(in, left)
		}
		return in
	case res.Outcome == payment.OutcomeNoEffect && !p.doubt:
		return c.idleBackoff(n)
	}
	return c.backoff(fruitless(r, p))
}

// fruitless is how many tries there were before the last one that may have had
// an effect.
func fruitless(r *Refund, p progress) int {
	if r.Status == StatusSubmitted {
		return p.tries // tries of earlier runs certainly had no effect
	}
	return r.Work.Attempts + p.tries
}
