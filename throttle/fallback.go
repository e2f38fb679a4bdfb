package throttle

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// FallbackConfig says what a [Fallback] does without its shared limiter.
type FallbackConfig struct {
	// Shared decides while it can. Required. If it has a method Ping(ctx) error,
	// that says whether it works again.
	Shared Limiter
	// Local decides while Shared cannot. Give it this process's share of the limit
	// ([Limit.Share]). Required.
	Local Limiter
	// Budget is how long Shared may take for a decision. Zero means 15 ms, which
	// suits a store on the local network.
	Budget time.Duration
	// RetryEvery is how often Shared is tried again while it fails. Zero means
	// 250 ms.
	RetryEvery time.Duration
	// OnChange, if set, is called when Local takes over, with the error of Shared,
	// and with nil when Shared decides again. It must be quick and safe for
	// concurrent use.
	OnChange func(error)
}

// Fallback is a limiter that is shared while its store works, and local while it
// does not: the limit is never off. Make one with [NewFallback]; it may be used
// by many goroutines at once. The zero value refuses everything with
// [ErrZeroValue].
//
// A decision that Shared does not make within Budget is made by Local. After
// three of these in a row Fallback is degraded: Local decides at once, and one
// request in RetryEvery tries Shared again. A refusal and a [CostError] are
// decisions.
type Fallback struct {
	cfg   FallbackConfig
	base  time.Time
	fails atomic.Int64
	cause atomic.Pointer[error] // nil: not degraded
	retry atomic.Int64          // when Shared is tried again
}

var _ Reserver = (*Fallback)(nil)

const (
	defaultBudget     = 15 * time.Millisecond
	defaultRetryEvery = 250 * time.Millisecond
	degradedAfter     = 3
)

// NewFallback returns a limiter that uses Shared, or an error that names the
// setting that is missing or out of range.
func NewFallback(cfg FallbackConfig) (*Fallback, error) {
	switch {
	case cfg.Shared == nil:
		return nil, errors.New("throttle: FallbackConfig.Shared is nil: set the limiter that decides while it can")
	case cfg.Local == nil:
		return nil, errors.New("throttle: FallbackConfig.Local is nil: set the limiter that decides without Shared")
	case cfg.Budget < 0:
		return nil, fmt.Errorf("throttle: FallbackConfig.Budget is %v, allowed is 0 (%v) or more",
			cfg.Budget, defaultBudget)
	case cfg.RetryEvery < 0:
		return nil, fmt.Errorf("throttle: FallbackConfig.RetryEvery is %v, allowed is 0 (%v) or more",
			cfg.RetryEvery, defaultRetryEvery)
	}
	for name, l := range map[string]Limiter{"Shared": cfg.Shared, "Local": cfg.Local} {
		if err := l.Limit().Validate(); err != nil {
			return nil, fmt.Errorf("throttle: FallbackConfig.%s has no valid limit (is it a zero value?): %w",
				name, err)
		}
	}
	if cfg.Budget == 0 {
		cfg.Budget = defaultBudget
	}
	if cfg.RetryEvery == 0 {
		cfg.RetryEvery = defaultRetryEvery
	}
	return &Fallback{cfg: cfg, base: time.Now()}, nil
}

// Limit returns the limit of Shared.
func (f *Fallback) Limit() Limit {
	if f.cfg.Shared == nil {
		return Limit{}
	}
	return f.cfg.Shared.Limit()
}

// Degraded returns the error of Shared for which Local decides, or nil.
func (f *Fallback) Degraded() error {
	if cause := f.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// Take satisfies [Limiter]. It waits for its turn where the limiter that decides
// is a [Reserver]. Its errors are *[CostError], the errors of Local, and ctx.Err()
// once ctx has ended.
func (f *Fallback) Take(ctx context.Context, key string, cost int64) (Decision, error) {
	return Await(ctx, f, key, cost)
}

// Reserve satisfies [Reserver].
func (f *Fallback) Reserve(ctx context.Context, key string, cost int64) (Decision, time.Duration, error) {
	if f.cfg.Shared == nil {
		return Decision{}, 0, errZeroFallback
	}
	if f.due(ctx) {
		d, wait, err := reserve(ctx, f.cfg.Shared, key, cost, f.cfg.Budget)
		if err == nil || errors.Is(err, ErrCost) {
			f.worked()
			return d, wait, err
		}
		if ctx.Err() != nil {
			return d, 0, err
		}
		f.failed(err)
	}
	return reserve(ctx, f.cfg.Local, key, cost, 0)
}

// due reports whether Shared is to decide: it works, or it is this request's
// turn to try it and it says that it works again.
func (f *Fallback) due(ctx context.Context) bool {
	if f.cause.Load() == nil {
		return true
	}
	now, at := int64(time.Since(f.base)), f.retry.Load()
	if now < at || !f.retry.CompareAndSwap(at, now+int64(f.cfg.RetryEvery)) {
		return false
	}
	return f.ping(ctx) == nil
}

// pinger is what Shared may have besides.
type pinger interface{ Ping(context.Context) error }

func (f *Fallback) ping(ctx context.Context) error {
	p, ok := f.cfg.Shared.(pinger)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Budget)
	defer cancel()
	return p.Ping(ctx)
}

// Check asks Shared whether it works, and returns its error if not; a health
// check that runs without traffic sees an outage and its end by it. It waits
// for up to the deadline of ctx.
func (f *Fallback) Check(ctx context.Context) error {
	if f.cfg.Shared == nil {
		return errZeroFallback
	}
	var err error
	if p, ok := f.cfg.Shared.(pinger); ok {
		err = p.Ping(ctx)
	} else {
		_, err = f.cfg.Shared.Take(ctx, "", 0)
	}
	if err == nil {
		f.worked()
		return nil
	}
	f.fails.Store(degradedAfter)
	f.failed(err)
	return err
}

func (f *Fallback) worked() {
	if f.fails.Load() != 0 {
		f.fails.Store(0)
	}
	if f.cause.Load() != nil && f.cause.Swap(nil) != nil && f.cfg.OnChange != nil {
		f.cfg.OnChange(nil)
	}
}

func (f *Fallback) failed(err error) {
	if f.fails.Add(1) < degradedAfter {
		return
	}
	f.retry.Store(int64(time.Since(f.base) + f.cfg.RetryEvery))
	if f.cause.Swap(&err) == nil && f.cfg.OnChange != nil {
		f.cfg.OnChange(err)
	}
}

// Restore satisfies [Restorer]: it gives units back to the limiter that decides
// now, as far as that takes any back.
func (f *Fallback) Restore(ctx context.Context, key string, cost int64) error {
	if f.cfg.Shared == nil {
		return errZeroFallback
	}
	l := f.cfg.Local
	if f.cause.Load() == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.cfg.Budget)
		defer cancel()
		l = f.cfg.Shared
	}
	if r, ok := l.(Restorer); ok {
		return r.Restore(ctx, key, cost)
	}
	return nil
}
