package refunds_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// errCut is what a process that has died would get: nothing.
var errCut = errors.New("the process was cut")

// cut lets a process die at one step: the store writes and the provider calls
// of one service are counted, and from the step at on, before its effect or
// after it, nothing is done and nothing is answered any more.
type cut struct {
	refunds.Store
	gateway payment.RefundGateway
	at      int
	after   bool
	mu      sync.Mutex // guards steps and dead: callers run at once
	steps   int
	dead    bool
}

// step runs f unless the process is dead.
func (c *cut) step(f func()) error {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return errCut
	}
	c.steps++
	dies := c.steps == c.at
	c.dead = dies
	c.mu.Unlock()
	if !dies || c.after {
		f()
	}
	if dies {
		return errCut
	}
	return nil
}

func (c *cut) Open(
	ctx context.Context, r []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) (got []refunds.Refund, err error) {
	if died := c.step(func() { got, err = c.Store.Open(ctx, r, decide) }); died != nil {
		return nil, died
	}
	return got, err
}

func (c *cut) Update(ctx context.Context, id string, change func(refunds.Balance,
	refunds.Refund) (refunds.Change, error)) (got refunds.Refund, err error) {
	if died := c.step(func() { got, err = c.Store.Update(ctx, id, change) }); died != nil {
		return refunds.Refund{}, died
	}
	return got, err
}

func (c *cut) Claim(ctx context.Context, now time.Time, lease time.Duration, token string,
	limit int) (got []refunds.Refund, err error) {
	if died := c.step(func() { got, err = c.Store.Claim(ctx, now, lease, token, limit) }); died != nil {
		return nil, died
	}
	return got, err
}

func (c *cut) NextManualReference(ctx context.Context, m payment.Method) (got string, err error) {
	if died := c.step(func() { got, err = c.Store.NextManualReference(ctx, m) }); died != nil {
		return "", died
	}
	return got, err
}

func (c *cut) CreateRefund(ctx context.Context, r payment.RefundRequest) (a payment.Result) {
	if c.step(func() { a = c.gateway.CreateRefund(ctx, r) }) != nil {
		return payment.Result{Outcome: payment.OutcomeUnknown}
	}
	return a
}

func (c *cut) FindRefund(ctx context.Context, r payment.RefundRequest) (a payment.Result) {
	if c.step(func() { a = c.gateway.FindRefund(ctx, r) }) != nil {
		return payment.Result{Outcome: payment.OutcomeUnknown}
	}
	return a
}

// TestEveryCrashPointUnderEveryFault cuts the process that refunds, before
// and after each of its steps, under each fault, and the first worker that
// recovers it at each of its steps too; another worker then finishes. Nothing
// is paid twice, nothing is lost, nothing waits unseen.
func TestEveryCrashPointUnderEveryFault(t *testing.T) {
	cases := 0
	one := func(t *testing.T, method payment.Method, fault refundstest.Fault, at, workerAt int,
		after bool) (reached, workerReached bool) {
		name := fmt.Sprintf("%s, %q, cut at %d, worker at %d, after %v", method, fault, at, workerAt, after)
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			dying := &cut{Store: s.store, gateway: s.gateway, at: at, after: after}
			first, err := refunds.New(refunds.Config{Store: dying, Gateway: dying})
			if err != nil {
				t.Fatal(err)
			}
			s.gateway.Script(refundstest.CallCreate, fault)
			q := request(1, 2)
			q.Method = method
			_, _ = first.Refund(t.Context(), q)
			reached = dying.dead

			recovering := &cut{Store: s.store, gateway: s.gateway, at: workerAt, after: after}
			worker, err := refunds.New(refunds.Config{Store: recovering, Gateway: recovering, Parallel: 1})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(11 * time.Second)
				_, _ = worker.ResumeDue(t.Context(), 10)
			}
			workerReached = recovering.dead
			time.Sleep(11 * time.Second)
			s.settle(30 * time.Hour)
			s.check()

			all, _, err := s.List(t.Context(), refunds.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if len(all) == 0 && (at != 1 || after) {
				t.Errorf("%s: the refund is lost", name)
			}
			for _, r := range all {
				if r.Status.Open() && !r.Work.NeedsReview && fault != refundstest.FaultRequiresAction {
					t.Errorf("%s: the refund is %s and nobody sees it: %+v", name, r.Status, r.Work)
				}
				if r.Status == refunds.StatusFailed && len(s.gateway.Ledger()) > 0 {
					t.Errorf("%s: the refund is failed and was paid", name)
				}
			}
			// Asked again until it is over, it is paid once.
			for range 2 {
				s.refund(q)
				s.settle(30 * time.Hour)
			}
			s.check()
			if fault != refundstest.FaultWrongAmount && fault != refundstest.FaultRequiresAction {
				r, err := s.ByClientReference(t.Context(), q.ClientReference)
				if err != nil || r.Status != refunds.StatusSucceeded {
					t.Errorf("%s: in the end it is %s, %v", name, r.Status, err)
				}
			}
			want := 1
			if method != payment.Card {
				want = 0
			}
			if n := len(s.gateway.Ledger()); n != want {
				t.Errorf("%s: the provider paid %d times, want %d", name, n, want)
			}
		})
		cases++
		return reached, workerReached
	}
	for _, method := range []payment.Method{payment.Card, payment.Cash, payment.StoreCredit} {
		faults := refundstest.Faults()
		if method != payment.Card {
			faults = faults[:1]
		}
		for _, fault := range faults {
			for _, after := range []bool{false, true} {
				for at := 1; ; at++ {
					reached := false
					for workerAt := 1; ; workerAt++ {
						var worker bool
						reached, worker = one(t, method, fault, at, workerAt, after)
						if !worker {
							break
						}
					}
					if !reached {
						break
					}
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}
