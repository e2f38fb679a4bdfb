package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Wake makes Run look for work now. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, and returns when the handlers it called have
// returned. A failing log is logged and tried again.
func (d *Dispatcher) Run(ctx context.Context) {
	r := &run{d: d, busy: map[*subscription]bool{}}
	defer r.handlers.Wait()
	tick := time.NewTicker(d.cfg.Poll)
	defer tick.Stop()
	for {
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			d.cfg.Log.LogAttrs(ctx, slog.LevelError, "outbox: dispatch failed, will try again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-d.wake:
		}
	}
}

// run is the state of one call of Run.
type run struct {
	d          *Dispatcher
	backfilled bool
	handlers   sync.WaitGroup

	mu   sync.Mutex
	busy map[*subscription]bool // those with a goroutine at work
}

// round fans out what is new, and starts each subscriber that has something
// due and is not busy. A slow subscriber delays no other.
func (r *run) round(ctx context.Context) error {
	d := r.d
	var errs []error
	if !r.backfilled {
		if err := d.backfill(ctx); err != nil {
			errs = append(errs, err)
		} else {
			r.backfilled = true
		}
	}
	for _, l := range d.active() {
		if err := d.fanOut(ctx, l, ""); err != nil {
			errs = append(errs, err)
		}
		for _, s := range d.subscribers(l) {
			due, err := l.Due(ctx, s.Name, "", d.cfg.Now())
			if err != nil {
				errs = append(errs, err)
				break
			}
			if due {
				r.start(ctx, s)
			}
		}
	}
	return errors.Join(errs...)
}

func (r *run) start(ctx context.Context, s *subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[s] {
		return
	}
	r.busy[s] = true
	r.handlers.Go(func() {
		err := r.d.drain(ctx, s)
		r.mu.Lock()
		delete(r.busy, s)
		r.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			r.d.cfg.Log.LogAttrs(ctx, slog.LevelError, "outbox: delivery stopped, will try again",
				slog.String("subscriber", s.Name), slog.Any("error", err))
		}
	})
}

// drain delivers what is due to s until nothing is.
func (d *Dispatcher) drain(ctx context.Context, s *subscription) error {
	for ctx.Err() == nil {
		claimed, err := d.claim(ctx, s, "")
		if err != nil || len(claimed) == 0 {
			return err
		}
		var wg sync.WaitGroup
		for _, c := range claimed {
			wg.Go(func() {
				// A failed handler is logged and stands in the log; an outcome
				// that could not be written shows when the lease ends.
				_ = d.deliver(ctx, s, c)
			})
		}
		wg.Wait()
	}
	return ctx.Err()
}
