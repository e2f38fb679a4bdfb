package refunds

import (
	"cmp"
	"slices"

	"github.com/returnkit/returnkit/orders/payment"
)

// Intent is what is paid back for one reference: a refund for each payment that
// gives a part of it back, as each stands now.
//
// As a value it reads like one refund. With one payment it is that payment's
// refund, and that is all there is to know. With several it is what they come to:
//
//   - ID is the IntentID of the latest decision, PaymentID is empty, Method is
//     theirs where they have one, else payment.OriginalMethod, and the Quote is the
//     sum of theirs;
//   - Status is succeeded when all have succeeded, failed when all have failed,
//     reversed when none stands and one was taken back, and otherwise open: the status of
//     a part that is open, or pending where some are paid and others are not;
//   - Attempts, HoldRef and Work come from the part that the others wait for.
//
// What changes a refund takes one of the Legs.
type Intent struct {
	Refund
	// Legs are the refunds, in order of Leg: of each payment the one that is not
	// reversed, or else the latest reversed one that other payments have not replaced.
	// There is one at least.
	Legs []Refund
}

// NewIntent returns the intent that the refunds of a reference make: of each payment
// the one that is not reversed, or else the latest reversed one. A reversed one whose
// part other payments give back since is left out. No refunds make the zero Intent.
func NewIntent(legs []Refund) Intent {
	legs = withoutHistory(legs)
	slices.SortStableFunc(legs, func(a, b Refund) int {
		return cmp.Or(cmp.Compare(a.Leg, b.Leg), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	switch len(legs) {
	case 0:
		return Intent{}
	case 1:
		return Intent{Refund: legs[0], Legs: legs}
	}
	return Intent{Refund: wholeOf(legs), Legs: legs}
}

// withoutHistory leaves out what was taken back and is replaced: where the others are
// of all that was to be paid.
func withoutHistory(legs []Refund) []Refund {
	if !complete(legs) {
		return slices.Clone(legs)
	}
	return slices.DeleteFunc(slices.Clone(legs), func(r Refund) bool { return r.Status == StatusReversed })
}

// complete reports whether the refunds that are not reversed are of all that was to
// be paid.
func complete(legs []Refund) bool {
	var k known
	for i := range legs {
		if legs[i].Status != StatusReversed {
			k.note(&legs[i], false)
		}
	}
	return len(k.standing) > 0 && k.replaced()
}

// Failed returns the parts that failed, or were taken back, while others did not:
// they need review, and are tried again alone. None where the intent has failed as
// a whole.
func (i Intent) Failed() []Refund {
	var failed []Refund
	for _, r := range i.Legs {
		if !r.Status.CountsAgainstCaptured() {
			failed = append(failed, r)
		}
	}
	if len(failed) == len(i.Legs) {
		return nil
	}
	return failed
}

// wholeOf is what several refunds of one reference come to.
func wholeOf(legs []Refund) Refund {
	telling := legs[0]
	var latest Refund
	quotes := make([]Quote, 0, len(legs))
	for _, r := range legs {
		if r.urgency() > telling.urgency() {
			telling = r
		}
		if cmp.Or(r.CreatedAt.Compare(latest.CreatedAt), cmp.Compare(r.IntentID, latest.IntentID)) > 0 {
			latest = r
		}
		quotes = append(quotes, r.Quote)
	}
	whole := telling.Clone()
	whole.ID, whole.IntentID, whole.Leg, whole.PaymentID = latest.IntentID, latest.IntentID, 0, ""
	whole.Quote, whole.Status = merged(quotes), statusOf(legs, telling)
	for _, r := range legs {
		if r.Method != whole.Method {
			whole.Method = payment.OriginalMethod
		}
		if r.CreatedAt.Before(whole.CreatedAt) {
			whole.CreatedAt = r.CreatedAt
		}
		if r.UpdatedAt.After(whole.UpdatedAt) {
			whole.UpdatedAt = r.UpdatedAt
		}
		whole.Version = max(whole.Version, r.Version)
		whole.Work.NeedsReview = whole.Work.NeedsReview || r.Work.NeedsReview
	}
	if whole.Status.Open() && !telling.Status.Open() {
		whole.Work.NeedsReview = true
	}
	return whole
}

// urgency orders refunds by how much the others wait for them.
func (r *Refund) urgency() int {
	switch {
	case r.OnHold():
		return 4
	case r.Status == StatusUnknown:
		return 3
	case r.Status.Open():
		return 2
	case r.Status == StatusReversed:
		return 1
	case r.Status == StatusFailed:
		return 0
	}
	return -1
}

// statusOf is the status of several refunds together.
func statusOf(legs []Refund, telling Refund) Status {
	all := func(want ...Status) bool {
		return !slices.ContainsFunc(legs, func(r Refund) bool { return !slices.Contains(want, r.Status) })
	}
	switch {
	case telling.Status.Open(), all(telling.Status):
		return telling.Status
	case all(StatusFailed, StatusReversed):
		return StatusReversed
	}
	return StatusPending
}
