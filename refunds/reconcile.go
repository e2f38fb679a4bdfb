package refunds

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// MatchStatus is the result of a comparison of one refund.
type MatchStatus string

// The findings.
const (
	Matched           MatchStatus = "matched"
	InProgress        MatchStatus = "in_progress"    // not settled here yet; it is being looked up
	MissingAtProvider MatchStatus = "missing_there"  // we say it was paid, the provider does not have it
	MissingLocally    MatchStatus = "missing_here"   // the provider has it, and we never requested it
	MadeOutside       MatchStatus = "outside"        // the provider has it, others made it, and it is booked here
	AmountDiffers     MatchStatus = "amount_differs" // the amount or the currency
	StateDiffers      MatchStatus = "state_differs"  // paid on one side, not on the other
	NotComparable     MatchStatus = "not_comparable" // the provider can't say anything about this one
)

// MatchStatuses are all findings, in the order of a report.
func MatchStatuses() []MatchStatus {
	return []MatchStatus{
		Matched, InProgress, MissingAtProvider, MissingLocally, MadeOutside, AmountDiffers, StateDiffers, NotComparable,
	}
}

// Differs reports whether it needs review.
func (f MatchStatus) Differs() bool { return f != Matched && f != InProgress && f != MadeOutside }

// Match is one refund, as we have it and as the provider does. What one
// side does not have is empty there.
type Match struct {
	Match MatchStatus
	At    time.Time // when we made the attempt, or, missing here, the provider's time

	RefundID        string
	AttemptID       string
	ClientReference string // what it is for, the id of a return
	OrderID         string
	Status          Status // of the attempt
	Amount          int64  // minor units
	Currency        money.Currency

	ProviderID       string
	ProviderStatus   string
	ProviderAmount   int64 // minor units
	ProviderCurrency money.Currency
}

// Totals counts comparisons and sums amounts, both by finding.
type Totals struct {
	Count map[MatchStatus]int
	Ours  map[MatchStatus]map[money.Currency]int64 // minor units
	There map[MatchStatus]map[money.Currency]int64 // minor units
}

func (t Totals) add(c Match) {
	t.Count[c.Match]++
	sum := func(m map[MatchStatus]map[money.Currency]int64, currency money.Currency, amount int64) {
		if currency == "" {
			return
		}
		if m[c.Match] == nil {
			m[c.Match] = map[money.Currency]int64{}
		}
		m[c.Match][currency] += amount
	}
	sum(t.Ours, c.Currency, c.Amount)
	sum(t.There, c.ProviderCurrency, c.ProviderAmount)
}

// Reconciliation is a report of Reconcile.
type Reconciliation struct {
	From, To time.Time // of what was compared: [From, To)
	At       time.Time // when it was made
	Totals   Totals
	// Differences is how many need review. Rows are the first 1000 of them.
	Differences int
	Rows        []Match
}

// maxDifferences is the most rows of a Reconciliation.
const maxDifferences = 1000

// Sizes of what is read at a time.
const (
	reconcileSlice = time.Hour // of the provider's list and ours
	reconcilePage  = 500       // refunds
)

// The HTTP statuses that say that what was asked about is not known, or no id.
const (
	httpBadRequest = 400
	httpNotFound   = 404
)

// Reconcile compares what we asked the provider to pay back in [from, to),
// whole seconds, with the provider's own list, and returns the differences.
// Manual refunds never went there and are left out. It changes nothing, and
// keeps no more than an hour of refunds in memory. It needs Config.RefundLister;
// without one it is CodeInvalid. A list or a look-up that fails ends it with an
// error, since half a comparison reads like a difference. A provider that answers
// and knows nothing of what one refund is about, or can't be asked about it, is
// NotComparable: that one is reported as such, and the rest is compared.
func (s *Service) Reconcile(ctx context.Context, from, to time.Time) (Reconciliation, error) {
	rec := Reconciliation{From: from.UTC().Truncate(time.Second), To: to.UTC().Truncate(time.Second), At: s.now()}
	totals, err := s.compare(ctx, from, to, func(c Match) error {
		if !c.Match.Differs() {
			return nil
		}
		if rec.Differences++; rec.Differences <= maxDifferences {
			rec.Rows = append(rec.Rows, c)
		}
		return nil
	})
	rec.Totals = totals
	return rec, err
}

