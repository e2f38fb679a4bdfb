package refunds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// recordFor limits a save. It does not end with the request: what a call brought is
// recorded although its caller has gone.
const recordFor = 5 * time.Second

// execution runs the current attempt of a refund leased under the token. It
// is used by one goroutine.
type execution struct {
	s     *Service
	r     Refund // as last saved
	token string
	// inRequest: a caller waits for the answer, so calls end after CallTimeout.
	inRequest bool
	// message is what a webhook says, where the provider can't be asked: read
	// once, like the result of a look-up.
	message *payment.Result

	progress
	shown bool   // it was in the review queue when the run began
	calls []Call // not yet recorded
	sends int    // CreateRefund calls not yet recorded
}

// execute tries for up to wait and records the result. The refund as saved is
// returned also when another worker has taken over meanwhile.
func (t *execution) execute(ctx context.Context, wait time.Duration) (Refund, error) {
	r, _, err := t.run(ctx, wait)
	return r, err
}

// run is execute that also returns the last outcome.
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
	t.shown = t.r.Work.NeedsReview
	for {
		res, err := t.try(ctx)
		if errors.Is(err, errOnHold) {
			r, err := t.releaseOnHold(ctx)
			return r, payment.OutcomeDone, err
		}
		if err != nil {
			r, err := t.lost(ctx, err)
			return r, payment.OutcomeUnknown, err
		}
		if !t.again(res) || t.s.now().Add(res.retryIn).Sub(start) > wait || resilience.Sleep(ctx, res.retryIn) != nil ||
			t.placedOnHold(ctx) {
			r, err := t.record(ctx, res)
			return r, res.Result.Outcome, err
		}
	}
}

// try executes what decide returns until there is a result to record. It fails only when
// the store does.
func (t *execution) try(ctx context.Context) (AttemptUpdate, error) {
	if err := t.submit(ctx); err != nil {
		return AttemptUpdate{}, err
	}
	for {
		next, reason := decide(&t.r, &t.s.cfg, t.s.now(), t.progress)
		var err error
		switch next {
		case actionSend:
			err = t.send(ctx)
		case actionLookUp:
			err = t.lookUp(ctx)
		default:
			return t.conclude(next, reason), nil
		}
		if err != nil {
			return AttemptUpdate{}, err
		}
	}
}

// submit begins a try: it commits, before the first call that may have an
// effect, that the provider is about to be called.
func (t *execution) submit(ctx context.Context) error {
	t.sent, t.found, t.message, t.foreign, t.elsewhere = nil, t.message, nil, "", ""
	if t.r.Status == StatusCreated || t.r.Attempt().FirstSentAt.IsZero() {
		r, err := t.update(ctx, func(r *Refund) error {
			if r.OnHold() {
				return errOnHold
			}
			return r.Submit(t.s.worker(ctx))
		})
		if err != nil {
			return err
		}
		t.r, t.doubt = r, false
	}
	t.stored = t.stored || t.r.Attempt().StoredError
	t.blind = !t.s.cfg.findable(t.r.Attempt())
	return t.recognize(ctx, t.found)
}

// send asks the provider for the refund under the attempt's key.
func (t *execution) send(ctx context.Context) error {
	a, err := t.call(ctx, CallCreate, t.s.cfg.Gateway.CreateRefund)
	if err != nil {
		return err
	}
	t.sent = &a
	t.stored = t.stored || storedError(&a)
	t.doubt = t.doubt || a.Outcome == payment.OutcomeUnknown && !storedError(&a)
	if a.Outcome == payment.OutcomeDeclined {
		if t.elsewhere, err = t.refundedElsewhere(ctx, a.Code); err != nil {
			return err
		}
	}
	return t.recognize(ctx, t.sent)
}

