package guard

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// scripted gives every call one result and counts the calls.
type scripted struct {
	result payment.Result
	status payment.PaymentStatus
	calls  int
	panics bool
}

func (s *scripted) say() payment.Result {
	s.calls++
	if s.panics {
		panic("gateway")
	}
	return s.result
}

func (s *scripted) CreatePayment(context.Context, payment.ChargeRequest) payment.Result {
	return s.say()
}

func (s *scripted) ConfirmPayment(context.Context, payment.ChargeRequest, string) payment.Result {
	return s.say()
}

func (s *scripted) FindPayment(context.Context, string) (payment.PaymentStatus, payment.Result) {
	return s.status, s.say()
}

func (s *scripted) CancelPayment(
	context.Context, payment.ChargeRequest, string,
) (payment.PaymentStatus, payment.Result) {
	return s.status, s.say()
}

func (s *scripted) CreateRefund(context.Context, payment.RefundRequest) payment.Result {
	return s.say()
}

func (s *scripted) FindRefund(context.Context, payment.RefundRequest) payment.Result { return s.say() }

// listing is scripted with a list, and with capabilities.
type listing struct {
	scripted
	list []payment.ProviderRefund
	err  error // ends the list
}

func (l *listing) Capabilities() payment.Capabilities { return payment.Capabilities{WholeOnly: true} }

func (l *listing) ListRefunds(context.Context, time.Time, time.Time) iter.Seq2[payment.ProviderRefund, error] {
	return func(yield func(payment.ProviderRefund, error) bool) {
		l.say()
		for _, r := range l.list {
			if !yield(r, nil) {
				return
			}
		}
		if l.err != nil {
			yield(payment.ProviderRefund{}, l.err)
		}
	}
}

type gateway interface {
	payment.ChargeGateway
	payment.RefundGateway
}

func newBreaker(t *testing.T, failures int) *resilience.Breaker {
	t.Helper()
	b, err := resilience.New(resilience.Config{
		Name: "payments", ConsecutiveFailures: failures, OpenFor: time.Second, JitterPercent: resilience.NoJitter,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// each is every call of a gateway behind one breaker.
type each struct {
	name    string
	do      func(context.Context) payment.Result
	notSent payment.Outcome
}

func calls(g gateway, b *resilience.Breaker) []each {
	c, r := Charges(g, b), Refunds(g, b)
	var charge payment.ChargeRequest
	var refund payment.RefundRequest
	return []each{
		{"create payment", func(ctx context.Context) payment.Result { return c.CreatePayment(ctx, charge) },
			payment.OutcomeNoEffect},
		{"confirm payment", func(ctx context.Context) payment.Result { return c.ConfirmPayment(ctx, charge, "pi") },
			payment.OutcomeNoEffect},
		{"cancel payment", func(ctx context.Context) payment.Result {
			_, a := c.CancelPayment(ctx, charge, "pi")
			return a
		}, payment.OutcomeNoEffect},
		{"find payment", func(ctx context.Context) payment.Result {
			_, a := c.FindPayment(ctx, "pi")
			return a
		}, payment.OutcomeUnknown},
		{"create refund", func(ctx context.Context) payment.Result { return r.CreateRefund(ctx, refund) },
			payment.OutcomeNoEffect},
		{"find refund", func(ctx context.Context) payment.Result { return r.FindRefund(ctx, refund) },
			payment.OutcomeUnknown},
	}
}

func TestWhileOpenNothingIsSentAndALookUpIsNotAbsent(t *testing.T) {
	g, b := &scripted{}, newBreaker(t, 1)
	b.ForceOpen(time.Time{})
	for _, c := range calls(g, b) {
		t.Run(c.name, func(t *testing.T) {
			if a := c.do(t.Context()); a.Outcome != c.notSent || a.Code != CodeOpen || a.Message == "" {
				t.Errorf("%+v, want %s with %s", a, c.notSent, CodeOpen)
			}
		})
	}
	if g.calls != 0 {
		t.Errorf("%d calls were sent", g.calls)
	}
}

func TestABreakerThatNobodyMadeSendsNothing(t *testing.T) {
	for name, b := range map[string]*resilience.Breaker{"nil": nil, "zero": {}} {
		g := &scripted{result: payment.Result{Outcome: payment.OutcomeDone}}
		for _, c := range calls(g, b) {
			t.Run(name+" "+c.name, func(t *testing.T) {
				if a := c.do(t.Context()); a.Outcome != c.notSent {
					t.Errorf("%+v, want %s", a, c.notSent)
				}
			})
		}
		if g.calls != 0 {
			t.Errorf("%s: %d calls were sent", name, g.calls)
		}
	}
}

func TestACallWhoseContextHasEndedIsNotSentAndTakesNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, b := &scripted{result: payment.Result{Outcome: payment.OutcomeUnknown}}, newBreaker(t, 1)
		Refunds(g, b).CreateRefund(t.Context(), payment.RefundRequest{})
		time.Sleep(time.Second) // the next call is the probe
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, c := range calls(g, b) {
			if a := c.do(ended); a.Outcome != c.notSent || a.Code != CodeNotSent {
				t.Errorf("%s: %+v, want %s with %s", c.name, a, c.notSent, CodeNotSent)
			}
		}
		for _, err := range List(&listing{}, b).ListRefunds(ended, time.Time{}, time.Time{}) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("list: %v", err)
			}
		}
		if g.calls != 1 {
			t.Errorf("%d calls were sent, want the first alone", g.calls)
		}
		g.result.Outcome = payment.OutcomeDone
		if a := Refunds(g, b).CreateRefund(t.Context(), payment.RefundRequest{}); a.Outcome != payment.OutcomeDone {
			t.Errorf("the probe: %+v", a)
		}
	})
}

