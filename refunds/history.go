package refunds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// PaymentRef names one of our payments, with what its balance is seeded from.
type PaymentRef struct {
	OrderID    string
	PaymentID  string
	ProviderID string         // the provider's id of the payment
	Captured   int64          // minor units of the whole payment
	Currency   money.Currency // of the payment
}

func (p PaymentRef) openRequest() OpenRequest {
	return OpenRequest{OrderID: p.OrderID, PaymentID: p.PaymentID, Captured: p.Captured, Currency: p.Currency}
}

// Payments finds our payments. A shop implements it on its orders.
type Payments interface {
	// PaymentByProviderID returns the payment that the provider has under the id.
	// It returns ErrNotFound if it is not one of ours.
	PaymentByProviderID(ctx context.Context, providerID string) (PaymentRef, error)
}

// PaymentLedger is what a payment has taken and given back, here or elsewhere.
type PaymentLedger struct {
	Balance
	// Rest is what refunds of the payment have left unpaid and may yet pay, minor units;
	// see Quote.Rest.
	Rest         int64
	OutsideMoney []Outside // oldest first; nil for none
}

// PaymentLedger returns the ledger of a payment: what was captured, reserved,
// refunded and given back by others, what is available and overpaid, and the
// outside refunds and disputes.
func (s *Service) PaymentLedger(ctx context.Context, p PaymentRef) (PaymentLedger, error) {
	state, err := s.store.PaymentState(ctx, p.openRequest())
	if err != nil {
		return PaymentLedger{}, fmt.Errorf("refunds: ledger of payment %s: %w", p.PaymentID, err)
	}
	l := PaymentLedger{Balance: state.Balance, Rest: state.Carried}
	if l.OutsideMoney, err = s.store.Outside(ctx, OutsideQuery{PaymentID: p.PaymentID}); err != nil {
		return PaymentLedger{}, fmt.Errorf("refunds: ledger of payment %s: %w", p.PaymentID, err)
	}
	return l, nil
}

// OutsideMoney returns the refunds and disputes of an order that we did not
// make, oldest first.
func (s *Service) OutsideMoney(ctx context.Context, orderID string) ([]Outside, error) {
	return s.store.Outside(ctx, OutsideQuery{OrderID: orderID})
}

// SyncPayment looks up every refund and dispute that the provider has of a
// payment, books those that we did not make, and returns all that are booked. A
// refund of ours that the provider took back becomes reversed. While a dispute is
// open, and when it was lost, the payment is on hold.
//
// It is what to do on any message about a payment: what a message says is not
// believed, and one that comes late, twice or out of order does no harm. It
// returns ErrNotFound if the payment is not one of ours, and needs
// Config.Payments and Config.History; without one it is CodeInvalid.
func (s *Service) SyncPayment(ctx context.Context, paymentProviderID string, by event.Actor) ([]Outside, error) {
	if err := s.noTx("look payment " + paymentProviderID + " up"); err != nil {
		return nil, err
	}
	if s.cfg.Payments == nil || s.cfg.History == nil {
		return nil, &Error{Code: CodeInvalid, Field: "Config.Payments",
			Message: "it or History is nil; without them nothing that others did can be found"}
	}
	f := s.follower(by)
	p, ours, err := f.payment(ctx, paymentProviderID)
	switch {
	case err != nil:
		return nil, err
	case !ours:
		return nil, notFound("payment of the provider's id", paymentProviderID)
	}
	if err := f.sync(ctx, paymentProviderID); err != nil {
		return nil, err
	}
	if err := errors.Join(f.problems...); err != nil {
		return nil, err
	}
	return s.store.Outside(ctx, OutsideQuery{PaymentID: p.PaymentID})
}

// follower books what the provider's lists hold. A refusal about one payment is
// kept in problems and keeps none of the others from it.
type follower struct {
	s        *Service
	by       event.Actor
	payments map[string]PaymentRef // by the provider's id; without PaymentID: not ours
	problems []error
}

// note keeps a refusal; any other error is returned.
func (f *follower) note(err error) error {
	if CodeOf(err) == "" {
		return err
	}
	f.problems = append(f.problems, err)
	return nil
}

