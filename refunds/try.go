package refunds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// recordFor is how long the answer of a call is tried to be saved when the
// caller has gone away.
const recordFor = 5 * time.Second

// try carries out the current attempt of a refund leased under the token. It
// is used by one goroutine.
type try struct {
	s     *Service
	r     Refund // as last saved
	token string

	// doubt: a call under the key may have had an effect and has no answer.
	// Sends of others count, so it is set where the attempt was sent before.
	doubt  bool
	stored bool // the provider replays a server error under the key
	looked bool // look up before anything is sent
	queued bool // it stood in the queue for a person when the try began

	said  []Said
	calls int // CreateRefund calls not yet recorded
	tries int // fruitless tries not yet recorded
}

// carryOut tries for up to wait and records what came of it. The refund as
// saved is returned also when another worker has taken over meanwhile.
func (t *try) carryOut(ctx context.Context, wait time.Duration) (Refund, error) {
	r, _, err := t.run(ctx, wait)
	return r, err
}

// run is carryOut that also tells the last outcome.
func (t *try) run(ctx context.Context, wait time.Duration) (Refund, Outcome, error) {
	if t.r.Waits() {
		r, err := t.setAside(ctx)
		return r, OutcomeDone, err
	}
	if t.r.Method.Manual() || t.r.Amount() == 0 {
		r, err := t.byHand(ctx)
		return r, OutcomeDone, err
	}
	start := t.s.now()
	t.queued = t.r.Work.GaveUp
	for {
		res, err := t.step(ctx)
		if errors.Is(err, errWaits) {
			r, err := t.setAside(ctx)
			return r, OutcomeDone, err
		}
		if err != nil {
			r, err := t.lost(ctx, err)
			return r, OutcomeUnknown, err
		}
		again, in := t.again(res)
		if !again || t.s.now().Add(in).Sub(start) > wait || !sleep(ctx, in) || t.heldMeanwhile(ctx) {
			r, err := t.record(ctx, res)
			return r, res.Answer.Outcome, err
		}
	}
}

// errWaits says that the refund was held before anything of it was sent.
var errWaits = errors.New("refunds: it is held")

