package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// look is how long DeliverSync waits between two looks at a delivery that
// another worker has leased.
var look = resilience.Backoff{Initial: 5 * time.Millisecond, Max: 100 * time.Millisecond}

// DeliverSync delivers the pending events of one aggregate to all subscribers,
// in order, and returns when none is pending: a request calls it after its
// change and before it answers. It tries a delivery that failed before at once,
// and waits for one that another worker has just leased.
//
// When a handler fails, that subscriber gets no more of this aggregate now and
// the others continue; the error joins what failed. Run delivers the rest
// later, so the caller's own change stands in any case.
//
// A handler may call DeliverSync too. Deliveries that the calls around it are
// making are left to them: to wait for those would be to wait for itself.
func (d *Dispatcher) DeliverSync(ctx context.Context, stream, aggregateID string) error {
	l, err := d.log(stream)
	if err != nil {
		return err
	}
	if aggregateID == "" {
		return fmt.Errorf("outbox: deliver %s: an aggregate id is needed", stream)
	}
	subs := d.subscribers(l)
	if len(subs) == 0 {
		return nil
	}
	if err := d.fanOut(ctx, l, aggregateID); err != nil {
		return err
	}
	var errs []error
	for _, s := range subs {
		if outer(ctx).has(s, aggregateID) {
			continue
		}
		if err := d.deliverAggregate(ctx, s, aggregateID); err != nil {
			errs = append(errs, fmt.Errorf("outbox: deliver %s %s to %s: %w", stream, aggregateID, s.Name, err))
		}
	}
	return errors.Join(errs...)
}

// deliverAggregate delivers to s all that is pending of one aggregate.
func (d *Dispatcher) deliverAggregate(ctx context.Context, s *subscription, aggregateID string) error {
	for looks := 0; ; {
		pending, err := s.log.Due(ctx, s.Name, aggregateID, d.cfg.Now())
		if err != nil || !pending {
			return err
		}
		claimed, err := d.claim(ctx, s, aggregateID)
		if err != nil {
			return err
		}
		for _, c := range claimed {
			if err := d.deliver(ctx, s, c); err != nil {
				return err
			}
		}
		if len(claimed) > 0 {
			looks = 0
			continue
		}
		// Another worker has it: wait for that to end, well or badly.
		if err := resilience.Sleep(ctx, look.Wait(looks)); err != nil {
			return err
		}
		looks++
	}
}

// frameKey is the key under which the context of a handler names the deliveries
// that are made around it.
type frameKey struct{}

// frame is one subscription that is being delivered, and the frame around it.
type frame struct {
	sub         *subscription
	aggregateID string
	outer       *frame
}

func outer(ctx context.Context) *frame {
	f, _ := ctx.Value(frameKey{}).(*frame)
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
