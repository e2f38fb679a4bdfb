package refunds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// HoldRecord is a hold of a payment with who placed it and who released it.
type HoldRecord struct {
	payment.Hold
	By         event.Actor `json:"by,omitzero"`
	ReleasedBy event.Actor `json:"released_by,omitzero"`
}

// Hold returns the oldest hold of the payment that is active.
func (b Balance) Hold() (HoldRecord, bool) {
	for _, h := range b.Holds {
		if h.Active() {
			return h, true
		}
	}
	return HoldRecord{}, false
}

// AwaitingMethod is the HoldRef of a refund that was opened because the provider
// took the one before it back. It is by store credit, which always works, and
// is paid when the refund of its reference is requested again, by the
// method they name.
const AwaitingMethod = "choice_of_method"

// Hold keeps an open refund from being sent. One that certainly never was sent
// goes to the review queue; one that may have been is looked up at once,
// and followed, but not sent again, and goes to the queue when it stays absent.
// One that is on hold for the same already stays as it is.
func (r *Refund) Hold(s event.Stamp, ref, reason string) error {
	if !r.Status.Open() {
		return r.refuse("held; only an open one can")
	}
	if ref == "" {
		return &Error{Code: CodeInvalid, Field: "ref",
			Message: "it is empty; a hold names what holds, such as the id of a dispute"}
	}
	if r.HoldRef == ref {
		return nil
	}
	if err := r.record(s, EventHeld, &onHold{Ref: ref, Reason: reason}); err != nil {
		return err
	}
	r.expedite(s.At)
	return nil
}

// Release ends the hold of a refund: it is due at once.
func (r *Refund) Release(s event.Stamp, reason string) error {
	if r.HoldRef == "" {
		return r.refuse("released; it is not held")
	}
	if err := r.record(s, EventReleased, &released{Reason: reason}); err != nil {
		return err
	}
	r.expedite(s.At)
	return nil
}

// withdraw ends an attempt that was certainly never sent, so that another can
// take its place.
func (r *Refund) withdraw(s event.Stamp, code, reason string) error {
	if !r.OnHold() {
		return r.refuse("withdrawn; it may have been sent")
	}
	if r.Status == StatusCreated {
		if err := r.record(s, EventSubmitted, &submitted{}); err != nil {
			return err
		}
	}
	return r.record(s, EventFailed, &failed{Code: code, Reason: reason})
}

// OnHold reports whether the refund is held and certainly nothing of it was
// sent: it stands in the review queue until it is released.
func (r *Refund) OnHold() bool {
	a := r.Attempt()
	return r.HoldRef != "" && r.Status.Open() && a != nil && a.FirstSentAt.IsZero()
}

// HoldMessage says why a refund is on hold, and what releases it, in sentences
// for people; empty where it is not.
func (r *Refund) HoldMessage() string {
	amount := money.New(r.Amount(), r.Quote.Currency)
	others := r.Quote.byOthers()
	switch {
	case !r.OnHold():
		return ""
	case r.HoldRef == PaidOutside:
		return fmt.Sprintf(
			"The refund of %s is not paid, because so much of the payment was given back outside of this "+
				"shop that it would exceed what was paid. It is released when that money comes back; otherwise "+
				"settle it "+
				"as not paid in the review queue.",
			amount,
		)
	case r.HoldRef == AwaitingMethod && others > 0:
		return fmt.Sprintf(
			"The provider took the refund of %s back, and %s of it was given back outside of this shop. "+
				"Nothing is paid until it is refunded less that, or that money comes back.",
			money.New(r.Amount()+others, r.Quote.Currency), money.New(others, r.Quote.Currency),
		)
	case r.HoldRef == AwaitingMethod:
		return fmt.Sprintf(
			"The provider took the refund of %s back. Nothing is paid until a method is chosen; store credit "+
				"always works.",
			amount,
		)
	}
	return fmt.Sprintf("The refund of %s is on hold, because the payment is disputed (%s). "+
		"Nothing is paid, by any method, until the dispute is closed in your favor or its hold is released in the "+
		"review queue.", amount, r.HoldRef)
}

