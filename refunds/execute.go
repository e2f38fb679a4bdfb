package refunds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// recordFor is how long the answer of a call is tried to be saved when the
// caller has gone away.
const recordFor = 5 * time.Second

// execution carries out the current attempt of a refund leased under the token. It
// is used by one goroutine.
type execution struct {
	s     *Service
	r     Refund // as last saved
	token string

	// doubt: a call under the key may have had an effect and has no answer.
	// Sends of others count, so it is set where the attempt was sent before.
	doubt  bool
	stored bool // the provider replays a server error under the key
	looked bool // look up before anything is sent
	queued bool // it stood in the queue for a person when the try began

	calls []Call
	sends int // CreateRefund calls not yet recorded
	tries int // fruitless tries not yet recorded
}

// execute tries for up to wait and records what came of it. The refund as
// saved is returned also when another worker has taken over meanwhile.
func (t *execution) execute(ctx context.Context, wait time.Duration) (Refund, error) {
	r, _, err := t.run(ctx, wait)
	return r, err
}

// run is execute that also tells the last outcome.
func (t *execution) run(ctx context.Context, wait time.Duration) (Refund, payment.Outcome, error) {
	if t.r.OnHold() {
		r, err := t.releaseOnHold(ctx)
		return r, payment.OutcomeDone, err
	}
	if t.r.Method.Manual() || t.r.Amount() == 0 {
		r, err := t.executeManual(ctx)
		return r, payment.OutcomeDone, err
	}
	start := t.s.now()
	t.queued = t.r.Work.NeedsReview
	for {
		res, err := t.step(ctx)
		if errors.Is(err, errOnHold) {
			r, err := t.releaseOnHold(ctx)
			return r, payment.OutcomeDone, err
		}
		if err != nil {
			r, err := t.lost(ctx, err)
			return r, payment.OutcomeUnknown, err
		}
		again, in := t.again(res)
		if !again || t.s.now().Add(in).Sub(start) > wait || !sleep(ctx, in) || t.placedOnHold(ctx) {
			r, err := t.record(ctx, res)
			return r, res.Result.Outcome, err
		}
	}
}

// errOnHold says that the refund was held before anything of it was sent.
var errOnHold = errors.New("refunds: it is held")

// releaseOnHold gives the lease of a refund back that waits for a person.
func (t *execution) releaseOnHold(ctx context.Context) (Refund, error) {
	r, err := t.update(ctx, func(r *Refund) error {
		if r.OnHold() {
			r.Work.NextAt = time.Time{}
		}
		r.Lease("", time.Time{})
		return nil
	})
	if err != nil {
		return t.lost(ctx, err)
	}
	return r, nil
}

// placedOnHold reports whether the refund was held since it was read, so that
// nothing more is sent. A read that fails holds nothing: the next save fails too.
func (t *execution) placedOnHold(ctx context.Context) bool {
	r, err := t.s.store.Refund(ctx, t.r.ID)
	return err == nil && r.HoldRef != "" && t.r.HoldRef == ""
}

// again tells whether another try in this run makes sense, and when.
func (t *execution) again(res AttemptUpdate) (bool, time.Duration) {
	switch {
	case res.ReviewReason != "", t.stored:
		return false, 0
	case res.Result.Outcome == payment.OutcomeNoEffect && res.Result.HTTP == 0:
		return false, 0 // not even sent: the breaker is open
	case res.Result.Outcome == payment.OutcomeUnknown, res.Result.Outcome == payment.OutcomeNoEffect:
		return t.r.Status == StatusSubmitted || t.r.Status == StatusUnknown, t.s.cfg.backoff(t.fruitless())
	}
	return false, 0
}

