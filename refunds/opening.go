package refunds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
)

// opening is one call of Refund or Request: what is decided under the locks of the
// payments, once or more often.
type opening struct {
	Request
	s     *Service
	ctx   context.Context
	token string // of the executions
	// later: the worker executes it, so nothing is leased here.
	later bool
	plans map[string]plan // by the id of the refund
}

// plan is what is done about a refund once the decision is saved.
type plan struct {
	step
	doubt bool // a call before may have had an effect
}

type step int

const (
	stepAnswer    step = iota // return the refund as it is
	stepExecute               // execute it, under the token
	stepCompleted             // nothing was to be paid
	stepReview                // the payment is on hold
)

func newOpening(ctx context.Context, s *Service, r Request, later bool) *opening {
	return &opening{Request: r, s: s, ctx: ctx, token: s.cfg.NewID(), later: later}
}

// tell calls the Observer for what was decided and is not executed.
func (o *opening) tell(saved Refund) {
	switch o.plans[saved.ID].step {
	case stepCompleted:
		o.s.cfg.Observer.Completed(o.ctx, saved)
	case stepReview:
		o.s.cfg.Observer.ReviewRequired(o.ctx, saved)
	}
}

// executeAll executes what was opened, one after the other, within Config.Wait in all.
func (o *opening) executeAll(ctx context.Context, saved []Refund) (Intent, error) {
	var errs []error
	start := o.s.now()
	for i, r := range saved {
		p := o.plans[r.ID]
		if p.step != stepExecute {
			o.tell(r)
			continue
		}
		t := &execution{s: o.s, r: r, token: o.token, inRequest: true, progress: progress{doubt: p.doubt}}
		var err error
		saved[i], err = t.execute(ctx, max(0, o.s.cfg.Wait-o.s.now().Sub(start)))
		errs = append(errs, err)
	}
	in, err := o.s.intentOf(ctx, saved)
	return in, errors.Join(append(errs, err)...)
}

// intentOf is the intent of refunds that were opened together. A part that was taken
// back and is not replaced is not among them, and belongs to it.
func (s *Service) intentOf(ctx context.Context, saved []Refund) (Intent, error) {
	if complete(saved) {
		return NewIntent(saved), nil
	}
	reference := saved[0].ClientReference
	found, err := s.store.ByClientReferences(ctx, []string{reference})
	if err != nil {
		return NewIntent(saved), fmt.Errorf("refunds: parts of the refund for %s: %w", reference, err)
	}
	all := slices.Clone(saved)
	for _, r := range found[reference] {
		if !slices.ContainsFunc(saved, func(have Refund) bool { return have.PaymentID == r.PaymentID }) {
			all = append(all, r)
		}
	}
	return NewIntent(all), nil
}

// decide is the refund of each payment after the request: the one there is, a new
// attempt of it, or a new one; nil for none.
func (o *opening) decide(s OpenState, current []*Refund) ([]*Refund, error) {
	o.plans = map[string]plan{}
	for _, r := range s.Refunds {
		if !slices.ContainsFunc(o.Payments, func(p Payment) bool { return p.ID == r.PaymentID }) {
			return nil, badField("reference", "%s is refunded on payment %s already, which is not named",
				o.ClientReference, r.PaymentID)
		}
	}
	st := o.s.stamp(o.ctx, o.By)
	d, err := o.owed(s.Payments, current, o.s.cfg.gridFor(o.Payments, s.Payments))
	if err != nil {
		return nil, err
	}
	if len(d.free) == 0 {
		return current, o.resume(current, st)
	}
	quotes, err := o.parts(&d, s.Payments, current)
	if err != nil {
		return nil, err
	}
	after := slices.Clone(current)
	for i, p := range d.free {
		attempt := AttemptParams{
			ID: o.s.cfg.NewID(), Method: o.methodOf(o.Payments[p]), PaymentProviderID: o.Payments[p].ProviderID,
			PaidBy: o.By, Request: d.request, Quote: quotes[i],
		}
		if after[p], err = o.withAttempt(current[p], o.Payments[p], attempt, &d.intentID, after, st); err != nil {
			return nil, err
		}
		if err := o.begin(after[p], s.Payments[p].Balance, st); err != nil {
			return nil, err
		}
	}
	return after, o.resume(d.standing(current), st)
}

// withAttempt returns the refund of a payment with the attempt: a new one, or the
// current one.
func (o *opening) withAttempt(
	current *Refund, p Payment, a AttemptParams, intentID *string, all []*Refund, st event.Stamp,
) (*Refund, error) {
	if current == nil {
		var others []Refund
		for _, r := range all {
			if r != nil {
				others = append(others, *r)
			}
		}
		id := o.s.cfg.NewID()
		if *intentID == "" {
			*intentID = id
		}
		return NewRefund(Params{
			ID: id, IntentID: *intentID, Leg: freeLeg(others), ClientReference: o.ClientReference, OrderID: o.OrderID,
			PaymentID: p.ID, Customer: o.Customer, Attempt: a,
		}, st)
	}
	if current.awaits() {
		if err := current.withdraw(st, FailureWithdrawn, "paid by the method that was requested instead"); err != nil {
			return nil, err
		}
	}
	return current, current.Retry(a, st)
}