type onHold struct {
	Ref    string `json:"ref"`
	Reason string `json:"reason,omitempty"`
}

func (h *onHold) apply(r *Refund, at time.Time) {
	r.HoldRef = h.Ref
	if r.OnHold() {
		r.Work.NeedsReview, r.Work.NextAt, r.Work.LastError = true, r.lookAgain(at), h.Reason
	}
}

// lookAgain is when a refund on hold is looked at again: where it waits for room, since
// who made room may have died before they released it. Zero: only when it is released.
func (r *Refund) lookAgain(at time.Time) time.Time {
	if r.HoldRef == PaidOutside {
		return at.Add(idleInQueue)
	}
	return time.Time{}
}

type released struct {
	Reason string `json:"reason,omitempty"`
}

func (*released) apply(r *Refund, _ time.Time) {
	// What was never answered is sent again, or looked up and queued again if
	// its key is too old by now. All else stands in the queue for another reason.
	if r.Attempt().unanswered() {
		r.Work.NeedsReview = false
	}
	r.HoldRef = ""
}

// HoldRequest names a payment and what holds it, or releases it.
type HoldRequest struct {
	OrderID   string
	PaymentID string
	Captured  int64 // minor units of the whole payment; seeds the balance on first use
	Currency  money.Currency
	Ref       string // such as the id of a dispute; at most 255 characters
	Reason    string // for staff; at most 2000 characters
	By        event.Actor
}

func (h HoldRequest) validate() error {
	for _, f := range []struct{ name, value string }{
		{"order_id", h.OrderID}, {"payment_id", h.PaymentID}, {"ref", h.Ref},
	} {
		if f.value == "" {
			return &Error{Code: CodeInvalid, Field: f.name, Message: "it is empty"}
		}
		if err := checkText(f.name, f.value, maxID); err != nil {
			return err
		}
	}
	if h.Ref == AwaitingMethod || h.Ref == PaidOutside {
		return &Error{Code: CodeInvalid, Field: "ref", Message: fmt.Sprintf(
			"%q is not the name of a dispute; it has a meaning of its own", h.Ref)}
	}
	if h.Captured < 0 {
		return &Error{Code: CodeInvalid, Field: "captured", Message: fmt.Sprintf(
			"%d minor units; 0 or more are allowed", h.Captured)}
	}
	if p, err := money.ParseCurrency(string(h.Currency)); err != nil || p != h.Currency {
		return &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf(
			"%q is not an ISO 4217 code in upper case, such as USD", string(h.Currency))}
	}
	return checkText("reason", h.Reason, maxReason)
}

func (h HoldRequest) openRequest() OpenRequest {
	return OpenRequest{OrderID: h.OrderID, PaymentID: h.PaymentID, Captured: h.Captured, Currency: h.Currency}
}

