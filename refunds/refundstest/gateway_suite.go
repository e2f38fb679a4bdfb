package refundstest

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Sandbox is a gateway on a provider that may be played with. What the gateway can and
// can't do it says itself (see payment.Capable): one whose refunds are found by messages
// alone is asked for no look-up.
type Sandbox struct {
	Gateway payment.RefundGateway
	// NewPayment makes a captured payment and returns the provider's id of it.
	// Required.
	NewPayment func(t testing.TB, amount int64, c money.Currency) string
	// Currency of the payments. Default USD.
	Currency money.Currency
	// Currencies are those that amounts are paid back in. Default: Currency alone. A
	// provider that takes all of them is tried with USD, JPY and KWD: 2, 0 and 3 decimals.
	Currencies []money.Currency
	// Largest is the most minor units that a payment can have. Default 999,999.
	Largest int64
	// Many is how many refunds one payment gets, so that a look-up has to read
	// more than one page. Default 120.
	Many int
	// Count returns how many refunds the provider has on a payment. Without it
	// that look-ups alone return, and without look-ups nothing does.
	Count func(paymentReference string) int
	// Paid returns the minor units that the provider's refunds on a payment have in all,
	// those that it decides later included. Without it that results alone say.
	Paid func(paymentReference string) int64
	// Later makes the provider decide the next refund when decide is called, and pay it
	// then. Without it the test of what is decided later is left out, which is logged.
	Later func() (decide func())
	// Fault makes the next call, which is of that kind, go wrong, as
	// Transport.Script does. Without it the tests of lost, late and refused calls
	// are left out, which is logged. The faults used are those that Transport
	// knows.
	Fault func(Call, Fault)
	// Unlimited says that the provider does not check what was captured.
	Unlimited bool
}

// callPatience bounds one call of the suite.
const callPatience = 5 * time.Second

// TestGateway is the conformance suite of payment.RefundGateway: each promise of the
// interface's documentation is a subtest. open returns a sandbox for each case; it may
// be the same one each time.
//
// A case fails when nothing happens for ten seconds, and when a call panics.
func TestGateway(t *testing.T, open func(t *testing.T) Sandbox) {
	suite.Run(t, judgeable(t, open(t)), suite.Options[*sandbox]{
		Start: func(t *suite.T) *sandbox {
			s := &sandbox{T: t, Sandbox: open(t.Testing()), ids: map[string]string{}}
			s.Currency = cmp.Or(s.Currency, "USD")
			if len(s.Currencies) == 0 {
				s.Currencies = []money.Currency{s.Currency}
			}
			s.Largest, s.Many = cmp.Or(s.Largest, 999_999), cmp.Or(s.Many, 120)
			return s
		},
	})
}

type sandbox struct {
	*suite.T
	Sandbox
	mu  sync.Mutex
	ids map[string]string // attempt -> the provider's id of its refund
}

// finds reports whether the gateway has look-ups.
func (s *sandbox) finds() bool {
	return payment.CapabilitiesOf(s.Gateway).Find != payment.FindByMessage
}

// request is a refund of amount on a payment of 1000.
func (s *sandbox) request(amount int64) payment.RefundRequest {
	s.Helper()
	return s.on(s.NewPayment(s.Testing(), 1000, s.Currency), amount)
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
	ctx, cancel := context.WithTimeout(s.Context(), callPatience)
	defer cancel()
	return s.createIn(ctx, r)
}

func (s *sandbox) createIn(ctx context.Context, r payment.RefundRequest) payment.Result {
	defer s.Call("CreateRefund")()
	a := s.Gateway.CreateRefund(ctx, r)
	if a.ProviderID != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ids[r.AttemptID] = a.ProviderID
	}
	return a
}

func (s *sandbox) find(r payment.RefundRequest) payment.Result {
	ctx, cancel := context.WithTimeout(s.Context(), callPatience)
	defer cancel()
	return s.findIn(ctx, r)
}

func (s *sandbox) findIn(ctx context.Context, r payment.RefundRequest) payment.Result {
	defer s.Call("FindRefund")()
	if payment.CapabilitiesOf(s.Gateway).Find == payment.FindByItsID {
		s.mu.Lock()
		r.ProviderID = s.ids[r.AttemptID]
		s.mu.Unlock()
	}
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
	s.found("looked up", r, a)
	s.counts(r, 1)
	return a
}

