package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
)

// ourPayments finds the payments of our orders; it is refunds.Payments.
type ourPayments struct{ s *App }

// PaymentByProviderID implements refunds.Payments by the ids that the provider has
// in the payment's metadata.
func (p ourPayments) PaymentByProviderID(ctx context.Context, providerID string) (refunds.PaymentRef, error) {
	orderID, paymentID, err := p.s.payments.PaymentOwner(ctx, providerID)
	if err != nil {
		return refunds.PaymentRef{}, err
	}
	notOurs := fmt.Errorf("payment %s is not of one of our orders: %w", providerID, refunds.ErrNotFound)
	if orderID == "" {
		return refunds.PaymentRef{}, notOurs
	}
	o, err := p.s.Orders.Order(ctx, orderID)
	switch {
	case errors.Is(err, orders.ErrNotFound),
		err == nil && (o.Payment.ID != paymentID || o.Payment.ProviderID != "" && o.Payment.ProviderID != providerID):
		return refunds.PaymentRef{}, notOurs
	case err != nil:
		return refunds.PaymentRef{}, err
	}
	return refunds.PaymentRef{
		OrderID: o.ID, PaymentID: o.Payment.ID, ProviderID: providerID, Captured: o.Payment.Amount,
		Currency: o.Currency,
	}, nil
}

// followOutside has what others gave back shown for review.
func (s *App) followOutside() error {
	types := []string{refunds.EventOutsideBooked, refunds.EventOutsideChanged}
	return s.Events.Subscribe(refundsdb.EventPrefix, "review", types, s.outsideChanged)
}

// outsideChanged puts money that others gave back before staff: in the review
// queue, and on each return of the order that is under way. The event only says
// that there is something to look at; what is said is what is booked now.
func (s *App) outsideChanged(ctx context.Context, e event.Event) error {
	booked, err := s.Refunds.Events(ctx, e.AggregateID)
	if err != nil {
		return fmt.Errorf("outside money of event %s: %w", e.ID, err)
	}
	o, err := refunds.FoldOutside(booked)
	if err != nil {
		return fmt.Errorf("outside money of event %s: %w", e.ID, err)
	}
	order, err := s.Orders.Order(ctx, o.OrderID)
	if err != nil {
		return fmt.Errorf("order of event %s: %w", e.ID, err)
	}
	ledger, err := s.Refunds.PaymentLedger(ctx, refunds.PaymentRef{
		OrderID: o.OrderID, PaymentID: o.PaymentID, Captured: order.Payment.Amount, Currency: order.Currency,
	})
	if err != nil {
		return err
	}
	message := outsideMessage(order, o, ledger)
	err = s.raise(ctx, aboutOutside, review.Discrepancy{
		ID: e.AggregateID + " " + turn(o), Message: message, OrderID: o.OrderID, ProviderID: o.ProviderID,
	})
	if err != nil {
		return err
	}
	if o.Kind == refunds.OutsideDispute {
		return s.disputeTasks(ctx, o)
	}
	return s.outsideTasks(ctx, o, message)
}

// turn names what staff hear once: that a refund was made or came back, and
// that a dispute was opened, lost or won.
func turn(o refunds.Outside) string {
	if o.Kind == refunds.OutsideRefund && o.State == refunds.OutsideOpen {
		return string(refunds.OutsidePaid)
	}
	return string(o.State)
}

