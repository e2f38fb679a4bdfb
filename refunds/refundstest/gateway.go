package refundstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// Call names a method of payment.RefundGateway.
type Call string

// The calls of a gateway.
const (
	CallCreate Call = "create"
	CallFind   Call = "find"
)

// Fault is what goes wrong with one call.
type Fault string

// The faults. "Before" and "after" are before and after the effect.
const (
	FaultNone           Fault = ""
	FaultLostBefore     Fault = "lost before"      // no effect, no answer
	FaultLostAfter      Fault = "lost after"       // the effect, no answer
	FaultHangBefore     Fault = "hang before"      // no effect, silent until the caller gives up
	FaultHangAfter      Fault = "hang after"       // the effect, silent until the caller gives up
	Fault5xxBefore      Fault = "5xx before"       // no effect, a server error that is not stored
	Fault5xxAfter       Fault = "5xx after"        // the effect, a server error, the good answer stored
	FaultStored5xx      Fault = "stored 5xx"       // no effect, a server error replayed under its key for ever
	FaultStored5xxAfter Fault = "stored 5xx after" // the same after the effect
	FaultConflict       Fault = "conflict"         // 409: the key is in flight
	FaultRateLimit      Fault = "rate limit"       // 429
	FaultNotSent        Fault = "not sent"         // nothing happened, no call was made: an open breaker
	FaultRefuse         Fault = "refuse"           // a definite no
	FaultPending        Fault = "pending"          // the effect; done after the next look-up
	FaultRequiresAction Fault = "requires action"  // the effect; waits until Settle
	FaultWrongAmount    Fault = "wrong amount"     // the effect, an answer that names another amount
	FaultKeyPruned      Fault = "key pruned"       // the key is forgotten, then the call goes well
)

// Faults are all faults of CallCreate.
func Faults() []Fault {
	return []Fault{
		FaultNone, FaultLostBefore, FaultLostAfter, FaultHangBefore, FaultHangAfter, Fault5xxBefore, Fault5xxAfter,
		FaultStored5xx, FaultStored5xxAfter, FaultConflict, FaultRateLimit, FaultNotSent, FaultRefuse, FaultPending,
		FaultRequiresAction, FaultWrongAmount, FaultKeyPruned,
	}
}

// Paid is a refund in the provider's ledger.
type Paid struct {
	Reference string // re_1, re_2 and so on
	Request   payment.RefundRequest
	Status    string // succeeded, pending, requires_action, failed
	At        time.Time
}

// Gateway is a payment.RefundGateway with a ledger of its own: what happened to the
// decimal, whatever the caller heard. It keeps answers by idempotency key as
// Stripe does, a stored server error included. The zero value is ready; it is
// safe for concurrent use.
type Gateway struct {
	mu      sync.Mutex
	ledger  []Paid
	answers map[string]payment.Result        // by key
	used    map[string]payment.RefundRequest // what each key was used for
	script  map[Call][]Fault
	always  map[Call]Fault
	calls   map[Call]int
	misuse  []string

	captured map[string]int64 // by the payment's reference; see Capture
	disputes []payment.ProviderDispute
	now      func() time.Time
}

var _ payment.RefundGateway = (*Gateway)(nil)

// Script makes the next calls of a kind go wrong, in order; FaultNone lets one
// pass. After them Always counts again.
func (g *Gateway) Script(c Call, faults ...Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	g.script[c] = append(g.script[c], faults...)
}

// Always makes every call of a kind go wrong from now on, until it is set to
// FaultNone, and ends the script.
func (g *Gateway) Always(c Call, f Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.init()
	g.always[c], g.script[c] = f, nil
}

// PruneKeys forgets every idempotency key, as a provider does after a day.
func (g *Gateway) PruneKeys() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers, g.used = nil, nil
}

// Settle changes the state of a refund, as a bank does later: succeeded or
// failed. It reports whether there is such a refund.
func (g *Gateway) Settle(reference, status string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.ledger {
		if g.ledger[i].Reference == reference {
			g.ledger[i].Status = status
			return true
		}
	}
	return false
}

// Ledger is every refund the provider made, in order.
func (g *Gateway) Ledger() []Paid {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ledger)
}

// PaidOut is what the provider paid back, or may yet, on a payment: minor
// units of its refunds that did not fail.
func (g *Gateway) PaidOut(paymentReference string) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paidOut(paymentReference)
}

func (g *Gateway) paidOut(paymentReference string) int64 {
	var sum int64
	for _, p := range g.ledger {
		if p.Request.PaymentProviderID == paymentReference && p.Status != "failed" {
			sum += p.Request.Amount
		}
	}
	return sum
}

// Calls is how many calls of a kind arrived.
func (g *Gateway) Calls(c Call) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls[c]
}

// Misuse lists what no caller may do: one key with different parameters, a
// request without a key, a payment or an amount.
func (g *Gateway) Misuse() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.misuse)
}

func (g *Gateway) init() {
	if g.script == nil {
		g.script, g.always, g.calls = map[Call][]Fault{}, map[Call]Fault{}, map[Call]int{}
	}
	if g.answers == nil {
		g.answers, g.used = map[string]payment.Result{}, map[string]payment.RefundRequest{}
	}
}

// CreateRefund implements refunds.RefundGateway.
func (g *Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return g.answer(ctx, func() (payment.Result, bool) { return g.create(r) })
}

// FindRefund implements refunds.RefundGateway.
func (g *Gateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	return g.answer(ctx, func() (payment.Result, bool) { return g.find(r) })
}