// keep keeps whatever went wrong with one payment, so that it holds up none of the others: the
// provider has just answered a list, and is there. Only the end of ctx is returned.
func (f *follower) keep(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	f.problems = append(f.problems, err)
	return nil
}

func (s *Service) follower(by event.Actor) *follower {
	return &follower{s: s, by: by, payments: map[string]PaymentRef{}}
}

// payment finds one of our payments; ok is false where it is none.
func (f *follower) payment(ctx context.Context, providerID string) (p PaymentRef, ok bool, err error) {
	p, known := f.payments[providerID]
	if !known && providerID != "" {
		p, err = f.s.cfg.Payments.PaymentByProviderID(ctx, providerID)
		if errors.Is(err, ErrNotFound) {
			p, err = PaymentRef{}, nil
		}
		if err != nil {
			return p, false, fmt.Errorf("refunds: whose payment is %s: %w", providerID, err)
		}
		f.payments[providerID] = p
	}
	return p, p.PaymentID != "", nil
}

// refunds books refunds of the provider's list that we did not make, and reverses
// refunds of ours that it took back.
func (f *follower) refunds(ctx context.Context, listed []payment.ProviderRefund) error {
	mine, err := f.s.attemptsOf(ctx, listed)
	if err != nil {
		return err
	}
	ids := make([]string, len(listed))
	for i, l := range listed {
		ids[i] = l.ProviderID
	}
	booked, err := f.booked(ctx, ids)
	if err != nil {
		return err
	}
	for _, l := range listed {
		before, known := booked[l.ProviderID]
		ours, found := mine[l.AttemptID]
		if found && ours.Attempt.has(l.ProviderID, l.Outcome != payment.OutcomeDeclined) && !known {
			if err := f.own(ctx, ours, l); err != nil {
				return err
			}
			continue
		}
		if err := f.book(ctx, l, before); err != nil {
			return err
		}
	}
	return nil
}

// own follows a refund of ours: one that the provider took back is looked up and, once
// that is known, replaced.
func (f *follower) own(ctx context.Context, ours ProviderAttempt, l payment.ProviderRefund) error {
	current := ours.Refund.Attempt()
	if l.Outcome != payment.OutcomeDeclined || current.ID != ours.Attempt.ID {
		return nil
	}
	// What follows a reversal may have been cut off by a crash.
	if current.Status != StatusSucceeded && current.Status != StatusReversed {
		return nil
	}
	_, err := f.s.Check(ctx, ours.Refund.ID, f.by)
	return f.keep(ctx, err)
}

// book books a refund that is not ours, unless it is booked as it is.
func (f *follower) book(ctx context.Context, l payment.ProviderRefund, before Outside) error {
	p, ok, err := f.payment(ctx, l.PaymentProviderID)
	if err != nil || !ok {
		return err
	}
	s := refundSeen(p, l)
	if !s.same(before) {
		if err := f.save(ctx, p, s); err != nil {
			return err
		}
	}
	return f.keep(ctx, f.owedAgain(ctx, p, s))
}

