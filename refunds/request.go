package refunds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Request requests a refund.
type Request struct {
	ClientReference   string // what it is for, the id of a return
	OrderID           string
	PaymentID         string
	PaymentMethod     payment.Method   // how the order was paid: one of Config.ProviderMethods, cash or store_credit
	PaymentProviderID string           // the provider's id of the payment, where it has one
	PaidAt            time.Time        // when it was captured; zero: not known
	Captured          int64            // minor units of the whole payment; seeds the balance on first use
	Currency          money.Currency   // of the payment
	Customer          string           // id of who gets the money
	Method            payment.Method   // as PaymentMethod, or original_method; empty: original_method
	Allowed           []payment.Method // by the terms; empty: all
	// Quote says which units come back. Without lines, a new attempt after a
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

// expects refuses an amount that is not the one the caller means.
func (r Request) expects(amount int64) error {
	if r.Expect == nil || *r.Expect == amount {
		return nil
	}
	return &Error{Code: CodeAmountChanged, Field: "amount", Message: fmt.Sprintf(
		"the refund of %s is now %s and not %s; look at it again",
		r.ClientReference, money.New(amount, r.Currency), money.New(*r.Expect, r.Currency))}
}

func (r Request) openRequest() OpenRequest {
	return OpenRequest{ClientReference: r.ClientReference, OrderID: r.OrderID, PaymentID: r.PaymentID,
		Captured: r.Captured, Currency: r.Currency}
}

const maxID = 255

func (r Request) validate(c Config) error {
	for _, f := range []struct{ name, value string }{
		{"reference", r.ClientReference}, {"order_id", r.OrderID}, {"payment_id", r.PaymentID}, {"customer",
			r.Customer},
	} {
		if f.value == "" {
			return &Error{Code: CodeInvalid, Field: f.name, Message: "it is empty"}
		}
		if err := checkText(f.name, f.value, maxID); err != nil {
			return err
		}
	}
	if err := checkText("payment_reference", r.PaymentProviderID, maxID); err != nil {
		return err
	}
	if r.Captured < 0 {
		return &Error{Code: CodeInvalid, Field: "captured", Message: fmt.Sprintf(
			"%d minor units; 0 or more are allowed", r.Captured)}
	}
	if p, err := money.ParseCurrency(string(r.Currency)); err != nil || p != r.Currency {
		return &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf(
			"%q is not an ISO 4217 code in upper case, such as USD", string(r.Currency))}
	}
	for _, l := range r.Quote.Lines {
		if err := checkText("line", l.OrderLineID, maxID); err != nil {
			return err
		}
	}
	if len(r.Quote.Lines) > 0 && r.Quote.Currency != r.Currency {
		return &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf(
			"a quote in %s can't be paid back on a payment in %s", r.Quote.Currency, r.Currency)}
	}
	return c.checkMethods(r)
}

// Refund pays back what the request names and answers with the state.
//
// The intent is quoted and held against the payment's balance under its lock,
// and committed before the provider is called. One refund that is not reversed
// exists per reference, so asking again never pays again:
//
//   - none, or a reversed one: a new refund is opened and carried out;
//   - an open one: the next try is brought to now, and made here unless
//     another process has the lease;
//   - a succeeded one is answered as it is;
//   - a failed one gets a new attempt, by the method and with a quote of now;
//   - one with AwaitingMethod, after the provider took the one before it back, is
//     paid by the method that is requested.
//
// While the payment is held (see Service.Hold) a refund is opened and holds its
// amount, and is not carried out: it stands in the review queue.
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
func (s *Service) Refund(ctx context.Context, r Request) (Refund, error) {
	if err := s.noTx("refund"); err != nil {
		return Refund{}, err
	}
	if err := r.validate(s.cfg); err != nil {
		return Refund{}, err
	}
	o := &opening{s: s, ctx: ctx, Request: r, t: &execution{s: s, token: s.cfg.NewID(), inRequest: true}}
	saved, err := s.open(ctx, r.openRequest(), o.decide)
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: refund for %s: %w", r.ClientReference, err)
	}
	if o.then == thenExecute {
		o.t.r = saved
		return o.t.execute(ctx, s.cfg.Wait)
	}
	o.tell(saved)
	return saved, nil
}

