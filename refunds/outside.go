package refunds

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// OutsideKind is how money of a payment went back without us.
type OutsideKind string

// The kinds of outside money.
const (
	OutsideRefund  OutsideKind = "refund"  // refunded by others, such as on the provider's own pages
	OutsideDispute OutsideKind = "dispute" // taken by the customer's bank
)

// OutsideState is whether the customer has it.
type OutsideState string

// The states of outside money and where they lead, by the provider's word:
//
//	open -> paid | returned
//	paid -> returned
//	returned -> paid            (of a dispute alone)
const (
	OutsideOpen     OutsideState = "open"     // a refund that counts already, or a dispute that does not yet
	OutsidePaid     OutsideState = "paid"     // the customer has the money
	OutsideReturned OutsideState = "returned" // the money is the shop's: failed, canceled, or won
)

// Outside is a refund or a dispute of one of our payments that we did not make, as the
// provider returned it when it was last looked up. What it counts for stands against
// what the payment can still give back.
type Outside struct {
	ProviderID string      `json:"provider_id"` // re_..., dp_...
	Kind       OutsideKind `json:"kind"`
	OrderID    string      `json:"order_id"`
	PaymentID  string      `json:"payment_id"`
	// PaymentProviderID is the provider's id of the payment.
	PaymentProviderID string         `json:"payment_provider_id"`
	Currency          money.Currency `json:"currency"`
	Amount            int64          `json:"amount"`  // refunded or disputed, minor units
	Counted           int64          `json:"counted"` // what stands against the payment, minor units
	State             OutsideState   `json:"state"`
	Status            string         `json:"status"` // the provider's word for it
	Reason            string         `json:"reason,omitempty"`
	CreatedAt         time.Time      `json:"created_at"` // by the provider's clock
	BookedAt          time.Time      `json:"-"`          // of the first event
	UpdatedAt         time.Time      `json:"-"`          // of the last event
	Version           int            `json:"-"`          // number of events so far
}

// The types of the events of outside money. Their AggregateID is OutsideID of the
// provider's id, and their data the Outside as it is from then on.
const (
	EventOutsideBooked  = "outside_money.booked"
	EventOutsideChanged = "outside_money.changed"
)

// OutsideID returns the AggregateID of outside money's events.
func OutsideID(providerID string) string { return "outside:" + providerID }

// FoldOutside replays the events of one Outside, in order of Seq from 1, and
// returns what they make.
func FoldOutside(events []event.Event) (Outside, error) {
	if len(events) == 0 {
		return Outside{}, notFound("event to fold", "")
	}
	var o Outside
	for i, e := range events {
		if e.Seq != i+1 || e.AggregateID != events[0].AggregateID ||
			e.Type != EventOutsideChanged &&
				e.Type != EventOutsideBooked || (e.Type == EventOutsideBooked) != (i == 0) {
			return Outside{}, &Error{Code: CodeInvalid, Field: "events", Message: fmt.Sprintf(
				"event %s of type %q can't stand at %d", e.ID, e.Type, i+1)}
		}
		booked := o.BookedAt
		o = Outside{}
		if err := json.Unmarshal(e.Data, &o); err != nil {
			return Outside{}, fmt.Errorf("refunds: fold event %s (%s): %w", e.ID, e.Type, err)
		}
		if o.BookedAt = booked; i == 0 {
			o.BookedAt = instant(e.At)
		}
		o.CreatedAt, o.UpdatedAt, o.Version = instant(o.CreatedAt), instant(e.At), e.Seq
	}
	return o, nil
}

// same reports whether both say the same.
func (o Outside) same(p Outside) bool {
	o.BookedAt, o.UpdatedAt, o.Version = p.BookedAt, p.UpdatedAt, p.Version
	return o == p
}

// outdated reports whether a look-up is older than what is booked: they may be
// saved in another order than they were made.
func (o Outside) outdated(booked Outside) bool {
	rank := map[OutsideState]int{OutsideOpen: 0, OutsidePaid: 1, OutsideReturned: 2}
	if o.Kind == OutsideDispute {
		return o.State == OutsideOpen && booked.State != OutsideOpen
	}
	return rank[o.State] < rank[booked.State]
}

