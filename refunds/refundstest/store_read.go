package refundstest

import (
	"cmp"
	"context"
	"slices"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refunds"
)

// Refund implements refunds.Store.
func (s *Store) Refund(ctx context.Context, id string) (refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.Refund{}, err
	}
	defer unlock()
	r, ok := s.refunds[id]
	if !ok {
		return refunds.Refund{}, notFound("refund", id)
	}
	return r.Clone(), nil
}

// ByClientReferences implements refunds.Store.
func (s *Store) ByClientReferences(ctx context.Context, references []string) (map[string][]refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found := make(map[string][]refunds.Refund, len(references))
	for _, ref := range references {
		if legs := s.current(ref); len(legs) > 0 {
			found[ref] = legs
		}
	}
	return found, nil
}

// ByProviderID implements refunds.Store.
func (s *Store) ByProviderID(ctx context.Context, reference string) (refunds.Refund, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return refunds.Refund{}, err
	}
	defer unlock()
	for _, r := range s.refunds {
		for _, a := range r.Attempts {
			if reference != "" && a.ProviderID == reference {
				return r.Clone(), nil
			}
		}
	}
	return refunds.Refund{}, notFound("refund with the provider's reference", reference)
}

// List implements refunds.Store.
func (s *Store) List(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	q = q.Normalize()
	var all []refunds.Refund
	for _, r := range s.refunds {
		switch {
		case q.OrderID != "" && r.OrderID != q.OrderID,
			len(q.Status) > 0 && !slices.Contains(q.Status, r.Status),
			q.NeedsReview && !r.Work.NeedsReview && !refunds.Owed(r, s.ofOrder(r.OrderID)),
			!q.From.IsZero() && r.CreatedAt.Before(q.From),
			!q.To.IsZero() && !r.CreatedAt.Before(q.To):
			continue
		}
		all = append(all, r.Clone())
	}
	slices.SortFunc(all, func(a, b refunds.Refund) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return paging.Cut(all, q.Page, q.PageSize), len(all), nil
}

// ProviderAttempts implements refunds.Store.
func (s *Store) ProviderAttempts(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var found []refunds.ProviderAttempt
	for _, r := range s.refunds {
		for _, a := range r.Attempts {
			after := cmp.Or(a.CreatedAt.Compare(q.AfterAt), cmp.Compare(a.ID, q.AfterID)) > 0
			inside := !a.CreatedAt.Before(q.From) && a.CreatedAt.Before(q.To) && after
			if len(q.IDs) > 0 {
				inside = slices.Contains(q.IDs, a.ID)
			}
			if inside && !a.Method.Manual() && a.Amount > 0 {
				found = append(found, refunds.ProviderAttempt{Refund: r.Clone(), Attempt: a})
			}
		}
	}
	slices.SortFunc(found, func(a, b refunds.ProviderAttempt) int {
		return cmp.Or(a.Attempt.CreatedAt.Compare(b.Attempt.CreatedAt), cmp.Compare(a.Attempt.ID, b.Attempt.ID))
	})
	if len(q.IDs) > 0 {
		return found, nil
	}
	return found[:min(len(found), max(q.Limit, 0))], nil
}

// Events implements refunds.Store.
func (s *Store) Events(ctx context.Context, id string) ([]event.Event, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if len(s.events[id]) == 0 {
		return nil, notFound("refund", id)
	}
	return event.Clone(s.events[id]), nil
}