// compare is Reconcile that hands over every comparison, matched ones too, as
// it is made, each once; each's error ends it.
func (s *Service) compare(ctx context.Context, from, to time.Time, each func(Match) error) (Totals, error) {
	if err := s.noTx("reconcile"); err != nil {
		return Totals{}, err
	}
	c := &comparing{
		s: s, from: from.UTC().Truncate(time.Second), to: to.UTC().Truncate(time.Second), each: each,
		totals: Totals{Count: map[MatchStatus]int{}, Ours: map[MatchStatus]map[money.Currency]int64{},
			There: map[MatchStatus]map[money.Currency]int64{}},
	}
	if s.cfg.RefundLister == nil {
		return c.totals, &Error{Code: CodeInvalid, Field: "Config.RefundLister",
			Message: "it is nil; without the provider's list nothing can be compared"}
	}
	if !c.from.Before(c.to) {
		return c.totals, &Error{Code: CodeInvalid, Field: "from", Message: fmt.Sprintf(
			"from %s to %s is no time; from must be a second or more before to",
			c.from.Format(time.RFC3339),
			c.to.Format(time.RFC3339),
		)}
	}
	for at := c.from; at.Before(c.to); at = at.Add(reconcileSlice) {
		end := at.Add(reconcileSlice)
		if end.After(c.to) {
			end = c.to
		}
		if err := c.slice(ctx, at, end); err != nil {
			return c.totals, fmt.Errorf(
				"refunds: reconcile %s to %s: %w", at.Format(time.RFC3339), end.Format(time.RFC3339), err)
		}
	}
	return c.totals, nil
}

// comparing is one run of Compare.
type comparing struct {
	s        *Service
	from, to time.Time
	each     func(Match) error
	totals   Totals
}

func (c *comparing) tell(x Match) error {
	c.totals.add(x)
	return c.each(x)
}

