package returnstest

import (
	"context"
	"errors"
	"sync"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refunds"
)

// RecordRefunds returns a store that gives the events of each change of s to
// record, such as the Append of an outbox.Memory for the stream "refunds", as soon
// as the change is saved. Stores on a database keep their events themselves.
//
// With the events of returns (see NewStore), returns.Subscribe follows refunds
// that end later, without a database.
func RecordRefunds(s refunds.Store, record func(events ...event.Event) error) refunds.Store {
	return &recorded{Store: s, record: record}
}

// recorded is a store whose changes are recorded one after the other.
type recorded struct {
	refunds.Store
	mu     sync.Mutex
	record func(events ...event.Event) error
}

// Open implements refunds.Store.
func (s *recorded) Open(
	ctx context.Context, r []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) ([]refunds.Refund, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changes []refunds.Change
	saved, err := s.Store.Open(ctx, r, func(state refunds.OpenState) ([]refunds.Change, error) {
		var err error
		changes, err = decide(state)
		return changes, err
	})
	return saved, s.note(err, changes...)
}

// Update implements refunds.Store.
func (s *recorded) Update(
	ctx context.Context, id string, change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c refunds.Change
	saved, err := s.Store.Update(ctx, id, func(b refunds.Balance, before refunds.Refund) (refunds.Change, error) {
		var err error
		c, err = change(b, before)
		return c, err
	})
	return saved, s.note(err, c)
}

// UpdatePayment implements refunds.Store.
func (s *recorded) UpdatePayment(
	ctx context.Context, r refunds.OpenRequest,
	change func(refunds.Balance, []refunds.Refund) (refunds.PaymentChange, error),
) ([]refunds.Refund, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p refunds.PaymentChange
	saved, err := s.Store.UpdatePayment(ctx, r,
		func(b refunds.Balance, open []refunds.Refund) (refunds.PaymentChange, error) {
			var err error
			p, err = change(b, open)
			return p, err
		})
	return saved, s.note(err, p.Refunds...)
}

// note records the events of changes that were saved.
func (s *recorded) note(err error, changes ...refunds.Change) error {
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range changes {
		if len(c.Events) > 0 {
			errs = append(errs, s.record(c.Events...))
		}
	}
	return errors.Join(errs...)
}
