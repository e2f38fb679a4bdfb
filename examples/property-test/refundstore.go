package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

// RefundStore is a refunds.Store of the shop's own. It was written from the documentation of
// the interface; the suite in main_test.go says whether it keeps what it promises.
type RefundStore struct{ v *vault[*refundRows] }

// account is the balance of a payment and the order that it is of.
type account struct {
	order   string
	balance refunds.Balance
}

// refundRows are the tables.
type refundRows struct {
	refunds  map[string]refunds.Refund
	accounts map[string]account // by payment
	outside  map[string]refunds.Outside
	events   map[string][]event.Event
	credit   []refunds.CreditEntry
	manual   map[payment.Method]int64
	sweep    refunds.Sweep
}

// NewRefundStore returns an empty store.
func NewRefundStore() *RefundStore {
	empty := &refundRows{map[string]refunds.Refund{}, map[string]account{}, map[string]refunds.Outside{},
		map[string][]event.Event{}, nil, map[payment.Method]int64{}, refunds.Sweep{}}
	return &RefundStore{newVault(empty, func(d *refundRows) *refundRows {
		next := &refundRows{maps.Clone(d.refunds), maps.Clone(d.accounts), maps.Clone(d.outside), maps.Clone(d.events),
			slices.Clip(d.credit), maps.Clone(d.manual), d.sweep}
		for id, events := range next.events {
			next.events[id] = slices.Clip(events) // an append makes a new array
		}
		return next
	})}
}

func notFound(what, id string) error {
	return fmt.Errorf("there is no %s %q: %w", what, id, refunds.ErrNotFound)
}

func invalid(field, message string) error {
	return &refunds.Error{Code: refunds.CodeInvalid, Field: field, Message: message}
}

// account returns what is known of the payment, or what its balance is seeded from.
func (d *refundRows) account(r refunds.OpenRequest) (account, error) {
	if err := r.Check(); err != nil {
		return account{}, err
	}
	a, ok := d.accounts[r.PaymentID]
	if !ok {
		a = account{r.OrderID, refunds.Balance{PaymentID: r.PaymentID, Currency: r.Currency, Captured: r.Captured}}
	}
	if a.order != r.OrderID {
		return account{}, invalid("payment_id", fmt.Sprintf("Payment %s is not of order %s.", r.PaymentID, r.OrderID))
	}
	a.balance.Holds = slices.Clone(a.balance.Holds)
	return a, nil
}

// find returns copies of the refunds that keep selects, oldest first.
func (d *refundRows) find(keep func(refunds.Refund) bool) (found []refunds.Refund) {
	for _, r := range d.refunds {
		if keep(r) {
			found = append(found, fresh(r))
		}
	}
	slices.SortFunc(found, func(a, b refunds.Refund) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return found
}

// ofOrder are the refunds of an order, oldest first.
func (d *refundRows) ofOrder(id string) []refunds.Refund {
	return d.find(func(r refunds.Refund) bool { return r.OrderID == id })
}

// state is what is known of a payment when a refund of it is decided.
func (d *refundRows) state(r refunds.OpenRequest) (refunds.PaymentState, error) {
	a, err := d.account(r)
	if err != nil {
		return refunds.PaymentState{}, err
	}
	return refunds.StateOf(r, a.balance, d.ofOrder(r.OrderID)), nil
}

// save keeps a change, all of it. The transaction around it makes that all or nothing.
func (d *refundRows) save(c refunds.Change) (refunds.Refund, error) {
	after := fresh(c.After)
	if c.Empty() {
		return after, nil
	}
	d.refunds[after.ID] = after
	d.events[after.ID] = append(d.events[after.ID], event.Clone(c.Events)...)
	a := d.accounts[after.PaymentID]
	a.balance.Reserved += c.Effects.Reserved
	a.balance.Refunded += c.Effects.Refunded
	d.accounts[after.PaymentID] = a
	if c.Effects.Credit != nil {
		if _, err := d.addCredit(*c.Effects.Credit); err != nil {
			return refunds.Refund{}, err
		}
	}
	return fresh(after), nil
}

func (d *refundRows) saveAll(changes []refunds.Change) (saved []refunds.Refund, err error) {
	for _, c := range changes {
		r, err := d.save(c)
		if err != nil {
			return nil, err
		}
		saved = append(saved, r)
	}
	return saved, nil
}

// Open implements refunds.Store.
func (s *RefundStore) Open(
	ctx context.Context, requests []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) (opened []refunds.Refund, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		var state refunds.OpenState
		for _, r := range requests {
			a, err := d.account(r)
			if err != nil {
				return err
			}
			of, err := d.state(r)
			if err != nil {
				return err
			}
			d.accounts[r.PaymentID] = a
			state.Payments = append(state.Payments, of)
		}
		if len(requests) == 0 {
			return invalid("payments", "No payment is named; one or more are allowed.")
		}
		state.Refunds = d.find(func(r refunds.Refund) bool {
			return r.ClientReference == requests[0].ClientReference && r.Status != refunds.StatusReversed
		})
		slices.SortStableFunc(state.Refunds, func(a, b refunds.Refund) int { return cmp.Compare(a.Leg, b.Leg) })
		changes, err := decide(state)
		if err != nil {
			return err
		}
		opened, err = d.saveAll(changes)
		return err
	})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// Update implements refunds.Store.