// freeLeg is the first place that none of the refunds has.
func freeLeg(all []Refund) int {
	leg := 0
	for slices.ContainsFunc(all, func(r Refund) bool { return r.Leg == leg }) {
		leg++
	}
	return leg
}

// resume plans the execution of the refunds that stand and are open. Those that are
// leased, on hold or left to the worker are made due now. Where nothing was opened
// beside them, their sum must be the amount that the caller means.
func (o *opening) resume(standing []*Refund, st event.Stamp) error {
	if len(o.plans) == 0 {
		if err := o.unchanged(standing); err != nil {
			return err
		}
	}
	for _, r := range standing {
		if r == nil || r.Status == StatusFailed {
			continue
		}
		if r.Status == StatusSucceeded || r.Leased(st.At) || r.OnHold() || o.later {
			r.expedite(st.At)
			continue
		}
		o.plans[r.ID] = plan{step: stepExecute, doubt: !r.Attempt().FirstSentAt.IsZero()}
		o.s.lease(r, o.token)
	}
	return nil
}

// unchanged refuses a request that means another amount than the refunds that stand.
// One that was sent before means what it opened then: all of it, or the parts alone
// that were tried again.
func (o *opening) unchanged(standing []*Refund) error {
	var sum, named, last int64
	var at time.Time
	for i, r := range standing {
		if r == nil {
			continue
		}
		if sum += r.Amount(); o.only(i) {
			named += r.Amount()
		}
		switch created := r.Attempt().CreatedAt; {
		case created.After(at):
			at, last = created, r.Amount()
		case created.Equal(at):
			last += r.Amount()
		}
	}
	if o.Expect != nil && (*o.Expect == named || *o.Expect == last) {
		return nil
	}
	return o.expects(sum)
}

// parts are the quotes of the free payments, each checked whether it may be paid.
// Payments that give nothing back are free no more.
func (o *opening) parts(d *owed, states []PaymentState, current []*Refund) ([]Quote, error) {
	for _, p := range d.free {
		if b := states[p].Balance; d.quote.Currency != b.Currency {
			return nil, badField("currency", "the payment is in %s, the refund in %s", b.Currency, d.quote.Currency)
		}
	}
	if d.quote.Amount > d.available {
		return nil, tooMuch(balanceOf(states), d.quote.Amount, d.available)
	}
	if err := o.expects(d.quote.Amount); err != nil {
		return nil, err
	}
	quotes := d.frozen
	if quotes == nil {
		split := d.splitPayments(o.Payments, states, current)
		amounts, err := Split(o.Split, split, d.quote.Amount)
		if err != nil {
			return nil, err
		}
		o.s.cfg.evenOut(split, amounts, o.Currency)
		quotes = d.quote.inParts(d.paying(amounts, states, current))
	}
	for i, p := range d.free {
		if quotes[i].Amount == 0 {
			continue
		}
		if err := o.checkAllowed(o.Payments[p]); err != nil {
			return nil, err
		}
		if err := o.checkCapable(o.Payments[p], quotes[i].Amount, states[p].Balance.Captured, o.s.now()); err != nil {
			return nil, err
		}
	}
	return quotes, nil
}

// tooMuch refuses an amount that the payments have not left, and says why.
func tooMuch(b Balance, amount, free int64) error {
	text := fmt.Sprintf("%s can't be refunded; %s of the payment is left",
		money.New(amount, b.Currency), money.New(free, b.Currency))
	if b.Outside > 0 {
		text += fmt.Sprintf(
			": %s was given back outside of this shop, such as on the provider's own pages or by the bank",
			money.New(b.Outside, b.Currency),
		)
	}
	return &Error{Code: CodeBalance, Field: "amount", Message: text}
}

// begin submits a new attempt, to be executed here; one of nothing is done,
// and one on a payment that is on hold waits.
func (o *opening) begin(r *Refund, b Balance, st event.Stamp) error {
	if hold, ok := b.Hold(); ok && r.Amount() > 0 {
		o.plans[r.ID] = plan{step: stepReview}
		return r.Hold(st, hold.Ref, holdReason(hold.Ref, hold.Reason))
	}
	o.plans[r.ID] = plan{}
	if o.later && r.Amount() > 0 {
		return nil // it is due at once
	}
	if err := r.Submit(st); err != nil {
		return err
	}
	if r.Amount() == 0 {
		o.plans[r.ID] = plan{step: stepCompleted}
		return r.Succeed(st, "")
	}
	o.plans[r.ID] = plan{step: stepExecute}
	o.s.lease(r, o.token)
	return nil
}

func (s *Service) lease(r *Refund, token string) {
	now := s.now()
	r.Lease(token, now.Add(s.cfg.Lease))
	r.expedite(now)
}

// awaits reports whether it waits for the method that it is paid by.
func (r *Refund) awaits() bool { return r.OnHold() && r.HoldRef == AwaitingMethod }