// found checks that a look-up finds the refund of the result, where there are any.
func (s *sandbox) found(what string, r payment.RefundRequest, a payment.Result) {
	s.Helper()
	if !s.finds() {
		return
	}
	found := s.find(r)
	s.accepted(what, found, r)
	if found.ProviderID != a.ProviderID {
		s.Errorf("%s: it finds %q, the call answered %q", what, found.ProviderID, a.ProviderID)
	}
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
	s.AtOnce(8, func(int) {
		if a := s.create(r); a.Outcome == payment.OutcomeDeclined {
			s.Errorf("a call beside others under its key is refused: %+v", a)
		}
	})
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
	paid := s.NewPayment(s.Testing(), int64(s.Many), s.Currency)
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
	if payment.CapabilitiesOf(s.Gateway).Find == payment.FindByOurID {
		s.is("look-up of one that was never sent", s.find(s.on(paid, 1)), payment.OutcomeAbsent)
	}
}

// gatewaySecondAttempt sends a second attempt of a refund, under a key of its own.
func gatewaySecondAttempt(s *sandbox) {
	first := s.request(400)
	second := s.on(first.PaymentProviderID, 300)
	second.RefundID, second.OrderID = first.RefundID, first.OrderID
	a := s.create(first)
	s.accepted("first attempt", a, first)
	if payment.CapabilitiesOf(s.Gateway).Find == payment.FindByOurID {
		s.is("look-up of the second attempt before it is sent", s.find(second), payment.OutcomeAbsent)
	}
	b := s.create(second)
	s.accepted("second attempt", b, second)
	if a.ProviderID == b.ProviderID {
		s.Errorf("two attempts of one refund are one at the provider, %q", a.ProviderID)
	}
	s.found("look-up of the first attempt", first, a)
	s.found("look-up of the second attempt", second, b)
}

// gatewayAmounts pays amounts that a float loses a minor unit of.
func gatewayAmounts(s *sandbox) {
	can := payment.CapabilitiesOf(s.Gateway)
	for _, c := range s.Currencies {
		for _, amount := range []int64{1, 57, 113, 435, 1_999, 2_999, 100_001, 999_999, 1<<53 + 1} {
			if amount > s.Largest || can.Smallest != nil && amount < can.Smallest(c) {
				continue
			}
			if can.Nearest != nil {
				if below, _, ok := can.Nearest(amount, c); !ok || below != amount {
					continue
				}
			}
			// A payment may have to be larger than what is given back of it.
			r := s.on(s.NewPayment(s.Testing(), max(amount, 1_000), c), amount)
			r.Currency = c
			what := fmt.Sprintf("%d minor units of %s", amount, c)
			a := s.create(r)
			s.accepted(what, a, r)
			if a.Currency != "" && a.Currency != c {
				s.Errorf("%s: paid in %s", what, a.Currency)
			}
			s.found("look-up of "+what, r, a)
			if s.Paid != nil && s.Paid(r.PaymentProviderID) != amount {
				s.Errorf("%s: the provider paid %d", what, s.Paid(r.PaymentProviderID))
			}
			s.counts(r, 1)
		}
	}
}

func gatewayLater(s *sandbox) {
	waits := []payment.Outcome{payment.OutcomePending, payment.OutcomeRequiresAction}
	r := s.request(400)
	decide := s.Later()
	s.is("a refund that waits", s.create(r), waits...)
	if s.finds() {
		s.is("its look-up", s.find(r), waits...)
		s.is("its look-up again", s.find(r), waits...)
	}
	s.is("its key again", s.create(r), append(waits, payment.OutcomeNoEffect)...)
	s.counts(r, 1)
	decide()
	if s.finds() {
		s.is("its look-up once it is decided", s.find(r), payment.OutcomeDone)
	}
	s.counts(r, 1)
}

func gatewayTooMuch(s *sandbox) {
	r := s.request(1001)
	s.is("more than was captured", s.create(r), payment.OutcomeDeclined)
	if payment.CapabilitiesOf(s.Gateway).Find == payment.FindByOurID {
		s.is("look-up of what was refused", s.find(r), payment.OutcomeAbsent, payment.OutcomeDeclined)
	}
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
	a := s.createIn(ctx, r)
	s.is("a call in a context that has ended", a, payment.OutcomeUnknown, payment.OutcomeNoEffect)
	if s.finds() {
		s.is("a look-up in a context that has ended", s.findIn(ctx, r), payment.OutcomeUnknown)
	}
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
	if s.finds() {
		s.accepted("its look-up", s.find(r), r)
	}
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
		s.is(string(f), s.createIn(ctx, r), payment.OutcomeUnknown)
		cancel()
		if waited := time.Since(start); waited > callPatience {
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