// Request opens the refund that the request names, as Refund does, and leaves it
// to the worker to carry it out: what to do in a transaction of the caller's (see
// With). It returns the refund there is where the reference has one, brings an
// open one to now, and makes no call to the provider. A failed one gets a new
// attempt, as with Refund.
func (s *Service) Request(ctx context.Context, r Request) (Refund, error) {
	if err := r.validate(s.cfg); err != nil {
		return Refund{}, err
	}
	o := &opening{s: s, ctx: ctx, Request: r, t: &execution{s: s}, later: true}
	saved, err := s.open(ctx, r.openRequest(), o.decide)
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: request refund for %s: %w", r.ClientReference, err)
	}
	o.tell(saved)
	return saved, nil
}

// tell tells the Observer of what was decided and is not carried out.
func (o *opening) tell(saved Refund) {
	switch o.then {
	case thenCompleted:
		o.s.cfg.Observer.Completed(o.ctx, saved)
	case thenReview:
		o.s.cfg.Observer.ReviewRequired(o.ctx, saved)
	}
}

// opening is one call of Refund or Request: what is decided under the lock of the payment,
// once or more often.
type opening struct {
	Request
	s    *Service
	ctx  context.Context
	t    *execution
	then then
	// later: the worker carries it out, so nothing is leased here.
	later bool
}

// then is what follows once the decision is saved.
type then int

const (
	thenAnswer    then = iota // with the refund as it is
	thenExecute               // carry it out, under the token of the execution
	thenCompleted             // nothing was to be paid
	thenReview                // the payment is on hold
)

// decide is the request's refund after the request: the one there is, a new
// attempt of it, or a new one.
func (o *opening) decide(b PaymentState, current *Refund) (*Refund, error) {
	o.t.doubt, o.then = false, thenAnswer
	st := o.s.stamp(o.ctx, o.By)
	awaits := current != nil && current.OnHold() && current.HoldRef == AwaitingMethod
	if current != nil && current.Status != StatusFailed && !awaits {
		return current, o.again(current, st)
	}
	free := b.Balance.Available()
	if awaits {
		free = b.Balance.availableBeside(current.Amount())
	}
	attempt, err := o.attempt(b, current, free)
	if err != nil {
		return nil, err
	}
	if awaits {
		if err := current.withdraw(st, FailureWithdrawn, "paid by the method that was requested instead"); err != nil {
			return nil, err
		}
	}
	next := current
	if next != nil {
		err = next.Retry(attempt, st)
	} else {
		next, err = NewRefund(Params{
			ID: o.s.cfg.NewID(), ClientReference: o.ClientReference, OrderID: o.OrderID, PaymentID: o.PaymentID,
			Customer: o.Customer,
			Attempt:  attempt,
		}, st)
	}
	if err != nil {
		return nil, err
	}
	return next, o.begin(next, b.Balance, st)
}

// again brings an open refund to now, and answers with one that is not.
func (o *opening) again(current *Refund, st event.Stamp) error {
	if err := o.expects(current.Amount()); err != nil {
		return err
	}
	if current.Status == StatusSucceeded || current.Leased(st.At) || current.OnHold() || o.later {
		current.Expedite(st.At)
		return nil
	}
	o.t.doubt, o.then = !current.Attempt().FirstSentAt.IsZero(), thenExecute
	o.s.lease(current, o.t.token)
	return nil
}