func (s *RefundStore) Update(
	ctx context.Context, id string, change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (saved refunds.Refund, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		r, ok := d.refunds[id]
		if !ok {
			return notFound("refund", id)
		}
		balance := d.accounts[r.PaymentID].balance
		balance.Holds = slices.Clone(balance.Holds)
		c, err := change(balance, fresh(r))
		if err != nil {
			return err
		}
		saved, err = d.save(c)
		return err
	})
	if err != nil {
		return refunds.Refund{}, err
	}
	return saved, nil
}

// UpdatePayment implements refunds.Store.
func (s *RefundStore) UpdatePayment(
	ctx context.Context, r refunds.OpenRequest,
	change func(refunds.Balance, []refunds.Refund) (refunds.PaymentChange, error),
) (saved []refunds.Refund, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		a, err := d.account(r)
		if err != nil {
			return err
		}
		c, err := change(a.balance, d.find(func(f refunds.Refund) bool {
			return f.PaymentID == r.PaymentID && f.Status.Open()
		}))
		if err != nil {
			return err
		}
		a.balance.Holds = slices.Clone(c.Holds)
		d.accounts[r.PaymentID] = a
		saved, err = d.saveAll(c.Refunds)
		return err
	})
	if err != nil {
		return nil, err
	}
	return saved, nil
}

// Claim implements refunds.Store.
func (s *RefundStore) Claim(
	ctx context.Context, now time.Time, lease time.Duration, token string, limit int,
) (claimed []refunds.Refund, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		due := d.find(func(r refunds.Refund) bool {
			return r.Status.Open() && r.Due(now) && !r.Leased(now)
		})
		slices.SortStableFunc(due, func(a, b refunds.Refund) int { return a.Work.NextAt.Compare(b.Work.NextAt) })
		for _, r := range due[:min(len(due), max(0, limit))] {
			r.Lease(token, now.Add(lease))
			d.refunds[r.ID] = r
			claimed = append(claimed, fresh(r))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// NextManualReference implements refunds.Store.
func (s *RefundStore) NextManualReference(ctx context.Context, m payment.Method) (reference string, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		d.manual[m]++
		reference, err = refunds.ManualReference(m, d.manual[m])
		return err
	})
	return reference, err
}

// UpdateSweep implements refunds.Store.
func (s *RefundStore) UpdateSweep(
	ctx context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
) (sweep refunds.Sweep, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		if sweep, err = change(d.sweep); err == nil {
			err = sweep.Check()
		}
		d.sweep = sweep
		return err
	})
	if err != nil {
		return refunds.Sweep{}, err
	}
	return sweep, nil
}

// Book implements refunds.Store.
func (s *RefundStore) Book(
	ctx context.Context, r refunds.OpenRequest, providerID string,
	change func(refunds.Balance, *refunds.Outside, []refunds.Refund) (refunds.OutsideChange, error),
) (booked refunds.OutsideChange, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		a, err := d.account(r)
		if err != nil {
			return err
		}
		if problem := purchase.CheckText(providerID, math.MaxInt); problem != "" {
			return invalid("provider_id", problem)
		}
		var before *refunds.Outside
		if o, ok := d.outside[providerID]; ok {
			before = &o
		}
		ofPayment := d.find(func(f refunds.Refund) bool { return f.PaymentID == r.PaymentID })
		booked, err = change(a.balance, before, ofPayment)
		if err != nil || booked.Empty() {
			return err
		}
		a.balance.Outside = booked.Balance.Outside
		d.accounts[r.PaymentID] = a
		d.outside[providerID] = booked.After
		id := refunds.OutsideID(providerID)
		d.events[id] = append(d.events[id], event.Clone(booked.Events)...)
		_, err = d.saveAll(booked.Refunds)
		return err
	})
	if err != nil {
		return refunds.OutsideChange{}, err
	}
	return booked, nil
}

func (d *refundRows) creditOf(customer string, c money.Currency) (sum int64) {
	for _, e := range d.credit {
		if e.CustomerID == customer && e.Currency == c {
			sum += e.Amount
		}
	}
	return sum
}

// addCredit appends the entry, unless its Ref is there.
func (d *refundRows) addCredit(e refunds.CreditEntry) (bool, error) {
	if slices.ContainsFunc(d.credit, func(there refunds.CreditEntry) bool { return there.Ref == e.Ref }) {
		return false, nil
	}
	if has := d.creditOf(e.CustomerID, e.Currency); has+e.Amount < 0 {
		return false, &refunds.Error{Code: refunds.CodeCreditTooLow, Field: "amount",
			Message: fmt.Sprintf("The store credit is %d, less than %d.", has, -e.Amount)}
	}
	d.credit = append(d.credit, fresh(e))
	return true, nil
}

// Credit implements refunds.Store.
func (s *RefundStore) Credit(ctx context.Context, e refunds.CreditEntry) (added bool, err error) {
	err = s.v.update(ctx, func(d *refundRows) error {
		if err := e.Validate(); err != nil {
			return err
		}
		added, err = d.addCredit(e)
		return err
	})
	return added && err == nil, err
}
