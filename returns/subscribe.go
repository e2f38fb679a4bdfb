package returns

import (
	"context"
	"errors"
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/refunds"
)

// The streams that Subscribe follows, and the name of its deliveries. None of
// them ever changes.
const (
	refundStream = "refunds"
	returnStream = "returns"
	subscriber   = "returns"
)

// Subscribe has the service follow, through d, what happens after a request was
// answered or cut off:
//
//	a refund succeeds        -> its case becomes refunded, accepted units are restocked
//	a refund fails           -> an early refund is no longer waited for
//	a refund is reversed     -> its case gets a task
//	a case is approved, or
//	refunded                 -> accepted units are restocked, if they are due
//
// d needs the logs "refunds" and "returns": of outboxdb on a database, or
// outbox.Memory for the stores in memory (see returnstest). Its Run is the whole
// worker of this package. Refunds that belong to no case are left alone.
//
// Each follow-up happens at least once and may be repeated at any time. Call
// Subscribe once, before d.Run.
func Subscribe(d *outbox.Dispatcher, s *Service) error {
	for _, sub := range []struct {
		stream  string
		types   []string
		handler outbox.Handler
	}{
		{
			refundStream, []string{refunds.EventSucceeded, refunds.EventFailed, refunds.EventReversed},
			s.handleRefundEvent,
		},
		{returnStream, []string{EventApproved, EventRefunded}, s.handleReturnEvent},
	} {
		if err := d.Subscribe(sub.stream, subscriber, sub.types, sub.handler); err != nil {
			return fmt.Errorf("returns: subscribe: %w", err)
		}
	}
	return nil
}

// handleRefundEvent has the case of a refund follow it. It looks the refund up as
// it is now: the event only says that there is something to follow.
func (s *Service) handleRefundEvent(ctx context.Context, e event.Event) error {
	refund, err := s.cfg.Refunder.ByID(ctx, e.AggregateID)
	if err != nil {
		return fmt.Errorf("returns: refund of event %s: %w", e.ID, err)
	}
	err = s.RefundChanged(ctx, refund)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	// Asked of the writer: a replica may not have the case yet.
	_, missing := s.store.Update(ctx, refund.ClientReference, Changing(func(*Return) error { return nil }))
	if errors.Is(missing, ErrNotFound) {
		return nil // a refund of something else
	}
	return err
}

// handleReturnEvent restocks the units of a case, if they are due.
func (s *Service) handleReturnEvent(ctx context.Context, e event.Event) error {
	r, err := s.store.Return(ctx, e.AggregateID)
	if err != nil {
		return fmt.Errorf("returns: return of event %s: %w", e.ID, err)
	}
	_, err = s.follow(ctx, r)
	return err
}
