package refunds

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Listed is a refund in the provider's own list.
type Listed struct {
	Reference        string // the provider's id of it
	PaymentReference string
	AttemptID        string // ours, from the metadata; empty when it is not ours
	RefundID         string // ours, from the metadata
	Amount           int64  // minor units
	Currency         Currency
	Outcome          Outcome // of its state
	Status           string  // the provider's word for it
	CreatedAt        time.Time
}

// Lister reads the provider's list of refunds. It is apart from Gateway because
// paying needs no list, and comes with a Gateway that has one.
type Lister interface {
	// ListRefunds yields every refund created in [from, to), whole seconds, over
	// all pages. An error ends the list, and then it is not complete.
	ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[Listed, error]
}

// Finding is what a comparison of one refund came to.
type Finding string

// The findings.
const (
	Matched       Finding = "matched"
	InProgress    Finding = "in_progress"    // not settled here yet; it is being looked up
	MissingThere  Finding = "missing_there"  // we say it was paid, the provider does not have it
	MissingHere   Finding = "missing_here"   // the provider has it, and we never asked for it
	AmountDiffers Finding = "amount_differs" // the amount or the currency
	StateDiffers  Finding = "state_differs"  // paid on one side, not on the other
)

// Findings are all findings, in the order of a report.
func Findings() []Finding {
	return []Finding{Matched, InProgress, MissingThere, MissingHere, AmountDiffers, StateDiffers}
}

// Differs reports whether a person has to look.
func (f Finding) Differs() bool { return f != Matched && f != InProgress }

// Comparison is one refund, as we have it and as the provider does. What one
// side does not have is empty there.
type Comparison struct {
	Finding Finding
	At      time.Time // when we made the attempt, or, missing here, the provider's time

	RefundID  string
	AttemptID string
	Reference string // what it is for, the id of a return
	OrderID   string
	Status    Status // of the attempt
	Amount    int64  // minor units
	Currency  Currency

	ProviderReference string
	ProviderStatus    string
	ProviderAmount    int64 // minor units
	ProviderCurrency  Currency
}

// Totals counts comparisons and sums amounts, both by finding.
type Totals struct {
	Count map[Finding]int
	Ours  map[Finding]map[Currency]int64 // minor units
	There map[Finding]map[Currency]int64 // minor units
}

// Differences is how many comparisons a person has to look at.
func (t Totals) Differences() int {
	n := 0
	for f, count := range t.Count {
		if f.Differs() {
			n += count
		}
	}
	return n
}

func (t Totals) add(c Comparison) {
	t.Count[c.Finding]++
	sum := func(m map[Finding]map[Currency]int64, currency Currency, amount int64) {
		if currency == "" {
			return
		}
		if m[c.Finding] == nil {
			m[c.Finding] = map[Currency]int64{}
		}
		m[c.Finding][currency] += amount
	}
	sum(t.Ours, c.Currency, c.Amount)
	sum(t.There, c.ProviderCurrency, c.ProviderAmount)
}

// Reconciliation is a report of Reconcile.
type Reconciliation struct {
	From, To time.Time // of what was compared: [From, To)
	At       time.Time // when it was made
	Totals   Totals
	// Rows are the differences, at most MaxDifferences of them; Totals count all.
	Rows []Comparison
}

// MaxDifferences is the most rows of a Reconciliation.
const MaxDifferences = 1000

// Sizes of what is read at a time.
const (
	reconcileSlice = time.Hour // of the provider's list and ours
	reconcilePage  = 500       // refunds
)