func TestOneBreakerGuardsAllCalls(t *testing.T) {
	for i := range calls(&scripted{}, nil) {
		g, b := &scripted{result: payment.Result{Outcome: payment.OutcomeUnknown}}, newBreaker(t, 2)
		all := calls(g, b)
		t.Run(all[i].name, func(t *testing.T) {
			all[i].do(t.Context())
			if st := b.State(); st != resilience.Closed {
				t.Errorf("%v after one failure of two", st)
			}
			all[i].do(t.Context())
			for _, c := range all {
				if a := c.do(t.Context()); a.Code != CodeOpen {
					t.Errorf("after two failures %s is still sent: %+v", c.name, a)
				}
			}
		})
	}
}

func TestWhatAResultShowsAboutTheProvider(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, tc := range []struct {
		name   string
		ctx    context.Context
		result payment.Result
		want   resilience.Outcome
	}{
		{"done", nil, payment.Result{Outcome: payment.OutcomeDone}, resilience.Success},
		{"declined", nil, payment.Result{Outcome: payment.OutcomeDeclined, HTTP: 402}, resilience.Success},
		{"pending", nil, payment.Result{Outcome: payment.OutcomePending}, resilience.Success},
		{"waits for the customer", nil, payment.Result{Outcome: payment.OutcomeRequiresAction}, resilience.Success},
		{"looked up and absent", nil, payment.Result{Outcome: payment.OutcomeAbsent, HTTP: 200}, resilience.Success},
		{"rate limited", nil, payment.Result{Outcome: payment.OutcomeNoEffect, HTTP: 429}, resilience.Neutral},
		{"rate limited look-up", nil, payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 429}, resilience.Neutral},
		{"5xx", nil, payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 500}, resilience.Failure},
		{"no answer", nil, payment.Result{Outcome: payment.OutcomeUnknown}, resilience.Failure},
		{"replayed 5xx", nil, payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 500, Replayed: true},
			resilience.Neutral},
		{"deadline", late, payment.Result{Outcome: payment.OutcomeUnknown}, resilience.Failure},
		{"the caller went away", canceled, payment.Result{Outcome: payment.OutcomeUnknown}, resilience.Neutral},
		{"answered after the caller went away", canceled, payment.Result{Outcome: payment.OutcomeDone},
			resilience.Success},
		{"an outcome that does not exist", nil, payment.Result{Outcome: "?"}, resilience.Failure},
		{"no outcome", nil, payment.Result{}, resilience.Failure},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := tc.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			if got := judge(ctx, tc.result); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestOneProbeThatIsAnsweredClosesTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, b := &scripted{result: payment.Result{Outcome: payment.OutcomeUnknown}}, newBreaker(t, 1)
		Refunds(g, b).CreateRefund(t.Context(), payment.RefundRequest{})
		time.Sleep(time.Second)
		g.result.Outcome = payment.OutcomeDeclined
		a := Charges(g, b).ConfirmPayment(t.Context(), payment.ChargeRequest{}, "pi")
		if a.Outcome != payment.OutcomeDeclined {
			t.Errorf("the probe: %+v", a)
		}
		if st := b.State(); st != resilience.Closed {
			t.Errorf("state %v", st)
		}
	})
}

