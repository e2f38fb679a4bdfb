package refunds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// HandleWebhook follows a message of the provider: it looks the refund up and
// records what is there (see Check), so that messages may come late, twice and
// in the wrong order. What a message claims changes nothing by itself, except
// where the provider has no look-ups (payment.FindByMessage): there it is read
// like one, so check its signature first.
//
// A refund that we did not make, such as one made on the provider's own pages, is
// looked up with its payment and booked as outside money (see SyncPayment). The
// zero Refund and no error are returned.
//
// CodeContradiction needs review, and no state was changed: the message names
// another amount or currency than we requested, or an attempt that failed here
// was paid, which then counts as outside money. Acknowledge such a message;
// repeating it does not help. It returns ErrNotFound for a refund that is not
// ours on a payment that is not ours, or where Config.Payments or
// Config.History is missing.
func (s *Service) HandleWebhook(ctx context.Context, by event.Actor, n payment.WebhookEvent) (Refund, error) {
	if err := s.noTx("handle a webhook"); err != nil {
		return Refund{}, err
	}
	r, err := s.findByWebhook(ctx, n)
	if errors.Is(err, ErrNotFound) {
		return Refund{}, s.handleOutside(ctx, by, n, err)
	}
	if err != nil {
		return Refund{}, err
	}
	r, err = s.handleOwn(ctx, by, n, r)
	if CodeOf(err) == CodeContradiction {
		reference := n.PaymentProviderID
		if reference == "" && len(r.Attempts) > 0 {
			reference = r.Attempt().PaymentProviderID
		}
		n.PaymentProviderID = reference
		if failed := s.handleOutside(ctx, by, n, ErrNotFound); failed != nil && !errors.Is(failed, ErrNotFound) &&
			CodeOf(failed) == "" {
			return r, failed // deliver the message again
		}
	}
	return r, err
}

// handleOutside books what others did to the payment of a message; missing is
// returned where that can't be looked up.
func (s *Service) handleOutside(ctx context.Context, by event.Actor, n payment.WebhookEvent, missing error) error {
	if n.PaymentProviderID == "" || s.cfg.Payments == nil || s.cfg.History == nil {
		return missing
	}
	_, err := s.SyncPayment(ctx, n.PaymentProviderID, by)
	return err
}

// handleOwn follows a message about a refund of ours.
func (s *Service) handleOwn(ctx context.Context, by event.Actor, n payment.WebhookEvent, r Refund) (Refund, error) {
	i := slices.IndexFunc(r.Attempts, func(a Attempt) bool {
		return a.ID == n.AttemptID || n.ProviderID != "" && a.ProviderID == n.ProviderID
	})
	if i < 0 {
		return r, &Error{Code: CodeContradiction, Field: "attempt", Message: fmt.Sprintf(
			"the provider has %s under refund %s, of an attempt %q that we never made",
			n.ProviderID,
			r.ID,
			n.AttemptID,
		)}
	}
	a := r.Attempts[i]
	switch {
	case n.Amount != 0 && n.Amount != a.Amount, n.Currency != "" && n.Currency != r.Quote.Currency:
		return r, &Error{Code: CodeContradiction, Field: "amount", Message: fmt.Sprintf(
			"the provider says that %s is of %d %s, and refund %s requested %d %s",
			n.ProviderID,
			n.Amount,
			n.Currency,
			r.ID,
			a.Amount,
			r.Quote.Currency,
		)}
	case i < len(r.Attempts)-1:
		if n.Outcome == payment.OutcomeDeclined {
			return r, nil
		}
		return r, s.replaced(ctx, r, a, n)
	}
	if !s.cfg.findable(&a) {
		return s.believe(ctx, r, n, by)
	}
	return s.Check(ctx, r.ID, by)
}

// believe reads a message as the result of a look-up, where the provider can't
// be asked.
func (s *Service) believe(ctx context.Context, r Refund, n payment.WebhookEvent, by event.Actor) (Refund, error) {
	told := checked(CallMessage, payment.Result{Outcome: n.Outcome, ProviderID: n.ProviderID, Amount: n.Amount,
		Currency: n.Currency})
	switch {
	case r.Status == StatusReversed:
		return r, s.replace(ctx, r, by) // in case a crash came between the two
	case r.Status.Open():
		return s.checkOpen(ctx, r.ID, &told)
	}
	return s.checkEnded(ctx, r, told, by)
}

