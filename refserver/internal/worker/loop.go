// Package worker runs background work: loops that look for something due, do it, and
// look again later or when they are woken.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// Config says what a Loop does. Name, Interval and Work are required.
type Config struct {
	// Name says whose work it is, in logs and in health.
	Name string
	// Interval is the time between two looks when nobody wakes the loop, give
	// or take a fifth, so that replicas don't look in step.
	Interval time.Duration
	// Work does what is due. With more it is called again at once. It ends
	// with ctx; a panic counts as an error and stops nothing.
	Work func(ctx context.Context) (more bool, err error)
	// MaxBackoff bounds the wait after errors, which doubles from Interval
	// with each one in a row; 0 means a minute, or Interval where that is longer.
	MaxBackoff time.Duration
	// StaleAfter is how long the work may go without success before Check
	// reports it; 0 means five intervals, at least a minute.
	StaleAfter time.Duration
	Log        *slog.Logger // nil: nothing is logged
	// Observe hears of each call of Work; nil: nobody does.
	Observe func(name string, took time.Duration, err error)
}

// spread makes a wait longer or shorter by up to a fifth.
var spread = resilience.Spread(20)

// Loop calls Work until it is stopped. Its methods are safe for
// concurrent use; Run is called once.
type Loop struct {
	c       Config
	backoff resilience.Backoff
	wake    chan struct{}

	mu      sync.Mutex
	success time.Time // the last one, or the start of Run
	failed  error     // of the last call, nil after a success
}

// New returns a Loop, or an error that names the field that is missing.
func New(c Config) (*Loop, error) {
	switch {
	case c.Name == "":
		return nil, errors.New("worker: Config.Name is required")
	case c.Interval <= 0:
		return nil, fmt.Errorf("worker %s: Config.Interval is %v; it must be more than 0", c.Name, c.Interval)
	case c.Work == nil:
		return nil, fmt.Errorf("worker %s: Config.Work is required", c.Name)
	}
	if c.MaxBackoff <= 0 {
		c.MaxBackoff = time.Minute
	}
	c.MaxBackoff = max(c.MaxBackoff, c.Interval)
	if c.StaleAfter <= 0 {
		c.StaleAfter = max(time.Minute, 5*c.Interval)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	backoff := resilience.Backoff{Initial: c.Interval, Max: c.MaxBackoff, Jitter: spread}
	return &Loop{c: c, backoff: backoff, wake: make(chan struct{}, 1)}, nil
}

// Name is the name of the loop.
func (l *Loop) Name() string { return l.c.Name }

// Wake makes the loop look now, or once more when it is at work. After an
// error it waits until the backoff is over, so that waking can't turn a
// failure into a busy loop. Wake never blocks.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run calls Work until ctx is done, and returns when the last call has.
func (l *Loop) Run(ctx context.Context) {
	l.mu.Lock()
	l.success = time.Now()
	l.mu.Unlock()
	for errs := 0; ctx.Err() == nil; {
		begin := time.Now()
		more, err := l.runOnce(ctx)
		if err != nil && ctx.Err() != nil {
			return // it was cut short by the stop
		}
		l.note(err)
		if l.c.Observe != nil {
			l.c.Observe(l.c.Name, time.Since(begin), err)
		}
		if err == nil {
			errs = 0
			if !more {
				l.wait(ctx, spread(l.c.Interval), l.wake)
			}
			continue
		}
		errs++
		pause := l.backoff.Wait(errs - 1)
		l.c.Log.ErrorContext(
			ctx,
			"worker failed, will try again",
			"worker",
			l.c.Name,
			"error",
			err,
			"failures",
			errs,
			"next_in",
			pause.String(),
		)
		l.wait(ctx, pause, nil)
	}
}

func (l *Loop) runOnce(ctx context.Context) (more bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return l.c.Work(ctx)
}

func (l *Loop) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
	if err == nil {
		l.success = time.Now()
	}
}

func (l *Loop) wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
	}
}

// LastSuccess is when Work last returned without an error; the start of Run
// before that, zero before the start.
func (l *Loop) LastSuccess() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.success
}

// Check reports whether the work goes without success for too long, be it for
// errors or because a call does not end. It suits a health check.
func (l *Loop) Check(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.success.IsZero() {
		return nil // not started: still being started
	}
	if age := time.Since(l.success); age > l.c.StaleAfter {
		return errors.Join(fmt.Errorf("worker %s: no success for %v", l.c.Name, age.Round(time.Second)), l.failed)
	}
	return nil
}
