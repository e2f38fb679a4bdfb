package orderstest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Call names a method of payment.ChargeGateway.
type Call string

// The calls of a gateway.
const (
	CallCreate  Call = "create"
	CallConfirm Call = "confirm"
	CallFind    Call = "find"
	CallCancel  Call = "cancel"
)

// Fault is what goes wrong with one call.
type Fault string

// The faults. "Before" and "after" are before and after the effect.
const (
	FaultNone        Fault = ""
	FaultLostBefore  Fault = "lost before"  // no effect, no answer
	FaultLostAfter   Fault = "lost after"   // the effect, no answer
	FaultHangBefore  Fault = "hang before"  // no effect, silent until the caller gives up
	FaultHangAfter   Fault = "hang after"   // the effect, silent until the caller gives up
	Fault5xx         Fault = "5xx"          // no effect, a server error
	FaultStored5xx   Fault = "stored 5xx"   // no effect, a server error that is replayed under its key
	FaultNothing     Fault = "nothing"      // rate limited, or not even sent
	FaultPending     Fault = "pending"      // the effect, decided later: the answer is pending
	FaultDecline     Fault = "decline"      // a definite no
	FaultWrongAmount Fault = "wrong amount" // the effect, an answer that names another amount
)

// Tokens that a Gateway knows; any other one pays too.
const (
	TokenPays     = "pm_card_visa"
	TokenDeclined = "pm_card_chargeDeclined"
)

// Charge is money that truly moved.
type Charge struct {
	Reference string
	OrderID   string
	Amount    int64 // minor units
	Currency  money.Currency
}

// Gateway is a payment.ChargeGateway with a ledger of its own: what happened to
// the money, whatever the caller learned. It keeps answers by idempotency key
// as Stripe does. The zero value is ready; it is safe for concurrent use.
type Gateway struct {
	mu       sync.Mutex
	objects  map[string]*object // by reference
	answers  map[string]payment.Result
	requests map[string]payment.ChargeRequest // what each key was used for
	script   map[Call][]Fault
	always   map[Call]Fault
	calls    map[Call]int
	charges  []Charge
	pages    map[string]*page // by the provider's id
	misuse   []string

	smallest, largest int64
}

type object struct {
	request payment.ChargeRequest
	state   payment.PaymentStatus
}

var _ interface {
	payment.ChargeGateway
	payment.ChargeLimiter
} = (*Gateway)(nil)

// Limit makes it state a smallest and a largest charge, minor units of any
// currency; 0: none.
func (g *Gateway) Limit(smallest, largest int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.smallest, g.largest = smallest, largest
}

// Chargeable implements payment.ChargeLimiter.
func (g *Gateway) Chargeable(amount int64, _ money.Currency) (below, above int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case amount < g.smallest:
		return 0, g.smallest, true
	case g.largest > 0 && amount > g.largest:
		return g.largest, 0, true
	}
	return amount, amount, true
}

// Script makes the next calls of a kind go wrong, in order; FaultNone lets one
// pass. After them Always counts again.
func (g *Gateway) Script(c Call, faults ...Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	g.script[c] = append(g.script[c], faults...)
}

// Always makes every call of a kind go wrong from now on, until it is set to
// FaultNone.
func (g *Gateway) Always(c Call, f Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	g.always[c] = f
}

// Charges is the ledger: what was captured, in order.
func (g *Gateway) Charges() []Charge {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.charges)
}

// Calls is how many calls of a kind arrived.
func (g *Gateway) Calls(c Call) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls[c]
}

// Misuse lists what no caller may do: one key with different parameters, a
// request without a key or an amount.
func (g *Gateway) Misuse() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.misuse)
}

// PruneKeys forgets every idempotency key, as a provider does after a day.
func (g *Gateway) PruneKeys() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers, g.requests = nil, nil
}

func (g *Gateway) init() {
	if g.objects == nil {
		g.objects, g.calls = map[string]*object{}, map[Call]int{}
		g.script, g.always = map[Call][]Fault{}, map[Call]Fault{}
	}
	if g.answers == nil {
		g.answers, g.requests = map[string]payment.Result{}, map[string]payment.ChargeRequest{}
	}
}

// CreatePayment implements payment.ChargeGateway.
func (g *Gateway) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	return g.do(ctx, CallCreate, r, func(*object) (payment.Result, string) {
		ref := fmt.Sprintf("pi_%05d", len(g.objects)+1)
		g.objects[ref] = &object{request: r, state: payment.Open}
		return payment.Result{Outcome: payment.OutcomeDone, ProviderID: ref, HTTP: 200}, ref
	}, "")
}

// ConfirmPayment implements payment.ChargeGateway.
func (g *Gateway) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, reference string) payment.Result {
	return g.do(ctx, CallConfirm, r, func(p *object) (payment.Result, string) {
		switch {
		case p == nil || p.state == payment.Canceled:
			return refused("payment_intent_unexpected_state", payment.CanceledAtProvider), reference
		case p.state == payment.Captured:
			return done(p, reference), reference
		case r.Token == TokenDeclined:
			return refused("generic_decline", payment.DeclinedByBank), reference
		}
		p.state = payment.Captured
		g.charges = append(g.charges, Charge{
			Reference: reference,
			OrderID:   p.request.OrderID,
			Amount:    p.request.Amount,
			Currency:  p.request.Currency,
		})
		return done(p, reference), reference
	}, reference)
}

// unknownHere is the answer to a look-up of what does not exist.
func unknownHere() payment.Result {
	return payment.Result{
		Outcome: payment.OutcomeUnknown, Failure: payment.UnknownAtProvider, Code: "resource_missing", HTTP: 404,
	}
}