// refundedElsewhere returns the reason for review where the provider declines because
// others refunded so much of the payment; empty otherwise. What they refunded is looked
// up and booked. Where it can't be, the provider's code counts, and the sweep books it later.
func (t *execution) refundedElsewhere(ctx context.Context, code string) (string, error) {
	c := &t.s.cfg
	if c.Payments != nil && c.History != nil {
		call, stop := t.keepLease(ctx)
		_, err := t.s.SyncPayment(call, t.r.Attempt().PaymentProviderID, t.s.worker(ctx).By)
		stop()
		if err == nil {
			state, err := t.s.store.PaymentState(context.WithoutCancel(ctx),
				OpenRequest{OrderID: t.r.OrderID, PaymentID: t.r.PaymentID, ClientReference: t.r.ClientReference})
			if err != nil {
				return "", err
			}
			if b := state.Balance; b.Outside > 0 && b.Refunded+b.Outside+t.r.Amount() > b.Captured {
				return "not paid: " + outsideReason(b) +
					"; compare its outside refunds, and settle this one as not paid", nil
			}
		}
	}
	if code != payment.CodeAlreadyRefunded {
		return "", nil
	}
	return "not paid: the provider says that this payment was refunded already, and not by this shop; " +
		"compare the provider's own pages, and settle this one as not paid", nil
}

// timeout is how long a call of the provider may take.
func (t *execution) timeout() time.Duration {
	if t.inRequest {
		return t.s.cfg.CallTimeout
	}
	return t.s.cfg.LookupTimeout
}

// recognize notes where the provider's id in an answer belongs to another
// attempt: one id is one payment.
func (t *execution) recognize(ctx context.Context, a *payment.Result) error {
	if a == nil || !effective(a.Outcome) || a.ProviderID == "" || a.ProviderID == t.r.Attempt().ProviderID {
		return nil
	}
	other, err := t.s.store.ByProviderID(ctx, a.ProviderID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil && (other.ID != t.r.ID || other.Attempt().ProviderID != a.ProviderID) {
		t.foreign = other.ID
	}
	return err
}

// lookUp looks the refund up. Absent, it may be sent next, so it is read again
// whether it was put on hold meanwhile.
func (t *execution) lookUp(ctx context.Context) error {
	a, err := t.call(ctx, CallFind, t.s.cfg.Gateway.FindRefund)
	if err != nil {
		return err
	}
	t.found = &a
	if a.Outcome != payment.OutcomeAbsent || t.sent != nil || t.r.HoldRef != "" {
		return t.recognize(ctx, t.found)
	}
	now, err := t.s.store.Refund(ctx, t.r.ID)
	if err == nil {
		t.r.HoldRef = now.HoldRef
	}
	return err
}

// conclude is the result of the try, to be recorded.
func (t *execution) conclude(end action, reason string) AttemptUpdate {
	now, c := t.s.now(), &t.s.cfg
	result := payment.Result{Outcome: payment.OutcomeUnknown, Message: reason}
	if t.sent != nil || t.found != nil {
		result = t.standing()
	}
	if contradiction(&t.r, result, t.progress) != "" {
		result.Outcome, result.Amount, result.Message = payment.OutcomeUnknown, 0, reason
		if t.foreign != "" {
			result.ProviderID = ""
		}
	}
	res := AttemptUpdate{
		Result: result, Calls: t.sends, Tries: t.tries + 1, Doubt: t.doubt, StoredError: t.stored,
		ProviderCalls: t.calls,
		NextAt:        nextTry(&t.r, c, now, t.progress, end), retryIn: c.backoff(fruitless(&t.r, t.progress)),
	}
	if t.elsewhere != "" && end == actionReview {
		res.Result.Outcome, res.Result.Message = payment.OutcomeUnknown, reason
	}
	if res.Result.Outcome == payment.OutcomeAbsent {
		res.Result.Outcome, res.Result.Message = payment.OutcomeUnknown, "looked up and not there"
		if end == actionFail {
			res.Result.Outcome, res.Result.Code, res.Result.Message = payment.OutcomeDeclined, FailureAbsent, reason
		}
	}
	if end == actionReview {
		res.ReviewReason, res.forHold = reason, t.r.heldBack(c, now, t.progress)
	}
	t.tries++
	return res
}

// again reports whether another try in this run makes sense.
func (t *execution) again(res AttemptUpdate) bool {
	switch {
	case res.ReviewReason != "", t.stored:
		return false
	case res.Result.Outcome == payment.OutcomeNoEffect && res.Result.HTTP == 0:
		return false // not even sent: the breaker is open
	case res.Result.Outcome == payment.OutcomeUnknown, res.Result.Outcome == payment.OutcomeNoEffect:
		return t.r.Status == StatusSubmitted || t.r.Status == StatusUnknown
	}
	return false
}

// call makes one provider call within the timeout, under a lease that is
// renewed while it lasts. It is not canceled when the caller goes away: that would only
// add doubt.
func (t *execution) call(
	ctx context.Context, name string, f func(context.Context, payment.RefundRequest) payment.Result,
) (payment.Result, error) {
	if t.r.Work.LeaseUntil.Sub(t.s.now()) < t.s.cfg.Lease/2 {
		r, err := t.renew(ctx)
		if err != nil {
			return payment.Result{}, err
		}
		if name == CallCreate && r.HoldRef != "" && t.r.HoldRef == "" {
			return payment.Result{Outcome: payment.OutcomeNoEffect,
				Message: "it was put on hold before it was sent"}, nil
		}
		// What others requested meanwhile is seen when the answer is saved.
		r.HoldRef, r.Work.NextAt = t.r.HoldRef, t.r.Work.NextAt
		t.r = r
	}
	if !t.r.Leased(t.s.now()) {
		return payment.Result{}, t.r.CheckLease("") // stopped for longer than the lease since it was saved
	}
	ctx, stop := t.keepLease(ctx)
	request := t.r.providerRequest()
	if name == CallFind {
		request = t.r.lookUpRequest()
	}
	a := f(ctx, request)
	stop()
	if name == CallCreate {
		t.sends++
	}
	a = checked(name, a)
	t.calls = append(t.calls, newCall(name, t.s.now(), a))
	t.calls = t.calls[max(0, len(t.calls)-maxCalls):]
	return a, nil
}

// renew extends the lease from now.
func (t *execution) renew(ctx context.Context) (Refund, error) {
	return t.update(ctx, func(r *Refund) error {
		r.Lease(t.token, t.s.now().Add(t.s.cfg.Lease))
		return nil
	})
}

// keepLease returns the context of calls of the provider, within their timeout, and renews the
// lease until stop is called. It ends where another worker has taken over: the answer can't
// be saved then. A caller that goes away does not end it.
func (t *execution) keepLease(ctx context.Context) (leased context.Context, stop func()) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.timeout())
	until := t.r.Work.LeaseUntil
	leased, end := resilience.KeepLease(ctx, t.s.cfg.Lease, func(ctx context.Context) (held bool, err error) {
		r, err := t.renew(ctx)
		if CodeOf(err) == CodeLeaseLost {
			return false, nil
		}
		if err == nil {
			until = r.Work.LeaseUntil
		}
		return err == nil, err
	})
	return leased, func() { end(); cancel(); t.r.Work.LeaseUntil = until }
}