// Check looks the refund up at the provider now, whatever a message said, and
// records what is there: the way to handle a webhook, because states that
// arrive late or twice or in the wrong order then do no harm. An open refund
// that another process is executing is only brought forward. A succeeded one
// that the provider has since failed becomes reversed. A failed one that the
// provider paid is CodeContradiction: nothing is changed, and it needs
// review. A refund that could not be looked up is an error unless it is in the review
// queue: answer the webhook with it, so that the provider sends it again. by is recorded
// with a reversal.
func (s *Service) Check(ctx context.Context, id string, by event.Actor) (Refund, error) {
	if err := s.noTx("check " + id); err != nil {
		return Refund{}, err
	}
	r, err := s.store.Refund(ctx, id)
	switch {
	case err != nil:
		return Refund{}, err
	case r.Method.Manual() || r.Amount() == 0 || r.Status == StatusCreated:
		return r, nil
	case r.Status == StatusReversed:
		return r, s.replace(ctx, r, by) // in case a crash came between the two
	case r.Status.Open():
		return s.checkOpen(ctx, id, nil)
	}
	return s.checkEnded(ctx, r, s.find(ctx, r), by)
}

// checkOpen looks an open refund up under a lease, and records what is there. A
// message that can't be looked up takes the place of the look-up.
func (s *Service) checkOpen(ctx context.Context, id string, message *payment.Result) (Refund, error) {
	t := &execution{s: s, token: s.cfg.NewID(), progress: progress{confirm: true}, message: message}
	if message != nil {
		t.calls = append(t.calls, newCall(CallMessage, s.now(), *message))
	}
	mine := false
	var err error
	t.r, err = s.update(ctx, id, func(r *Refund) error {
		t.doubt = !r.Attempt().FirstSentAt.IsZero()
		mine = r.Status.Open() && t.doubt && !r.Leased(s.now())
		if mine {
			s.lease(r, t.token)
		} else {
			r.expedite(s.now())
		}
		return nil
	})
	if err == nil && !mine && message != nil && t.r.Leased(s.now()) {
		err = fmt.Errorf("refunds: refund %s is being executed; deliver the message again later", id)
	}
	if err != nil || !mine {
		return t.r, err
	}
	r, err := t.execute(ctx, 0)
	if n := len(t.calls); err == nil && r.Status.Open() && n > 0 &&
		t.calls[n-1].Outcome == payment.OutcomeUnknown && !r.Work.NeedsReview {
		err = fmt.Errorf("refunds: check %s: it could not be looked up, ask again later: %s", id, r.Work.LastError)
	}
	return r, err
}

// checkEnded compares a refund that succeeded or failed with the provider's.
func (s *Service) checkEnded(ctx context.Context, r Refund, answer payment.Result, by event.Actor) (Refund, error) {
	switch {
	case r.Status == StatusSucceeded && answer.Outcome == payment.OutcomeDeclined:
		// Found by the attempt's id: its reference is the right one, whatever the
		// review that resolved it knew.
		return s.reverse(ctx, r.ID, by, ReverseParams{ProviderID: answer.ProviderID, Code: answer.Code,
			Reason: describe(answer)},
			func(*Attempt) error { return nil })
	case r.Status == StatusFailed && effective(answer.Outcome):
		return r, &Error{Code: CodeContradiction, Field: "refund", Message: fmt.Sprintf(
			"refund %s failed here, and the provider has it as %s %s", r.ID, answer.ProviderID, answer.Status)}
	case answer.Outcome == payment.OutcomeDone && wrongAmount(&r, answer):
		return r, &Error{Code: CodeContradiction, Field: "amount", Message: fmt.Sprintf(
			"refund %s is of %d minor units, and the provider says %d", r.ID, r.Amount(), answer.Amount)}
	case answer.Outcome == payment.OutcomeUnknown:
		return r, fmt.Errorf(
			"refunds: check %s: it could not be looked up, ask again later: %s", r.ID, describe(answer))
	}
	return r, nil
}

// replaced looks up an attempt that failed and was replaced, and that a message
// says was paid. The message may be old news: where the provider has it as
// failed by now, nothing is wrong.
func (s *Service) replaced(ctx context.Context, r Refund, a Attempt, n payment.WebhookEvent) error {
	r.Attempts = []Attempt{a}
	answer := s.find(ctx, r)
	switch answer.Outcome {
	case payment.OutcomeDeclined:
		return nil
	case payment.OutcomeAbsent:
		if !effective(n.Outcome) {
			return nil // neither the message nor the provider says that it was paid
		}
		fallthrough
	case payment.OutcomeDone, payment.OutcomePending, payment.OutcomeRequiresAction:
		return &Error{Code: CodeContradiction, Field: "attempt", Message: fmt.Sprintf(
			"the provider says that %s was paid, and attempt %d of refund %s failed and was replaced",
			n.ProviderID,
			a.Number,
			r.ID,
		)}
	}
	return fmt.Errorf(
		"refunds: check %s: attempt %d could not be looked up, ask again later: %s", r.ID, a.Number, describe(answer))
}

// findByWebhook finds the refund that a message is about.
func (s *Service) findByWebhook(ctx context.Context, n payment.WebhookEvent) (Refund, error) {
	if n.RefundID != "" {
		r, err := s.store.Refund(ctx, n.RefundID)
		if !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	if n.ProviderID == "" {
		return Refund{}, notFound("refund of a message", n.RefundID)
	}
	return s.store.ByProviderID(ctx, n.ProviderID)
}
