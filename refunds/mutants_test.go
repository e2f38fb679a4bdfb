package refunds_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// design makes the executor of one process; what it keeps between processes
// stands around it.
type design = func(refunds.Config) (refundstest.Executor, error)

// mutants are how refunds are paid elsewhere: each is our executor with one
// rival design built in, and each works while nothing fails.
var mutants = []struct {
	name string
	make func() design
	want string // a violation that the suite must find
}{
	{"delete the key on error", func() design { return rotate(1) }, "I6"},
	{"rotate the key on the second failure", func() design { return rotate(2) }, "I6"},
	{"count a timeout as failed", func() design { return around(timeoutFails) }, "I6"},
	{"call inside the transaction", func() design { return replaced(inTransaction) }, "I6"},
	{"read, then write", func() design { return replaced(readThenWrite) }, "I6"},
	{"send a key again whatever its age", resendForEver, "I6"},
	{"take a failed look-up for absence", func() design { return around(lookupFailureIsAbsence) }, "I7"},
}

func TestTheSuiteCatchesEveryRivalDesign(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			worksOnTheHappyPath(t, m.make())
			found, cases := refundstest.Crashes{
				NewStore:    func(testing.TB) refunds.Store { return refundstest.NewStore() },
				NewExecutor: m.make,
				SkipWorker:  true,
			}.Violations(t)
			first := slices.IndexFunc(found, func(v string) bool { return strings.Contains(v, ": "+m.want) })
			if first < 0 {
				t.Fatalf("%d cases found no violation of %s; all found: %q", cases, m.want, found)
			}
			t.Logf("%d violations in %d cases, such as: %.300s", len(found), cases, found[first])
		})
	}
}

// TestRandomSequencesCatchAMutantAndShrink shows that a failing sequence comes
// back as the few commands that matter.
func TestRandomSequencesCatchAMutantAndShrink(t *testing.T) {
	shortest, bad := refundstest.Crashes{
		NewStore:    func(testing.TB) refunds.Store { return refundstest.NewStore() },
		NewExecutor: func() func(refunds.Config) (refundstest.Executor, error) { return rotate(1) },
	}.RandomViolations(t, 1, 300)
	if bad == "" {
		t.Fatal("no sequence of 300 catches a key that is deleted on error")
	}
	if n := len(shortest); n == 0 || n > 3 {
		t.Errorf("it is shrunk to %d commands, want at most 3: %q", n, shortest)
	}
	t.Logf("shrunk to %q", shortest)
}

// worksOnTheHappyPath asserts that a design is one that people could run.
func worksOnTheHappyPath(t *testing.T, make design) {
	t.Helper()
	store, gateway := refundstest.NewStore(), &refundstest.Gateway{}
	e, err := make(refunds.Config{Store: store, Gateway: gateway, CallTimeout: time.Second,
		Lease: 10 * time.Second, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	card, cash := request(1, 1), request(2, 1)
	cash.Method = payment.Cash
	for _, r := range []refunds.Request{card, card, cash, cash} {
		got, err := e.Refund(t.Context(), r)
		if err != nil || got.Status != refunds.StatusSucceeded {
			t.Fatalf("refund by %q: %s, %v", r.Method, got.Status, err)
		}
	}
	if n := len(gateway.Ledger()); n != 1 {
		t.Fatalf("the provider paid %d times, want once", n)
	}
}

func made(s *refunds.Service, err error) (refundstest.Executor, error) { return s, err }

// answering is a gateway with one or both of its answers changed.
type answering struct {
	payment.RefundGateway
	create, find func(ctx context.Context, g payment.RefundGateway, r payment.RefundRequest) payment.Result
}

func (g answering) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if g.create == nil {
		return g.RefundGateway.CreateRefund(ctx, r)
	}
	return g.create(ctx, g.RefundGateway, r)
}

func (g answering) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if g.find == nil {
		return g.RefundGateway.FindRefund(ctx, r)
	}
	return g.find(ctx, g.RefundGateway, r)
}

func around(g answering) design {
	return func(c refunds.Config) (refundstest.Executor, error) {
		g.RefundGateway = c.Gateway
		c.Gateway = g
		return made(refunds.New(c))
	}
}

var (
	timeoutFails = answering{create: func(ctx context.Context, g payment.RefundGateway,
		r payment.RefundRequest) payment.Result {
		a := g.CreateRefund(ctx, r)
		if a.Outcome == payment.OutcomeUnknown && a.HTTP == 0 {
			a.Outcome, a.Code = payment.OutcomeDeclined, "timeout"
		}
		return a
	}}
	lookupFailureIsAbsence = answering{find: func(ctx context.Context, g payment.RefundGateway,
		r payment.RefundRequest) payment.Result {
		a := g.FindRefund(ctx, r)
		if a.Outcome == payment.OutcomeUnknown {
			a.Outcome = payment.OutcomeAbsent
		}
		return a
	}}
)

// rotate drops the key after n calls without an answer, so that the next call
// is made under a new one. The table of keys outlives the process, as ours does.
func rotate(n int) design {
	var mu sync.Mutex
	failures := map[string]int{}
	return around(answering{create: func(ctx context.Context, g payment.RefundGateway,
		r payment.RefundRequest) payment.Result {
		mu.Lock()
		key := r.Key
		r.Key = fmt.Sprintf("%s-%d", key, failures[key]/n)
		mu.Unlock()
		a := g.CreateRefund(ctx, r)
		if a.Outcome == payment.OutcomeUnknown {
			mu.Lock()
			failures[key]++
			mu.Unlock()
		}
		return a
	}})
}

