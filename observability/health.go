package observability

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Status is the word for how something is.
type Status string

// The statuses of a report (up or degraded) and of a component (all three).
const (
	StatusUp       Status = "UP"
	StatusDegraded Status = "DEGRADED"
	StatusDown     Status = "DOWN"
)

// Component is a thing whose health counts.
type Component struct {
	// Name is its key in reports, such as "database". Required, unique.
	Name string
	// Check returns nil when the component works, a *[HealthError] to say in
	// reports why it does not or that it still works somehow, and any other
	// error when it is down. Required. It should honor ctx; one that doesn't
	// is given up on after Timeout and not started again before it returns. A
	// panic is a failure.
	Check func(ctx context.Context) error
	// Critical components make the whole unusable when they are down (503);
	// others only degrade it (200).
	Critical bool
	// Timeout is 1 s when 0, at most 1.4 s.
	Timeout time.Duration
}

// HealthError is the error of a check that says more than that the component is
// down.
type HealthError struct {
	// Reason is shown to everybody, such as "disk full".
	Reason string
	// Degraded means that the component works, worse than it should: the whole
	// is degraded then and stays usable.
	Degraded bool
	// Err is the cause, for the log; nil for none.
	Err error
}

// Error returns the reason and the cause.
func (e *HealthError) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *HealthError) Unwrap() error { return e.Err }

// CheckerConfig says how a [Checker] behaves. The zero value is good.
type CheckerConfig struct {
	// MaxAge is how long a result is good for before the next question
	// checks again: 500 ms when 0, at most 500 ms. Together with the limit
	// of Timeout it keeps the news of a dead component under 2 s.
	MaxAge time.Duration
	// OnChange, when not nil, is called when a component's status changes, its
	// first result included; err is why it is not up, nil when it is. It is
	// called by the goroutine that finds out, must be quick, and must not ask
	// the Checker.
	OnChange func(component string, err error)
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Limits of the configuration; their sum is under two seconds.
const (
	maxHealthAge     = 500 * time.Millisecond
	maxHealthTimeout = 1400 * time.Millisecond
)

// Checker checks components and reports whether the process is alive, started and
// ready. It is safe for concurrent use. It begins as not started.
type Checker struct {
	config     CheckerConfig
	components []*probe
	started    atomic.Bool
	draining   atomic.Bool
}

// NewChecker returns a Checker. It fails when a component has no name or check,
// a name is used twice, or a limit is exceeded.
func NewChecker(c CheckerConfig, components ...Component) (*Checker, error) {
	if c.MaxAge == 0 {
		c.MaxAge = maxHealthAge
	}
	if c.MaxAge < 0 || c.MaxAge > maxHealthAge {
		return nil, fmt.Errorf("health: MaxAge is %v, allowed is up to %v", c.MaxAge, maxHealthAge)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	checker := &Checker{config: c}
	names := map[string]bool{}
	for _, comp := range components {
		if comp.Timeout == 0 {
			comp.Timeout = time.Second
		}
		switch {
		case comp.Name == "" || comp.Check == nil:
			return nil, fmt.Errorf("health: component %q: a name and a check are needed", comp.Name)
		case names[comp.Name]:
			return nil, fmt.Errorf("health: component %q: the name is taken", comp.Name)
		case comp.Timeout < 0 || comp.Timeout > maxHealthTimeout:
			return nil, fmt.Errorf(
				"health: component %q: Timeout is %v, allowed is up to %v",
				comp.Name,
				comp.Timeout,
				maxHealthTimeout,
			)
		}
		names[comp.Name] = true
		checker.components = append(checker.components, &probe{Component: comp, config: &checker.config})
	}
	return checker, nil
}

// SetStarted reports that the process is ready for its first request.
func (c *Checker) SetStarted() { c.started.Store(true) }

// SetDraining reports that the process is about to stop: it wants no new requests and
// still answers those it has.
func (c *Checker) SetDraining() { c.draining.Store(true) }

// Draining reports whether SetDraining was called; what lasts long, such as a
// stream, ends then.
func (c *Checker) Draining() bool { return c.draining.Load() }

// Report is the health of all components.
type Report struct {
	Status     Status                     `json:"status"` // UP, or DEGRADED when any component is down
	Components map[string]ComponentReport `json:"components"`
	// Usable is false when a critical component is down.
	Usable bool `json:"-"`
}

// ComponentReport is the health of one component. It says nothing about
// causes, since anybody may read it; those go to [CheckerConfig.OnChange].
type ComponentReport struct {
	Status   Status `json:"status"` // UP, DEGRADED or DOWN
	Critical bool   `json:"critical"`
	// LatencyMS is how long the last check took, in milliseconds.
	LatencyMS float64 `json:"latency_ms"`
	// LastSuccessAge is the time since a check last succeeded, in seconds;
	// null when none has.
	LastSuccessAge *float64 `json:"last_success_age_seconds"`
	// Reason is the reason of the check's HealthError, else "timeout" or "failed";
	// empty when up.
	Reason string `json:"reason,omitempty"`
}

// Report checks all components at the same time, those with a fresh result
// excepted, and returns within the longest of their timeouts, whatever the
// checks do.
func (c *Checker) Report(ctx context.Context) Report {
	reports := make([]ComponentReport, len(c.components))
	var wg sync.WaitGroup
	for i, p := range c.components {
		wg.Go(func() { reports[i] = p.report(ctx) })
	}
	wg.Wait()
	out := Report{Status: StatusUp, Usable: true, Components: make(map[string]ComponentReport, len(reports))}
	for i, r := range reports {
		out.Components[c.components[i].Name] = r
		if r.Status != StatusUp {
			out.Status = StatusDegraded
			out.Usable = out.Usable && (!r.Critical || r.Status == StatusDegraded)
		}
	}
	return out
}

// errCheckTimeout is the result of a check that has not returned in time.
var errCheckTimeout = errors.New("no answer in time")

// probe runs the check of one component, never more than one at a time.
type probe struct {
	Component
	config *CheckerConfig

	mu          sync.Mutex
	running     *run // nil when no check is under way
	known       bool // whether there has been a result
	err         error
	at          time.Time // of the result
	latency     time.Duration
	lastSuccess time.Time // zero for never
}

// run is one call of a check.
type run struct {
	start time.Time
	done  chan struct{} // closed when the result is in
}

func (p *probe) report(ctx context.Context) ComponentReport {
	p.mu.Lock()
	now := p.config.Now()
	r := p.running
	switch {
	case r == nil && p.known && now.Sub(p.at) < p.config.MaxAge && now.Sub(p.at) >= 0:
		defer p.mu.Unlock()
		return p.read()
	case r == nil:
		r = &run{start: now, done: make(chan struct{})}
		p.running = r
		go p.check(r)
	}
	p.mu.Unlock()

	// A check that hangs has no time left, so it is not waited for again.
	timer := time.NewTimer(max(0, p.Timeout-now.Sub(r.start)))
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		p.giveUp(r)
	case <-ctx.Done():
		// Whoever asked has no more time. The check continues for others and
		// its result is not known: an older one must not pass for it.
		p.mu.Lock()
		defer p.mu.Unlock()
		out := p.read()
		out.Status, out.Reason = StatusDown, "timeout"
		return out
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.read()
}

// check runs the check, for all who wait for r. It has a context of its own:
// the one who asked first must not end it for the others.
func (p *probe) check(r *run) {
	ctx, cancel := context.WithTimeout(context.Background(), p.Timeout)
	defer cancel()
	err := callCheck(ctx, p.Check)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", errCheckTimeout, err)
	}
	p.settle(p.config.Now().Sub(r.start), err)
	p.running = nil
	close(r.done)
}

func callCheck(ctx context.Context, check func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("check panicked: %v", v)
		}
	}()
	return check(ctx)
}

