//go:build mutants

package refundstest

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

type (
	opening       = func(refunds.PaymentState, *refunds.Refund) (refunds.Change, error)
	changing      = func(refunds.Balance, refunds.Refund) (refunds.Change, error)
	paymentChange = func(refunds.Balance, []refunds.Refund) (refunds.PaymentChange, error)
	booking       = func(refunds.Balance, *refunds.Outside, []refunds.Refund) (refunds.OutsideChange, error)
)

// hooked is a store in memory with some of its methods made wrong. A hook that is nil
// leaves its method right.
type hooked struct {
	*Store
	saving func(c *refunds.Change) // before Open, Update or UpdatePayment saves it
	reads  func(r *refunds.Refund) // before a refund is returned by a read

	open          func(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error)
	update        func(ctx context.Context, id string, change changing) (refunds.Refund, error)
	updatePayment func(context.Context, refunds.OpenRequest, paymentChange) ([]refunds.Refund, error)
	refund        func(ctx context.Context, id string) (refunds.Refund, error)
	byReferences  func(ctx context.Context, references []string) (map[string][]refunds.Refund, error)
	byProviderID  func(ctx context.Context, id string) (refunds.Refund, error)
	list          func(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error)
	claim         func(context.Context, time.Time, time.Duration, string, int) ([]refunds.Refund, error)
	history       func(ctx context.Context, id string) ([]event.Event, error)
	manual        func(ctx context.Context, m payment.Method) (string, error)
	state         func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error)
	attempts      func(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error)
	booked        func(context.Context, refunds.OpenRequest, string, booking) (refunds.OutsideChange, error)
	outsides      func(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error)
	sweeps        func(context.Context, func(refunds.Sweep) (refunds.Sweep, error)) (refunds.Sweep, error)
	credits       func(ctx context.Context, e refunds.CreditEntry) (bool, error)
	carried       func(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error)
	creditSum     func(ctx context.Context, customer string, c money.Currency) (int64, error)
}

func (h *hooked) saved(c refunds.Change, err error) (refunds.Change, error) {
	if err == nil && h.saving != nil {
		h.saving(&c)
	}
	return c, err
}

func (h *hooked) read(r refunds.Refund) refunds.Refund {
	if h.reads != nil {
		h.reads(&r)
	}
	return r
}

// Open has the hook open refunds of one payment, and changes what is saved of several.
func (h *hooked) Open(
	ctx context.Context, r []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) ([]refunds.Refund, error) {
	if h.open == nil || len(r) != 1 {
		return h.Store.Open(ctx, r, func(s refunds.OpenState) ([]refunds.Change, error) {
			changes, err := decide(s)
			for i := range changes {
				changes[i], err = h.saved(changes[i], err)
			}
			return changes, err
		})
	}
	saved, err := h.open(ctx, r[0], func(s refunds.PaymentState, current *refunds.Refund) (refunds.Change, error) {
		state := refunds.OpenState{Payments: []refunds.PaymentState{s}}
		if current != nil {
			state.Refunds = []refunds.Refund{*current}
		}
		changes, err := decide(state)
		if err != nil || len(changes) == 0 {
			return refunds.Change{}, err
		}
		return changes[0], nil
	})
	if err != nil {
		return nil, err
	}
	return []refunds.Refund{saved}, nil
}

// opens opens a refund of one payment, as the store in memory does it.
func (h *hooked) opens(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
	return openOne(ctx, h.Store, r, func(s refunds.OpenState) ([]refunds.Change, error) {
		var current *refunds.Refund
		if len(s.Refunds) > 0 {
			current = &s.Refunds[0]
		}
		c, err := decide(s.Payments[0], current)
		if err != nil {
			return nil, err
		}
		return []refunds.Change{c}, nil
	})
}

func (h *hooked) Update(ctx context.Context, id string, change changing) (refunds.Refund, error) {
	if h.update != nil {
		return h.update(ctx, id, change)
	}
	return h.Store.Update(ctx, id, func(b refunds.Balance, r refunds.Refund) (refunds.Change, error) {
		return h.saved(change(b, r))
	})
}

func (h *hooked) UpdatePayment(
	ctx context.Context, r refunds.OpenRequest, change paymentChange,
) ([]refunds.Refund, error) {
	if h.updatePayment != nil {
		return h.updatePayment(ctx, r, change)
	}
	return h.Store.UpdatePayment(ctx, r, change)
}

func (h *hooked) Refund(ctx context.Context, id string) (refunds.Refund, error) {
	if h.refund != nil {
		return h.refund(ctx, id)
	}
	r, err := h.Store.Refund(ctx, id)
	return h.read(r), err
}

func (h *hooked) ByClientReferences(ctx context.Context, all []string) (map[string][]refunds.Refund, error) {
	if h.byReferences != nil {
		return h.byReferences(ctx, all)
	}
	return h.Store.ByClientReferences(ctx, all)
}

func (h *hooked) ByProviderID(ctx context.Context, id string) (refunds.Refund, error) {
	if h.byProviderID != nil {
		return h.byProviderID(ctx, id)
	}
	return h.Store.ByProviderID(ctx, id)
}

func (h *hooked) List(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
	if h.list != nil {
		return h.list(ctx, q)
	}
	return h.Store.List(ctx, q)
}

func (h *hooked) Claim(
	ctx context.Context, now time.Time, lease time.Duration, token string, limit int,
) ([]refunds.Refund, error) {
	if h.claim != nil {
		return h.claim(ctx, now, lease, token, limit)
	}
	return h.Store.Claim(ctx, now, lease, token, limit)
}

