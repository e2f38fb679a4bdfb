package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// charge is an attempt in flight that Checkout started.
type charge struct {
	done  chan struct{} // closed when order and err are set
	order Order
	err   error
}

// chargeNow starts the attempt and waits for it up to PaymentWait. It fails
// only when ctx ends.
func (s *Service) chargeNow(ctx context.Context, o Order, lease string) (Order, error) {
	if !s.begin() {
		return s.queue(ctx, o, lease, "the shop is closing down"), nil
	}
	c := &charge{done: make(chan struct{})}
	s.mu.Lock()
	s.inFlight[o.ID] = c
	s.mu.Unlock()
	// It outlives the caller, and still belongs to its request and trace.
	attempting, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.life, end)
	go func() {
		defer s.running.Done()
		defer end()
		defer stop()
		c.order, _, c.err = s.attempt(attempting, o, lease)
		s.mu.Lock()
		delete(s.inFlight, o.ID)
		s.mu.Unlock()
		close(c.done)
	}()

	wait := time.NewTimer(s.cfg.PaymentWait)
	defer wait.Stop()
	select {
	case <-c.done:
		if c.err != nil {
			// Its result is not recorded; the lease runs out and a worker looks.
			return s.queue(ctx, o, "", "the result of the charge could not be recorded"), nil
		}
		return c.order, nil
	case <-wait.C:
		return s.queue(ctx, o, "", "no answer within "+s.cfg.PaymentWait.String()), nil
	case <-ctx.Done():
		return o, fmt.Errorf("orders: checkout: order %s is placed, and its charge is still running: %w", o.Number,
			ctx.Err())
	}
}

// queue accepts the order unless it was settled meanwhile, and releases the
// lease when it is given. Where that can't be saved the order stays submitted,
// which is as good: it is committed, shown as queued, and recovered.
func (s *Service) queue(ctx context.Context, o Order, lease, reason string) Order {
	st := s.worker(ctx)
	saved, err := s.store.Update(ctx, o.ID, func(o *Order) error {
		if lease != "" && o.checkLease(lease) == nil {
			o.Payment.Work.Lease("", time.Time{})
		}
		if o.Status != StatusSubmitted {
			return nil
		}
		return o.Queue(st, reason)
	})
	if err != nil {
		return o
	}
	return saved
}

// execution is one attempt to settle the payment of an order, under a lease.
type execution struct {
	order Order
	lease string
	// withdrawing: the order is to end unpaid; by and why say who asked, and the reason.
	withdrawing bool
	by          event.Stamp
	why         string

	first    bool // no confirm was sent before
	last     action
	status   payment.PaymentStatus
	result   payment.Result
	page     payment.Page    // that create opened
	closing  bool            // closing the page was tried
	declined *payment.Result // the definite no to a confirm that was not the first
}

// attempt tries once to settle the payment of an order leased under the token,
// and records the result. It returns the order as saved and the outcome of the
// last call.
func (s *Service) attempt(ctx context.Context, o Order, lease string) (Order, payment.Outcome, error) {
	x := &execution{order: o, lease: lease, by: s.worker(ctx)}
	if s.now().Sub(o.PlacedAt) >= s.cfg.QueueLimit {
		x.withdrawing, x.why = true, fmt.Sprintf("not paid within %s", s.cfg.QueueLimit)
	}
	if over := s.pageOver(o); over != "" && !x.withdrawing {
		x.withdrawing, x.why = true, over
	}
	return s.execute(ctx, x)
}

// withdraw ends an order unpaid, after the provider has said that it never
// will be captured; why says for what reason.
func (s *Service) withdraw(ctx context.Context, o Order, lease string, by event.Stamp,
	why string) (Order, payment.Outcome, error) {
	return s.execute(ctx, &execution{order: o, lease: lease, withdrawing: true, by: by, why: why})
}

// execute does what decide says, call after call, until the order is
// settled or has to wait.
func (s *Service) execute(ctx context.Context, x *execution) (Order, payment.Outcome, error) {
	x.first = x.order.Payment.Work.Attempts == 0 && x.order.Payment.Status != PaymentUnknown
	for {
		d := decide(s.facts(x))
		if change := s.ending(ctx, x, d); change != nil {
			saved, err := s.save(ctx, x.order, x.lease, change)
			return saved, x.result.Outcome, err
		}
		if err := s.send(ctx, x, d.next); err != nil {
			return x.order, payment.OutcomeUnknown, err
		}
	}
}