// outsideMessage says what happened, and what it leaves.
func outsideMessage(order orders.Order, o refunds.Outside, l refunds.PaymentLedger) string {
	amount := money.New(o.Amount, o.Currency)
	var text string
	switch {
	case o.Kind == refunds.OutsideDispute && o.State == refunds.OutsideOpen:
		text = fmt.Sprintf(
			"The customer's bank disputes %s of order %s (%s). Its refunds are on hold until the dispute is over.",
			amount,
			order.Number,
			o.ProviderID,
		)
	case o.Kind == refunds.OutsideDispute && o.State == refunds.OutsidePaid:
		text = fmt.Sprintf("The dispute of order %s was lost (%s). The bank returned %s to the customer.",
			order.Number, o.ProviderID, money.New(o.Counted, o.Currency))
	case o.Kind == refunds.OutsideDispute:
		text = fmt.Sprintf("The dispute of order %s ended as %s (%s). The shop keeps the money.",
			order.Number, strings.ReplaceAll(o.Status, "_", " "), o.ProviderID)
	case o.State == refunds.OutsideReturned:
		text = fmt.Sprintf(
			"The refund of %s of order %s that was made outside this shop (%s) was not paid, or was reversed.",
			amount,
			order.Number,
			o.ProviderID,
		)
	default:
		text = fmt.Sprintf(
			"%s of order %s was refunded outside this shop, such as in the provider's dashboard (%s).",
			amount,
			order.Number,
			o.ProviderID,
		)
	}
	if over := l.Overpaid(); over > 0 {
		return text + fmt.Sprintf(" %s more was refunded than was paid.", money.New(over, l.Currency))
	}
	text += fmt.Sprintf(" %s of the payment can still be refunded.", money.New(l.Available(), l.Currency))
	if rest := min(l.Rest, l.Available()); rest > 0 {
		text += fmt.Sprintf(
			" %s of that is still owed for earlier refunds. Pay it as store credit on the page of the order; "+
				"else it is paid with the next refund, or once nothing more of the order can be returned.",
			money.New(rest, l.Currency),
		)
	}
	return text
}

// taskOutside is the task of a return whose order was refunded by others.
const taskOutside = "refunded_elsewhere"

// outsideTasks opens a task on each return of the order that is under way, and
// closes it when nothing counts any more.
func (s *App) outsideTasks(ctx context.Context, o refunds.Outside, message string) error {
	all, err := s.Refunds.OutsideMoney(ctx, o.OrderID)
	if err != nil {
		return err
	}
	counts := false
	for _, other := range all {
		counts = counts || other.Kind == refunds.OutsideRefund && other.Counted > 0
	}
	return s.eachCase(ctx, o.OrderID, func(c returns.Return) error {
		switch {
		case counts && !c.Status.Final():
			_, err := s.Returns.OpenTask(ctx, c.ID, provider, returns.Task{Kind: taskOutside, Note: message})
			return err
		case !counts:
			return s.closeTasks(ctx, c, taskOutside, message)
		}
		return nil
	})
}

// disputeTasks opens the task of a disputed payment on each return of its order
// that is under way, and closes it when nothing holds the payment any more.
func (s *App) disputeTasks(ctx context.Context, d refunds.Outside) error {
	o, err := s.Orders.Order(ctx, d.OrderID)
	if err != nil {
		return err
	}
	holds, err := s.Refunds.Holds(ctx, d.OrderID, d.PaymentID)
	if err != nil {
		return err
	}
	held := false
	for _, h := range holds {
		held = held || h.Active()
	}
	return s.eachCase(ctx, d.OrderID, func(c returns.Return) error {
		switch {
		case held && !c.Status.Final():
			_, err := s.Returns.OpenTask(ctx, c.ID, provider, returns.Task{
				Kind: returns.TaskPaymentDisputed,
				Note: fmt.Sprintf("The customer's bank disputes the payment of order %s (%s). "+
					"Its refunds are on hold until the dispute is over.", o.Number, d.ProviderID),
			})
			return err
		case !held:
			return s.closeTasks(ctx, c, returns.TaskPaymentDisputed,
				"The dispute "+d.ProviderID+" ended as "+d.Status+"; refunds continue.")
		}
		return nil
	})
}

// eachCase calls f for each return of an order.
func (s *App) eachCase(ctx context.Context, orderID string, f func(returns.Return) error) error {
	cases, _, err := s.Returns.Returns(ctx, returns.Query{OrderID: orderID, PageSize: returns.MaxPageSize})
	if err != nil {
		return err
	}
	for _, c := range cases {
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}
