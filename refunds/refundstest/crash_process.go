package refundstest

import (
	"context"
	"errors"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// errCut is what a process that has died gets from below.
var errCut = errors.New("refundstest: the process was cut")

// process is one run of a program on a store and a provider that outlive it.
// Store writes and provider calls are its steps. After step cut it is dead:
// nothing it does has an effect and nothing is answered to it any more. It is
// used by one goroutine at a time.
type process struct {
	refunds.Store
	gateway payment.RefundGateway
	cut     int // 0: it lives
	steps   int
	dead    bool
	within  int    // steps under way: a call made inside a transaction is one within another
	turn    func() // returns when the next step may be made; nil: at once
	world   *world
}

// step runs f unless the process is dead, and fails when it is, or is now.
func (p *process) step(f func()) error {
	if p.dead {
		return errCut
	}
	if p.turn != nil && p.within == 0 {
		p.turn()
	}
	p.steps++
	mine := p.steps
	p.within++
	f()
	p.within--
	p.dead = p.dead || mine == p.cut
	if p.dead {
		return errCut
	}
	return nil
}

// Open implements refunds.Store.
func (p *process) Open(
	ctx context.Context, r []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) (got []refunds.Refund, err error) {
	died := p.step(func() {
		got, err = p.Store.Open(ctx, r, func(s refunds.OpenState) ([]refunds.Change, error) {
			next, err := decide(s)
			if p.dead {
				return nil, errCut // a transaction dies with its process
			}
			return next, err
		})
	})
	if died != nil {
		return nil, died
	}
	return got, err
}

// Update implements refunds.Store.
func (p *process) Update(
	ctx context.Context, id string, change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (got refunds.Refund, err error) {
	died := p.step(func() {
		got, err = p.Store.Update(ctx, id, func(b refunds.Balance, r refunds.Refund) (refunds.Change, error) {
			next, err := change(b, r)
			if p.dead {
				return refunds.Change{}, errCut
			}
			return next, err
		})
	})
	if died != nil {
		return refunds.Refund{}, died
	}
	return got, err
}

// UpdatePayment implements refunds.Store.
func (p *process) UpdatePayment(
	ctx context.Context, r refunds.OpenRequest,
	change func(refunds.Balance, []refunds.Refund) (refunds.PaymentChange, error),
) (got []refunds.Refund, err error) {
	if died := p.step(func() { got, err = p.Store.UpdatePayment(ctx, r, change) }); died != nil {
		return nil, died
	}
	return got, err
}

// Book implements refunds.Store.
func (p *process) Book(
	ctx context.Context, r refunds.OpenRequest, providerID string,
	change func(refunds.Balance, *refunds.Outside, []refunds.Refund) (refunds.OutsideChange, error),
) (got refunds.OutsideChange, err error) {
	if died := p.step(func() { got, err = p.Store.Book(ctx, r, providerID, change) }); died != nil {
		return refunds.OutsideChange{}, died
	}
	return got, err
}

// UpdateSweep implements refunds.Store.
func (p *process) UpdateSweep(
	ctx context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
) (got refunds.Sweep, err error) {
	if died := p.step(func() { got, err = p.Store.UpdateSweep(ctx, change) }); died != nil {
		return refunds.Sweep{}, died
	}
	return got, err
}

// Claim implements refunds.Store.
func (p *process) Claim(
	ctx context.Context, now time.Time, lease time.Duration, token string, limit int,
) (got []refunds.Refund, err error) {
	if died := p.step(func() { got, err = p.Store.Claim(ctx, now, lease, token, limit) }); died != nil {
		return nil, died
	}
	return got, err
}

// NextManualReference implements refunds.Store.
func (p *process) NextManualReference(ctx context.Context, m payment.Method) (got string, err error) {
	if died := p.step(func() { got, err = p.Store.NextManualReference(ctx, m) }); died != nil {
		return "", died
	}
	return got, err
}

// Refund implements refunds.Store.
func (p *process) Refund(ctx context.Context, id string) (refunds.Refund, error) {
	if p.dead {
		return refunds.Refund{}, errCut
	}
	return p.Store.Refund(ctx, id)
}

// ByClientReferences implements refunds.Store.
func (p *process) ByClientReferences(ctx context.Context, references []string) (map[string][]refunds.Refund, error) {
	if p.dead {
		return nil, errCut
	}
	return p.Store.ByClientReferences(ctx, references)
}

// CreateRefund implements refunds.RefundGateway.
func (p *process) CreateRefund(ctx context.Context, r payment.RefundRequest) (a payment.Result) {
	return p.call(func() payment.Result { return p.gateway.CreateRefund(ctx, r) })
}

// FindRefund implements refunds.RefundGateway.
func (p *process) FindRefund(ctx context.Context, r payment.RefundRequest) (a payment.Result) {
	return p.call(func() payment.Result { return p.gateway.FindRefund(ctx, r) })
}

// Capabilities are the gateway's.
func (p *process) Capabilities() payment.Capabilities { return payment.CapabilitiesOf(p.gateway) }

func (p *process) call(f func() payment.Result) (a payment.Result) {
	if p.step(func() {
		p.world.called.Add(1)
		a = f()
		p.world.pass(p.world.takes)
	}) != nil {
		return lost
	}
	return a
}

// schedule lets processes take their steps one at a time, in an order that is
// enumerated: run after run it takes the next of all orders there are.
type schedule struct {
	order   []int // which of the waiting goes, at each step; 0 beyond its end
	options []int // how many waited there
}

// run runs all at once. Each gets the function that waits for its turn.
func (s *schedule) run(all ...func(turn func())) {
	type news struct {
		who  int
		done bool
	}
	events := make(chan news)
	grants := make([]chan struct{}, len(all))
	waiting := make([]int, 0, len(all))
	next := func() {
		if e := <-events; !e.done {
			waiting = append(waiting, e.who)
		}
	}
	for i, f := range all {
		grants[i] = make(chan struct{})
		go func() {
			f(func() {
				events <- news{who: i}
				<-grants[i]
			})
			events <- news{who: i, done: true}
		}()
		next() // one at a time up to its first step, so that a run can be repeated
	}
	s.options = s.options[:0]
	for step := 0; len(waiting) > 0; step++ {
		if step == len(s.order) {
			s.order = append(s.order, 0)
		}
		s.options = append(s.options, len(waiting))
		i := min(s.order[step], len(waiting)-1)
		who := waiting[i]
		waiting = append(waiting[:i:i], waiting[i+1:]...)
		grants[who] <- struct{}{}
		next()
	}
}

// another moves on to the next order, false when the last was run.
func (s *schedule) another() bool {
	for i := len(s.options) - 1; i >= 0; i-- {
		if s.order[i]+1 < s.options[i] {
			s.order = append(s.order[:i:i], s.order[i]+1)
			return true
		}
	}
	return false
}