// setAside gives the lease of a refund back that waits for a person.
func (t *try) setAside(ctx context.Context) (Refund, error) {
	r, err := t.update(ctx, func(r *Refund) error {
		if r.Waits() {
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

// heldMeanwhile reports whether the refund was held since it was read, so that
// nothing more is sent. A read that fails holds nothing: the next save fails too.
func (t *try) heldMeanwhile(ctx context.Context) bool {
	r, err := t.s.store.Refund(ctx, t.r.ID)
	return err == nil && r.HeldBy != "" && t.r.HeldBy == ""
}

// again tells whether another try in this run makes sense, and when.
func (t *try) again(res Result) (bool, time.Duration) {
	switch {
	case res.GaveUp != "", t.stored:
		return false, 0
	case res.Answer.Outcome == OutcomeNothing && res.Answer.HTTP == 0:
		return false, 0 // not even sent: the breaker is open
	case res.Answer.Outcome == OutcomeUnknown, res.Answer.Outcome == OutcomeNothing:
		return t.r.Status == StatusSubmitted || t.r.Status == StatusUnknown, t.s.cfg.distance(t.fruitless())
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
// held it is looked up and not sent.
func (t *try) step(ctx context.Context) (Result, error) {
	if t.r.Status == StatusCreated || t.r.Attempt().FirstSentAt.IsZero() {
		// Commit that the provider is about to be called.
		r, err := t.update(ctx, func(r *Refund) error {
			if r.Waits() {
				return errWaits
			}
			return r.Submit(t.s.worker(ctx))
		})
		if err != nil {
			return Result{}, err
		}
		t.r, t.doubt = r, false
	}
	a := t.r.Attempt()
	t.stored = t.stored || a.StoredError
	age := t.s.now().Sub(a.FirstSentAt)

	held := t.r.HeldBy != ""
	if t.looked || t.following() || t.stored || held || t.doubt && age >= t.s.cfg.LookupFirst {
		found, err := t.find(ctx)
		switch {
		case err != nil:
			return Result{}, err
		case found.Outcome != OutcomeNothing:
			return t.found(found, age), nil
		}
		if !held {
			// It may have been held while it was looked up.
			now, err := t.s.store.Refund(ctx, t.r.ID)
			if err != nil {
				return Result{}, err
			}
			t.r.HeldBy, held = now.HeldBy, now.HeldBy != ""
		}
		if t.following() || a.ProviderReference != "" || t.stored || held || age >= t.s.cfg.KeyMaxAge {
			return t.absent(found, age), nil
		}
	}

	answer, err := t.call(ctx, CallCreate, t.s.cfg.Gateway.CreateRefund)
	if err != nil {
		return Result{}, err
	}
	switch {
	case answer.Outcome == OutcomeUnknown && answer.Replayed && answer.HTTP >= http.StatusInternalServerError:
		t.stored = true
		found, err := t.find(ctx)
		if err != nil {
			return Result{}, err
		}
		if found.Outcome != OutcomeNothing && found.Outcome != OutcomeUnknown {
			return t.found(found, age), nil
		}
		return t.result(answer, ""), nil
	case answer.Outcome == OutcomeRefused && t.doubt:
		// Refused now; an earlier call without an answer may have paid.
		found, err := t.find(ctx)
		if err != nil {
			return Result{}, err
		}
		if found.Outcome == OutcomeNothing {
			return t.result(answer, ""), nil
		}
		return t.found(found, age), nil
	case answer.Replayed && holds(answer.Outcome) && (answer.Amount == 0 || answer.Amount == t.r.Amount()):
		// What was true when the key was first answered; the provider may have
		// taken it back since, and its message of that may have come and gone.
		found, err := t.find(ctx)
		if err != nil {
			return Result{}, err
		}
		if found.Outcome != OutcomeNothing && found.Outcome != OutcomeUnknown {
			return t.found(found, age), nil
		}
	case answer.Outcome == OutcomeUnknown:
		t.doubt = true
	}
	return t.result(answer, ""), nil
}

// call makes one provider call within CallTimeout, under a lease that lasts
// longer. A caller that goes away does not cut it: that would only add doubt.
// An outcome nobody knows is OutcomeUnknown.
func (t *try) call(ctx context.Context, name string, f func(context.Context, GatewayRequest) Answer) (Answer, error) {
	if t.r.Work.LeaseUntil.Sub(t.s.now()) < t.s.cfg.CallTimeout+t.s.cfg.Lease/4 {
		r, err := t.update(ctx, func(r *Refund) error {
			r.Lease(t.token, t.s.now().Add(t.s.cfg.Lease))
			return nil
		})
		if err != nil {
			return Answer{}, err
		}
		if name == CallCreate && r.HeldBy != "" && t.r.HeldBy == "" {
			return Answer{Outcome: OutcomeNothing, Message: "it was held before it was sent"}, nil
		}
		// What others asked for meanwhile is seen when the answer is saved.
		r.HeldBy, r.Work.NextAt = t.r.HeldBy, t.r.Work.NextAt
		t.r = r
	}
	if !t.r.Leased(t.s.now()) {
		return Answer{}, t.r.Held("") // stopped for longer than the lease since it was saved
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.s.cfg.CallTimeout)
	defer cancel()
	a := f(ctx, t.r.GatewayRequest())
	if name == CallCreate {
		t.calls++
	}
	switch a.Outcome {
	case OutcomeDone, OutcomeRefused, OutcomeNothing, OutcomePending, OutcomeRequiresAction:
	default:
		a.Outcome = OutcomeUnknown
	}
	for _, text := range []*string{&a.Reference, &a.Code, &a.Status, &a.Message} {
		*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "?"), "\x00", "?") // or no database takes it
	}
	t.said = append(t.said, said(name, t.s.now(), a))
	t.said = t.said[max(0, len(t.said)-maxSaid):]
	return a, nil
}

// find looks the refund up.
func (t *try) find(ctx context.Context) (Answer, error) {
	return t.call(ctx, CallFind, t.s.cfg.Gateway.FindRefund)
}

// byHand carries out a refund that takes no provider.
func (t *try) byHand(ctx context.Context) (Refund, error) {
	reference := ""
	if t.r.Amount() > 0 {
		var err error
		if reference, err = t.s.store.NextManualReference(ctx, t.r.Method); err != nil {
			return t.r, fmt.Errorf("refunds: refund %s by %s: %w", t.r.ID, t.r.Method, err)
		}
	}
	r, err := t.update(ctx, func(r *Refund) error {
		st := t.s.stamp(ctx, r.Attempt().PaidBy)
		if r.Waits() {
			return errWaits
		}
		if r.Status == StatusCreated {
			if err := r.Submit(st); err != nil {
				return err
			}
		}
		return r.Succeed(st, reference)
	})
	if errors.Is(err, errWaits) {
		return t.setAside(ctx)
	}
	if err != nil {
		return t.lost(ctx, err)
	}
	t.s.cfg.Observer.Completed(r)
	return r, nil
}

// record saves the result while the lease still holds.
func (t *try) record(ctx context.Context, res Result) (Refund, error) {
	r, err := t.update(ctx, func(r *Refund) error { return r.Answered(t.s.worker(ctx), t.asOf(*r, res)) })
	if err != nil {
		return t.lost(ctx, err)
	}
	switch {
	case r.Status == StatusSucceeded:
		t.s.cfg.Observer.Completed(r)
	case r.Status == StatusFailed:
		t.s.cfg.Observer.Failed(r)
	case r.Work.GaveUp && !t.queued:
		t.s.cfg.Observer.Queued(r)
	}
	return r, nil
}

// asOf is the result for the refund as it is now. Others need no lease to hold
// it, to release it, or to ask for the next try while the provider is called;
// what was worked out without that is looked at again at once.
func (t *try) asOf(now Refund, res Result) Result {
	again := time.Time{}
	if asked := now.Work.NextAt; !asked.Equal(t.r.Work.NextAt) {
		again = asked
	}
	if now.HeldBy != t.r.HeldBy {
		again = t.s.now()
		if res.forHold {
			res.GaveUp = ""
		}
	}
	if !again.IsZero() && (res.NextAt.IsZero() || again.Before(res.NextAt)) {
		res.NextAt = again
	}
	return res
}

// update saves a change under the lease token, also when the caller has gone.
func (t *try) update(ctx context.Context, change func(*Refund) error) (Refund, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	return t.s.store.Update(ctx, t.r.ID, func(r *Refund) error {
		if err := r.Held(t.token); err != nil {
			return err
		}
		return change(r)
	})
}

// lost answers after a save that failed: where another worker has taken over,
// with the state it left, and else with the error. What is not saved is found
// out again when the lease has run out.
func (t *try) lost(ctx context.Context, err error) (Refund, error) {
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
