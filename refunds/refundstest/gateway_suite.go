package refundstest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Sandbox is a gateway on a provider that may be played with.
type Sandbox struct {
	Gateway payment.RefundGateway
	// NewPayment makes a captured payment and returns the provider's id of it.
	// Required.
	NewPayment func(t testing.TB, amount int64, c money.Currency) string
	// Currency of the payments. Default USD.
	Currency money.Currency
	// Many is how many refunds one payment gets, so that a look-up has to read
	// more than one page. Default 120.
	Many int
	// Count tells how many refunds the provider has on a payment. Without it
	// that look-ups alone return.
	Count func(paymentReference string) int
	// Fault makes the next call, which is of that kind, go wrong, as
	// Transport.Script does. Without it the tests of lost, late and refused calls
	// are left out, which is logged. The faults used are those that Transport
	// knows.
	Fault func(Call, Fault)
	// Unlimited says that the provider does not check what was captured.
	Unlimited bool
}

// patience bounds one call of the suite.
const patience = 5 * time.Second

// TestGateway is the conformance suite of refunds.RefundGateway. open returns a
// sandbox for each subtest; it may be the same one each time.
//
// It asserts that a key is paid once, whoever sends it how often; that other
// parameters under a key are not paid; that a refund is found by the attempt's
// id over all pages and that absence is reported only when all were read; and that
// each way a call can end has the outcome that package refunds relies on:
// above all that no answer is never a no.
func TestGateway(t *testing.T, open func(t *testing.T) Sandbox) {
	const (
		always   = ""
		faults   = "Sandbox.Fault is nil, so calls can't be made to go wrong"
		captured = "Sandbox.Unlimited is set, so the provider does not check what was captured"
	)
	can := open(t)
	for _, c := range []struct {
		name  string
		run   func(s *sandbox)
		needs string
	}{
		{"a refund is done and found", gatewayDone, always},
		{"the same key again pays once", gatewaySameKey, always},
		{"the same key with other parameters is not paid", gatewayOtherParameters, always},
		{"one key from many callers at once pays once", gatewayAtOnce, always},
		{"an attempt that was never sent is absent", gatewayAbsent, always},
		{"an attempt is found by its id over all pages", gatewayPages, always},
		{"more than was captured is refused", gatewayTooMuch, captured},
		{"a payment that is not there is not refunded", gatewayNoPayment, captured},
		{"a context that has ended is no answer", gatewayCanceled, always},
		{"no answer before the effect is unknown", gatewayLostBefore, faults},
		{"no answer after the effect is unknown, and found", gatewayLostAfter, faults},
		{"a server error is unknown, before and after the effect", gatewayServerError, faults},
		{"silence ends with the context and is unknown", gatewayHang, faults},
		{"a key in flight and a rate limit are nothing", gatewayNothing, faults},
		{"a look-up that fails never says absent", gatewayLookupFails, faults},
	} {
		if c.needs == faults && can.Fault == nil || c.needs == captured && can.Unlimited {
			t.Logf("left out %q: %s", c.name, c.needs)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			s := &sandbox{T: t, Sandbox: open(t)}
			if s.Currency == "" {
				s.Currency = "USD"
			}
			if s.Many == 0 {
				s.Many = 120
			}
			c.run(s)
		})
	}
}

type sandbox struct {
	*testing.T
	Sandbox
}

// request is a refund of amount on a payment of 1000.
func (s *sandbox) request(amount int64) payment.RefundRequest {
	s.Helper()
	return s.on(s.NewPayment(s, 1000, s.Currency), amount)
}

// on is a refund on a payment with ids of its own.
func (s *sandbox) on(paymentID string, amount int64) payment.RefundRequest {
	id := newID()
	return payment.RefundRequest{
		Key: "refund-" + id, PaymentProviderID: paymentID, Amount: amount, Currency: s.Currency,
		RefundID: newID(), AttemptID: id, OrderID: newID(),
	}
}

