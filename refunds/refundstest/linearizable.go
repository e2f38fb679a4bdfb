package refundstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/linear"
	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// TestLinearizable runs random programs of parallel calls on the refunds of one payment,
// and on the store credit of one customer, with calls that are cut off as by a crash.
// It fails if no order of the calls explains what they returned, with the shortest
// program it finds, as a Go test that calls ReplayLinearizable. newStore is called once
// for each of the two; 200 programs take about a second on a store in memory.
func TestLinearizable(t *testing.T, newStore func(t *testing.T) refunds.Store, programs int) {
	const replay = "refundstest.ReplayLinearizable(t, newStore"
	linearizable(t, newStore, func(b *bench) {
		linear.Search(b.T, paymentModel, func() linear.Object { return newOnePayment(b) }, replay, programs)
	}, func(b *bench) {
		linear.Search(b.T, creditModel, func() linear.Object { return newOneCustomer(b) }, replay, programs)
	})
}

// ReplayLinearizable runs a program that TestLinearizable printed some hundred times,
// until it fails again.
func ReplayLinearizable(t *testing.T, newStore func(t *testing.T) refunds.Store, program [][]string) {
	const replay = "refundstest.ReplayLinearizable(t, newStore"
	linearizable(t, newStore, func(b *bench) {
		if !ofCredit(program) {
			linear.Replay(b.T, paymentModel, func() linear.Object { return newOnePayment(b) }, program, replay)
		}
	}, func(b *bench) {
		if ofCredit(program) {
			linear.Replay(b.T, creditModel, func() linear.Object { return newOneCustomer(b) }, program, replay)
		}
	})
}

func linearizable(t *testing.T, newStore func(t *testing.T) refunds.Store, onPayment, onCredit func(b *bench)) {
	suite.Run(t, []suite.Promise[*bench]{
		suite.Says("some order explains parallel calls",
			suite.By("on the refunds of a payment", onPayment),
			suite.By("on the store credit of a customer", onCredit),
		),
	}, suite.Options[*bench]{Start: func(t *suite.T) *bench { return newBench(t, newStore) }})
}

func ofCredit(program [][]string) bool {
	for _, ops := range program {
		for _, op := range ops {
			verb := strings.Fields(strings.TrimPrefix(op, linear.Cut))[0]
			return verb == "credit" || verb == "balance"
		}
	}
	return false
}

// refundState is a refund of the model: none, open, done or failed.
type refundState struct {
	Status string
	Units  int
}

// paymentState is a payment of 10 units of 10 minor units, refunded under three
// references.
type paymentState [3]refundState

func (s paymentState) units(status string) (n int) {
	for _, r := range s {
		if r.Status == status {
			n += r.Units
		}
	}
	return n
}

var paymentModel = linear.Model[paymentState]{
	Random: func(r *rand.Rand) string {
		ref := r.IntN(3)
		switch r.IntN(6) {
		case 0, 1:
			return fmt.Sprintf("open %d %d", ref, 3+r.IntN(4))
		case 2:
			return fmt.Sprintf("done %d", ref)
		case 3:
			return fmt.Sprintf("fail %d", ref)
		case 4:
			return fmt.Sprintf("read %d", ref)
		}
		return "state"
	},
	Step: func(s paymentState, op string) (paymentState, string) {
		var verb string
		var ref, units int
		_, _ = fmt.Sscan(op, &verb, &ref, &units) // the words that the verb has
		r := &s[ref]
		switch verb {
		case "open":
			if r.Status == "" || r.Status == "failed" {
				left := 10 - s.units("open") - s.units("done")
				if left == 0 {
					return s, "nothing"
				}
				*r = refundState{"open", min(units, left)}
			}
			return s, fmt.Sprint(r.Units)
		case "done", "fail":
			switch {
			case r.Status == "":
				return s, "missing"
			case r.Status != "open":
				return s, "refused"
			}
			r.Status = map[string]string{"done": "done", "fail": "failed"}[verb]
			return s, verb
		case "read":
			if r.Status == "" {
				return s, "missing"
			}
			return s, fmt.Sprint(r.Status, " ", r.Units)
		}
		return s, fmt.Sprintf("reserved %d, refunded %d", 10*s.units("open"), 10*s.units("done"))
	},
}

// onePayment is a payment in the store.
type onePayment struct {
	*bench
	plan plan
	refs [3]string
	ids  [3]string
}

func newOnePayment(b *bench) *onePayment {
	p := &onePayment{bench: b, plan: newPlan(10)}
	p.plan.paid = 100
	for i := range p.refs {
		p.refs[i], p.ids[i] = newID(), newID()
	}
	return p
}

var (
	errNothing = errors.New("nothing is left to refund")
	errRefused = errors.New("the refund is not open")
)

