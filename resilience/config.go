package resilience

import (
	"context"
	"fmt"
	"time"
)

// NoJitter as a JitterPercent asks for exact times.
const NoJitter = -1

// Config says when a [Breaker] opens and how it recovers.
//
// Set at least one of the rules ConsecutiveFailures, FailurePercent and
// SlowPercent; with none set the rule is 5 consecutive failures. With several,
// the first that applies opens the breaker.
type Config struct {
	// Name appears in errors and changes. Required.
	Name string

	// ConsecutiveFailures opens the breaker after that many failures without a
	// success between them; neutral calls neither count nor interrupt. Zero
	// turns the rule off.
	ConsecutiveFailures int

	// FailurePercent, 1 to 100, opens the breaker when at least this share of
	// the window's calls failed. Zero turns the rule off.
	FailurePercent int
	// SlowPercent, 1 to 100, opens the breaker when at least this share of the
	// window's calls was slow, those still in flight included. Zero turns the
	// rule off. It needs SlowCall.
	SlowPercent int
	// SlowCall is how long a call may take before it is slow; at least 1 ms. It
	// needs SlowPercent. With both set, a slow probe counts as a failed one.
	SlowCall time.Duration
	// MinCalls is how many calls the window must hold before a rate counts. Zero
	// means 20.
	MinCalls int
	// Window is the time over which rates are computed. It slides in Buckets
	// steps and the oldest step is dropped as a whole, so that it covers between
	// Window less one step and Window. Zero means 10 s; at least 1 ms per bucket.
	Window time.Duration
	// Buckets is the number of steps of the window, 2 to 1,000. Zero means 10.
	Buckets int

	// OpenFor is how long the breaker stays open the first time. Zero means
	// 5 s.
	OpenFor time.Duration
	// MaxOpenFor limits the open time, which doubles with each failed recovery.
	// Zero means eight times OpenFor; equal to OpenFor means that it does not
	// grow.
	MaxOpenFor time.Duration
	// JitterPercent shortens each open time by a random share of up to this
	// many percent, 1 to 100. Zero means 10; NoJitter means none.
	JitterPercent int

	// Probes is how many calls may pass at once while half-open, and how many
	// must succeed to close. Zero means 1.
	Probes int
	// ProbeLease is how long a probe keeps its place. At least SlowCall, if that
	// is set. Zero means the longer of OpenFor and SlowCall.
	ProbeLease time.Duration

	// Classify turns the error of a call made by [Do] into an outcome. Nil means
	// ClassifyError. It must be safe for concurrent use.
	Classify func(ctx context.Context, err error) Outcome

	// Rand returns a random number in [0, n). It is called with the breaker's
	// lock held and must not use the breaker. Nil means math/rand/v2.
	Rand func(n int64) int64
}

const maxDuration = 10 * 365 * 24 * time.Hour

// Validate reports the first setting that is out of its range, naming it, its
// value and what is allowed.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.Name == "" {
		return fmt.Errorf("resilience: Config.Name is empty: name the dependency the breaker protects")
	}
	ints := []struct {
		field    string
		got      int
		min, max int
	}{
		{"ConsecutiveFailures", c.ConsecutiveFailures, 0, 1 << 30},
		{"FailurePercent", c.FailurePercent, 0, 100},
		{"SlowPercent", c.SlowPercent, 0, 100},
		{"MinCalls", c.MinCalls, 1, 1 << 30},
		{"Buckets", c.Buckets, 2, 1000},
		{"JitterPercent", c.JitterPercent, NoJitter, 100},
		{"Probes", c.Probes, 1, 1000},
	}
	for _, r := range ints {
		if r.got < r.min || r.got > r.max {
			return fmt.Errorf("resilience: breaker %q: Config.%s is %d, allowed is %d to %d",
				c.Name, r.field, r.got, r.min, r.max)
		}
	}
	times := []struct {
		field    string
		got, min time.Duration
	}{
		{"Window", c.Window, time.Duration(c.Buckets) * time.Millisecond},
		{"OpenFor", c.OpenFor, time.Millisecond},
		{"MaxOpenFor", c.MaxOpenFor, c.OpenFor},
		{"ProbeLease", c.ProbeLease, max(time.Millisecond, c.SlowCall)},
	}
	for _, r := range times {
		if r.got < r.min || r.got > maxDuration {
			return fmt.Errorf("resilience: breaker %q: Config.%s is %v, allowed is %v to %v",
				c.Name, r.field, r.got, r.min, maxDuration)
		}
	}
	switch {
	case c.SlowPercent > 0 && (c.SlowCall < time.Millisecond || c.SlowCall > maxDuration):
		return fmt.Errorf("resilience: breaker %q: Config.SlowCall is %v, with SlowPercent set allowed is %v to %v",
			c.Name, c.SlowCall, time.Millisecond, maxDuration)
	case c.SlowPercent == 0 && c.SlowCall != 0:
		return fmt.Errorf("resilience: breaker %q: Config.SlowCall is %v without SlowPercent: set both or none",
			c.Name, c.SlowCall)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.ConsecutiveFailures == 0 && c.FailurePercent == 0 && c.SlowPercent == 0 {
		c.ConsecutiveFailures = 5
	}
	setDefault(&c.MinCalls, 20)
	setDefault(&c.Window, 10*time.Second)
	setDefault(&c.Buckets, 10)
	setDefault(&c.OpenFor, 5*time.Second)
	setDefault(&c.MaxOpenFor, min(maxDuration, 8*min(c.OpenFor, maxDuration/8)))
	setDefault(&c.JitterPercent, 10)
	setDefault(&c.Probes, 1)
	setDefault(&c.ProbeLease, max(c.OpenFor, c.SlowCall))
	if c.Classify == nil {
		c.Classify = ClassifyError
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