func (s *sandbox) create(r payment.RefundRequest) payment.Result {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	return s.Gateway.CreateRefund(ctx, r)
}

func (s *sandbox) find(r payment.RefundRequest) payment.Result {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	return s.Gateway.FindRefund(ctx, r)
}

// is checks the outcome; several may be allowed.
func (s *sandbox) is(what string, a payment.Result, want ...payment.Outcome) {
	s.Helper()
	for _, o := range want {
		if a.Outcome == o {
			return
		}
	}
	s.Fatalf("%s: outcome %q, want one of %q: %+v", what, a.Outcome, want, a)
}

// accepted checks that the provider took the refund: it is paid, or the
// provider decides later.
func (s *sandbox) accepted(what string, a payment.Result, r payment.RefundRequest) {
	s.Helper()
	s.is(what, a, payment.OutcomeDone, payment.OutcomePending, payment.OutcomeRequiresAction)
	if a.ProviderID == "" {
		s.Errorf("%s: the answer names no refund: %+v", what, a)
	}
	if a.Amount != 0 && a.Amount != r.Amount {
		s.Errorf("%s: %d minor units, requested %d", what, a.Amount, r.Amount)
	}
}

func (s *sandbox) counts(r payment.RefundRequest, want int) {
	s.Helper()
	if s.Count == nil {
		return
	}
	if n := s.Count(r.PaymentProviderID); n != want {
		s.Errorf("the provider has %d refunds of the payment, want %d", n, want)
	}
}

// pays checks that the refund is paid in the end, under its key, once.
func (s *sandbox) pays(r payment.RefundRequest) payment.Result {
	s.Helper()
	a := s.create(r)
	s.accepted("sent again", a, r)
	found := s.find(r)
	s.accepted("looked up", found, r)
	if found.ProviderID != a.ProviderID {
		s.Errorf("the look-up finds %q, the call answered %q", found.ProviderID, a.ProviderID)
	}
	s.counts(r, 1)
	return a
}

func gatewayDone(s *sandbox) {
	r := s.request(400)
	s.accepted("first call", s.create(r), r)
	s.pays(r)
}

func gatewaySameKey(s *sandbox) {
	r := s.request(400)
	first := s.create(r)
	s.accepted("first call", first, r)
	for range 3 {
		if again := s.pays(r); again.ProviderID != first.ProviderID {
			s.Errorf("the same key answers %q and then %q", first.ProviderID, again.ProviderID)
		}
	}
	other := s.on(r.PaymentProviderID, 400)
	a := s.create(other)
	s.accepted("another key on the same payment", a, other)
	if a.ProviderID == first.ProviderID {
		s.Errorf("two keys answer with one refund, %q", a.ProviderID)
	}
	s.counts(r, 2)
}

func gatewayOtherParameters(s *sandbox) {
	r := s.request(400)
	s.accepted("first call", s.create(r), r)
	other := r
	other.Amount++
	s.is("other amount under the key", s.create(other), payment.OutcomeUnknown, payment.OutcomeDeclined)
	s.pays(r)
}

func gatewayAtOnce(s *sandbox) {
	r := s.request(400)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a := s.create(r); a.Outcome == payment.OutcomeDeclined {
				s.Errorf("a call beside others under its key is refused: %+v", a)
			}
		})
	}
	wg.Wait()
	s.pays(r)
}

func gatewayAbsent(s *sandbox) {
	r := s.request(400)
	s.is("look-up on a payment without refunds", s.find(r), payment.OutcomeAbsent)
	other := s.on(r.PaymentProviderID, 1)
	s.accepted("another attempt", s.create(other), other)
	s.is("look-up beside another attempt", s.find(r), payment.OutcomeAbsent)
}

