package refundstest

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func TestEveryCutPointInMemory(t *testing.T) {
	t.Parallel()
	TestCrashes(t, Crashes{NewStore: func(testing.TB) refunds.Store { return NewStore() }})
}

// TestEveryCutPointOfTwoPaymentsInMemory cuts the refund of an order that two payments
// paid: each part is paid once, and the store credit is what the parts gave.
func TestEveryCutPointOfTwoPaymentsInMemory(t *testing.T) {
	t.Parallel()
	TestCrashes(t, Crashes{
		NewStore: func(testing.TB) refunds.Store { return NewStore() }, Split: true, SkipWorker: true, SkipRare: true,
	})
}

func TestRandomCrashesOfTwoPaymentsInMemory(t *testing.T) {
	t.Parallel()
	TestRandomCrashes(t, Crashes{
		NewStore: func(testing.TB) refunds.Store { return NewStore() }, Split: true,
	}, 100)
}

func TestRandomCrashesInMemory(t *testing.T) {
	t.Parallel()
	TestRandomCrashes(t, Crashes{NewStore: func(testing.TB) refunds.Store { return NewStore() }}, 500)
}

// TestAPersonComesBack asks again for a refund that stands in the queue, in a
// process that dies with the lease. The world's person is refused until it has
// run out and then believed, and no violation is noted.
func TestAPersonComesBack(t *testing.T) {
	t.Parallel()
	w, _ := Crashes{NewStore: func(testing.TB) refunds.Store { return NewStore() }}.world(t, payment.Card)
	e, _ := w.start(1, nil)
	_, _ = e.Refund(w.ctx, w.request)
	w.pass(25 * time.Hour)
	w.ask()
	e, _ = w.start(1, nil)
	_, _ = e.Refund(w.ctx, w.request)
	queued := w.refunds()[0]
	if !queued.Work.NeedsReview || !queued.Leased(w.clock()) {
		t.Fatalf("the refund is not in the queue under the lease of a dead process: %+v", queued.Work)
	}
	w.resolve()
	if got := w.refunds()[0].Status; got != refunds.StatusFailed || len(w.bad) > 0 {
		t.Errorf("the refund is %s, %q; want failed by the word of staff", got, w.bad)
	}
}

// TestAPersonIsRefusedWhileTheProviderDecides has staff call paid what the
// provider waits for a customer with: it stays open, goes by the provider's
// word, and no violation is noted.
func TestAPersonIsRefusedWhileTheProviderDecides(t *testing.T) {
	t.Parallel()
	w, p := Crashes{NewStore: func(testing.TB) refunds.Store { return NewStore() }}.world(t, payment.Card)
	p.Script(CallCreate, FaultRequiresAction)
	e, _ := w.start(2, nil) // the provider has it, and nobody knows
	_, _ = e.Refund(w.ctx, w.request)
	w.pass(25 * time.Hour)
	p.Script(CallFind, Fault5xxBefore)
	w.ask()
	if r := w.refunds()[0]; !r.Work.NeedsReview {
		t.Fatalf("the refund is %s and not in the queue: %+v", r.Status, r.Work)
	}
	w.resolve()
	w.recover(0, w.clock())
	if got := w.refunds()[0].Status; got != refunds.StatusRequiresAction || len(w.bad) > 0 {
		t.Errorf("the refund is %s, %q; want requires_action by the provider's word", got, w.bad)
	}
}

func TestOutsideMoneyAtEveryCutPointInMemory(t *testing.T) {
	t.Parallel()
	TestOutsideCrashes(t, func(testing.TB) refunds.Store { return NewStore() })
}
