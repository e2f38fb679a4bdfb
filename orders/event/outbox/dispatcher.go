package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/resilience"
)

// MaxLease is the longest a delivery stays leased without a renewal.
const MaxLease = 10 * time.Second

// MaxWait is longer than any wait between two attempts, whatever spreads it.
const MaxWait = 48 * time.Hour

// clockSlack is how far the clocks of processes on one log may differ.
const clockSlack = 5 * time.Second

// Config sets up a Dispatcher. Every zero value means the default named.
type Config struct {
	// Now is the clock for leases and retries. Default time.Now.
	Now func() time.Time

	// Lease is how long a delivery stays leased when its worker goes silent;
	// a worker renews it for as long as the handler runs. 1 ms to MaxLease,
	// which is the default.
	Lease time.Duration

	// HandlerTimeout limits one call of a handler. Default 1 minute.
	HandlerTimeout time.Duration

	// Poll is how long Run waits between two looks for work unless Wake is
	// called. Default 1 s.
	Poll time.Duration

	// Batch is how many events one fan-out takes. Default 100.
	Batch int

	// Workers is how many events of different aggregates one subscriber is
	// called with at a time. Default 4.
	Workers int

	// MaxAttempts is how many attempts may fail before a delivery counts as
	// stuck (see Stuck). Default 10, which takes about 9 minutes.
	MaxAttempts int

	// Retry is how long a failed delivery waits before the next attempt. Initial is 1 s
	// and Max 30 minutes by default, at most half of MaxWait; at Max a stuck delivery is
	// retried forever.
	Retry resilience.Backoff

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
	c.Retry.Initial = cmp.Or(c.Retry.Initial, time.Second)
	c.Retry.Max = cmp.Or(c.Retry.Max, max(30*time.Minute, c.Retry.Initial))
	if c.Lease < time.Millisecond || c.Lease > MaxLease {
		return c, fmt.Errorf("outbox: Config.Lease is %v, allowed is 1ms to %v", c.Lease, MaxLease)
	}
	for name, d := range map[string]time.Duration{"HandlerTimeout": c.HandlerTimeout, "Poll": c.Poll} {
		if d < 0 {
			return c, fmt.Errorf("outbox: Config.%s is %v, allowed is 0 or more", name, d)
		}
	}
	for name, n := range map[string]int{"Batch": c.Batch, "Workers": c.Workers, "MaxAttempts": c.MaxAttempts} {
		if n < 1 {
			return c, fmt.Errorf("outbox: Config.%s is %d, allowed is 1 or more", name, n)
		}
	}
	if err := c.Retry.Validate(); err != nil {
		return c, fmt.Errorf("outbox: Config.Retry: %w", err)
	}
	if c.Retry.Max > MaxWait/2 {
		return c, fmt.Errorf("outbox: Config.Retry: Max is %v, allowed is up to %v", c.Retry.Max, MaxWait/2)
	}
	return c, nil
}

// Handler acts on an event. It is called outside of any transaction, at least
// once for each event, and must be idempotent by e.ID.
//
// If it returns an error, or panics, it is called again later. ctx ends when
// the lease was lost, with resilience.ErrLeaseLost as its cause, when the process
// stops, and when HandlerTimeout has passed.
type Handler func(ctx context.Context, e event.Event) error

// subscription is a subscriber of one log.
type subscription struct {
	Subscriber
	log      Log
	handler  Handler
	backfill *time.Time // since when missing deliveries are made up for
}

// Option changes a subscription.
type Option func(*subscription)

// Backfill replays history to a new subscriber: when Run starts, it gets the
// events since the given instant which were fanned out without it; the zero
// time means all. They may come after later events of the same aggregate that
// it got already.
//
// Each start reads the events since then, so a service that has caught up
// names a recent instant, or leaves Backfill out.
func Backfill(since time.Time) Option {
	return func(s *subscription) { s.backfill = &since }
}

// Dispatcher delivers the events of logs to subscribers. It is safe for
// concurrent use, and any number of processes may run one on the same logs.
type Dispatcher struct {
	cfg  Config
	logs map[string]Log // by stream
	wake chan struct{}

	mu       sync.RWMutex
	subs     []*subscription
	watchers []watcher
}

// New returns a Dispatcher of the logs, without subscribers. It returns an error
// if a setting is out of its range, no log is given or two are of one stream.
func New(c Config, logs ...Log) (*Dispatcher, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(logs) == 0 {
		return nil, errors.New("outbox: a dispatcher needs at least one log")
	}
	d := &Dispatcher{cfg: c, logs: map[string]Log{}, wake: make(chan struct{}, 1)}
	for _, l := range logs {
		if _, ok := d.logs[l.Stream()]; ok {
			return nil, fmt.Errorf("outbox: two logs are of the stream %q", l.Stream())
		}
		d.logs[l.Stream()] = l
	}
	return d, nil
}

