package server

import (
	"context"
	"errors"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// owners finds out whose a subject is, for the rule that nobody acts on their
// own order or case.
type owners struct{ shop *app.App }

// owns implements access.OwnerFunc.
func (o owners) owns(ctx context.Context, u auth.User, s access.Subject, id string) (bool, error) {
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

// ownsReturn reports whether the case is the user's. In development that of the
// demo data is nobody's, so that one account can be shown everything.
func (o owners) ownsReturn(ctx context.Context, u auth.User, id string) (bool, error) {
	c, err := o.shop.Returns.Return(ctx, id)
	if err != nil || o.demo(c) {
		return false, err
	}
	if c.CustomerID == u.ID {
		return true, nil
	}
	return o.ownsOrder(ctx, u, c.OrderID)
}

// demo reports whether the case is the one of the demo data, where there is one.
func (o owners) demo(c returns.Return) bool {
	return o.shop.Config.DemoData() && c.RMA == app.DemoRMA
}

func (o owners) ownsOrder(ctx context.Context, u auth.User, id string) (bool, error) {
	order, err := o.shop.Orders.Order(ctx, id)
	return err == nil && order.CustomerID == u.ID, err
}

func (o owners) ownsRefund(ctx context.Context, u auth.User, id string) (bool, error) {
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

func (o owners) ownsAlarm(ctx context.Context, u auth.User, id string) (bool, error) {
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

func (o owners) ownsApproval(ctx context.Context, u auth.User, id string) (bool, error) {
	a, err := o.shop.Approvals.Approval(ctx, id)
	if err != nil {
		return false, err
	}
	return o.ownsReturn(ctx, u, a.ReturnID)
}
