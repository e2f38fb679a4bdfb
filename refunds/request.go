package refunds

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Request requests a refund.
type Request struct {
	ClientReference string // what it is for, the id of a return
	OrderID         string
	// Payments are the payments of the order, one or more, in the order in which they were
	// paid.
	Payments []Payment
	// PaymentID names the payment to try again alone, after its part failed or was
	// reversed and others were not; empty: all.
	PaymentID string
	Split     SplitRule        // over Payments; empty: SplitProportional
	Currency  money.Currency   // of the payments
	Customer  string           // id of who gets the money
	Method    payment.Method   // as Payment.Method, or original_method; empty: original_method
	Allowed   []payment.Method // by the terms; empty: all
	// Quote says which units are returned. Without lines, a new attempt after a
	// failed one quotes what the failed one did.
	Quote QuoteRequest
	// Expect, when not nil, is the amount in minor units that the caller means to
	// pay back. Any other is CodeAmountChanged, and nothing is paid.
	Expect *int64
	// LessOutside takes off what others gave back already, such as on the
	// provider's own pages: no more is paid than the payment has left, which may be
	// nothing. Without it such a refund is refused with CodeBalance.
	LessOutside bool
	By          event.Actor // who asks; for a manual method also who hands it out
}

// Payment is one of the payments of an order.
type Payment struct {
	ID         string         // the shop's id of it; required
	Method     payment.Method // how it was paid: one of Config.ProviderMethods, cash or store_credit
	ProviderID string         // the provider's id of it; required to refund it there
	PaidAt     time.Time      // when it was captured; zero: not known
	Captured   int64          // minor units; seeds the balance on first use
}

// expects refuses an amount that is not the one the caller means.
func (r Request) expects(amount int64) error {
	if r.Expect == nil || *r.Expect == amount {
		return nil
	}
	return &Error{Code: CodeAmountChanged, Field: "amount", Message: fmt.Sprintf(
		"the refund of %s is now %s and not %s; look at it again",
		r.ClientReference, money.New(amount, r.Currency), money.New(*r.Expect, r.Currency))}
}

func (r Request) openRequests() []OpenRequest {
	open := make([]OpenRequest, len(r.Payments))
	for i, p := range r.Payments {
		open[i] = OpenRequest{ClientReference: r.ClientReference, OrderID: r.OrderID, PaymentID: p.ID,
			Captured: p.Captured, Currency: r.Currency}
	}
	return open
}

const maxID = 255

func (r Request) validate(c Config) error {
	for _, f := range []struct{ name, value string }{
		{"reference", r.ClientReference}, {"order_id", r.OrderID}, {"customer", r.Customer},
	} {
		if err := checkID(f.name, f.value); err != nil {
			return err
		}
	}
	if len(r.Payments) == 0 {
		return badField("payments", "it is empty; name the payments of the order")
	}
	for i, p := range r.Payments {
		if err := p.validate(); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Payments[:i], func(q Payment) bool { return q.ID == p.ID }) {
			return badField("payment_id", "%s is named twice; each payment once is allowed", p.ID)
		}
	}
	if err := r.validateSplit(); err != nil {
		return err
	}
	if p, err := money.ParseCurrency(string(r.Currency)); err != nil || p != r.Currency {
		return badField("currency", "%q is not an ISO 4217 code in upper case, such as USD", string(r.Currency))
	}
	for _, l := range r.Quote.Lines {
		if err := checkText("line", l.OrderLineID, maxID); err != nil {
			return err
		}
	}
	if len(r.Quote.Lines) > 0 && r.Quote.Currency != r.Currency {
		return badField("currency", "a quote in %s can't be paid back on a payment in %s", r.Quote.Currency, r.Currency)
	}
	return c.checkMethods(r)
}

// checkID reports an id that is empty, too long, or no text.
func checkID(field, value string) error {
	if value == "" {
		return badField(field, "it is empty")
	}
	return checkText(field, value, maxID)
}

func (p Payment) validate() error {
	if err := checkID("payment_id", p.ID); err != nil {
		return err
	}
	if err := checkText("payment_reference", p.ProviderID, maxID); err != nil {
		return err
	}
	if p.Captured < 0 {
		return badField("captured", "%d minor units; 0 or more are allowed", p.Captured)
	}
	return nil
}

func (r Request) validateSplit() error {
	if r.Split != "" && !slices.Contains(SplitRules(), r.Split) {
		return badField("split", "%.40q is not a rule; %s, %s or %s", string(r.Split), SplitProportional,
			SplitLastPaidFirst, SplitStoreCreditFirst)
	}
	named := func(p Payment) bool { return p.ID == r.PaymentID }
	if r.PaymentID != "" && !slices.ContainsFunc(r.Payments, named) {
		return badField("payment_id", "%s is not one of the payments", r.PaymentID)
	}
	return nil
}