// attempt quotes what is requested, and checks that it may be paid.
func (o *opening) attempt(b PaymentState, current *Refund, free int64) (AttemptParams, error) {
	request := o.Quote
	if len(request.Lines) == 0 && current != nil {
		request = current.Request
	}
	grid := o.s.cfg.gridOf(o.PaymentMethod, b.Balance.Captured, o.Currency, b.Carried)
	request, quote, err := o.quote(request, b, free, grid)
	if err != nil {
		return AttemptParams{}, err
	}
	if quote.Currency != b.Balance.Currency {
		return AttemptParams{}, &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf(
			"the payment is in %s, the refund in %s", b.Balance.Currency, quote.Currency)}
	}
	if quote.Amount > free {
		return AttemptParams{}, tooMuch(b.Balance, quote.Amount, free)
	}
	if err := o.expects(quote.Amount); err != nil {
		return AttemptParams{}, err
	}
	if quote.Amount > 0 {
		if err := o.checkAllowed(); err != nil {
			return AttemptParams{}, err
		}
		if err := o.checkCapable(quote.Amount, b.Balance.Captured, o.s.now()); err != nil {
			return AttemptParams{}, err
		}
	}
	return AttemptParams{
		ID: o.s.cfg.NewID(), Method: o.method(), PaymentProviderID: o.PaymentProviderID, PaidBy: o.By,
		Request: request, Quote: quote,
	}, nil
}

// quote quotes the request; where it says LessOutside, what others gave back and
// is not left is taken off.
func (r Request) quote(request QuoteRequest, b PaymentState, free int64, grid Grid) (QuoteRequest, Quote, error) {
	request.Fees = slices.DeleteFunc(slices.Clone(request.Fees), func(f FeeRule) bool { return f.Kind == PaidByOthers })
	quote, err := NewQuoteOn(request, b.Refunded, grid)
	short := min(quote.Amount-free, b.Balance.Outside)
	if err != nil || !r.LessOutside || short <= 0 {
		return request, quote, err
	}
	request.Fees = append(request.Fees, FeeRule{Kind: PaidByOthers, Fixed: short})
	quote, err = NewQuoteOn(request, b.Refunded, grid)
	return request, quote, err
}

// tooMuch refuses an amount that the payment has not left, and says why.
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

// begin submits a new attempt, to be carried out here; one of nothing is done,
// and one on a payment that is on hold waits.
func (o *opening) begin(r *Refund, b Balance, st event.Stamp) error {
	if hold, ok := b.Hold(); ok && r.Amount() > 0 {
		o.then = thenReview
		return r.Hold(st, hold.Ref, holdReason(hold.Ref, hold.Reason))
	}
	if o.later && r.Amount() > 0 {
		return nil // it is due at once
	}
	if err := r.Submit(st); err != nil {
		return err
	}
	if r.Amount() == 0 {
		o.then = thenCompleted
		return r.Succeed(st, "")
	}
	o.then = thenExecute
	o.s.lease(r, o.t.token)
	return nil
}

func (s *Service) lease(r *Refund, token string) {
	now := s.now()
	r.Lease(token, now.Add(s.cfg.Lease))
	r.Expedite(now)
}

// Preview quotes what Refund would pay now, and the balance it is held
// against, without recording anything.
func (s *Service) Preview(ctx context.Context, r Request) (Quote, Balance, error) {
	if err := r.validate(s.cfg); err != nil {
		return Quote{}, Balance{}, err
	}
	book, err := s.store.PaymentState(ctx, r.openRequest())
	if err != nil {
		return Quote{}, Balance{}, fmt.Errorf("refunds: preview for %s: %w", r.ClientReference, err)
	}
	free := book.Balance.Available()
	if r.LessOutside && book.Balance.Outside > 0 {
		// What stands for this very refund is not missing to it.
		current, err := s.store.ByClientReference(ctx, r.ClientReference)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return Quote{}, Balance{}, fmt.Errorf("refunds: preview for %s: %w", r.ClientReference, err)
		case current.OnHold() && current.HoldRef == AwaitingMethod:
			free = book.Balance.availableBeside(current.Amount())
		}
	}
	grid := s.cfg.gridOf(r.PaymentMethod, book.Balance.Captured, r.Currency, book.Carried)
	_, q, err := r.quote(r.Quote, book, free, grid)
	return q, book.Balance, err
}
