package refundstest

import (
	"context"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// Provider is a gateway that knows what truly happened to the money.
type Provider interface {
	payment.RefundGateway
	// Ledger is every refund the provider made. Request has at least RefundID,
	// AttemptID, PaymentProviderID and Amount; Status is "failed" where the money
	// did not go, or came back.
	Ledger() []Paid
}

// scripted is a Provider that goes wrong on demand, as *Gateway does.
type scripted interface {
	Provider
	Script(c Call, faults ...Fault)
	Always(c Call, f Fault)
	PruneKeys()
	Settle(reference, status string) bool
}

var _ scripted = (*Gateway)(nil)

// flaky makes a Provider go wrong from the outside: what a network and a
// limiter do. What only the provider itself can do is left out.
type flaky struct {
	Provider
	mu     sync.Mutex
	script map[Call][]Fault
	always map[Call]Fault
}

// outside are the faults of flaky.
var outside = map[Fault]bool{
	FaultNone: true, FaultLostBefore: true, FaultLostAfter: true,
	Fault5xxBefore: true, Fault5xxAfter: true, FaultConflict: true, FaultRateLimit: true, FaultNotSent: true,
}

func newFlaky(p Provider) *flaky {
	return &flaky{Provider: p, script: map[Call][]Fault{}, always: map[Call]Fault{}}
}

func (f *flaky) Script(c Call, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script[c] = append(f.script[c], faults...)
}

func (f *flaky) Always(c Call, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.always[c], f.script[c] = fault, nil
}

func (f *flaky) PruneKeys()                 {}
func (f *flaky) Settle(string, string) bool { return false }

// Capabilities are the provider's.
func (f *flaky) Capabilities() payment.Capabilities { return payment.CapabilitiesOf(f.Provider) }

func (f *flaky) next(c Call) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if q := f.script[c]; len(q) > 0 {
		f.script[c] = q[1:]
		return q[0]
	}
	return f.always[c]
}

// CreateRefund implements refunds.RefundGateway.
func (f *flaky) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	fault := f.next(CallCreate)
	if a, _, ok := early(fault); ok {
		return a
	}
	return late(fault, f.Provider.CreateRefund(ctx, r))
}

// FindRefund implements refunds.RefundGateway.
func (f *flaky) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	fault := f.next(CallFind)
	if a, _, ok := early(fault); ok {
		a.Outcome = payment.OutcomeUnknown // a look-up that failed tells nothing
		return a
	}
	return late(fault, f.Provider.FindRefund(ctx, r))
}

// late is the answer of a fault that comes after the effect.
func late(fault Fault, a payment.Result) payment.Result {
	switch fault {
	case FaultLostAfter:
		return lost
	case Fault5xxAfter:
		return broken
	}
	return a
}

// outcome is what the provider does in one case.
type outcome struct {
	name   string
	create []Fault
	find   []Fault
	outage bool          // then it answers nothing for 25 h, and forgets its keys
	prune  bool          // it forgets its keys 2 s after the first process
	settle string        // how a refund that waits ends
	takes  time.Duration // how long each call of the first processes takes
	rare   bool          // a combination of others
	back   bool          // what succeeded fails later: the bank sends it back
}

const answered = "answered"

// outcomes are those that a Provider with these faults can have.
func outcomes(can func(Fault) bool, inside bool) []outcome {
	var all []outcome
	for _, f := range Faults() {
		if f == FaultKeyPruned || f == FaultRequiresAction || f == FaultHangBefore || f == FaultHangAfter {
			continue // below, with what makes them matter
		}
		name := string(f)
		if f == FaultNone {
			name = answered
		}
		all = append(all, outcome{name: name, create: []Fault{f}})
		switch f {
		case FaultLostBefore, FaultLostAfter, Fault5xxBefore, Fault5xxAfter, FaultStored5xx, FaultStored5xxAfter:
			all = append(all, outcome{name: name + ", then an outage of 25 h", create: []Fault{f}, outage: true,
				rare: f != FaultLostAfter})
		}
	}
	all = append(all,
		// Silence until the timeout is a lost answer and a clock that moved.
		outcome{name: "silent, without the effect", create: []Fault{FaultLostBefore}, takes: callTimeout},
		outcome{name: "silent, with the effect", create: []Fault{FaultLostAfter}, takes: callTimeout},
		outcome{name: "slow, and the process stopped for longer than its lease", create: []Fault{FaultNone},
			takes: 11 * time.Second},
		outcome{name: "silent, and the process stopped for longer than its lease",
			create: []Fault{FaultLostAfter}, takes: 11 * time.Second, rare: true},
		outcome{name: "lost before, then lost after", create: []Fault{FaultLostBefore, FaultLostAfter}, rare: true},
		outcome{name: "lost after twice", create: []Fault{FaultLostAfter, FaultLostAfter}, rare: true},
		outcome{name: "5xx after twice", create: []Fault{Fault5xxAfter, Fault5xxAfter}, rare: true},
		outcome{name: "lost after, then conflict", create: []Fault{FaultLostAfter, FaultConflict}, rare: true},
		outcome{name: "lost after, then not sent", create: []Fault{FaultLostAfter, FaultNotSent}, rare: true},
	)
	if inside {
		all = append(all,
			outcome{name: "lost after, and the key pruned", create: []Fault{FaultLostAfter, FaultNotSent}, prune: true},
			outcome{name: "stored 5xx, look-ups lost, then an outage of 25 h", create: []Fault{FaultStored5xx},
				find: []Fault{FaultLostBefore}, outage: true, rare: true},
			outcome{name: "stored 5xx after, look-ups lost, then an outage of 25 h",
				create: []Fault{FaultStored5xxAfter}, find: []Fault{FaultLostBefore}, outage: true, rare: true},
			outcome{name: "requires action, then succeeded", create: []Fault{FaultRequiresAction}, settle: "succeeded"},
			outcome{name: "requires action, then failed", create: []Fault{FaultRequiresAction},
				settle: "failed", rare: true},
			outcome{name: "answered, then sent back by the bank", create: []Fault{FaultNone}, back: true},
			outcome{name: "lost after, then sent back by the bank", create: []Fault{FaultLostAfter}, back: true,
				rare: true},
		)
	}
	kept := all[:0]
	for _, o := range all {
		ok := true
		for _, f := range o.create {
			ok = ok && can(f)
		}
		if ok {
			kept = append(kept, o)
		}
	}
	return kept
}