// step makes one try: a send under the attempt's key where that is safe and
// tells most, else a look-up. It fails only when the store does.
//
// A send is safe when it can't pay twice: no call before may have had an
// effect, or the key is young and nothing was ever answered under it. After
// LookupFirst it is preceded by a look-up that found nothing, so that even a
// provider that forgets keys too early is not asked twice. While the refund is
// onHold it is looked up and not sent.
func (t *execution) step(ctx context.Context) (AttemptUpdate, error) {
	if t.r.Status == StatusCreated || t.r.Attempt().FirstSentAt.IsZero() {
		// Commit that the provider is about to be called.
		r, err := t.update(ctx, func(r *Refund) error {
			if r.OnHold() {
				return errOnHold
			}
			return r.Submit(t.s.worker(ctx))
		})
		if err != nil {
			return AttemptUpdate{}, err
		}
		t.r, t.doubt = r, false
	}
	a := t.r.Attempt()
	t.stored = t.stored || a.StoredError
	age := t.s.now().Sub(a.FirstSentAt)

	held := t.r.HoldRef != ""
	if t.looked || t.following() || t.stored || held || t.doubt && age >= t.s.cfg.LookupFirst {
		found, err := t.find(ctx)
		switch {
		case err != nil:
			return AttemptUpdate{}, err
		case found.Outcome != payment.OutcomeNoEffect:
			return t.found(found, age), nil
		}
		if !held {
			// It may have been held while it was looked up.
			now, err := t.s.store.Refund(ctx, t.r.ID)
			if err != nil {
				return AttemptUpdate{}, err
			}
			t.r.HoldRef, held = now.HoldRef, now.HoldRef != ""
		}
		if t.following() || a.ProviderID != "" || t.stored || held || age >= t.s.cfg.KeyMaxAge {
			return t.absent(found, age), nil
		}
	}

	answer, err := t.call(ctx, CallCreate, t.s.cfg.Gateway.CreateRefund)
	if err != nil {
		return AttemptUpdate{}, err
	}
	switch {
	case answer.Outcome == payment.OutcomeUnknown && answer.Replayed && answer.HTTP >= http.StatusInternalServerError:
		t.stored = true
		found, err := t.find(ctx)
		if err != nil {
			return AttemptUpdate{}, err
		}
		if found.Outcome != payment.OutcomeNoEffect && found.Outcome != payment.OutcomeUnknown {
			return t.found(found, age), nil
		}
		return t.result(answer, ""), nil
	case answer.Outcome == payment.OutcomeDeclined && t.doubt:
		// Refused now; an earlier call without an answer may have paid.
		found, err := t.find(ctx)
		if err != nil {
			return AttemptUpdate{}, err
		}
		if found.Outcome == payment.OutcomeNoEffect {
			return t.result(answer, ""), nil
		}
		return t.found(found, age), nil
	case answer.Replayed && effective(answer.Outcome) && (answer.Amount == 0 || answer.Amount == t.r.Amount()):
		// What was true when the key was first answered; the provider may have
		// taken it back since, and its message of that may have come and gone.
		found, err := t.find(ctx)
		if err != nil {
			return AttemptUpdate{}, err
		}
		if found.Outcome != payment.OutcomeNoEffect && found.Outcome != payment.OutcomeUnknown {
			return t.found(found, age), nil
		}
	case answer.Outcome == payment.OutcomeUnknown:
		t.doubt = true
	}
	return t.result(answer, ""), nil
}

// call makes one provider call within CallTimeout, under a lease that lasts
// longer. A caller that goes away does not cut it: that would only add doubt.
// An outcome nobody knows is OutcomeUnknown.
func (t *execution) call(ctx context.Context, name string, f func(context.Context, payment.RefundRequest) payment.Result) (payment.Result, error) {
	if t.r.Work.LeaseUntil.Sub(t.s.now()) < t.s.cfg.CallTimeout+t.s.cfg.Lease/4 {
		r, err := t.update(ctx, func(r *Refund) error {
			r.Lease(t.token, t.s.now().Add(t.s.cfg.Lease))
			return nil
		})
		if err != nil {
			return payment.Result{}, err
		}
		if name == CallCreate && r.HoldRef != "" && t.r.HoldRef == "" {
			return payment.Result{Outcome: payment.OutcomeNoEffect, Message: "it was held before it was sent"}, nil
		}
		// What others asked for meanwhile is seen when the answer is saved.
		r.HoldRef, r.Work.NextAt = t.r.HoldRef, t.r.Work.NextAt
		t.r = r
	}
	if !t.r.Leased(t.s.now()) {
		return payment.Result{}, t.r.CheckLease("") // stopped for longer than the lease since it was saved
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.s.cfg.CallTimeout)
	defer cancel()
	a := f(ctx, t.r.ProviderRequest())
	if name == CallCreate {
		t.sends++
	}
	a.Outcome = recognized(a.Outcome)
	for _, text := range []*string{&a.ProviderID, &a.Code, &a.Status, &a.Message} {
		*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "?"), "\x00", "?") // or no database takes it
	}
	t.calls = append(t.calls, newCall(name, t.s.now(), a))
	t.calls = t.calls[max(0, len(t.calls)-maxCalls):]
	return a, nil
}

