package outboxdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// MaxLease is the longest a claimed row stays taken without being renewed.
const MaxLease = 10 * time.Second

// Config sets up a Dispatcher. Every zero value means the default named.
type Config struct {
	// Now is the clock for leases and next tries. Default time.Now.
	Now func() time.Time

	// Lease is how long a claimed row stays taken when the worker that has it
	// goes silent. A worker renews it for as long as the handler runs. At
	// most, and by default, MaxLease.
	Lease time.Duration

	// HandlerTimeout limits one call of a handler. Default 1 minute.
	HandlerTimeout time.Duration

	// Poll is how long Run waits between two looks when nobody wakes it.
	// Default 1 s.
	Poll time.Duration

	// Batch is how many events one fan-out transaction takes. Default 100.
	Batch int

	// Workers is how many events of different aggregates one subscriber is
	// called with at a time. Default 4.
	Workers int

	// MaxAttempts is how many attempts may fail before a delivery counts as
	// stuck (see Stuck). Default 10, which takes about 17 minutes.
	MaxAttempts int

	// MinRetry is the wait after the first failed attempt; it doubles up to
	// MaxRetry, at which a stuck delivery goes on being tried. Defaults 1 s
	// and 30 minutes.
	MinRetry, MaxRetry time.Duration

	// Log gets a line for each failed attempt. Default: none.
	Log *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Lease = cmp.Or(c.Lease, MaxLease)
	c.HandlerTimeout = cmp.Or(c.HandlerTimeout, time.Minute)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.Batch = cmp.Or(c.Batch, 100)
	c.Workers = cmp.Or(c.Workers, 4)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, 10)
	c.MinRetry = cmp.Or(c.MinRetry, time.Second)
	c.MaxRetry = cmp.Or(c.MaxRetry, 30*time.Minute)
	switch {
	case c.Lease < time.Millisecond || c.Lease > MaxLease:
		return c, fmt.Errorf("outbox: Lease is %v and must be in 1ms to %v", c.Lease, MaxLease)
	case c.HandlerTimeout < 0, c.Poll < 0, c.MinRetry < 0, c.MaxRetry < c.MinRetry:
		return c, errors.New("outbox: HandlerTimeout, Poll and MinRetry must not be negative, MaxRetry not below MinRetry")
	case c.Batch < 1, c.Workers < 1, c.MaxAttempts < 1:
		return c, errors.New("outbox: Batch, Workers and MaxAttempts must be at least 1")
	}
	return c, nil
}

// Handler acts on an event. It is called outside of any transaction, at least
// once for each event, and must be idempotent by e.ID. An error, or a panic,
// has it called again later. ctx is done when the lease was lost to another
// worker, the process stops, or HandlerTimeout has passed.
type Handler func(ctx context.Context, e event.Event) error

// subscription is a subscriber of the events of one prefix.
type subscription struct {
	prefix, name string
	types        []string // nil: all
	handler      Handler
	backfill     *time.Time // from when on to look for missing deliveries
}

func (s *subscription) wants(typ string) bool {
	return s.types == nil || slices.Contains(s.types, typ)
}

// Option changes a subscription.
type Option func(*subscription)

// Backfill gives the subscriber, when Run starts, those events since the given
// instant which were fanned out without it; the zero time means all history.
// They may come after later events of the same aggregate that it got already.
// Each start reads the events since then, so a service that has caught up best
// names a recent instant, or leaves Backfill out.
func Backfill(since time.Time) Option {
	return func(s *subscription) { s.backfill = &since }
}

// Dispatcher delivers events to subscribers. It is safe for concurrent use,
// and any number of processes may run one on the same database.
type Dispatcher struct {
	db        *sqlstore.DB
	cfg       Config
	wake      chan struct{}
	successes *batch.Batcher[*success]

	mu       sync.RWMutex
	subs     []*subscription
	watchers []*watcher
}

// New returns a Dispatcher on db without subscribers.
func New(db *sqlstore.DB, c Config) (*Dispatcher, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Dispatcher{db: db, cfg: c, wake: make(chan struct{}, 1)}
	d.successes = batch.New(nil, c.Batch, d.releaseAll)
	return d, nil
}

// Subscribe registers handler, under a name that never changes, for the events
// of prefix whose type is in types, or for all when types is empty. Subscribe
// before Run and before the first DeliverSync: events that are fanned out
// without a subscriber are not its own (see Backfill).
func (d *Dispatcher) Subscribe(prefix, name string, types []string, handler Handler, opts ...Option) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	if name == "" || handler == nil {
		return fmt.Errorf("outbox: subscribe to %s: a name and a handler are needed", prefix)
	}
	s := &subscription{prefix: prefix, name: name, handler: handler}
	if len(types) > 0 {
		s.types = slices.Clone(types)
	}
	for _, o := range opts {
		o(s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, other := range d.subs {
		if other.prefix == prefix && other.name == name {
			return fmt.Errorf("outbox: %s already has a subscriber %q", prefix, name)
		}
	}
	d.subs = append(d.subs, s)
	return nil
}

// subscribers returns the subscribers of prefix.
func (d *Dispatcher) subscribers(prefix string) []*subscription {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var found []*subscription
	for _, s := range d.subs {
		if s.prefix == prefix {
			found = append(found, s)
		}
	}
	return found
}

// prefixes returns the prefixes that have a subscriber or a watcher, sorted.
func (d *Dispatcher) prefixes() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var names []string
	for _, s := range d.subs {
		names = append(names, s.prefix)
	}
	for _, w := range d.watchers {
		names = append(names, w.prefix)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Wake makes Run look for work now. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx is done, and returns when the handlers it called have
// returned. A failing database is logged and tried again.
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

// round fans out what is new, and sets to work each subscriber that has
// something due and is not at work. A slow subscriber delays no other.
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
	for _, prefix := range d.prefixes() {
		if err := d.fanOutAll(ctx, prefix); err != nil {
			errs = append(errs, err)
		}
		due, err := d.due(ctx, prefix)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, s := range due {
			r.start(ctx, s)
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
				slog.String("subscriber", s.name), slog.Any("error", err))
		}
	})
}
