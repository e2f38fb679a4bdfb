package server

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// knownOwners is how many cases and orders are known by their owners at a time.
const knownOwners = 10_000

// owners finds out whose a subject is, for the rule that nobody acts on their
// own order or case. Whose a case or an order is never changes, so that what one
// process has read stays true.
type owners struct {
	shop *app.App

	mu    sync.Mutex
	known map[string][]string // the people, by what it is and its id
}

func newOwners(s *app.App) *owners { return &owners{shop: s, known: map[string][]string{}} }

// owns implements access.OwnerFunc.
func (o *owners) owns(ctx context.Context, u auth.User, s access.Subject, id string) (bool, error) {
	var (
		own bool
		err error
	)
	switch s {
	case access.ReturnInPath:
		own, err = o.ownsReturn(ctx, u, id)
	case access.OrderInPath, access.OrderInBody:
		own, err = o.ownsOrder(ctx, u, id)
	case access.RefundInPath:
		own, err = o.ownsRefund(ctx, u, id)
	case access.AlarmInPath:
		own, err = o.ownsAlarm(ctx, u, id)
	case access.ApprovalInPath:
		own, err = o.ownsApproval(ctx, u, id)
	}
	if errors.Is(err, returns.ErrNotFound) || errors.Is(err, orders.ErrNotFound) ||
		errors.Is(err, refunds.ErrNotFound) {
		return false, nil // the handler says so
	}
	return own, err
}

// ownsReturn reports whether the case, or its order, is the user's.
func (o *owners) ownsReturn(ctx context.Context, u auth.User, id string) (bool, error) {
	return o.owned(u, "case "+id, func() (people []string, last bool, err error) { return o.ofReturn(ctx, id) })
}

// ofReturn returns whose a case is; last is whether that can't change. In development
// the case of the demo data is nobody's, so that one account can be shown everything.
// It is known by its number, which a case gets later.
func (o *owners) ofReturn(ctx context.Context, id string) (people []string, last bool, err error) {
	c, err := o.shop.Returns.Return(ctx, id)
	if err != nil {
		return nil, false, err
	}
	demo := o.shop.Config.DemoData()
	if demo && c.RMA == app.DemoRMA {
		return nil, true, nil
	}
	order, err := o.shop.Orders.Order(ctx, c.OrderID)
	if errors.Is(err, orders.ErrNotFound) {
		return []string{c.CustomerID}, false, nil
	}
	return []string{c.CustomerID, order.CustomerID}, !demo || c.RMA != "", err
}

func (o *owners) ownsOrder(ctx context.Context, u auth.User, id string) (bool, error) {
	return o.owned(u, "order "+id, func() ([]string, bool, error) {
		order, err := o.shop.Orders.Order(ctx, id)
		return []string{order.CustomerID}, true, err
	})
}

// owned reports whether the user is one of the people whose the id is, which read
// returns where it is not known.
func (o *owners) owned(u auth.User, id string, read func() (people []string, last bool, err error)) (bool, error) {
	o.mu.Lock()
	people, ok := o.known[id]
	o.mu.Unlock()
	if ok {
		return slices.Contains(people, u.ID), nil
	}
	people, last, err := read()
	if err != nil {
		return false, err
	}
	if last {
		o.mu.Lock()
		if len(o.known) >= knownOwners {
			clear(o.known)
		}
		o.known[id] = people
		o.mu.Unlock()
	}
	return slices.Contains(people, u.ID), nil
}

func (o *owners) ownsRefund(ctx context.Context, u auth.User, id string) (bool, error) {
	r, err := o.shop.Refunds.ByID(ctx, id)
	if err != nil {
		return false, err
	}
	own, err := o.ownsReturn(ctx, u, r.ClientReference)
	if errors.Is(err, returns.ErrNotFound) { // it is for no return
		return o.ownsOrder(ctx, u, r.OrderID)
	}
	return own, err
}

func (o *owners) ownsAlarm(ctx context.Context, u auth.User, id string) (bool, error) {
	a, err := o.shop.Discrepancies.Discrepancy(ctx, id)
	switch {
	case err != nil:
		return false, err
	case a.RefundID != "":
		return o.ownsRefund(ctx, u, a.RefundID)
	case a.OrderID != "":
		return o.ownsOrder(ctx, u, a.OrderID)
	}
	return false, nil
}

func (o *owners) ownsApproval(ctx context.Context, u auth.User, id string) (bool, error) {
	a, err := o.shop.Approvals.Approval(ctx, id)
	if err != nil {
		return false, err
	}
	if a.IsRest() {
		return o.ownsOrder(ctx, u, a.OrderID)
	}
	return o.ownsReturn(ctx, u, a.ReturnID)
}
