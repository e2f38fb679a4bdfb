package outboxdb

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How long DeliverSync waits between two looks at a row another worker has.
const (
	minLook = 5 * time.Millisecond
	maxLook = 100 * time.Millisecond
)

// DeliverSync delivers what the events of one aggregate still owe to their
// subscribers, in order, and returns when all of it is done: a request calls
// it after its change and before it answers. It does not wait for the next try
// of a delivery that failed before, and waits for one that another worker has
// just taken.
//
// When a handler fails, that subscriber gets no more of this aggregate now and
// the others go on; the error joins what failed. The rest is delivered later
// by Run, so the caller's own change stands in any case.
//
// A handler may call DeliverSync too. What the calls around it are delivering
// to a subscriber is left to them: to wait for it would be to wait for itself.
func (d *Dispatcher) DeliverSync(ctx context.Context, prefix, aggregateID string) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	if aggregateID == "" {
		return errors.New("outbox: deliver now: no aggregate is named")
	}
	subs := d.subscribers(prefix)
	if len(subs) == 0 {
		return nil
	}
	for {
		n, err := d.fanOut(ctx, prefix, aggregateID)
		if err != nil {
			return err
		}
		if n < d.cfg.Batch {
			break
		}
	}
	var errs []error
	for _, s := range subs {
		if outer(ctx).has(s, aggregateID) {
			continue
		}
		if err := d.deliverAggregate(ctx, s, aggregateID); err != nil {
			errs = append(errs, fmt.Errorf("outbox: deliver %s %s to %s: %w", prefix, aggregateID, s.name, err))
		}
	}
	return errors.Join(errs...)
}

// deliverAggregate delivers to s all that it has not got of one aggregate.
func (d *Dispatcher) deliverAggregate(ctx context.Context, s *subscription, aggregateID string) error {
	look := minLook
	for {
		owed, err := d.pending(ctx, s, aggregateID)
		if err != nil || !owed {
			return err
		}
		claimed, err := d.claim(ctx, s, aggregateID)
		if err != nil {
			return err
		}
		for _, c := range claimed {
			if err := d.deliver(ctx, c); err != nil {
				return err
			}
		}
		if len(claimed) > 0 {
			look = minLook
			continue
		}
		// Another worker has it: wait for that to end, well or badly.
		t := time.NewTimer(look)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		look = min(2*look, maxLook)
	}
}

// pending reports whether s has not got something of the aggregate.
func (d *Dispatcher) pending(ctx context.Context, s *subscription, aggregateID string) (bool, error) {
	var owed bool
	err := d.db.Read().NewRaw(`SELECT EXISTS (SELECT 1 FROM ? AS d WHERE d.delivered_at IS NULL
		AND d.aggregate_id = ? AND d.subscriber = ?)`,
		deliveriesTable(s.prefix), aggregateID, s.name).Scan(ctx, &owed)
	if err != nil {
		return false, fmt.Errorf("look for what is owed: %w", err)
	}
	return owed, nil
}

// inside is the key under which the context of a handler names the deliveries
// that are going on around it.
type inside struct{}

// frame is one of those, and the next one outwards.
type frame struct {
	sub         *subscription
	aggregateID string
	outer       *frame
}

func outer(ctx context.Context) *frame {
	f, _ := ctx.Value(inside{}).(*frame)
	return f
}

func (f *frame) has(s *subscription, aggregateID string) bool {
	for ; f != nil; f = f.outer {
		if f.sub == s && f.aggregateID == aggregateID {
			return true
		}
	}
	return false
}