// giveUp records that r has taken too long, unless it just ended.
func (p *probe) giveUp(r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != r {
		return
	}
	p.settle(p.config.Now().Sub(r.start), errCheckTimeout)
}

// settle records a result; p.mu is held.
func (p *probe) settle(latency time.Duration, err error) {
	before, _ := statusOf(p.err)
	after, _ := statusOf(err)
	changed := !p.known || before != after
	p.known, p.err, p.latency, p.at = true, err, latency, p.config.Now()
	if err == nil {
		p.lastSuccess = p.at
	}
	if changed && p.config.OnChange != nil {
		p.config.OnChange(p.Name, err)
	}
}

// read returns the last result; p.mu is held.
func (p *probe) read() ComponentReport {
	out := ComponentReport{Status: StatusUp, Critical: p.Critical, LatencyMS: inUnit(p.latency, time.Millisecond)}
	if !p.lastSuccess.IsZero() {
		age := max(0, p.config.Now().Sub(p.lastSuccess)).Round(time.Millisecond).Seconds()
		out.LastSuccessAge = &age
	}
	out.Status, out.Reason = statusOf(p.err)
	return out
}

// statusOf returns the status and the reason that a check's error stands for.
func statusOf(err error) (Status, string) {
	told, ok := errors.AsType[*HealthError](err)
	switch {
	case err == nil:
		return StatusUp, ""
	case ok && told.Degraded:
		return StatusDegraded, told.Reason
	case ok:
		return StatusDown, told.Reason
	case errors.Is(err, errCheckTimeout):
		return StatusDown, "timeout"
	}
	return StatusDown, "failed"
}
