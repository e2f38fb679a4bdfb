package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// scripted answers every call with answer and counts them.
type scripted struct {
	answer payment.Result
	calls  int
	panics bool
}

func (s *scripted) say() payment.Result {
	s.calls++
	if s.panics {
		panic("gateway")
	}
	return s.answer
}

func (s *scripted) CreatePayment(context.Context, payment.ChargeRequest) payment.Result {
	return s.say()
}
func (s *scripted) ConfirmPayment(context.Context, payment.ChargeRequest, string) payment.Result {
	return s.say()
}
func (s *scripted) FindPayment(context.Context, string) (payment.PaymentStatus, payment.Result) {
	return "", s.say()
}

func (s *scripted) CancelPayment(
	context.Context,
	payment.ChargeRequest,
	string,
) (payment.PaymentStatus, payment.Result) {
	return "", s.say()
}
func (s *scripted) CreateRefund(context.Context, payment.RefundRequest) payment.Result {
	return s.say()
}
func (s *scripted) FindRefund(context.Context, payment.RefundRequest) payment.Result { return s.say() }

func newGuard(t *testing.T, threshold int) (*guardedGateway, *scripted) {
	t.Helper()
	b, err := resilience.New(
		resilience.Config{
			Name:                "payments",
			ConsecutiveFailures: threshold,
			OpenFor:             time.Second,
			JitterPercent:       resilience.NoJitter,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{}
	return &guardedGateway{inner: s, breaker: b}, s
}

// each call of the gateway by name, with what it answers while the breaker is
// open.
func calls(g gateway) map[string]struct {
	do     func(context.Context) payment.Result
	closed payment.Outcome
} {
	type c = struct {
		do     func(context.Context) payment.Result
		closed payment.Outcome
	}
	var charge payment.ChargeRequest
	var refund payment.RefundRequest
	return map[string]c{
		"create payment": {
			func(ctx context.Context) payment.Result { return g.CreatePayment(ctx, charge) },
			payment.OutcomeNoEffect,
		},
		"confirm payment": {
			func(ctx context.Context) payment.Result { return g.ConfirmPayment(ctx, charge, "pi") },
			payment.OutcomeNoEffect,
		},
		"cancel payment": {
			func(ctx context.Context) payment.Result { _, r := g.CancelPayment(ctx, charge, "pi"); return r },
			payment.OutcomeNoEffect,
		},
		"find payment": {
			func(ctx context.Context) payment.Result { _, r := g.FindPayment(ctx, "pi"); return r },
			payment.OutcomeUnknown,
		},
		"create refund": {
			func(ctx context.Context) payment.Result { return g.CreateRefund(ctx, refund) },
			payment.OutcomeNoEffect,
		},
		"find refund": {
			func(ctx context.Context) payment.Result { return g.FindRefund(ctx, refund) },
			payment.OutcomeUnknown,
		},
	}
}

func TestWhileOpenNoCallIsMadeAndALookUpDoesNotSayAbsent(t *testing.T) {
	g, s := newGuard(t, 1)
	g.breaker.ForceOpen(time.Time{})
	for name, c := range calls(g) {
		if a := c.do(t.Context()); a.Outcome != c.closed || a.Code != codeOpen || a.Message == "" {
			t.Errorf("%s: %+v, want %s", name, a, c.closed)
		}
	}
	if s.calls != 0 {
		t.Errorf("%d calls were made", s.calls)
	}
}

func TestChargesAndRefundsShareOneBreaker(t *testing.T) {
	for name := range calls(nil) {
		g, s := newGuard(t, 2)
		s.answer = payment.Result{Outcome: payment.OutcomeUnknown}
		do := calls(g)[name].do
		do(t.Context())
		if g.breaker.State() != resilience.Closed {
			t.Errorf("%s: open after one failure of two", name)
		}
		do(t.Context())
		for other, c := range calls(g) {
			if a := c.do(t.Context()); a.Code != codeOpen {
				t.Errorf("after failures of %s, %s is still sent: %+v", name, other, a)
			}
		}
	}
}

func TestWhatAnAnswerSaysOfTheProvider(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, tc := range []struct {
		name   string
		ctx    context.Context
		answer payment.Result
		lookUp bool
		want   resilience.Outcome
	}{
		{"done", t.Context(), payment.Result{Outcome: payment.OutcomeDone}, false, resilience.Success},
		{
			"declined", t.Context(), payment.Result{Outcome: payment.OutcomeDeclined, HTTP: 402},
			false, resilience.Success,
		},
		{"pending", t.Context(), payment.Result{Outcome: payment.OutcomePending}, false, resilience.Success},
		{
			"waits for the customer", t.Context(), payment.Result{Outcome: payment.OutcomeRequiresAction},
			false, resilience.Success,
		},
		{
			"rate limited", t.Context(), payment.Result{Outcome: payment.OutcomeNoEffect, HTTP: 429},
			false, resilience.Neutral,
		},
		{
			"looked up and absent", t.Context(), payment.Result{Outcome: payment.OutcomeAbsent, HTTP: 200},
			true, resilience.Success,
		},
		{"5xx", t.Context(), payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 500}, false, resilience.Failure},
		{
			"5xx from the store of keys", t.Context(), payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 500, Replayed: true},
			false, resilience.Neutral,
		},
		{"our deadline", late, payment.Result{Outcome: payment.OutcomeUnknown}, false, resilience.Failure},
		{"our caller went away", canceled, payment.Result{Outcome: payment.OutcomeUnknown}, false, resilience.Neutral},
		{"an outcome nobody knows", t.Context(), payment.Result{Outcome: "?"}, false, resilience.Failure},
	} {
		if got := judge(tc.ctx, tc.answer, tc.lookUp); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestOneProbeThatIsAnsweredClosesTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := newGuard(t, 1)
		s.answer = payment.Result{Outcome: payment.OutcomeUnknown}
		g.CreateRefund(t.Context(), payment.RefundRequest{})
		time.Sleep(time.Second)
		s.answer = payment.Result{Outcome: payment.OutcomeDeclined}
		if a := g.ConfirmPayment(t.Context(), payment.ChargeRequest{}, "pi"); a.Outcome != payment.OutcomeDeclined {
			t.Errorf("the probe: %+v", a)
		}
		if st := g.breaker.State(); st != resilience.Closed {
			t.Errorf("state %v", st)
		}
	})
}

func TestAPanicOfTheGatewayCountsAndReleasesItsPermit(t *testing.T) {
	g, s := newGuard(t, 1)
	s.panics = true
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		g.CreatePayment(t.Context(), payment.ChargeRequest{})
	}()
	if st := g.breaker.State(); st != resilience.Open {
		t.Errorf("state %v", st)
	}
}