// log returns the log of a stream.
func (d *Dispatcher) log(stream string) (Log, error) {
	l, ok := d.logs[stream]
	if !ok {
		return nil, fmt.Errorf("outbox: there is no stream %q, only %s", stream, strings.Join(d.streams(), ", "))
	}
	return l, nil
}

func (d *Dispatcher) streams() []string {
	names := make([]string, 0, len(d.logs))
	for name := range d.logs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Subscribe registers handler for the events of a stream whose type is in
// types, or for all when types is empty. The name is what deliveries are kept
// under: it never changes, and is the same in every process.
//
// Call Subscribe before Run and before the first DeliverSync: an event that is
// fanned out without a subscriber is not delivered to it (see Backfill).
func (d *Dispatcher) Subscribe(stream, name string, types []string, handler Handler, opts ...Option) error {
	l, err := d.log(stream)
	if err != nil {
		return err
	}
	if name == "" || handler == nil {
		return fmt.Errorf("outbox: subscribe to %s: a name and a handler are needed", stream)
	}
	s := &subscription{Subscriber: Subscriber{Name: name}, log: l, handler: handler}
	if len(types) > 0 {
		s.Types = slices.Clone(types)
	}
	for _, o := range opts {
		o(s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, other := range d.subs {
		if other.log.Stream() == stream && other.Name == name {
			return fmt.Errorf("outbox: %s already has a subscriber %q", stream, name)
		}
	}
	d.subs = append(d.subs, s)
	return nil
}

// subscribers returns the subscriptions of l.
func (d *Dispatcher) subscribers(l Log) []*subscription {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var found []*subscription
	for _, s := range d.subs {
		if s.log.Stream() == l.Stream() {
			found = append(found, s)
		}
	}
	return found
}

// active returns the logs that have a subscriber or a watcher, by stream. The
// events of the other logs wait for a first subscriber.
func (d *Dispatcher) active() []Log {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var logs []Log
	for _, stream := range d.streams() {
		l := d.logs[stream]
		if slices.ContainsFunc(d.subs, func(s *subscription) bool { return s.log.Stream() == l.Stream() }) ||
			slices.ContainsFunc(d.watchers, func(w watcher) bool { return w.log.Stream() == l.Stream() }) {
			logs = append(logs, l)
		}
	}
	return logs
}

// names returns the names of the subscribers of l.
func (d *Dispatcher) names(l Log) []string {
	var names []string
	for _, s := range d.subscribers(l) {
		names = append(names, s.Name)
	}
	return names
}

// fanOut fans out all events of l that are not yet, of one aggregate if one is
// named.
func (d *Dispatcher) fanOut(ctx context.Context, l Log, aggregateID string) error {
	f := FanOut{AggregateID: aggregateID, Limit: d.cfg.Batch, Watch: d.watch(l)}
	for _, s := range d.subscribers(l) {
		f.Subscribers = append(f.Subscribers, s.Subscriber)
	}
	for {
		f.Now = d.cfg.Now()
		if n, err := l.FanOut(ctx, f); err != nil || n < f.Limit {
			return err
		}
	}
}

// backfill makes the deliveries that subscribers with Backfill miss.
func (d *Dispatcher) backfill(ctx context.Context) error {
	for _, l := range d.active() {
		for _, s := range d.subscribers(l) {
			if s.backfill == nil {
				continue
			}
			for n := d.cfg.Batch; n >= d.cfg.Batch; {
				var err error
				n, err = l.Backfill(ctx, s.Subscriber, *s.backfill, d.cfg.Now(), d.cfg.Batch)
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// maxStuck is how many deliveries Stuck returns of a stream.
const maxStuck = 1000

// Pending returns how many deliveries to the registered subscribers are still
// pending, an event that is not fanned out counting once, and the time of the
// oldest event among them; the zero time if there is none. Alert on its age.
func (d *Dispatcher) Pending(ctx context.Context) (n int, oldest time.Time, err error) {
	for _, l := range d.active() {
		some, at, err := l.Pending(ctx, d.names(l))
		if err != nil {
			return 0, time.Time{}, err
		}
		n += some
		if some > 0 && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return n, oldest, nil
}

// Stuck returns the deliveries to registered subscribers that someone should
// look at, the oldest event first, at most 1000 of a stream.
func (d *Dispatcher) Stuck(ctx context.Context) ([]Failure, error) {
	var all []Failure
	for _, l := range d.active() {
		some, err := l.Stuck(ctx, d.names(l), d.cfg.MaxAttempts, maxStuck)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b Failure) int {
		return cmp.Or(a.EventAt.Compare(b.EventAt), strings.Compare(a.EventID, b.EventID))
	})
	return all, nil
}
