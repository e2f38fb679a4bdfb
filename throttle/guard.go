package throttle

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// FailMode says how a request ends when the limiter cannot decide. There
// is no default: each is right somewhere.
type FailMode uint8

// The fail modes.
const (
	// FailOpen lets the request pass: the service matters more than the limit.
	FailOpen FailMode = iota + 1
	// FailClosed refuses it: what stands behind would not survive without.
	FailClosed
)

// String returns fail_open or fail_closed.
func (m FailMode) String() string {
	switch m {
	case FailOpen:
		return "fail_open"
	case FailClosed:
		return "fail_closed"
	}
	return fmt.Sprintf("FailMode(%d)", uint8(m))
}

// GuardConfig says how a [Guard] uses its limiter.
type GuardConfig struct {
	// Limiter decides. Required.
	Limiter Limiter
	// OnFailure says what happens when it cannot. Required.
	OnFailure FailMode
	// Budget is how long the limiter may take to decide; then it has failed. It is
	// given to the limiter as the deadline of its context. A wait for the request's
	// turn does not count. Zero sets none, which is right for limiters in memory.
	Budget time.Duration
	// RecordOnly lets every request pass and only reports what would have been
	// refused, to try a limit on real traffic.
	RecordOnly bool
	// Observe, if set, is called with each verdict, for metrics and logs. It must
	// be quick and safe for concurrent use.
	Observe func(Verdict)
}

// Result names the verdicts; each is fit for a metric's label.
type Result string

// The results of a check.
const (
	// Admitted: the limiter allowed it.
	Admitted Result = "admitted"
	// Refused: the limiter refused it; it will pass after RetryAfter.
	Refused Result = "refused"
	// RefusedCost: its cost is above the burst, it will never pass.
	RefusedCost Result = "refused_cost"
	// FailedOpen: the limiter could not decide, and the request passes.
	FailedOpen Result = "failed_open"
	// FailedClosed: the limiter could not decide, and the request is refused.
	FailedClosed Result = "failed_closed"
	// Canceled: the caller's own context ended before the decision.
	Canceled Result = "cancelled"
)

// Verdict is what a [Guard] made of a request.
type Verdict struct {
	// Pass says whether the request may go on.
	Pass bool
	// Result is the ground. In record-only mode it is what it would have been
	// otherwise, while Pass is true.
	Result Result
	// Decision is the limiter's; the zero value if it could not decide.
	Decision Decision
	// Err is the limiter's error.
	Err error
	// Key and Cost are of the request.
	Key  string
	Cost int64
	// RecordOnly is the guard's setting.
	RecordOnly bool
}

// Guard puts a limiter to use: it bounds its time, and decides when it cannot.
// Make one with [NewGuard]; it may be used by many goroutines at once. The zero
// value refuses everything with [ErrZeroValue].
type Guard struct{ cfg GuardConfig }

// NewGuard returns a guard, or an error that names the setting that is missing
// or out of range.
func NewGuard(cfg GuardConfig) (*Guard, error) {
	switch {
	case cfg.Limiter == nil:
		return nil, errors.New("throttle: GuardConfig.Limiter is nil: set the limiter that decides")
	case cfg.OnFailure != FailOpen && cfg.OnFailure != FailClosed:
		return nil, fmt.Errorf("throttle: GuardConfig.OnFailure is %v, allowed is FailOpen or FailClosed",
			cfg.OnFailure)
	case cfg.Budget < 0:
		return nil, fmt.Errorf("throttle: GuardConfig.Budget is %v, allowed is 0 (none) or more", cfg.Budget)
	}
	if err := cfg.Limiter.Limit().Validate(); err != nil {
		return nil, fmt.Errorf("throttle: GuardConfig.Limiter has no valid limit (is it a zero value?): %w", err)
	}
	return &Guard{cfg}, nil
}

// Limit returns the limiter's limit now.
func (g *Guard) Limit() Limit {
	if g.cfg.Limiter == nil {
		return Limit{}
	}
	return g.cfg.Limiter.Limit()
}

// Check asks the limiter and returns the verdict.
func (g *Guard) Check(ctx context.Context, key string, cost int64) Verdict {
	v := Verdict{Key: key, Cost: cost, RecordOnly: g.cfg.RecordOnly}
	v.Decision, v.Err = g.take(ctx, key, cost)
	switch {
	case v.Err == nil && v.Decision.Allowed:
		v.Result, v.Pass = Admitted, true
	case v.Err == nil:
		v.Result = Refused
	case errors.Is(v.Err, ErrCost):
		v.Result = RefusedCost // the limiter did decide
	case errors.Is(v.Err, ErrZeroValue):
		v.Result = FailedClosed // a mistake in the program opens nothing
	case ctx.Err() != nil:
		v.Result = Canceled
	case g.cfg.OnFailure == FailOpen:
		v.Result, v.Pass = FailedOpen, true
	default:
		v.Result = FailedClosed
	}
	if g.cfg.RecordOnly {
		v.Pass = true
	}
	if g.cfg.Observe != nil {
		g.cfg.Observe(v)
	}
	return v
}

func (g *Guard) take(ctx context.Context, key string, cost int64) (Decision, error) {
	if g.cfg.Limiter == nil {
		return Decision{}, errZeroGuard
	}
	d, wait, err := reserve(ctx, g.cfg.Limiter, key, cost, g.cfg.Budget)
	if err != nil || wait <= 0 {
		return d, err
	}
	return await(ctx, g.cfg.Limiter, key, cost, d, wait)
}

// Reserve is Check for a request that may turn out to do nothing: its units can
// be given back.
func (g *Guard) Reserve(ctx context.Context, key string, cost int64) *Reservation {
	return &Reservation{Verdict: g.Check(ctx, key, cost), guard: g}
}

// Reservation is the verdict on a request whose units can be given back. Make
// one with [Guard.Reserve]; it is for one goroutine. The zero value does not
// pass, and has nothing to give back.
type Reservation struct {
	Verdict
	guard *Guard // nil: nothing to give back
}

// GiveBack gives the units back, so that others may take them: the request did
// nothing. It does nothing where none were taken, or where the limiter takes
// none back; only the first call counts. An error means that they remain taken.
// It uses the guard's budget, and works when the request's context has ended.
func (r *Reservation) GiveBack(ctx context.Context) error {
	g := r.guard
	if g == nil || !r.Decision.Allowed || r.Cost == 0 {
		return nil
	}
	r.guard = nil
	l, ok := g.cfg.Limiter.(Restorer)
	if !ok {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if g.cfg.Budget > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g.cfg.Budget)
		defer cancel()
	}
	return l.Restore(ctx, r.Key, r.Cost)
}