func (h *hooked) Events(ctx context.Context, id string) ([]event.Event, error) {
	if h.history != nil {
		return h.history(ctx, id)
	}
	return h.Store.Events(ctx, id)
}

func (h *hooked) NextManualReference(ctx context.Context, m payment.Method) (string, error) {
	if h.manual != nil {
		return h.manual(ctx, m)
	}
	return h.Store.NextManualReference(ctx, m)
}

func (h *hooked) PaymentState(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
	if h.state != nil {
		return h.state(ctx, r)
	}
	return h.Store.PaymentState(ctx, r)
}

func (h *hooked) ProviderAttempts(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error) {
	if h.attempts != nil {
		return h.attempts(ctx, q)
	}
	return h.Store.ProviderAttempts(ctx, q)
}

func (h *hooked) Book(
	ctx context.Context, r refunds.OpenRequest, id string, change booking,
) (refunds.OutsideChange, error) {
	if h.booked != nil {
		return h.booked(ctx, r, id, change)
	}
	return h.Store.Book(ctx, r, id, change)
}

func (h *hooked) Outside(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error) {
	if h.outsides != nil {
		return h.outsides(ctx, q)
	}
	return h.Store.Outside(ctx, q)
}

func (h *hooked) UpdateSweep(
	ctx context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
) (refunds.Sweep, error) {
	if h.sweeps != nil {
		return h.sweeps(ctx, change)
	}
	return h.Store.UpdateSweep(ctx, change)
}

func (h *hooked) Credit(ctx context.Context, e refunds.CreditEntry) (bool, error) {
	if h.credits != nil {
		return h.credits(ctx, e)
	}
	return h.Store.Credit(ctx, e)
}

func (h *hooked) CreditBalance(ctx context.Context, customer string, c money.Currency) (int64, error) {
	if h.creditSum != nil {
		return h.creditSum(ctx, customer, c)
	}
	return h.Store.CreditBalance(ctx, customer, c)
}

// The windows of a store that checks before it acts.

// standingOne is a refund of the reference that is not reversed, as it is now.
func (h *hooked) standingOne(reference string) (refunds.Refund, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if all := h.standing(reference); len(all) > 0 {
		return all[0].Clone(), true
	}
	return refunds.Refund{}, false
}

// openUnlocked decides on what it read before the lock.
func (h *hooked) openUnlocked(ctx context.Context, r refunds.OpenRequest, decide opening) (refunds.Refund, error) {
	state, err := h.Store.PaymentState(ctx, r)
	if err != nil {
		return refunds.Refund{}, err
	}
	var current *refunds.Refund
	if found, ok := h.standingOne(r.ClientReference); ok {
		current = &found
	}
	c, err := decide(state, current)
	if err != nil {
		return refunds.Refund{}, err
	}
	suite.Pause()
	return h.opens(ctx, r, func(refunds.PaymentState, *refunds.Refund) (refunds.Change, error) { return c, nil })
}

// updateUnlocked changes what it read before the lock.
func (h *hooked) updateUnlocked(ctx context.Context, id string, change changing) (refunds.Refund, error) {
	before, err := h.Store.Refund(ctx, id)
	if err != nil {
		return before, err
	}
	state, err := h.Store.PaymentState(ctx, refunds.OpenRequest{OrderID: before.OrderID, PaymentID: before.PaymentID})
	if err != nil {
		return before, err
	}
	c, err := change(state.Balance, before)
	if err != nil {
		return before, err
	}
	suite.Pause()
	return h.Store.Update(ctx, id, func(refunds.Balance, refunds.Refund) (refunds.Change, error) { return c, nil })
}

// claimUnlocked leases what it found due before the lock.
func (h *hooked) claimUnlocked(
	ctx context.Context, now time.Time, lease time.Duration, token string, limit int,
) ([]refunds.Refund, error) {
	all, _, err := h.Store.List(ctx, refunds.Query{PageSize: refunds.MaxPageSize})
	if err != nil {
		return nil, err
	}
	var due []refunds.Refund
	for _, r := range all {
		if r.Status.Open() && !r.Work.NextAt.IsZero() && !r.Work.NextAt.After(now) && !r.Leased(now) &&
			len(due) < limit {
			due = append(due, r)
		}
	}
	suite.Pause()
	for i := range due {
		due[i].Lease(token, now.Add(lease))
		h.mu.Lock()
		h.Store.refunds[due[i].ID] = due[i].Clone()
		h.mu.Unlock()
	}
	return due, nil
}

// creditUnlocked checks the balance before the lock.
func (h *hooked) creditUnlocked(ctx context.Context, e refunds.CreditEntry) (bool, error) {
	sum, err := h.Store.CreditBalance(ctx, e.CustomerID, e.Currency)
	if err != nil {
		return false, err
	}
	if sum+e.Amount < 0 {
		return false, &refunds.Error{Code: refunds.CodeCreditTooLow}
	}
	suite.Pause()
	return h.creditUnchecked(e), nil
}

// creditUnchecked appends an entry, once per Ref.
func (h *hooked) creditUnchecked(e refunds.CreditEntry) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refs[e.Ref] {
		return false
	}
	h.refs[e.Ref] = true
	h.credit = append(h.credit, e)
	return true
}

func (h *hooked) CarriedRests(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error) {
	if h.carried != nil {
		return h.carried(ctx, after, limit)
	}
	return h.Store.CarriedRests(ctx, after, limit)
}
