package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

// Refund implements refunds.Store.
func (s *RefundStore) Refund(ctx context.Context, id string) (found refunds.Refund, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		r, ok := d.refunds[id]
		if !ok {
			return notFound("refund", id)
		}
		found = fresh(r)
		return nil
	})
	return found, err
}

// ByClientReferences implements refunds.Store.
func (s *RefundStore) ByClientReferences(
	ctx context.Context, references []string,
) (map[string][]refunds.Refund, error) {
	found := map[string][]refunds.Refund{}
	err := s.v.view(ctx, func(d *refundRows) error {
		current := map[[2]string]refunds.Refund{} // by reference and payment
		for _, r := range d.find(func(r refunds.Refund) bool {
			return slices.Contains(references, r.ClientReference)
		}) {
			key := [2]string{r.ClientReference, r.PaymentID}
			if was, ok := current[key]; !ok || was.Status == refunds.StatusReversed {
				current[key] = r // the oldest first: what comes later takes the place of a reversed one
			}
		}
		for _, r := range current {
			found[r.ClientReference] = append(found[r.ClientReference], r)
		}
		for _, legs := range found {
			slices.SortFunc(legs, func(a, b refunds.Refund) int { return cmp.Compare(a.Leg, b.Leg) })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// List implements refunds.Store.
func (s *RefundStore) List(ctx context.Context, q refunds.Query) (page []refunds.Refund, n int, err error) {
	q = q.Normalize()
	err = s.v.view(ctx, func(d *refundRows) error {
		all := d.find(func(r refunds.Refund) bool {
			return r.OrderID == cmp.Or(q.OrderID, r.OrderID) &&
				(len(q.Status) == 0 || slices.Contains(q.Status, r.Status)) &&
				(!q.NeedsReview || r.Work.NeedsReview || refunds.Owed(r, d.ofOrder(r.OrderID))) &&
				(q.From.IsZero() || !r.CreatedAt.Before(q.From)) && (q.To.IsZero() || r.CreatedAt.Before(q.To))
		})
		slices.Reverse(all)
		n = len(all)
		from := min(n, (q.Page-1)*q.PageSize)
		page = all[from:min(n, from+q.PageSize)]
		return nil
	})
	return page, n, err
}

// Events implements refunds.Store.
func (s *RefundStore) Events(ctx context.Context, id string) (events []event.Event, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		if len(d.events[id]) == 0 {
			return notFound("history of", id)
		}
		events = event.Clone(d.events[id])
		return nil
	})
	return events, err
}

// ByProviderID implements refunds.Store.
func (s *RefundStore) ByProviderID(ctx context.Context, reference string) (found refunds.Refund, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		for _, r := range d.refunds {
			for _, a := range r.Attempts {
				if reference != "" && a.ProviderID == reference {
					found = fresh(r)
					return nil
				}
			}
		}
		return notFound("refund of the provider's id", reference)
	})
	return found, err
}

// PaymentState implements refunds.Store.
func (s *RefundStore) PaymentState(
	ctx context.Context, r refunds.OpenRequest,
) (state refunds.PaymentState, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		if r.Check() != nil {
			return notFound("payment", r.PaymentID)
		}
		state, err = d.state(r)
		return err
	})
	return state, err
}

// ProviderAttempts implements refunds.Store.
func (s *RefundStore) ProviderAttempts(
	ctx context.Context, q refunds.AttemptQuery,
) (found []refunds.ProviderAttempt, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		for _, r := range d.refunds {
			for _, a := range r.Attempts {
				if !a.Method.Manual() && a.Amount > 0 && selects(q, a) {
					found = append(found, refunds.ProviderAttempt{Refund: fresh(r), Attempt: fresh(a)})
				}
			}
		}
		slices.SortFunc(found, func(a, b refunds.ProviderAttempt) int {
			return cmp.Or(a.Attempt.CreatedAt.Compare(b.Attempt.CreatedAt), strings.Compare(a.Attempt.ID, b.Attempt.ID))
		})
		if len(q.IDs) == 0 {
			found = found[:min(len(found), max(0, q.Limit))]
		}
		return nil
	})
	return found, err
}

func selects(q refunds.AttemptQuery, a refunds.Attempt) bool {
	if len(q.IDs) > 0 {
		return slices.Contains(q.IDs, a.ID)
	}
	after := q.AfterID == "" || cmp.Or(a.CreatedAt.Compare(q.AfterAt), strings.Compare(a.ID, q.AfterID)) > 0
	return after && !a.CreatedAt.Before(q.From) && a.CreatedAt.Before(q.To)
}

func after(o refunds.Outside, at time.Time, id string) bool {
	return cmp.Or(o.CreatedAt.Compare(at), strings.Compare(o.ProviderID, id)) > 0
}

// CarriedRests implements refunds.Store.
func (s *RefundStore) CarriedRests(
	ctx context.Context, after string, limit int,
) (rests []refunds.CarriedRest, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		if purchase.CheckText(after, math.MaxInt) != "" {
			return nil
		}
		of := map[string]refunds.CarriedRest{}
		for _, r := range d.refunds {
			if r.PaymentID > after && r.Status.CountsAgainstCaptured() {
				of[r.PaymentID] = refunds.CarriedRest{
					OrderID: r.OrderID, PaymentID: r.PaymentID, CustomerID: r.Customer, Currency: r.Quote.Currency,
					Amount: of[r.PaymentID].Amount + r.Quote.Rest(),
				}
			}
		}
		for _, rest := range of {
			if rest.Amount > 0 && limit > 0 {
				rests = append(rests, rest)
			}
		}
		slices.SortFunc(rests, func(a, b refunds.CarriedRest) int { return cmp.Compare(a.PaymentID, b.PaymentID) })
		rests = rests[:min(len(rests), max(limit, 0))]
		return nil
	})
	return rests, err
}

// Outside implements refunds.Store.
func (s *RefundStore) Outside(ctx context.Context, q refunds.OutsideQuery) (found []refunds.Outside, err error) {
	q = q.Normalize()
	err = s.v.view(ctx, func(d *refundRows) error {
		for _, o := range d.outside {
			if o.OrderID == cmp.Or(q.OrderID, o.OrderID) && o.PaymentID == cmp.Or(q.PaymentID, o.PaymentID) &&
				o.State == cmp.Or(q.State, o.State) && (q.IDs == nil || slices.Contains(q.IDs, o.ProviderID)) &&
				(q.AfterID == "" || after(o, q.AfterAt, q.AfterID)) {
				found = append(found, o)
			}
		}
		slices.SortFunc(found, func(a, b refunds.Outside) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ProviderID, b.ProviderID))
		})
		found = found[:min(len(found), q.Limit)]
		return nil
	})
	return found, err
}

// CreditBalance implements refunds.Store.
func (s *RefundStore) CreditBalance(ctx context.Context, customerID string, c money.Currency) (sum int64, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		sum = d.creditOf(customerID, c)
		return nil
	})
	return sum, err
}

// CreditEntries implements refunds.Store.
func (s *RefundStore) CreditEntries(ctx context.Context, customerID string) (found []refunds.CreditEntry, err error) {
	err = s.v.view(ctx, func(d *refundRows) error {
		for _, e := range d.credit {
			if e.CustomerID == customerID {
				found = append(found, e)
			}
		}
		slices.SortFunc(found, func(a, b refunds.CreditEntry) int {
			return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID))
		})
		return nil
	})
	return found, err
}