// Do implements linear.Object.
func (o *onePayment) Do(ctx context.Context, op string) (string, error) {
	var verb string
	var ref, units int
	_, _ = fmt.Sscan(op, &verb, &ref, &units) // the words that the verb has
	switch verb {
	case "open":
		r, err := o.openRef(ctx, ref, units)
		return known(fmt.Sprint(r.Amount()/10), err)
	case "done", "fail":
		outcome := map[string]payment.Outcome{"done": payment.OutcomeDone, "fail": payment.OutcomeDeclined}[verb]
		_, err := o.store.Update(ctx, o.ids[ref], refunds.Changing(func(r *refunds.Refund) error {
			return o.ended(r, outcome)
		}))
		return known(verb, err)
	case "read":
		r, err := o.store.Refund(ctx, o.ids[ref])
		status := map[refunds.Status]string{refunds.StatusSucceeded: "done", refunds.StatusFailed: "failed"}[r.Status]
		if status == "" {
			status = "open"
		}
		return known(fmt.Sprint(status, " ", r.Amount()/10), err)
	}
	s, err := o.store.PaymentState(ctx, o.plan.open())
	return known(fmt.Sprintf("reserved %d, refunded %d", s.Balance.Reserved, s.Balance.Refunded), err)
}

func (o *onePayment) openRef(ctx context.Context, ref, units int) (refunds.Refund, error) {
	p := o.plan
	p.reference, p.units = o.refs[ref], units
	decide := func(s refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		if current != nil && current.Status != refunds.StatusFailed {
			return current, nil
		}
		a, err := p.attempt(s.Refunded)
		switch {
		case err != nil:
			return nil, err
		case a.Quote.Amount == 0:
			return nil, errNothing
		case current != nil:
			return current, current.Retry(a, o.stamp())
		}
		return refunds.NewRefund(refunds.Params{ID: o.ids[ref], ClientReference: p.reference, OrderID: p.order,
			PaymentID: p.payment, Customer: "customer-1", Attempt: a}, o.stamp())
	}
	return openOne(ctx, o.store, p.open(), refunds.OpeningOne(p.open(), decide))
}

func (o *onePayment) ended(r *refunds.Refund, outcome payment.Outcome) error {
	if !r.Status.Open() {
		return errRefused
	}
	if r.Status == refunds.StatusCreated {
		if err := r.Submit(o.stamp()); err != nil {
			return err
		}
	}
	return r.RecordResult(o.stamp(), refunds.AttemptUpdate{
		Result: payment.Result{Outcome: outcome, ProviderID: "re_" + r.Attempt().ID}})
}

// known is the answer of a call, or its error in a word; other errors say nothing of
// the call's effect.
func known(answer string, err error) (string, error) {
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, errNothing):
		return "nothing", nil
	case errors.Is(err, errRefused):
		return "refused", nil
	case errors.Is(err, refunds.ErrNotFound):
		return "missing", nil
	case refunds.CodeOf(err) != "":
		return string(refunds.CodeOf(err)), nil
	}
	return "", err
}

// creditState is a balance of store credit, and which Refs were used.
type creditState struct {
	Sum  int64
	Used [4]bool
}

var creditModel = linear.Model[creditState]{
	Random: func(r *rand.Rand) string {
		switch r.IntN(5) {
		case 0:
			return "balance"
		case 1, 2:
			return fmt.Sprintf("credit %d 5", r.IntN(4))
		}
		return fmt.Sprintf("credit %d -%d", r.IntN(4), 2+r.IntN(3))
	},
	Step: func(s creditState, op string) (creditState, string) {
		var verb string
		var ref int
		var amount int64
		_, _ = fmt.Sscan(op, &verb, &ref, &amount) // the words that the verb has
		switch {
		case verb == "balance":
			return s, fmt.Sprint(s.Sum)
		case s.Used[ref]:
			return s, "false"
		case s.Sum+amount < 0:
			return s, string(refunds.CodeCreditTooLow)
		}
		s.Sum, s.Used[ref] = s.Sum+amount, true
		return s, "true"
	},
}

// oneCustomer is a customer in the store.
type oneCustomer struct {
	*bench
	customer string
	refs     [4]string
}

func newOneCustomer(b *bench) *oneCustomer {
	o := &oneCustomer{bench: b, customer: newID()}
	for i := range o.refs {
		o.refs[i] = newID()
	}
	return o
}

// Do implements linear.Object.
func (o *oneCustomer) Do(ctx context.Context, op string) (string, error) {
	var verb string
	var ref int
	var amount int64
	_, _ = fmt.Sscan(op, &verb, &ref, &amount) // the words that the verb has
	if verb == "balance" {
		sum, err := o.store.CreditBalance(ctx, o.customer, "USD")
		return known(fmt.Sprint(sum), err)
	}
	did, err := o.store.Credit(ctx, refunds.CreditEntry{ID: newID(), CustomerID: o.customer, Currency: "USD",
		Amount: amount, Ref: o.refs[ref], At: o.now})
	return known(fmt.Sprint(did), err)
}