// Hold keeps the money of a payment from going back, by any method, until
// Release: what to do when the customer's bank disputes the payment. It returns
// the payment's open refunds. Those that were never sent, and those opened from
// now on, stand in the review queue; Resolve ends one of them as not
// paid. Those that may have been sent are looked up and not sent again; one
// that the provider neither answered nor has comes to the queue when it is
// Config.AbsenceGrace old. Holding under a Ref that was used before changes nothing, whether that
// hold is active or was released, so that messages may come twice and in the
// wrong order.
func (s *Service) Hold(ctx context.Context, h HoldRequest) ([]Refund, error) {
	if err := h.validate(); err != nil {
		return nil, err
	}
	var queued []string
	open, err := s.updatePayment(ctx, h.openRequest(), func(b *Balance, open []*Refund) error {
		queued = queued[:0]
		if slices.ContainsFunc(b.Holds, func(x HoldRecord) bool { return x.Ref == h.Ref }) {
			return nil
		}
		st := s.stamp(ctx, h.By)
		b.Holds = append(slices.Clone(b.Holds), HoldRecord{Hold: payment.Hold{Ref: h.Ref, Reason: h.Reason,
			At: st.At}, By: h.By})
		for _, r := range open {
			if r.HoldRef != "" {
				continue
			}
			if err := r.Hold(st, h.Ref, holdReason(h.Ref, h.Reason)); err != nil {
				return err
			}
			if r.OnHold() {
				queued = append(queued, r.ID)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("refunds: hold payment %s for %s: %w", h.PaymentID, h.Ref, err)
	}
	for _, r := range open {
		if slices.Contains(queued, r.ID) {
			s.cfg.Observer.ReviewRequired(ctx, r)
		}
	}
	return open, nil
}

// Release ends the hold of Ref: its refunds are due, unless the payment is held
// for something else too. It returns the payment's open refunds. Released
// before it was placed, the hold never begins.
func (s *Service) Release(ctx context.Context, h HoldRequest) ([]Refund, error) {
	if err := h.validate(); err != nil {
		return nil, err
	}
	open, err := s.updatePayment(ctx, h.openRequest(), func(b *Balance, open []*Refund) error {
		st := s.stamp(ctx, h.By)
		holds := slices.Clone(b.Holds)
		i := slices.IndexFunc(holds, func(x HoldRecord) bool { return x.Ref == h.Ref })
		if i < 0 {
			i, holds = len(holds), append(holds, HoldRecord{Hold: payment.Hold{Ref: h.Ref, At: st.At}, By: h.By})
		}
		if !holds[i].Active() {
			return nil
		}
		holds[i].ReleasedAt, holds[i].ReleasedBy, holds[i].ReleaseReason = st.At, h.By, h.Reason
		b.Holds = holds
		other, still := b.Hold()
		for _, r := range open {
			if r.HoldRef != h.Ref {
				continue
			}
			var err error
			if still {
				err = r.Hold(st, other.Ref, holdReason(other.Ref, other.Reason))
			} else {
				err = r.Release(st, h.Reason)
			}
			if err != nil {
				return err
			}
		}
		return fit(st, *b, open)
	})
	if err != nil {
		return nil, fmt.Errorf("refunds: release payment %s from %s: %w", h.PaymentID, h.Ref, err)
	}
	return open, nil
}

// Holds returns the holds of a payment, oldest first, released ones too.
func (s *Service) Holds(ctx context.Context, orderID, paymentID string) ([]HoldRecord, error) {
	book, err := s.store.PaymentState(ctx, OpenRequest{OrderID: orderID, PaymentID: paymentID})
	if err != nil {
		return nil, fmt.Errorf("refunds: holds of payment %s: %w", paymentID, err)
	}
	return book.Balance.Holds, nil
}

func holdReason(ref, reason string) string {
	return strings.TrimSuffix("held for "+ref+": "+reason, ": ")
}

// errOnHold says that the refund was held before anything of it was sent.
var errOnHold = errors.New("refunds: it is held")

// releaseOnHold gives back the lease of a refund that is on hold, and releases one that
// waits for room where there is some.
func (t *execution) releaseOnHold(ctx context.Context) (Refund, error) {
	r, err := t.update(ctx, func(r *Refund) error {
		if r.OnHold() {
			r.Work.NextAt = r.lookAgain(t.s.now())
		}
		r.Lease("", time.Time{})
		return nil
	})
	if err != nil {
		return t.lost(ctx, err)
	}
	if r.HoldRef == PaidOutside {
		return r, t.s.refit(ctx, r, t.s.worker(ctx).By)
	}
	return r, nil
}

// placedOnHold reports whether the refund was held since it was read, so that
// nothing more is sent. A read that fails holds nothing: the next save fails too.
func (t *execution) placedOnHold(ctx context.Context) bool {
	r, err := t.s.store.Refund(ctx, t.r.ID)
	return err == nil && r.HoldRef != "" && t.r.HoldRef == ""
}