// OutsideChange is a checked change of outside money and of what follows from it.
// A Store saves it as it is, whole or not at all, and judges nothing.
type OutsideChange struct {
	Before  *Outside // nil: a new one
	After   Outside  // as it is to be kept
	Events  []event.Event
	Balance Balance  // of the payment, with After; its holds are as they were
	Refunds []Change // of the payment's open refunds that are put on hold or released
}

// Empty reports whether there is nothing to save.
func (c OutsideChange) Empty() bool { return len(c.Events) == 0 }

// PaidOutside is the HoldRef of a refund that was not sent yet when others gave
// back so much of its payment that it would be more than was paid. It is released
// when theirs turns out not to be paid, and else ends by Resolve.
const PaidOutside = "paid_outside"

// seen is a refund or dispute in the provider's state.
type seen struct {
	Outside
	attemptID string // of the refund's metadata
}

// Booking is a function for Store.Book that books a refund of the provider's list
// on our payment, unless it is the refund of one of our attempts.
func Booking(st event.Stamp, p PaymentRef, l payment.ProviderRefund) func(
	Balance, *Outside, []Refund,
) (OutsideChange, error) {
	return booking(st, refundSeen(p, l))
}

// refundSeen reads a refund of the provider's list.
func refundSeen(p PaymentRef, l payment.ProviderRefund) seen {
	o := outsideOf(p, OutsideRefund, l.ProviderID)
	o.Amount, o.Counted, o.State, o.Status = l.Amount, l.Amount, OutsideOpen, l.Status
	o.CreatedAt = instant(l.CreatedAt)
	switch l.Outcome {
	case payment.OutcomeDone:
		o.State = OutsidePaid
	case payment.OutcomeDeclined, payment.OutcomeAbsent:
		o.State, o.Counted = OutsideReturned, 0
	}
	return seen{Outside: o.inCurrency(l.Currency).bounded(), attemptID: l.AttemptID}
}

// disputeSeen reads a dispute of the provider's list. What the bank has withdrawn
// counts once the dispute is lost: before that the payment is on hold.
func disputeSeen(p PaymentRef, d payment.ProviderDispute) seen {
	o := outsideOf(p, OutsideDispute, d.ProviderID)
	o.Amount, o.State, o.Status, o.Reason = d.Amount, OutsideOpen, d.Status, d.Reason
	o.CreatedAt = instant(d.CreatedAt)
	switch d.State {
	case payment.DisputeLost:
		o.State, o.Counted = OutsidePaid, d.Withdrawn
	case payment.DisputeWon:
		o.State = OutsideReturned
	}
	return seen{Outside: o.inCurrency(d.Currency).bounded()}
}

func outsideOf(p PaymentRef, kind OutsideKind, providerID string) Outside {
	return Outside{
		ProviderID: providerID, Kind: kind, OrderID: p.OrderID, PaymentID: p.PaymentID, PaymentProviderID: p.ProviderID,
		Currency: p.Currency,
	}
}

// bounded is o with texts that every database keeps, and without an id that is
// longer than any.
func (o Outside) bounded() Outside {
	b := payment.Result{ProviderID: o.ProviderID, Status: o.Status, Message: o.Reason}.Bounded()
	o.Status = b.Status
	if o.ProviderID = b.ProviderID; o.ProviderID != "" {
		o.Reason = b.Message
	}
	return o
}

// inCurrency counts nothing where the provider names another currency than the
// payment's, or an amount that is none: it is shown, and needs review.
func (o Outside) inCurrency(c money.Currency) Outside {
	if c != "" && c != o.Currency {
		o.Reason = fmt.Sprintf("in %s, and the payment is in %s", c, o.Currency)
		o.Currency, o.Counted = c, 0
	}
	o.Amount, o.Counted = max(0, o.Amount), max(0, o.Counted)
	return o
}