// find looks the refund up.
func (t *execution) find(ctx context.Context) (payment.Result, error) {
	return t.call(ctx, CallFind, t.s.cfg.Gateway.FindRefund)
}

// executeManual carries out a refund that takes no provider.
func (t *execution) executeManual(ctx context.Context) (Refund, error) {
	reference := ""
	if t.r.Amount() > 0 {
		var err error
		if reference, err = t.s.store.NextManualReference(ctx, t.r.Method); err != nil {
			return t.r, fmt.Errorf("refunds: refund %s by %s: %w", t.r.ID, t.r.Method, err)
		}
	}
	r, err := t.update(ctx, func(r *Refund) error {
		st := t.s.stamp(ctx, r.Attempt().PaidBy)
		if r.OnHold() {
			return errOnHold
		}
		if r.Status == StatusCreated {
			if err := r.Submit(st); err != nil {
				return err
			}
		}
		return r.Succeed(st, reference)
	})
	if errors.Is(err, errOnHold) {
		return t.releaseOnHold(ctx)
	}
	if err != nil {
		return t.lost(ctx, err)
	}
	t.s.cfg.Observer.Completed(r)
	return r, nil
}

// record saves the result while the lease still holds.
func (t *execution) record(ctx context.Context, res AttemptUpdate) (Refund, error) {
	r, err := t.update(ctx, func(r *Refund) error { return r.RecordResult(t.s.worker(ctx), t.asOf(*r, res)) })
	if err != nil {
		return t.lost(ctx, err)
	}
	switch {
	case r.Status == StatusSucceeded:
		t.s.cfg.Observer.Completed(r)
	case r.Status == StatusFailed:
		t.s.cfg.Observer.Failed(r)
	case r.Work.NeedsReview && !t.queued:
		t.s.cfg.Observer.ReviewRequired(r)
	}
	return r, nil
}

// asOf is the result for the refund as it is now. Others need no lease to hold
// it, to release it, or to ask for the next try while the provider is called;
// what was worked out without that is looked at again at once.
func (t *execution) asOf(now Refund, res AttemptUpdate) AttemptUpdate {
	again := time.Time{}
	if asked := now.Work.NextAt; !asked.Equal(t.r.Work.NextAt) {
		again = asked
	}
	if now.HoldRef != t.r.HoldRef {
		again = t.s.now()
		if res.forHold {
			res.ReviewReason = ""
		}
	}
	if !again.IsZero() && (res.NextAt.IsZero() || again.Before(res.NextAt)) {
		res.NextAt = again
	}
	return res
}

// update saves a change under the lease token, also when the caller has gone.
func (t *execution) update(ctx context.Context, change func(*Refund) error) (Refund, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	return t.s.store.Update(ctx, t.r.ID, func(r *Refund) error {
		if err := r.CheckLease(t.token); err != nil {
			return err
		}
		return change(r)
	})
}

// lost answers after a save that failed: where another worker has taken over,
// with the state it left, and else with the error. What is not saved is found
// out again when the lease has run out.
func (t *execution) lost(ctx context.Context, err error) (Refund, error) {
	if CodeOf(err) == CodeLeaseLost {
		return t.s.store.Refund(ctx, t.r.ID)
	}
	return t.r, fmt.Errorf("refunds: carry out refund %s: %w", t.r.ID, err)
}

// sleep waits for d; false when ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