func TestAPanicOfTheGatewayCountsAndReleasesItsPermit(t *testing.T) {
	g, b := &listing{scripted: scripted{panics: true}}, newBreaker(t, 1)
	panics := func(fn func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		fn()
	}
	panics(func() { Charges(g, b).CreatePayment(t.Context(), payment.ChargeRequest{}) })
	if st := b.State(); st != resilience.Open {
		t.Errorf("state %v", st)
	}
	b.Reset()
	panics(func() {
		for range List(g, b).ListRefunds(t.Context(), time.Time{}, time.Time{}) {
			t.Error("a refund in the list of a gateway that panics")
		}
	})
	if st := b.State(); st != resilience.Open {
		t.Errorf("state %v after a list", st)
	}
}

func TestTheStatusOfALookUpPasses(t *testing.T) {
	g := &scripted{result: payment.Result{Outcome: payment.OutcomeDone}, status: payment.Captured}
	c := Charges(g, newBreaker(t, 1))
	if st, a := c.FindPayment(t.Context(), "pi"); st != payment.Captured || a.Outcome != payment.OutcomeDone {
		t.Errorf("FindPayment: %s %+v", st, a)
	}
	if st, a := c.CancelPayment(t.Context(), payment.ChargeRequest{}, "pi"); st != payment.Captured ||
		a.Outcome != payment.OutcomeDone {
		t.Errorf("CancelPayment: %s %+v", st, a)
	}
}

func TestOptionalInterfacesPassThrough(t *testing.T) {
	b := newBreaker(t, 1)
	plain, rich := Refunds(&scripted{}, b), Refunds(&listing{}, b)
	if _, ok := plain.(payment.RefundLister); ok {
		t.Error("the guard of a gateway without a list has one")
	}
	if _, ok := rich.(payment.RefundLister); !ok {
		t.Error("the guard of a gateway with a list has none")
	}
	if payment.CapabilitiesOf(plain).WholeOnly || !payment.CapabilitiesOf(rich).WholeOnly {
		t.Error("the capabilities are not those of the gateway")
	}
}

func TestTheGuardOfNothingIsNothing(t *testing.T) {
	b := newBreaker(t, 1)
	if Charges(nil, b) != nil || Refunds(nil, b) != nil || List(nil, b) != nil {
		t.Error("the guard of a nil gateway is not nil")
	}
}

func TestAListIsOneCall(t *testing.T) {
	boom := errors.New("page 2: 503")
	two := []payment.ProviderRefund{{ProviderID: "re_1"}, {ProviderID: "re_2"}}
	read := func(t *testing.T, l payment.RefundLister, limit int) (n int, err error) {
		for _, e := range l.ListRefunds(t.Context(), time.Time{}, time.Time{}) {
			if err = e; e == nil {
				n++
			}
			if n == limit {
				break
			}
		}
		return n, err
	}
	t.Run("whole", func(t *testing.T) {
		b := newBreaker(t, 2)
		Charges(&scripted{}, b).CreatePayment(t.Context(), payment.ChargeRequest{}) // a failure
		n, err := read(t, List(&listing{list: two}, b), 9)
		if n != 2 || err != nil || b.Snapshot().Counts.ConsecutiveFailures != 0 {
			t.Errorf("%d refunds, %v, %+v", n, err, b.Snapshot().Counts)
		}
	})
	t.Run("cut short by the reader", func(t *testing.T) {
		b := newBreaker(t, 2)
		Charges(&scripted{}, b).CreatePayment(t.Context(), payment.ChargeRequest{}) // a failure
		if n, err := read(t, List(&listing{list: two}, b), 1); n != 1 || err != nil ||
			b.Snapshot().Counts.ConsecutiveFailures != 1 {
			t.Errorf("%d refunds, %v, %+v", n, err, b.Snapshot().Counts)
		}
	})
	t.Run("failed, and then refused", func(t *testing.T) {
		b, g := newBreaker(t, 1), &listing{list: two, err: boom}
		if n, err := read(t, List(g, b), 9); n != 2 || !errors.Is(err, boom) {
			t.Errorf("%d refunds, %v", n, err)
		}
		if n, err := read(t, List(g, b), 9); n != 0 || !errors.Is(err, resilience.ErrOpen) || g.calls != 1 {
			t.Errorf("%d refunds, %v, %d calls", n, err, g.calls)
		}
	})
}
