package refunds

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// following reports whether the provider has the refund and decides later.
func (t *execution) following() bool {
	return t.r.Status == StatusPending || t.r.Status == StatusRequiresAction
}

// found is the result of a look-up that was not "absent".
func (t *execution) found(a payment.Result, age time.Duration) AttemptUpdate {
	switch {
	case a.Outcome != payment.OutcomeUnknown:
	case age >= t.s.cfg.KeyMaxAge && !t.following():
		// Shown to a person, and still looked up from time to time.
		return t.result(a, "it was never answered, its key is too old to be sent again, and it can't be looked up")
	case t.heldBack():
		return t.waitForRelease(a, age, "can't be looked up")
	case t.r.Work.NeedsReview:
		return t.result(a, t.r.Work.LastError) // it told nothing new, and a person still sees it
	}
	return t.result(a, "")
}

// absent is the result of a look-up that read every page without finding the
// refund, where the key can't be sent again.
func (t *execution) absent(a payment.Result, age time.Duration) AttemptUpdate {
	attempt := t.r.Attempt()
	a.Outcome = payment.OutcomeUnknown
	a.Message = "looked up and not there"
	since := t.s.now().Sub(attempt.AnsweredAt)
	switch {
	case t.heldBack() && age < t.s.cfg.KeyMaxAge:
		return t.waitForRelease(a, age, "is not at the provider")
	case attempt.AnsweredAt.IsZero() && !t.stored:
		res := t.result(a, "it was never answered, its key is too old to be sent again, and the provider does not have it")
		res.NextAt = time.Time{}
		return res
	case attempt.AnsweredAt.IsZero() || since < t.s.cfg.AbsenceGrace:
		return t.result(a, "")
	case attempt.ProviderID != "":
		res := t.result(a, fmt.Sprintf("the provider had it as %s and does not list it any more", attempt.ProviderID))
		res.NextAt = time.Time{}
		return res
	}
	a.Outcome, a.Code = payment.OutcomeDeclined, FailureAbsent
	a.Message = fmt.Sprintf("the provider answered with an error %s ago and does not have the refund", since.Round(time.Second))
	return t.result(a, "")
}

// heldBack reports whether the hold alone keeps the attempt from being sent
// again, as long as its key is young.
func (t *execution) heldBack() bool {
	return t.r.HoldRef != "" && t.r.Attempt().unanswered() && !t.stored
}

// waitForRelease is the result of a look-up that did not find the refund while
// it is held back. A call may still be on its way; after AbsenceGrace a person
// sees it, while it goes on being looked up and may be released.
func (t *execution) waitForRelease(a payment.Result, age time.Duration, found string) AttemptUpdate {
	if age >= t.s.cfg.AbsenceGrace {
		res := t.result(a, fmt.Sprintf("it was never answered, %s, and is not sent again while it is held for %s", found, t.r.HoldRef))
		res.forHold = true
		return res
	}
	res := t.result(a, "")
	if end := t.r.Attempt().FirstSentAt.Add(t.s.cfg.AbsenceGrace); end.Before(res.NextAt) {
		res.NextAt = end
	}
	return res
}

// fruitless is how many tries there were before the last one that may have had
// an effect.
func (t *execution) fruitless() int {
	if t.r.Status == StatusSubmitted {
		return t.tries - 1 // those of earlier runs certainly had none
	}
	return t.r.Work.Attempts + t.tries - 1
}

// result is the state of this run after an answer.
func (t *execution) result(a payment.Result, gaveUp string) AttemptUpdate {
	t.tries++
	now, n := t.s.now(), t.r.Work.Attempts+t.tries-1
	res := AttemptUpdate{Result: a, Calls: t.sends, Tries: t.tries, Doubt: t.doubt, StoredError: t.stored, ReviewReason: gaveUp, ProviderCalls: t.calls}
	in := t.s.cfg.backoff(t.fruitless())
	switch {
	case gaveUp != "":
		in = t.s.cfg.LookupMax
	case a.Outcome == payment.OutcomePending && t.r.Status != StatusPending,
		a.Outcome == payment.OutcomeRequiresAction && t.r.Status != StatusRequiresAction:
		in = t.s.cfg.lookupBackoff(0)
	case t.following():
		in = t.s.cfg.lookupBackoff(n)
	case t.stored:
		in = t.s.cfg.lookupBackoff(n)
		answered := t.r.Attempt().AnsweredAt
		if answered.IsZero() {
			answered = now
		}
		// Not past the end of the grace, when absence becomes an answer.
		if left := answered.Add(t.s.cfg.AbsenceGrace).Sub(now); left > 0 {
			in = min(in, left)
		}
	case a.Outcome == payment.OutcomeNoEffect && !t.doubt:
		in = t.s.cfg.idleBackoff(n)
		// Not at the first failure of one that was held for as long.
		if now.Sub(t.r.Attempt().CreatedAt) >= t.s.cfg.GiveUpAfter && n >= idleTries {
			res.ReviewReason = fmt.Sprintf("nothing of it could be sent in %d tries since %s, and it is still tried: %s",
				n+1, t.r.Attempt().CreatedAt.Format(time.RFC3339), describe(a))
			in = idleInQueue
		}
	}
	res.NextAt = now.Add(in)
	return res
}
