package refunds

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders/money"
)

// Refund pays back what the request names and answers with the state.
//
// The intent is quoted and held against the payment's balance under its lock,
// and committed before the provider is called. One refund that is not reversed
// exists per reference, so asking again never pays again:
//
//   - none, or a reversed one: a new refund is opened and carried out;
//   - an open one: the next try is brought to now, and made here unless
//     somebody else is at it;
//   - a succeeded one is answered as it is;
//   - a failed one gets a new attempt, by the method and with a quote of now;
//   - one that AwaitingMethod, after the provider took the one before it back, is
//     paid by the method that is asked for.
//
// While the payment is held (see Service.Hold) a refund is opened and holds its
// amount, and is not carried out: it stands in the queue for a person.
//
// Card refunds are tried for up to Config.Wait or until ctx ends; then the
// answer is an open state (submitted, unknown, pending), and ResumeDue goes on.
// Cash and store credit succeed at once, without a call to the provider, and so
// does a refund of nothing.
//
// Errors: CodeInvalid, CodeNothingToRefund, CodeMethod, CodeBalance,
// CodeAmountChanged: nothing was changed. Any other error is trouble below; the same request may be sent
// again. A provider that said no is no error: the status is failed.
func (s *Service) Refund(ctx context.Context, r Request) (Refund, error) {
	if err := r.validate(s.cfg); err != nil {
		return Refund{}, err
	}
	t := &execution{s: s, token: s.cfg.NewID()}
	var mine, nothing, held bool // to be carried out here; of no amount and done; held from the start
	saved, err := s.store.Open(ctx, r.openRequest(), func(b PaymentState, current *Refund) (*Refund, error) {
		st := s.stamp(ctx, r.By)
		t.doubt, mine, nothing, held = false, true, false, false
		awaits := current != nil && current.OnHold() && current.HoldRef == AwaitingMethod
		if current != nil && current.Status != StatusFailed && !awaits {
			if err := r.expects(current.Amount()); err != nil {
				return nil, err
			}
			if current.Status == StatusSucceeded || current.Leased(st.At) || current.OnHold() {
				mine = false
				current.Expedite(st.At)
				return current, nil
			}
			t.doubt = !current.Attempt().FirstSentAt.IsZero()
			s.lease(current, t.token)
			return current, nil
		}
		request := r.Quote
		if len(request.Lines) == 0 && current != nil {
			request = current.Request
		}
		free := b.Balance.Available()
		if awaits {
			free += current.Amount()
		}
		quote, err := NewQuote(request, b.Refunded)
		if err != nil {
			return nil, err
		}
		if quote.Currency != b.Balance.Currency {
			return nil, &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf("the payment is in %s, the refund in %s", b.Balance.Currency, quote.Currency)}
		}
		if quote.Amount > free {
			return nil, &Error{Code: CodeBalance, Field: "amount", Message: fmt.Sprintf(
				"%s can't be refunded; %s of the payment is left",
				money.New(quote.Amount, r.Currency), money.New(free, r.Currency))}
		}
		if err := r.expects(quote.Amount); err != nil {
			return nil, err
		}
		if quote.Amount > 0 {
			if err := r.checkAllowed(); err != nil {
				return nil, err
			}
		}
		attempt := AttemptParams{
			ID: s.cfg.NewID(), Method: r.method(), PaymentProviderID: r.PaymentProviderID, PaidBy: r.By, Request: request, Quote: quote,
		}
		next := current
		if awaits {
			if err := next.withdraw(st, FailureWithdrawn, "paid by the method that was asked for instead"); err != nil {
				return nil, err
			}
		}
		if next != nil {
			err = next.Retry(attempt, st)
		} else {
			next, err = NewRefund(Params{
				ID: s.cfg.NewID(), ClientReference: r.ClientReference, OrderID: r.OrderID, PaymentID: r.PaymentID, Customer: r.Customer, Attempt: attempt,
			}, st)
		}
		if hold, ok := b.Balance.Hold(); ok && err == nil && quote.Amount > 0 {
			mine, held = false, true
			return next, next.Hold(st, hold.Ref, holdReason(hold.Ref, hold.Reason))
		}
		if err == nil {
			err = next.Submit(st)
		}
		if err == nil && quote.Amount == 0 {
			mine, nothing = false, true
			err = next.Succeed(st, "")
		}
		if err != nil {
			return nil, err
		}
		if quote.Amount > 0 {
			s.lease(next, t.token)
		}
		return next, nil
	})
	if err != nil {
		return Refund{}, fmt.Errorf("refunds: refund for %s: %w", r.ClientReference, err)
	}
	if !mine {
		switch {
		case nothing:
			s.cfg.Observer.Completed(saved)
		case held:
			s.cfg.Observer.ReviewRequired(saved)
		}
		return saved, nil
	}
	t.r = saved
	return t.execute(ctx, s.cfg.Wait)
}

func (s *Service) lease(r *Refund, token string) {
	now := s.now()
	r.Lease(token, now.Add(s.cfg.Lease))
	r.Expedite(now)
}