func (g *Gateway) answer(ctx context.Context, f func() (payment.Result, bool)) payment.Result {
	if ctx.Err() != nil {
		return lost // it never left
	}
	g.mu.Lock()
	g.init()
	a, hang := f()
	g.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	return a
}

func (g *Gateway) fault(c Call) Fault {
	g.calls[c]++
	if q := g.script[c]; len(q) > 0 {
		g.script[c] = q[1:]
		return q[0]
	}
	return g.always[c]
}

var (
	lost   = payment.Result{Outcome: payment.OutcomeUnknown, Code: "timeout", Message: "no answer"}
	broken = payment.Result{Outcome: payment.OutcomeUnknown, Code: "api_error", Message: "server error", HTTP: 500}
)

// early is the answer of a fault that comes before the provider looks at the
// request.
func early(f Fault) (a payment.Result, hang, ok bool) {
	switch f {
	case FaultLostBefore:
		return lost, false, true
	case FaultHangBefore:
		return lost, true, true
	case Fault5xxBefore:
		return broken, false, true
	case FaultConflict:
		return payment.Result{Outcome: payment.OutcomeNoEffect, Code: "lock_timeout",
			Message: "the key is in use", HTTP: 409}, false, true
	case FaultRateLimit:
		return payment.Result{Outcome: payment.OutcomeNoEffect, Code: "rate_limit", Message: "try later",
			HTTP: 429}, false, true
	case FaultNotSent:
		return payment.Result{Outcome: payment.OutcomeNoEffect, Message: "the breaker is open"}, false, true
	}
	return a, false, false
}

func (g *Gateway) create(r payment.RefundRequest) (a payment.Result, hang bool) {
	fault := g.fault(CallCreate)
	if r.Key == "" || r.Amount <= 0 || r.PaymentProviderID == "" || r.AttemptID == "" {
		g.misuse = append(g.misuse, fmt.Sprintf("a refund without key, amount, payment or attempt: %+v", r))
	}
	if a, hang, ok := early(fault); ok {
		return a, hang
	}
	if fault == FaultKeyPruned {
		delete(g.answers, r.Key)
		delete(g.used, r.Key)
	}
	if before, used := g.used[r.Key]; used && before != r {
		g.misuse = append(g.misuse, fmt.Sprintf("key %q used for %+v and for %+v", r.Key, before, r))
		return payment.Result{Outcome: payment.OutcomeUnknown, Code: "idempotency_error",
			Message: "the key was used for another request", HTTP: 400}, false
	}
	g.used[r.Key] = r
	a, stored := g.answers[r.Key]
	switch {
	case stored:
		a.Replayed = true
	case fault == FaultRefuse:
		a = payment.Result{Outcome: payment.OutcomeDeclined, Code: "charge_disputed", Message: "refused", HTTP: 400}
	case g.exceeds(r):
		a = payment.Result{Outcome: payment.OutcomeDeclined, Message: "more than is left of the charge", HTTP: 400}
		if g.paidOut(r.PaymentProviderID) >= g.captured[r.PaymentProviderID] {
			a.Code = payment.CodeAlreadyRefunded
		}
	case fault == FaultStored5xx:
		a = broken
	default:
		status := map[Fault]string{FaultPending: "pending", FaultRequiresAction: "requires_action"}[fault]
		if status == "" {
			status = "succeeded"
		}
		g.add(r, status)
		if a = told(g.ledger[len(g.ledger)-1]); fault == FaultStored5xxAfter {
			a = broken
		}
	}
	if !stored && fault == FaultWrongAmount && a.Outcome == payment.OutcomeDone {
		a.Amount++
	}
	g.answers[r.Key] = a
	switch fault {
	case FaultLostAfter:
		return lost, false
	case FaultHangAfter:
		return lost, true
	case Fault5xxAfter:
		return broken, false
	}
	return a, false
}

func (g *Gateway) find(r payment.RefundRequest) (a payment.Result, hang bool) {
	fault := g.fault(CallFind)
	if a, hang, ok := early(fault); ok {
		a.Outcome = payment.OutcomeUnknown // a look-up that failed tells nothing
		return a, hang
	}
	found := payment.Result{Outcome: payment.OutcomeAbsent, HTTP: 200}
	for i, p := range g.ledger {
		if p.Request.PaymentProviderID != r.PaymentProviderID || p.Request.AttemptID != r.AttemptID {
			continue
		}
		if found.ProviderID == "" || found.Outcome == payment.OutcomeDeclined {
			found = told(p)
		}
		if p.Status == "pending" {
			g.ledger[i].Status = "succeeded"
		}
	}
	switch fault {
	case FaultLostAfter, FaultHangAfter, Fault5xxAfter, FaultStored5xx, FaultStored5xxAfter, FaultRefuse:
		return lost, fault == FaultHangAfter
	}
	return found, false
}

// told is what the provider says of a refund in its ledger.
func told(p Paid) payment.Result {
	a := payment.Result{ProviderID: p.Reference, Amount: p.Request.Amount, Status: p.Status, HTTP: 200}
	switch p.Status {
	case "succeeded":
		a.Outcome = payment.OutcomeDone
	case "pending":
		a.Outcome = payment.OutcomePending
	case "requires_action":
		a.Outcome = payment.OutcomeRequiresAction
	default:
		a.Outcome, a.Code = payment.OutcomeDeclined, "failed_at_bank"
	}
	return a
}