// resendForEver sends a key that was never answered again instead of looking
// the refund up, however old the key is.
func resendForEver() design {
	var mu sync.Mutex
	answered := map[string]bool{}
	resend := around(answering{
		create: func(ctx context.Context, g payment.RefundGateway, r payment.RefundRequest) payment.Result {
			a := g.CreateRefund(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			answered[r.Key] = answered[r.Key] || a.Replayed || a.Outcome != payment.OutcomeUnknown &&
				a.Outcome != payment.OutcomeNoEffect
			return a
		},
		find: func(ctx context.Context, g payment.RefundGateway, r payment.RefundRequest) payment.Result {
			mu.Lock()
			known := answered[r.Key]
			mu.Unlock()
			if !known {
				return payment.Result{Outcome: payment.OutcomeAbsent, HTTP: 200}
			}
			return g.FindRefund(ctx, r)
		},
	})
	return func(c refunds.Config) (refundstest.Executor, error) {
		c.KeyMaxAge = 365 * 24 * time.Hour
		return resend(c)
	}
}

// rival replaces how a refund is first requested; recovery stays ours.
type rival struct {
	*refunds.Service
	cfg refunds.Config
	pay func(ctx context.Context, e rival, r refunds.Request) (refunds.Intent, error)
}

func replaced(pay func(context.Context, rival, refunds.Request) (refunds.Intent, error)) design {
	return func(c refunds.Config) (refundstest.Executor, error) {
		s, err := refunds.New(c)
		return rival{s, c, pay}, err
	}
}

// Refund pays by card in the rival's way where nothing was paid before.
func (e rival) Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error) {
	if r.Method.Manual() {
		return e.Service.Refund(ctx, r)
	}
	return e.pay(ctx, e, r)
}

func (e rival) stamp() event.Stamp {
	return event.Stamp{At: e.cfg.Now(), By: event.System("rival")}
}

// intent is a submitted refund of what is requested, leased under the token.
func (e rival) intent(r refunds.Request, token string) (*refunds.Refund, error) {
	quote, err := refunds.NewQuote(r.Quote, nil)
	if err != nil {
		return nil, err
	}
	next, err := refunds.NewRefund(refunds.Params{
		ID: uuid.NewString(), ClientReference: r.ClientReference, OrderID: r.OrderID, PaymentID: r.Payments[0].ID,
		Customer: r.Customer,
		Attempt: refunds.AttemptParams{ID: uuid.NewString(), Method: payment.Card,
			PaymentProviderID: r.Payments[0].ProviderID, Request: r.Quote, Quote: quote},
	}, e.stamp())
	if err != nil {
		return nil, err
	}
	next.Lease(token, e.cfg.Now().Add(10*time.Second))
	return next, next.Submit(e.stamp())
}

// call asks the provider, once.
func (e rival) call(ctx context.Context, r *refunds.Refund) payment.Result {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.CallTimeout)
	defer cancel()
	return e.cfg.Gateway.CreateRefund(ctx, r.ProviderRequest())
}

func (e rival) answered(r *refunds.Refund, a payment.Result) error {
	return r.RecordResult(e.stamp(), refunds.AttemptUpdate{
		Result: a, Calls: 1, Tries: 1, Doubt: a.Outcome == payment.OutcomeUnknown, NextAt: e.cfg.Now().Add(time.Second),
	})
}

func openOf(r refunds.Request) []refunds.OpenRequest {
	return []refunds.OpenRequest{{ClientReference: r.ClientReference, OrderID: r.OrderID, PaymentID: r.Payments[0].ID,
		Captured: r.Payments[0].Captured, Currency: r.Currency}}
}

// inTransaction calls the provider before the intent is committed.
func inTransaction(ctx context.Context, e rival, r refunds.Request) (refunds.Intent, error) {
	before, err := e.ByClientReference(ctx, r.ClientReference)
	if err == nil && before.Status != refunds.StatusReversed {
		return e.Service.Refund(ctx, r)
	}
	saved, err := e.cfg.Store.Open(ctx, openOf(r), refunds.OpeningOne(openOf(r)[0], func(_ refunds.PaymentState,
		current *refunds.Refund) (*refunds.Refund, error) {
		if current != nil {
			return current, nil
		}
		next, err := e.intent(r, "")
		if err != nil {
			return nil, err
		}
		return next, e.answered(next, e.call(ctx, next))
	}))
	return refunds.NewIntent(saved), err
}

// readThenWrite looks whether there is a refund, and then acts on what it
// read, though the refund may have been opened in between.
func readThenWrite(ctx context.Context, e rival, r refunds.Request) (refunds.Intent, error) {
	before, err := e.ByClientReference(ctx, r.ClientReference)
	if err == nil && before.Status != refunds.StatusReversed {
		return e.Service.Refund(ctx, r)
	}
	mine, err := e.intent(r, uuid.NewString())
	if err != nil {
		return refunds.Intent{}, err
	}
	saved, err := e.cfg.Store.Open(ctx, openOf(r), refunds.OpeningOne(openOf(r)[0], func(_ refunds.PaymentState,
		current *refunds.Refund) (*refunds.Refund, error) {
		if current != nil {
			return current, nil
		}
		return mine, nil
	}))
	if err != nil {
		return refunds.Intent{}, err
	}
	answer := e.call(ctx, mine)
	after, err := e.cfg.Store.Update(ctx, saved[0].ID, refunds.Changing(func(current *refunds.Refund) error {
		return e.answered(current, answer)
	}))
	return refunds.NewIntent([]refunds.Refund{after}), err
}
