package app

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// followed are the streams whose events are delivered. Those of orders have no
// subscriber.
var followed = []string{refundsdb.EventPrefix, returnsdb.EventPrefix}

// openEvents makes the dispatcher and its subscribers.
func (s *App) openEvents() error {
	var logs []outbox.Log
	for _, stream := range followed {
		l, err := outboxdb.New(s.DB, stream)
		if err != nil {
			return err
		}
		logs = append(logs, l)
	}
	var err error
	s.Events, err = outbox.New(outbox.Config{
		Now: s.now, Workers: 32, Log: observability.Named(s.Log, "events"),
	}, logs...)
	if err != nil {
		return err
	}
	return s.subscribe()
}

// subscribe says who follows which events. Each follow-up is also made by the
// request that causes it, before it answers; delivery repairs what a crash cut
// off, so every handler finds its work done already most of the time.
func (s *App) subscribe() error {
	for _, sub := range []struct {
		stream, name string
		types        []string
		handler      func(context.Context, event.Event) error
	}{
		{"refunds", "returns", []string{refunds.EventSucceeded, refunds.EventFailed, refunds.EventReversed}, s.refundChanged},
		{"returns", "returns", []string{returns.EventApproved, returns.EventRefunded}, s.returnMoved},
	} {
		if err := s.Events.Subscribe(sub.stream, sub.name, sub.types, sub.handler); err != nil {
			return err
		}
	}
	return s.followFigures()
}

// refundChanged has the return of a refund that ended or was reversed
// follow it. It hands over the refund as it is now, not as it was then: the
// event only says that there is something to follow.
func (s *App) refundChanged(ctx context.Context, e event.Event) error {
	r, err := s.Refunds.ByID(ctx, e.AggregateID)
	if err != nil {
		return fmt.Errorf("refund of event %s: %w", e.ID, err)
	}
	return s.Returns.RefundChanged(ctx, r)
}

// returnMoved finishes what a return owes in its state: the pass from approved
// to refunded where the money is back already, and the restock.
func (s *App) returnMoved(ctx context.Context, e event.Event) error {
	return s.Returns.Follow(ctx, e.AggregateID)
}