func gatewayPages(s *sandbox) {
	paid := s.NewPayment(s, int64(s.Many), s.Currency)
	all := make([]payment.RefundRequest, s.Many)
	references := map[string]bool{}
	for i := range all {
		all[i] = s.on(paid, 1)
		a := s.create(all[i])
		s.accepted(fmt.Sprint("refund ", i), a, all[i])
		references[a.ProviderID] = true
	}
	if len(references) != s.Many {
		s.Errorf("%d refunds have %d ids", s.Many, len(references))
	}
	for _, i := range []int{0, 1, s.Many / 2, s.Many - 1} {
		a := s.find(all[i])
		s.accepted(fmt.Sprintf("look-up of refund %d of %d", i+1, s.Many), a, all[i])
	}
	s.is("look-up of one that was never sent", s.find(s.on(paid, 1)), payment.OutcomeAbsent)
}

func gatewayTooMuch(s *sandbox) {
	r := s.request(1001)
	s.is("more than was captured", s.create(r), payment.OutcomeDeclined)
	s.is("look-up of what was refused", s.find(r), payment.OutcomeAbsent, payment.OutcomeDeclined)
	s.counts(r, 0)
}

func gatewayNoPayment(s *sandbox) {
	s.is("a payment that is not there", s.create(s.on("nobodys_payment", 1)), payment.OutcomeDeclined,
		payment.OutcomeUnknown)
}

func gatewayCanceled(s *sandbox) {
	r := s.request(400)
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	a := s.Gateway.CreateRefund(ctx, r)
	s.is("a call in a context that has ended", a, payment.OutcomeUnknown, payment.OutcomeNoEffect)
	s.is("a look-up in a context that has ended", s.Gateway.FindRefund(ctx, r), payment.OutcomeUnknown)
	s.pays(r)
}

func gatewayLostBefore(s *sandbox) {
	r := s.request(400)
	s.Fault(CallCreate, FaultLostBefore)
	s.is("a call without an answer", s.create(r), payment.OutcomeUnknown)
	s.counts(r, 0)
	s.pays(r)
}

func gatewayLostAfter(s *sandbox) {
	r := s.request(400)
	s.Fault(CallCreate, FaultLostAfter)
	s.is("a call without an answer", s.create(r), payment.OutcomeUnknown)
	s.accepted("its look-up", s.find(r), r)
	s.pays(r)
}

func gatewayServerError(s *sandbox) {
	for _, f := range []Fault{Fault5xxBefore, Fault5xxAfter} {
		r := s.request(400)
		s.Fault(CallCreate, f)
		s.is(string(f), s.create(r), payment.OutcomeUnknown)
		s.pays(r)
	}
}

func gatewayHang(s *sandbox) {
	for _, f := range []Fault{FaultHangBefore, FaultHangAfter} {
		r := s.request(400)
		ctx, cancel := context.WithTimeout(s.Context(), 200*time.Millisecond)
		s.Fault(CallCreate, f)
		start := time.Now()
		s.is(string(f), s.Gateway.CreateRefund(ctx, r), payment.OutcomeUnknown)
		cancel()
		if waited := time.Since(start); waited > patience {
			s.Errorf("%s: the call outlived its context of 200 ms and took %s", f, waited)
		}
		s.pays(r)
	}
}

func gatewayNothing(s *sandbox) {
	for _, f := range []Fault{FaultConflict, FaultRateLimit} {
		r := s.request(400)
		s.Fault(CallCreate, f)
		s.is(string(f), s.create(r), payment.OutcomeNoEffect)
		s.counts(r, 0)
		s.pays(r)
	}
}

func gatewayLookupFails(s *sandbox) {
	for _, f := range []Fault{FaultLostBefore, FaultLostAfter, Fault5xxBefore, FaultRateLimit} {
		r := s.request(400)
		s.accepted("first call", s.create(r), r)
		s.Fault(CallFind, f)
		s.is("look-up, "+string(f), s.find(r), payment.OutcomeUnknown)
		s.pays(r)
	}
}