// Reconcile compares what we asked the provider to pay back in [from, to),
// whole seconds, with the provider's own list, and returns the differences.
// Refunds by hand never went there and are left out. It changes nothing, and
// keeps no more than an hour of refunds in memory. It needs Config.Lister;
// without one it is CodeInvalid. A list or a look-up that fails ends it with an
// error, since half a comparison reads like a difference.
func (s *Service) Reconcile(ctx context.Context, from, to time.Time) (Reconciliation, error) {
	rec := Reconciliation{From: from.UTC().Truncate(time.Second), To: to.UTC().Truncate(time.Second), At: s.now()}
	totals, err := s.Compare(ctx, from, to, func(c Comparison) error {
		if c.Finding.Differs() && len(rec.Rows) < MaxDifferences {
			rec.Rows = append(rec.Rows, c)
		}
		return nil
	})
	rec.Totals = totals
	return rec, err
}

// Compare is Reconcile that hands over every comparison, matched ones too, as
// it is made, each once; each's error ends it.
func (s *Service) Compare(ctx context.Context, from, to time.Time, each func(Comparison) error) (Totals, error) {
	c := &comparing{
		s: s, from: from.UTC().Truncate(time.Second), to: to.UTC().Truncate(time.Second), each: each,
		totals: Totals{Count: map[Finding]int{}, Ours: map[Finding]map[Currency]int64{}, There: map[Finding]map[Currency]int64{}},
	}
	if s.cfg.Lister == nil {
		return c.totals, &Error{Code: CodeInvalid, Field: "Config.Lister", Message: "it is nil; without the provider's list nothing can be compared"}
	}
	if !c.from.Before(c.to) {
		return c.totals, &Error{Code: CodeInvalid, Field: "from", Message: fmt.Sprintf(
			"from %s to %s is no time; from must be a second or more before to", c.from.Format(time.RFC3339), c.to.Format(time.RFC3339))}
	}
	for at := c.from; at.Before(c.to); at = at.Add(reconcileSlice) {
		end := at.Add(reconcileSlice)
		if end.After(c.to) {
			end = c.to
		}
		if err := c.slice(ctx, at, end); err != nil {
			return c.totals, fmt.Errorf("refunds: reconcile %s to %s: %w", at.Format(time.RFC3339), end.Format(time.RFC3339), err)
		}
	}
	return c.totals, nil
}

// comparing is one run of Compare.
type comparing struct {
	s        *Service
	from, to time.Time
	each     func(Comparison) error
	totals   Totals
}

func (c *comparing) tell(x Comparison) error {
	c.totals.add(x)
	return c.each(x)
}