// owedAgain opens anew what was paid with nothing because others had refunded it, once
// their money came back: the refund of nothing is reversed, and what is owed offered. It
// may be called any number of times.
func (f *follower) owedAgain(ctx context.Context, p PaymentRef, s seen) error {
	if s.State != OutsideReturned {
		return nil
	}
	all, err := f.s.ByOrder(ctx, p.OrderID)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range all {
		switch {
		case r.PaymentID != p.PaymentID || !r.paidByOthers():
		case r.Status == StatusReversed:
			errs = append(errs, f.s.replace(ctx, r, f.by))
		case r.Status == StatusSucceeded:
			_, err := f.s.reverse(ctx, r.ID, f.by, ReverseParams{Reason: "what others had refunded came back"},
				func(*Attempt) error { return nil })
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// paidByOthers reports whether the refund is of nothing, because others had given back
// what it would have paid.
func (r *Refund) paidByOthers() bool {
	return r.Amount() == 0 && !r.Quote.Part() && r.Quote.byOthers() > 0
}

// withoutOthers is the request without what others paid.
func (r QuoteRequest) withoutOthers() QuoteRequest {
	r.Fees = slices.DeleteFunc(slices.Clone(r.Fees), func(f FeeRule) bool { return f.Kind == PaidByOthers })
	return r
}

// dispute follows a dispute: the hold of its payment first, so that a crash in
// between is made good by the next look-up.
func (f *follower) dispute(ctx context.Context, d payment.ProviderDispute) error {
	p, ok, err := f.payment(ctx, d.PaymentProviderID)
	if err != nil || !ok {
		return err
	}
	booked, err := f.booked(ctx, []string{d.ProviderID})
	if err != nil {
		return err
	}
	s := disputeSeen(p, d)
	if s.same(booked[d.ProviderID]) {
		return f.keep(ctx, f.owedAgain(ctx, p, s))
	}
	h := HoldRequest{
		OrderID: p.OrderID, PaymentID: p.PaymentID, Captured: p.Captured, Currency: p.Currency, Ref: d.ProviderID,
		Reason: fmt.Sprintf("the customer's bank disputes the payment (%s), %s", s.Reason, s.Status), By: f.by,
	}
	if d.State == payment.DisputeWon {
		_, err = f.s.Release(ctx, h)
	} else {
		_, err = f.s.Hold(ctx, h)
	}
	if err != nil {
		return f.note(err)
	}
	if err := f.save(ctx, p, s); err != nil {
		return err
	}
	return f.keep(ctx, f.owedAgain(ctx, p, s))
}

// sync follows all that the provider has of a payment.
func (f *follower) sync(ctx context.Context, paymentProviderID string) error {
	var refunds []payment.ProviderRefund
	for l, err := range f.s.cfg.History.RefundsOf(ctx, paymentProviderID) {
		if err != nil {
			return fmt.Errorf("refunds: look payment %s up: %w", paymentProviderID, err)
		}
		// The list is of this payment, whether or not each row names it.
		l.PaymentProviderID = paymentProviderID
		refunds = append(refunds, l)
	}
	for some := range slices.Chunk(refunds, reconcilePage) {
		if err := f.refunds(ctx, some); err != nil {
			return err
		}
	}
	for d, err := range f.s.cfg.History.DisputesOf(ctx, paymentProviderID) {
		if err == nil {
			d.PaymentProviderID = paymentProviderID
			err = f.dispute(ctx, d)
		}
		if err != nil {
			return fmt.Errorf("refunds: look payment %s up: %w", paymentProviderID, err)
		}
	}
	return nil
}

// save books what was seen, under the lock of the payment.
func (f *follower) save(ctx context.Context, p PaymentRef, s seen) error {
	if s.ProviderID == "" {
		return f.note(&Error{Code: CodeInvalid, Field: "provider_id", Message: fmt.Sprintf(
			"the provider lists a %s of payment %s without an id that can be kept", s.Kind, p.ProviderID)})
	}
	c, err := f.s.store.Book(ctx, p.openRequest(), s.ProviderID, booking(f.s.stamp(ctx, f.by), s))
	if err != nil {
		return f.note(fmt.Errorf("refunds: book %s of payment %s: %w", s.ProviderID, p.PaymentID, err))
	}
	for _, r := range c.Refunds {
		if r.After.OnHold() {
			f.s.cfg.Observer.ReviewRequired(ctx, r.After)
		}
	}
	return nil
}

// refit releases refunds that were put on hold for what others gave back, once a
// refund of ours leaves room for them.
func (s *Service) refit(ctx context.Context, ended Refund, by event.Actor) error {
	p := OpenRequest{OrderID: ended.OrderID, PaymentID: ended.PaymentID, Currency: ended.Quote.Currency}
	state, err := s.store.PaymentState(ctx, p)
	if err != nil || state.Balance.Outside == 0 {
		return err
	}
	_, err = s.updatePayment(ctx, p, func(b *Balance, open []*Refund) error {
		return fit(s.stamp(ctx, by), *b, open)
	})
	return err
}

func (f *follower) booked(ctx context.Context, ids []string) (map[string]Outside, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := f.s.store.Outside(ctx, OutsideQuery{IDs: ids})
	if err != nil {
		return nil, err
	}
	booked := make(map[string]Outside, len(found))
	for _, o := range found {
		booked[o.ProviderID] = o
	}
	return booked, nil
}
