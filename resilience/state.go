package resilience

import "fmt"

// State is the state of a [Breaker].
type State uint8

// The states of a breaker.
const (
	// Closed lets calls pass and counts them.
	Closed State = iota
	// Open refuses calls until its time is over.
	Open
	// HalfOpen lets a few probes pass and refuses the rest.
	HalfOpen
	// ForcedOpen refuses calls because an operator said so.
	ForcedOpen
	// Disabled lets calls pass and counts nothing.
	Disabled
)

var stateNames = [...]string{"closed", "open", "half_open", "forced_open", "disabled"}

// String returns the state's name: closed, open, half_open, forced_open or
// disabled.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText returns the name, for JSON and logs.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reason says why a breaker changed its state.
type Reason uint8

// The reasons for a [Change].
const (
	// ReasonConsecutiveFailures: the last calls all failed (closed to open).
	ReasonConsecutiveFailures Reason = iota + 1
	// ReasonFailureRate: too large a share of calls failed (closed to open).
	ReasonFailureRate
	// ReasonSlowRate: too large a share of calls was slow (closed to open).
	ReasonSlowRate
	// ReasonTimeOver: the open, forced open or disabled time has passed.
	ReasonTimeOver
	// ReasonProbeFailed: a probe failed (half-open to open).
	ReasonProbeFailed
	// ReasonProbeSlow: a probe was slow (half-open to open).
	ReasonProbeSlow
	// ReasonProbesSucceeded: enough probes succeeded (half-open to closed).
	ReasonProbesSucceeded
	// ReasonOperator: ForceOpen, Disable or Reset was called.
	ReasonOperator
)

var reasonNames = [...]string{
	"", "consecutive_failures", "failure_rate", "slow_rate", "time_over",
	"probe_failed", "probe_slow", "probes_succeeded", "operator",
}

// String returns the reason's name in snake case, fit for a label.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// MarshalText returns the name, for JSON and logs.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