// Refund pays back what the request names and answers with the state.
//
// The intent is quoted and held against the payment's balance under its lock,
// and committed before the provider is called. One refund that is not reversed
// exists per reference, so asking again never pays again:
//
//   - none, or a reversed one: a new refund is opened and executed;
//   - an open one: it is tried now, here unless another process has the lease;
//   - a succeeded one: it is returned as it is;
//   - a failed one: it gets a new attempt, with the method and the quote of this request;
//   - one with AwaitingMethod, after the provider reversed the one before it: it is paid
//     by the method of this request.
//
// Of an order that several payments paid the amount is split over
// them by the rule of the request, and all parts are opened together. Each is a
// refund of its own and stands against its own payment; the method says how each is
// paid out, and CodeMethod is returned where a part can't be paid by it. When it is requested
// again, a part that failed or was reversed, and others not, is tried again alone, by the
// method of that request and for at most its amount.
//
// While the payment is held (see Service.Hold) a refund is opened and holds its
// amount, and is not executed: it stands in the review queue.
//
// Refunds by the provider are tried for up to Config.Wait or until ctx ends; then the
// answer is an open state (submitted, unknown, pending), and ResumeDue continues.
// Cash and store credit succeed at once, without a call to the provider, and so
// does a refund of nothing.
//
// Errors: CodeInvalid, CodeNothingToRefund, CodeMethod, CodeBalance,
// CodeAmountChanged: nothing was changed. Any other error is of the store; the
// same request may be sent again. A provider that declined is no error: the status
// is failed.
func (s *Service) Refund(ctx context.Context, r Request) (Intent, error) {
	if err := s.noTx("refund"); err != nil {
		return Intent{}, err
	}
	if err := r.validate(s.cfg); err != nil {
		return Intent{}, err
	}
	o := newOpening(ctx, s, r, false)
	saved, err := s.open(ctx, r.openRequests(), o.decide)
	if err != nil {
		return Intent{}, fmt.Errorf("refunds: refund for %s: %w", r.ClientReference, err)
	}
	return o.executeAll(ctx, saved)
}

// Request opens the refund that the request names, as Refund does, and leaves its
// execution to the worker: for use in a transaction of the caller's (see With). Where the
// reference has a refund it returns that, due now if it is open. It makes no call to the
// provider. A failed one gets a new
// attempt, as with Refund.
func (s *Service) Request(ctx context.Context, r Request) (Intent, error) {
	if err := r.validate(s.cfg); err != nil {
		return Intent{}, err
	}
	o := newOpening(ctx, s, r, true)
	saved, err := s.open(ctx, r.openRequests(), o.decide)
	if err != nil {
		return Intent{}, fmt.Errorf("refunds: request refund for %s: %w", r.ClientReference, err)
	}
	for _, one := range saved {
		o.tell(one)
	}
	return s.intentOf(ctx, saved)
}

// Preview quotes what Refund would pay now, and the balance it is held
// against, without recording anything. Of an order that several payments paid it is
// the sum of their balances, without PaymentID and Holds; where a part failed or was
// reversed and others not, the quote is of what is yet to be paid; where none did, it is
// theirs.
func (s *Service) Preview(ctx context.Context, r Request) (Quote, Balance, error) {
	if err := r.validate(s.cfg); err != nil {
		return Quote{}, Balance{}, err
	}
	fail := func(err error) (Quote, Balance, error) {
		return Quote{}, Balance{}, fmt.Errorf("refunds: preview for %s: %w", r.ClientReference, err)
	}
	open := r.openRequests()
	states, current := make([]PaymentState, len(open)), make([]*Refund, len(open))
	var outside int64
	for i := range open {
		var err error
		if states[i], err = s.store.PaymentState(ctx, open[i]); err != nil {
			return fail(err)
		}
		outside += states[i].Balance.Outside
	}
	if len(open) > 1 || r.LessOutside && outside > 0 {
		// What stands for this very refund is not missing to it.
		found, err := s.store.ByClientReferences(ctx, []string{r.ClientReference})
		if err != nil {
			return fail(err)
		}
		have := OpenState{Refunds: slices.DeleteFunc(found[r.ClientReference], func(r Refund) bool {
			return r.Status == StatusReversed || len(open) == 1 && !r.awaits()
		})}
		for i := range open {
			current[i] = have.refund(open[i].PaymentID)
		}
	}
	d, err := r.owed(states, current, s.cfg.gridFor(r.Payments, states))
	return d.quote, balanceOf(states), err
}

// balanceOf is the balance of all payments of an order together.
func balanceOf(states []PaymentState) Balance {
	if len(states) == 1 {
		return states[0].Balance
	}
	var sum Balance
	for _, s := range states {
		b := s.Balance
		sum.Currency = b.Currency
		sum.Captured, sum.Reserved = sum.Captured+b.Captured, sum.Reserved+b.Reserved
		sum.Refunded, sum.Outside = sum.Refunded+b.Refunded, sum.Outside+b.Outside
	}
	return sum
}
