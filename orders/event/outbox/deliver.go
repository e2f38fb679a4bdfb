package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/resilience"
)

// outcomeTimeout limits the write of an outcome, which takes place also when
// the process is stopping.
const outcomeTimeout = 5 * time.Second

// claim leases deliveries of s that are due; with an aggregate named the next
// one of that, due or not.
func (d *Dispatcher) claim(ctx context.Context, s *subscription, aggregateID string) ([]Delivery, error) {
	now := d.cfg.Now()
	return s.log.Claim(ctx, Claim{
		Subscriber: s.Name, AggregateID: aggregateID, Now: now, Until: now.Add(d.cfg.Lease), Limit: d.cfg.Workers,
	})
}

// deliver calls the handler, renewing the lease meanwhile, and writes the
// outcome. It returns the error of the handler or of the write.
func (d *Dispatcher) deliver(ctx context.Context, s *subscription, c Delivery) error {
	hctx := context.WithValue(ctx, frameKey{}, &frame{s, c.Event.AggregateID, outer(ctx)})
	hctx, stop := resilience.KeepLease(hctx, d.cfg.Lease, func(ctx context.Context) (bool, error) {
		return d.renewLease(ctx, s, c)
	})
	hctx, cancel := context.WithTimeout(hctx, d.cfg.HandlerTimeout)
	err := call(hctx, s.handler, c.Event)
	cancel()
	stop()

	write, done := context.WithTimeout(context.WithoutCancel(ctx), outcomeTimeout)
	defer done()
	switch {
	case err == nil:
		return d.succeed(write, s, c)
	case ctx.Err() != nil:
		// The process stops, or the request went away: no fault of the handler.
		_, werr := s.log.Release(write, c, Retry{At: d.cfg.Now(), Attempts: c.Attempts - 1})
		return errors.Join(err, werr)
	default:
		return errors.Join(err, d.fail(write, s, c, err))
	}
}

// call runs the handler and turns a panic into an error, so that one event
// can not end the process again at each start.
func call(ctx context.Context, h Handler, e event.Event) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return h(ctx, e)
}

// renewLease renews the lease of c once.
func (d *Dispatcher) renewLease(ctx context.Context, s *subscription, c Delivery) (held bool, err error) {
	held, err = s.log.Renew(ctx, c, d.cfg.Now().Add(d.cfg.Lease))
	if err != nil && !errors.Is(context.Cause(ctx), context.Canceled) {
		d.report(ctx, slog.LevelWarn, "outbox: the lease was not renewed", c, err)
	}
	return held, err
}

func (d *Dispatcher) succeed(ctx context.Context, s *subscription, c Delivery) error {
	held, err := s.log.Complete(ctx, c, d.cfg.Now())
	if err == nil && !held {
		d.report(ctx, slog.LevelWarn, "outbox: delivered, but the lease had run out; it may be delivered twice", c, nil)
	}
	return err
}

func (d *Dispatcher) fail(ctx context.Context, s *subscription, c Delivery, cause error) error {
	level, msg := slog.LevelWarn, "outbox: delivery failed"
	if c.Attempts >= d.cfg.MaxAttempts {
		level, msg = slog.LevelError, "outbox: delivery is stuck"
	}
	d.report(ctx, level, msg, c, cause)
	_, err := s.log.Release(ctx, c, Retry{
		At: d.cfg.Now().Add(d.cfg.Retry.Wait(c.Attempts - 1)), Attempts: c.Attempts, LastError: errorText(cause),
	})
	return err
}

func (d *Dispatcher) report(ctx context.Context, level slog.Level, msg string, c Delivery, err error) {
	attrs := []slog.Attr{
		slog.String("subscriber", c.Subscriber), slog.String("event_id", c.Event.ID),
		slog.String("event_type", c.Event.Type), slog.Int("attempt", c.Attempts),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	d.cfg.Log.LogAttrs(ctx, level, msg, attrs...)
}

// errorText returns what is stored of an error: its beginning, as text that
// every database takes.
func errorText(err error) string {
	const limit = 500
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if r := []rune(text); len(r) > limit {
		text = string(r[:limit]) + "..."
	}
	return text
}