// booking decides, under the lock of the payment, what a look-up changes.
func booking(st event.Stamp, s seen) func(Balance, *Outside, []Refund) (OutsideChange, error) {
	return func(b Balance, before *Outside, all []Refund) (OutsideChange, error) {
		c := OutsideChange{Before: before, After: s.Outside, Balance: b}
		if before != nil && (before.PaymentID != s.PaymentID || before.OrderID != s.OrderID) {
			// It would count on both payments, or leave the other's balance for ours.
			return OutsideChange{}, &Error{Code: CodeInvalid, Field: "provider_id", Message: fmt.Sprintf(
				"%s is booked on payment %s; it can't be on payment %s", s.ProviderID, before.PaymentID, s.PaymentID)}
		}
		if ours(all, s) {
			if before == nil {
				return OutsideChange{}, nil
			}
			c.After.Counted, c.After.Reason = 0, "made by us"
		}
		if before != nil && (c.After.same(*before) || c.After.outdated(*before)) {
			return OutsideChange{Before: before, After: *before, Balance: b}, nil
		}
		typ, seq := EventOutsideBooked, 1
		c.After.BookedAt = instant(st.At)
		if before != nil {
			typ, seq, c.After.BookedAt = EventOutsideChanged, before.Version+1, before.BookedAt
			c.Balance.Outside -= before.Counted
		}
		c.Balance.Outside += c.After.Counted
		e, err := event.NewEvent(OutsideID(s.ProviderID), seq, typ, st, c.After)
		if err != nil {
			return OutsideChange{}, err
		}
		c.After.UpdatedAt, c.After.Version, c.Events = e.At, e.Seq, []event.Event{e}
		if err := checkTexts(c.Events, &c.After); err != nil {
			return OutsideChange{}, err
		}
		return c, c.fitRefunds(st, all)
	}
}

// ours reports whether what the provider has is the refund of one of our
// attempts. One that holds money under an attempt that failed here, or that has
// another refund, is not: our books don't count it.
func ours(all []Refund, s seen) bool {
	if s.attemptID == "" {
		return false
	}
	for _, r := range all {
		for _, a := range r.Attempts {
			if a.ID == s.attemptID {
				return a.has(s.ProviderID, s.State != OutsideReturned)
			}
		}
	}
	return false
}

// has reports whether a refund at the provider that names the attempt is the
// attempt's own; holds: it has money, or may have.
func (a *Attempt) has(providerID string, holds bool) bool {
	return !holds || a.Status != StatusFailed && (a.ProviderID == "" || a.ProviderID == providerID)
}

// fitRefunds puts open refunds on hold, or releases them, as fit says.
func (c *OutsideChange) fitRefunds(st event.Stamp, all []Refund) error {
	var before []Refund
	var after []*Refund
	for _, r := range all {
		if r.Status.Open() {
			copied := r.Clone()
			before, after = append(before, r), append(after, &copied)
		}
	}
	if err := fit(st, c.Balance, after); err != nil {
		return err
	}
	for i, r := range after {
		if len(r.PendingEvents()) == 0 {
			continue
		}
		changed, err := NewChange(c.Balance, &before[i], r)
		if err != nil {
			return err
		}
		c.Refunds = append(c.Refunds, changed)
	}
	return nil
}

// fit keeps what will be paid within what was captured: of the payment's open
// refunds, oldest first, those that were certainly never sent and no longer fit
// are put on hold, and those that fit again are released.
func fit(st event.Stamp, b Balance, open []*Refund) error {
	fixed := func(r *Refund) bool {
		return !r.Attempt().FirstSentAt.IsZero() || r.HoldRef != "" && r.HoldRef != PaidOutside
	}
	sum := b.Refunded + b.Outside
	for _, r := range open {
		if fixed(r) {
			sum += r.Amount()
		}
	}
	open = slices.Clone(open)
	slices.SortStableFunc(open, func(a, b *Refund) int { return a.CreatedAt.Compare(b.CreatedAt) })
	hold, disputed := b.Hold()
	for _, r := range open {
		if fixed(r) || r.Amount() == 0 {
			continue
		}
		var err error
		switch fits := sum+r.Amount() <= b.Captured; {
		case !fits:
			err = r.Hold(st, PaidOutside, outsideReason(b))
		case r.HoldRef == PaidOutside && disputed:
			err = r.Hold(st, hold.Ref, holdReason(hold.Ref, hold.Reason))
		case r.HoldRef == PaidOutside:
			err = r.Release(st, "what others gave back was not paid")
		}
		if err != nil {
			return err
		}
		if r.HoldRef != PaidOutside {
			sum += r.Amount()
		}
	}
	return nil
}

// outsideReason says why a refund does not fit.
func outsideReason(b Balance) string {
	return fmt.Sprintf(
		"%s of this payment was given back outside of this shop, and this refund would exceed what was paid",
		money.New(b.Outside, b.Currency),
	)
}