// FindPayment implements payment.ChargeGateway.
func (g *Gateway) FindPayment(ctx context.Context, providerID string) (payment.PaymentStatus, payment.Result) {
	var status payment.PaymentStatus
	r := g.do(ctx, CallFind, payment.ChargeRequest{}, func(p *object) (payment.Result, string) {
		if p == nil {
			return unknownHere(), providerID
		}
		status = p.state
		return read(p, providerID), providerID
	}, providerID)
	return stateOf(status, r)
}

// CancelPayment implements payment.ChargeGateway.
func (g *Gateway) CancelPayment(ctx context.Context, r payment.ChargeRequest,
	providerID string) (payment.PaymentStatus, payment.Result) {
	status := payment.Canceled // of what is not there, or answered from under the key
	a := g.do(ctx, CallCancel, r, func(p *object) (payment.Result, string) {
		if p == nil {
			return payment.Result{Outcome: payment.OutcomeDone, ProviderID: providerID, HTTP: 200}, providerID
		}
		if p.state == payment.Open {
			p.state = payment.Canceled
		}
		return read(p, providerID), providerID
	}, providerID)
	if a.Status != "" {
		status = payment.PaymentStatus(a.Status)
	}
	return stateOf(status, a)
}

// read is the answer of a call that reads the object; Status is its state.
func read(p *object, providerID string) payment.Result {
	r := payment.Result{Outcome: payment.OutcomeDone, ProviderID: providerID, Status: string(p.state), HTTP: 200}
	if p.state == payment.Captured {
		r.Amount = p.request.Amount
	}
	return r
}

// stateOf is what a call that reads an object returns, after its fault.
func stateOf(status payment.PaymentStatus, r payment.Result) (payment.PaymentStatus, payment.Result) {
	switch r.Outcome {
	case payment.OutcomeDone:
		return status, r
	case payment.OutcomePending:
		r.Outcome = payment.OutcomeDone // FaultPending: the provider has not decided yet
		return payment.Processing, r
	}
	return "", r
}

func done(p *object, reference string) payment.Result {
	return payment.Result{
		Outcome:    payment.OutcomeDone,
		ProviderID: reference,
		Amount:     p.request.Amount,
		Status:     "succeeded",
		HTTP:       200,
	}
}

func refused(code string, why payment.Failure) payment.Result {
	return payment.Result{
		Outcome: payment.OutcomeDeclined, Code: code, Failure: why, Message: "refused: " + code, HTTP: 402,
	}
}

// do executes one call with the fault that is due.
func (g *Gateway) do(ctx context.Context, c Call, r payment.ChargeRequest,
	effect func(*object) (payment.Result, string), reference string) payment.Result {
	a, hang := g.locked(c, r, effect, reference)
	if hang {
		<-ctx.Done()
	}
	return a
}

func (g *Gateway) locked(c Call, r payment.ChargeRequest, effect func(*object) (payment.Result, string),
	reference string) (a payment.Result, hang bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	g.calls[c]++
	fault := g.always[c]
	if q := g.script[c]; len(q) > 0 {
		fault, g.script[c] = q[0], q[1:]
	}
	switch fault {
	case FaultNothing:
		return limited, false
	case FaultLostBefore, FaultHangBefore:
		return lost, fault == FaultHangBefore
	case Fault5xx:
		return broken, false
	}
	if c == CallFind || c == CallFindPage {
		a = g.execute(fault, effect, reference)
	} else {
		a = g.underKey(c, r, func() payment.Result { return g.execute(fault, effect, reference) })
	}
	switch fault {
	case FaultLostAfter, FaultHangAfter:
		return lost, fault == FaultHangAfter
	}
	return a, false
}

// The answers of a provider that does nothing, or says nothing.
var (
	limited = payment.Result{Outcome: payment.OutcomeNoEffect, Code: "rate_limit", Message: "try later", HTTP: 429}
	lost    = payment.Result{Outcome: payment.OutcomeUnknown, Code: "timeout", Message: "no answer"}
	broken  = payment.Result{Outcome: payment.OutcomeUnknown, Code: "api_error", Message: "server error", HTTP: 500}
)

// underKey gives the answer that is stored under the key of the request, or
// carries the call out and stores its answer.
func (g *Gateway) underKey(c Call, r payment.ChargeRequest, execute func() payment.Result) payment.Result {
	key := string(c) + " " + r.Key
	if r.Key == "" || r.Amount <= 0 {
		g.misuse = append(g.misuse, fmt.Sprintf("%s of order %s without a key or an amount", c, r.OrderID))
	}
	if before, used := g.requests[key]; used && before != r {
		g.misuse = append(g.misuse, fmt.Sprintf("key %q of order %s used for different parameters", key, r.OrderID))
	}
	g.requests[key] = r
	if stored, ok := g.answers[key]; ok {
		stored.Replayed = true
		return stored
	}
	a := execute()
	g.answers[key] = a
	return a
}

// execute brings the effect about, unless the fault says otherwise.
func (g *Gateway) execute(fault Fault, effect func(*object) (payment.Result, string),
	reference string) payment.Result {
	switch fault {
	case FaultDecline:
		return refused("card_declined", payment.DeclinedByBank)
	case FaultStored5xx:
		return broken
	}
	a, ref := effect(g.objects[reference])
	switch {
	case fault == FaultWrongAmount && g.objects[ref] != nil:
		a.Amount = g.objects[ref].request.Amount + 1
	case fault == FaultPending:
		a = payment.Result{Outcome: payment.OutcomePending, ProviderID: ref, Status: "processing", HTTP: 200}
	}
	return a
}
