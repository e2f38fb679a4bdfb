package observabilitydb

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/resilience"
)

const (
	// slot is the time one delta covers.
	slot = 10 * time.Second
	// maxPending is how many deltas wait for a database that is away: a day.
	// Beyond it the oldest are lost.
	maxPending = 8640
	// maxWrite is how many are written at a time.
	maxWrite = 360
	// compactAfter is how long deltas stand for themselves: longer than one
	// waits to be written, so that none comes after its hour was added up.
	compactAfter = 48 * time.Hour
	// compacted stands for the process in the sum of an hour.
	compacted = "all"
	// outageSilence is how long an outage counts as unfinished after its
	// process was last heard of.
	outageSilence = 60 * time.Second
)

// latencyBounds are the upper bounds of the buckets of a delta, inclusive; the
// last bucket has none. The target of P.1 is a bound, so it is exact there.
var latencyBounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// buckets count accepted orders by latency.
type buckets [len(latencyBounds) + 1]int64

// RecorderConfig sets up a Recorder. Every zero value means the default named.
type RecorderConfig struct {
	// Outages returns the outages of the process's breaker of late, such as
	// (*resilience.Breaker).Outages. Default: none.
	Outages func() []resilience.Outage
	// Keep is how long deltas and outages stay in the database. Default 35
	// days, which a window of 28 days needs; at least an hour.
	Keep time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Log gets a line when writing fails. Default: none.
	Log *slog.Logger
}

// Recorder counts what the service levels are measured by, and appends it to
// the database every 10 seconds as a delta of this process, so that cards are
// right over replicas and after a restart. A crash loses the last 10 seconds.
// Its methods are safe for concurrent use; Accepted and Failed neither
// allocate nor wait for the database.
type Recorder struct {
	db      *sqlstore.DB
	cfg     RecorderConfig
	process string // of this life

	mu      sync.Mutex
	current delta
	saved   delta   // the newest that was written
	pending []delta // to be written, oldest first

	flush  sync.Mutex
	told   map[time.Time]resilience.Outage
	pruned time.Time
}

// delta is what a process saw in a slot. It is written whole and replaced when
// it is written again, so a write whose outcome is unknown can be repeated.
type delta struct {
	Slot             int64
	Accepted, Failed int64
	Buckets          buckets
}

// NewRecorder returns a recorder that writes to db.
func NewRecorder(db *sqlstore.DB, c RecorderConfig) (*Recorder, error) {
	c.Keep = cmp.Or(c.Keep, 35*24*time.Hour)
	if c.Keep < time.Hour {
		return nil, errors.New("observabilitydb: recorder: Keep must be at least 1h, or 0 for 35 days")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{db: db, cfg: c, process: rand.Text(), told: map[time.Time]resilience.Outage{}}, nil
}

// Accepted counts an order that was accepted, completed or queued, took after
// it was submitted.
func (r *Recorder) Accepted(took time.Duration) {
	i := 0
	for i < len(latencyBounds) && took > latencyBounds[i] {
		i++
	}
	now := r.cfg.Now()
	r.mu.Lock()
	r.at(now)
	r.current.Accepted++
	r.current.Buckets[i]++
	r.mu.Unlock()
}

// Failed counts a checkout that left no order because something broke. One
// that was throttled or refused is not counted at all.
func (r *Recorder) Failed() {
	now := r.cfg.Now()
	r.mu.Lock()
	r.at(now)
	r.current.Failed++
	r.mu.Unlock()
}

// at makes current the delta of now; mu is held.
func (r *Recorder) at(now time.Time) {
	n := now.Unix() / int64(slot/time.Second)
	if n <= r.current.Slot { // the clock may have been set back
		return
	}
	r.keep()
	r.current = delta{Slot: n}
}

// keep puts the current delta with those to be written; mu is held.
func (r *Recorder) keep() {
	if r.current.Accepted+r.current.Failed == 0 || r.current == r.saved {
		return
	}
	if n := len(r.pending); n > 0 && r.pending[n-1].Slot == r.current.Slot {
		r.pending[n-1] = r.current
		return
	}
	if len(r.pending) == maxPending {
		r.pending = append(r.pending[:0], r.pending[1:]...)
	}
	r.pending = append(r.pending, r.current)
}

// Run writes until ctx is done. The caller calls Flush once more when nothing
// records any longer.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(slot)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Log.LogAttrs(
				ctx,
				slog.LevelError,
				"the service levels were not recorded, will try again",
				slog.Any("error", err),
			)
		}
	}
}

// Flush writes what was counted so far and the outages that changed. What
// can't be written is kept for the next time.
func (r *Recorder) Flush(ctx context.Context) error {
	r.flush.Lock()
	defer r.flush.Unlock()
	now := r.cfg.Now()
	r.mu.Lock()
	r.keep()
	write := slices.Clone(r.pending[:min(len(r.pending), maxWrite)])
	r.mu.Unlock()

	var outages []outageRow
	var told []resilience.Outage
	if r.cfg.Outages != nil {
		for _, o := range r.cfg.Outages() {
			if o.Ended.IsZero() || r.told[o.Started] != o {
				told = append(told, o)
				outages = append(outages, newOutageRow(r.process, o, now))
			}
		}
	}
	prune := now.Sub(r.pruned) >= time.Hour
	if len(write) == 0 && len(outages) == 0 && !prune {
		return nil
	}
	err := r.db.Tx(ctx, "observabilitydb: record service levels", func(ctx context.Context, tx bun.IDB) error {
		for _, d := range write {
			if err := r.write(ctx, tx, d); err != nil {
				return err
			}
		}
		if err := writeOutages(ctx, tx, outages); err != nil || !prune {
			return err
		}
		return r.prune(ctx, tx, now)
	})
	if err != nil {
		return err
	}
	if prune {
		r.pruned = now
	}
	for _, o := range told {
		r.told[o.Started] = o
	}
	r.forget()
	r.written(write)
	return nil
}

// prune removes what is older than is kept, and compacts the rest.
func (r *Recorder) prune(ctx context.Context, tx bun.IDB, now time.Time) error {
	oldest := now.Add(-r.cfg.Keep)
	_, err := tx.NewRaw("DELETE FROM ?(rk)slo_deltas WHERE slot < ?", oldest.Unix()/int64(slot/time.Second)).Exec(ctx)
	if err != nil {
		return err
	}
	if _, err = tx.NewRaw("DELETE FROM ?(rk)slo_outages WHERE started < ?", sqldb.At(oldest)).Exec(ctx); err != nil {
		return err
	}
	return compact(ctx, tx, r.db.Dialect(), now.Add(-compactAfter))
}

// forget bounds told by what the breaker remembers.
func (r *Recorder) forget() {
	if r.cfg.Outages == nil || len(r.told) <= 256 {
		return
	}
	known := map[time.Time]resilience.Outage{}
	for _, o := range r.cfg.Outages() {
		if t, ok := r.told[o.Started]; ok {
			known[o.Started] = t
		}
	}
	r.told = known
}

// written drops what was written and has not changed since.
func (r *Recorder) written(done []delta) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bySlot := make(map[int64]delta, len(done))
	for _, d := range done {
		bySlot[d.Slot] = d
		if d.Slot >= r.saved.Slot {
			r.saved = d
		}
	}
	r.pending = slices.DeleteFunc(r.pending, func(p delta) bool { return bySlot[p.Slot] == p })
}
