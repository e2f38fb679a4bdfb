package refundstest

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// slow is a gateway whose next answer reaches the caller late.
type slow struct {
	payment.RefundGateway
	answered chan struct{} // closed when the provider has answered
	goOn     chan struct{} // closed when the caller may see it
}

func (g slow) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	a := g.RefundGateway.CreateRefund(ctx, r)
	close(g.answered)
	<-g.goOn
	return a
}

// service carries refunds out on the store of the suite, by its clock.
func (b *bench) service(g payment.RefundGateway) *refunds.Service {
	b.Helper()
	s, err := refunds.New(refunds.Config{
		Store: b.store, Gateway: g, Now: func() time.Time { return b.now }, Wait: time.Nanosecond,
		FirstRetry: time.Millisecond,
		Jitter:     func(d time.Duration) time.Duration { return d },
	})
	b.ok(err)
	return s
}

// stopped begins to execute the plan's refund, and stops the worker after
// the provider's answer for longer than its lease. resume lets it continue and
// waits until it has done what it does.
func (b *bench) stopped(g *Gateway, p plan) (id string, resume func()) {
	b.Helper()
	id = b.opened(p).ID
	late := slow{g, make(chan struct{}), make(chan struct{})}
	s := b.service(late)
	var err error
	ended := b.Go(func() { _, err = s.ResumeDue(b.ctx, 1) })
	<-late.answered
	b.now = b.now.Add(lease + time.Second)
	return id, func() {
		b.Helper()
		close(late.goOn)
		ended()
		b.ok(err)
	}
}

func (b *bench) pursue(s *refunds.Service) refunds.Refund {
	b.Helper()
	n, err := s.ResumeDue(b.ctx, 1)
	b.ok(err)
	b.equal("carried on", n, 1)
	list, _, err := b.store.List(b.ctx, refunds.Query{})
	b.ok(err)
	return list[0]
}

func (b *bench) paidOnce(g *Gateway) {
	b.Helper()
	b.equal("paid", len(g.Ledger()), 1)
}

// The state machine takes the answer: the refund is open. Only its attempt is
// another one by now, whose money has gone.
func testLateRefusal(b *bench) {
	p, g := newPlan(1), &Gateway{}
	g.Script(CallCreate, FaultRefuse)
	id, resume := b.stopped(g, p)
	s := b.service(g)
	b.equal("first attempt", b.pursue(s).Status, refunds.StatusFailed)

	_, err := b.openBy(p.open(), b.decide(p))
	b.ok(err)
	g.Script(CallCreate, FaultLostAfter)
	before := b.pursue(s)
	b.equal("second attempt", []any{before.Status, len(before.Attempts)}, []any{refunds.StatusUnknown, 2})
	resume()
	after, err := b.store.Refund(b.ctx, id)
	b.ok(err)
	b.equal("second attempt after the late answer to the first", after, before)
	b.now = b.now.Add(time.Minute)
	b.equal("in the end", b.pursue(s).Status, refunds.StatusSucceeded)
	b.paidOnce(g)
}

// "Nothing happened" of late, written over a call that paid and was cut, would
// forget that anything was sent: the key would count as new when the provider
// has forgotten it.
func testLateNothing(b *bench) {
	g := &Gateway{}
	g.Script(CallCreate, FaultRateLimit)
	id, resume := b.stopped(g, newPlan(1))

	cut := slow{g, make(chan struct{}), make(chan struct{})} // answered, and never heard of again
	died := b.service(cut)
	ended := b.Go(func() { _, _ = died.ResumeDue(b.ctx, 1) }) // cut off by the plan: its error is of no matter
	<-cut.answered
	b.paidOnce(g)
	before, err := b.store.Refund(b.ctx, id)
	b.ok(err)
	resume()
	after, err := b.store.Refund(b.ctx, id)
	b.ok(err)
	b.equal("after the late answer", after, before)
	b.now = b.now.Add(25 * time.Hour)
	g.PruneKeys()
	b.equal("a day later", b.pursue(b.service(g)).Status, refunds.StatusSucceeded)
	b.paidOnce(g)
	close(cut.goOn)
	ended()
}

// A late answer that says nothing would end the lease of the process that works on
// the refund, and bring a third one in.
func testLateUnknown(b *bench) {
	g := &Gateway{}
	g.Script(CallCreate, FaultLostBefore)
	_, resume := b.stopped(g, newPlan(1))
	work := slow{g, make(chan struct{}), make(chan struct{})}
	s := b.service(work)
	var err error
	ended := b.Go(func() { _, err = s.ResumeDue(b.ctx, 1) })
	<-work.answered
	resume()
	b.now = b.now.Add(lease / 2)
	b.equal("claimed while another is at it", len(b.claim("third", 10)), 0)
	close(work.goOn)
	ended()
	b.ok(err)
	list, _, err := b.store.List(b.ctx, refunds.Query{})
	b.ok(err)
	b.equal("in the end", list[0].Status, refunds.StatusSucceeded)
	b.paidOnce(g)
}