// slice compares an hour: first the provider's list, then ours. A refund that
// both have is reported on our side, in the slice of our attempt, so that it is reported
// once though the provider made it later. One whose attempt we made outside of
// the whole time is reported on the provider's side.
func (c *comparing) slice(ctx context.Context, from, to time.Time) error {
	seen := map[string]payment.ProviderRefund{} // by attempt, of attempts in this slice
	batch := make([]payment.ProviderRefund, 0, reconcilePage)
	for l, err := range c.s.cfg.RefundLister.ListRefunds(ctx, from, to) {
		if err != nil {
			return err
		}
		if batch = append(batch, l); len(batch) == reconcilePage {
			if err := c.theirs(ctx, batch, from, to, seen); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := c.theirs(ctx, batch, from, to, seen); err != nil {
		return err
	}
	q := AttemptQuery{From: from, To: to, Limit: reconcilePage}
	for {
		found, err := c.s.store.ProviderAttempts(ctx, q)
		if err != nil {
			return err
		}
		for _, ours := range found {
			if err := c.ours(ctx, ours, seen); err != nil {
				return err
			}
		}
		if len(found) < reconcilePage {
			return nil
		}
		last := found[len(found)-1].Attempt
		q.AfterAt, q.AfterID = last.CreatedAt, last.ID
	}
}

// theirs finds our side of refunds of the provider's list.
func (c *comparing) theirs(
	ctx context.Context, batch []payment.ProviderRefund, from, to time.Time, seen map[string]payment.ProviderRefund,
) error {
	mine, err := c.s.attemptsOf(ctx, batch)
	if err != nil {
		return err
	}
	booked, err := c.s.bookedOf(ctx, batch)
	if err != nil {
		return err
	}
	for _, l := range batch {
		ours, ok := mine[l.AttemptID]
		b, outside := booked[l.ProviderID]
		switch {
		case outside && !ok: // one that names an attempt of ours is our own affair
			err = c.tell(compareBooked(b, l))
		case !ok:
			err = c.tell(compare(ProviderAttempt{}, l))
		default:
			err = c.their(ours, l, from, to, seen)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// their notes a refund of the provider's list that names one of our attempts, or
// compares it where our side is not compared in this slice.
func (c *comparing) their(
	ours ProviderAttempt, l payment.ProviderRefund, from, to time.Time, seen map[string]payment.ProviderRefund,
) error {
	at, known := ours.Attempt.CreatedAt, ours.Attempt.ProviderID
	before, twice := seen[l.AttemptID]
	other := known != "" && known != l.ProviderID
	second := known == "" && twice && before.Outcome != payment.OutcomeDeclined
	switch {
	case l.Outcome != payment.OutcomeDeclined && (other || second):
		// Two that hold money under one attempt: this one is none of ours.
		return c.tell(compare(ProviderAttempt{}, l))
	case !at.Before(from) && at.Before(to):
		if !twice || before.Outcome == payment.OutcomeDeclined || l.ProviderID == known {
			seen[l.AttemptID] = l
		}
	case at.Before(c.from) || !at.Before(c.to):
		return c.tell(compare(ours, l))
	}
	return nil
}

// attemptsOf returns the attempts of ours that refunds of the provider's list name,
// by their id.
func (s *Service) attemptsOf(ctx context.Context, listed []payment.ProviderRefund) (map[string]ProviderAttempt, error) {
	ids := make([]string, 0, len(listed))
	for _, l := range listed {
		if l.AttemptID != "" {
			ids = append(ids, l.AttemptID)
		}
	}
	mine := map[string]ProviderAttempt{}
	if len(ids) == 0 {
		return mine, nil
	}
	found, err := s.store.ProviderAttempts(ctx, AttemptQuery{IDs: ids})
	for _, ours := range found {
		mine[ours.Attempt.ID] = ours
	}
	return mine, err
}

// bookedOf returns the refunds of the provider's list that are booked as made by
// others, by the provider's id.
func (s *Service) bookedOf(ctx context.Context, listed []payment.ProviderRefund) (map[string]Outside, error) {
	booked := map[string]Outside{}
	if len(listed) == 0 {
		return booked, nil
	}
	ids := make([]string, len(listed))
	for i, l := range listed {
		ids[i] = l.ProviderID
	}
	found, err := s.store.Outside(ctx, OutsideQuery{IDs: ids})
	for _, o := range found {
		if o.Kind == OutsideRefund {
			booked[o.ProviderID] = o
		}
	}
	return booked, err
}

// compareBooked compares a refund that others made with what is booked of it.
func compareBooked(o Outside, l payment.ProviderRefund) Match {
	c := compare(ProviderAttempt{}, l)
	c.OrderID, c.Amount, c.Currency = o.OrderID, o.Amount, o.Currency
	switch {
	case l.Amount != o.Amount || l.Currency != o.Currency:
		c.Match = AmountDiffers
	case (o.State == OutsideReturned) != (l.Outcome == payment.OutcomeDeclined):
		c.Match = StateDiffers
	default:
		c.Match = MadeOutside
	}
	return c
}

// ours compares an attempt of ours. Not in the list of its hour, it is looked
// up by itself: the provider may have made it later.
func (c *comparing) ours(ctx context.Context, ours ProviderAttempt, seen map[string]payment.ProviderRefund) error {
	l, ok := seen[ours.Attempt.ID]
	switch {
	case ok:
	case ours.Attempt.FirstSentAt.IsZero():
		return nil // never sent, and not there
	default:
		at := ours.Refund
		at.Attempts = []Attempt{ours.Attempt}
		a := c.s.find(ctx, at)
		switch a.Outcome {
		case payment.OutcomeDone, payment.OutcomeDeclined, payment.OutcomePending, payment.OutcomeRequiresAction:
			l = payment.ProviderRefund{ProviderID: a.ProviderID, AttemptID: ours.Attempt.ID, Amount: a.Amount,
				Currency: ours.Refund.Quote.Currency, Outcome: a.Outcome, Status: a.Status}
		case payment.OutcomeAbsent:
			if ours.Attempt.Status == StatusFailed {
				return nil // it failed, and it is not there
			}
		default:
			if !c.s.cfg.findable(&ours.Attempt) || a.HTTP == httpBadRequest || a.HTTP == httpNotFound {
				x := compare(ours, payment.ProviderRefund{})
				x.Match = NotComparable
				return c.tell(x)
			}
			return fmt.Errorf("refund %s could not be looked up: %s", ours.Refund.ID, describe(a))
		}
	}
	return c.tell(compare(ours, l))
}

// compare is the two sides of one refund; either may be empty, not both.
func compare(ours ProviderAttempt, l payment.ProviderRefund) Match {
	c := Match{
		At: ours.Attempt.CreatedAt, RefundID: ours.Refund.ID, AttemptID: ours.Attempt.ID,
		ClientReference: ours.Refund.ClientReference,
		OrderID:         ours.Refund.OrderID, Status: ours.Attempt.Status, Amount: ours.Attempt.Amount,
		ProviderID: l.ProviderID, ProviderStatus: l.Status, ProviderAmount: l.Amount, ProviderCurrency: l.Currency,
	}
	if ours.Attempt.ID == "" {
		c.Match, c.At, c.AttemptID, c.RefundID = MissingLocally, l.CreatedAt, l.AttemptID, l.RefundID
		return c
	}
	c.Currency = ours.Refund.Quote.Currency
	open := ours.Attempt.Status.Open()
	switch {
	case l.ProviderID == "" && (ours.Attempt.Status == StatusUnknown || ours.Attempt.Status == StatusSubmitted):
		c.Match = InProgress
	case l.ProviderID == "":
		c.Match = MissingAtProvider
	case l.Amount != ours.Attempt.Amount || l.Currency != c.Currency:
		c.Match = AmountDiffers
	case open && (l.Outcome == payment.OutcomePending || l.Outcome == payment.OutcomeRequiresAction) &&
		(ours.Attempt.Status == StatusPending || ours.Attempt.Status == StatusRequiresAction):
		c.Match = Matched // both wait
	case open:
		c.Match = InProgress
	case (ours.Attempt.Status == StatusSucceeded) == (l.Outcome == payment.OutcomeDone) &&
		(ours.Attempt.Status != StatusSucceeded) == (l.Outcome == payment.OutcomeDeclined):
		c.Match = Matched
	default:
		c.Match = StateDiffers
	}
	return c
}