// slice compares an hour: first the provider's list, then ours. A refund that
// both have is told on our side, in the slice of our attempt, so that it is told
// once though the provider made it later. One whose attempt we made outside of
// the whole time is told on the provider's side.
func (c *comparing) slice(ctx context.Context, from, to time.Time) error {
	seen := map[string]Listed{} // by attempt, of attempts in this slice
	batch := make([]Listed, 0, reconcilePage)
	for l, err := range c.s.cfg.Lister.ListRefunds(ctx, from, to) {
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
	q := LegQuery{From: from, To: to, Limit: reconcilePage}
	for {
		legs, err := c.s.store.Legs(ctx, q)
		if err != nil {
			return err
		}
		for _, leg := range legs {
			if err := c.ours(ctx, leg, seen); err != nil {
				return err
			}
		}
		if len(legs) < reconcilePage {
			return nil
		}
		last := legs[len(legs)-1].Attempt
		q.AfterAt, q.AfterID = last.CreatedAt, last.ID
	}
}

// theirs finds our side of refunds of the provider's list.
func (c *comparing) theirs(ctx context.Context, batch []Listed, from, to time.Time, seen map[string]Listed) error {
	if len(batch) == 0 {
		return nil
	}
	q := LegQuery{IDs: make([]string, 0, len(batch))}
	for _, l := range batch {
		if l.AttemptID != "" {
			q.IDs = append(q.IDs, l.AttemptID)
		}
	}
	mine := map[string]Leg{}
	if len(q.IDs) > 0 {
		legs, err := c.s.store.Legs(ctx, q)
		if err != nil {
			return err
		}
		for _, leg := range legs {
			mine[leg.Attempt.ID] = leg
		}
	}
	for _, l := range batch {
		leg, ok := mine[l.AttemptID]
		if !ok {
			if err := c.tell(compare(Leg{}, l)); err != nil {
				return err
			}
			continue
		}
		at := leg.Attempt.CreatedAt
		before, twice := seen[l.AttemptID]
		known := leg.Attempt.ProviderReference
		switch {
		case l.Outcome != OutcomeRefused && (known != "" && known != l.Reference || known == "" && twice && before.Outcome != OutcomeRefused):
			// Two that hold money under one attempt: this one is none of ours.
			if err := c.tell(compare(Leg{}, l)); err != nil {
				return err
			}
		case !at.Before(from) && at.Before(to):
			if !twice || before.Outcome == OutcomeRefused || l.Reference == known {
				seen[l.AttemptID] = l
			}
		case at.Before(c.from) || !at.Before(c.to):
			if err := c.tell(compare(leg, l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ours compares an attempt of ours. Not in the list of its hour, it is looked
// up by itself: the provider may have made it later.
func (c *comparing) ours(ctx context.Context, leg Leg, seen map[string]Listed) error {
	l, ok := seen[leg.Attempt.ID]
	switch {
	case ok:
	case leg.Attempt.FirstSentAt.IsZero():
		return nil // never sent, and not there
	default:
		at := leg.Refund
		at.Attempts = []Attempt{leg.Attempt}
		a := c.s.find(ctx, at)
		switch a.Outcome {
		case OutcomeDone, OutcomeRefused, OutcomePending, OutcomeRequiresAction:
			l = Listed{Reference: a.Reference, AttemptID: leg.Attempt.ID, Amount: a.Amount, Currency: leg.Refund.Quote.Currency, Outcome: a.Outcome, Status: a.Status}
		case OutcomeNothing:
			if leg.Attempt.Status == StatusFailed {
				return nil // it failed, and it is not there
			}
		default:
			return fmt.Errorf("refund %s could not be looked up: %s", leg.Refund.ID, describe(a))
		}
	}
	return c.tell(compare(leg, l))
}

// compare is the two sides of one refund; either may be empty, not both.
func compare(leg Leg, l Listed) Comparison {
	c := Comparison{
		At: leg.Attempt.CreatedAt, RefundID: leg.Refund.ID, AttemptID: leg.Attempt.ID, Reference: leg.Refund.Reference,
		OrderID: leg.Refund.OrderID, Status: leg.Attempt.Status, Amount: leg.Attempt.Amount,
		ProviderReference: l.Reference, ProviderStatus: l.Status, ProviderAmount: l.Amount, ProviderCurrency: l.Currency,
	}
	if leg.Attempt.ID == "" {
		c.Finding, c.At, c.AttemptID, c.RefundID = MissingHere, l.CreatedAt, l.AttemptID, l.RefundID
		return c
	}
	c.Currency = leg.Refund.Quote.Currency
	open := leg.Attempt.Status.Open()
	switch {
	case l.Reference == "" && (leg.Attempt.Status == StatusUnknown || leg.Attempt.Status == StatusSubmitted):
		c.Finding = InProgress
	case l.Reference == "":
		c.Finding = MissingThere
	case l.Amount != leg.Attempt.Amount || l.Currency != c.Currency:
		c.Finding = AmountDiffers
	case open && (l.Outcome == OutcomePending || l.Outcome == OutcomeRequiresAction) &&
		(leg.Attempt.Status == StatusPending || leg.Attempt.Status == StatusRequiresAction):
		c.Finding = Matched // both wait
	case open:
		c.Finding = InProgress
	case (leg.Attempt.Status == StatusSucceeded) == (l.Outcome == OutcomeDone) &&
		(leg.Attempt.Status != StatusSucceeded) == (l.Outcome == OutcomeRefused):
		c.Finding = Matched
	default:
		c.Finding = StateDiffers
	}
	return c
}