// executeManual executes a refund that needs no provider.
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
	t.s.cfg.Observer.Completed(ctx, r)
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
		t.s.cfg.Observer.Completed(ctx, r)
	case r.Status == StatusFailed:
		t.s.cfg.Observer.Failed(ctx, r)
		return r, t.s.refit(context.WithoutCancel(ctx), r, t.s.worker(ctx).By)
	case r.Work.NeedsReview && !t.shown:
		t.s.cfg.Observer.ReviewRequired(ctx, r)
	}
	return r, nil
}

// asOf is the result for the refund as it is now. Others need no lease to hold
// it, to release it, or to ask for the next try while the provider is called;
// what was decided without knowing that is decided again at once.
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
	return t.s.update(ctx, t.r.ID, func(r *Refund) error {
		if err := r.CheckLease(t.token); err != nil {
			return err
		}
		return change(r)
	})
}

// lost ends an execution whose save failed: it returns the state that another worker left,
// where one has taken over, and the error otherwise. What was not saved is found out again
// when the lease has expired.
func (t *execution) lost(ctx context.Context, err error) (Refund, error) {
	if CodeOf(err) == CodeLeaseLost {
		return t.s.store.Refund(ctx, t.r.ID)
	}
	return t.r, fmt.Errorf("refunds: execute refund %s: %w", t.r.ID, err)
}