func (s *Service) facts(x *execution) facts {
	p := x.order.Payment
	f := facts{
		created: p.atProvider(), unanswered: p.Status == PaymentUnknown, first: x.first,
		page: p.OnPage(), closing: x.closing,
		withdrawing: x.withdrawing || x.declined != nil, overdue: s.now().Sub(x.order.PlacedAt) >= s.cfg.GiveUpAfter,
		last: x.last, answer: answerNone, result: x.result, amount: p.Amount,
	}
	if x.last != "" {
		f.answer = answerOf(x.status, x.result)
	}
	return f
}

// send makes the call of an action and notes its answer.
func (s *Service) send(ctx context.Context, x *execution, next action) error {
	if next == actConfirm {
		// The row says first that a confirm may be out.
		id := x.order.Payment.ProviderID
		if x.last == actCreate {
			id = x.result.ProviderID
		}
		saved, err := s.save(ctx, x.order, x.lease, func(o *Order) error { return o.Confirming(s.worker(ctx), id) })
		if err != nil {
			return err
		}
		x.order = saved
	}
	if next == actCancel && x.last == actConfirm {
		x.declined = new(x.result)
	}
	page, status, result, err := s.callPage(ctx, &x.order, x.lease, next)
	if err != nil {
		return err
	}
	x.page, x.closing = page, x.closing || x.order.Payment.OnPage() && next == actCancel
	if next == actCreate && result.Outcome == payment.OutcomeDone && result.ProviderID == "" {
		result.Outcome = payment.OutcomeUnknown
	}
	x.last, x.status, x.result = next, status, result
	return nil
}

// ending is the change that ends the attempt, nil while there is more to do.
func (s *Service) ending(ctx context.Context, x *execution, d decision) func(*Order) error {
	switch d.next {
	case actComplete:
		reference := "" // the order has it, but where it was paid on a page
		if x.order.Payment.OnPage() {
			reference = x.result.ProviderID
		}
		return func(o *Order) error { return o.Complete(s.worker(ctx), reference) }
	case actDecline:
		r := x.result
		if x.last == actLookUp { // it was read, and shows that the payment is canceled
			r.Failure, r.Message = payment.CanceledAtProvider, d.why
		}
		return func(o *Order) error { return o.Decline(s.worker(ctx), r) }
	case actAwait:
		return func(o *Order) error { return s.awaitCustomer(ctx, o, x) }
	case actEnd:
		if x.why == "" {
			x.why = d.why
		}
		return func(o *Order) error { return o.endUnpaid(x) }
	case actWait, actReview:
		return func(o *Order) error { return s.recordAttempt(ctx, o, x, d) }
	}
	return nil
}

// endUnpaid ends the order, whose payment certainly never is captured.
func (o *Order) endUnpaid(x *execution) error {
	if o.Payment.atProvider() {
		if err := o.Withdraw(x.by); err != nil {
			return err
		}
	}
	if x.declined != nil {
		return o.Decline(x.by, *x.declined)
	}
	return o.Cancel(x.by, x.why)
}

// recordAttempt records an attempt that settled nothing; the order is queued.
// A key under which the provider replays an answer that settles nothing is given
// up; that is safe, see Payment.KeyRound.
func (s *Service) recordAttempt(ctx context.Context, o *Order, x *execution, d decision) error {
	r := ChargeResult{
		Outcome: x.result.Outcome, Code: x.result.Code, Failure: x.result.Why(), Message: x.result.Message,
		MayBeCaptured: d.mayBeCaptured, NewKey: d.newKey, NeedsReview: d.next == actReview,
	}
	if r.Outcome == payment.OutcomeDone {
		// A state was read that settles nothing.
		if r.Outcome = payment.OutcomeUnknown; x.status == payment.Processing {
			r.Outcome = payment.OutcomePending
		}
		r.Failure = payment.NotYetKnown
		r.Message = d.why
	}
	if !r.NeedsReview {
		r.NextAt = s.now().Add(s.cfg.Jitter(backoff(r.Outcome, o.Payment.Work.Attempts)))
	}
	st := s.worker(ctx)
	if err := o.ChargeAttempted(st, r); err != nil {
		return err
	}
	if o.Status == StatusSubmitted {
		return o.Queue(st, r.Message)
	}
	return nil
}

// save saves a change of the order while the lease still holds.
func (s *Service) save(ctx context.Context, o Order, lease string, change func(*Order) error) (Order, error) {
	var was Status
	saved, err := s.store.Update(ctx, o.ID, func(o *Order) error {
		was = o.Status
		if err := o.checkLease(lease); err != nil {
			return err
		}
		return change(o)
	})
	if err != nil {
		return o, err
	}
	if was == StatusQueued && !saved.open() {
		s.cfg.Observer.Settled(ctx, saved, s.now().Sub(saved.PlacedAt))
	}
	return saved, nil
}
