// Package resilience keeps a program well while something it depends on is
// not: a circuit breaker, retries with a budget, and a timeout, which compose.
//
// # Which part for what
//
// Use [Breaker] around a dependency that can be down as a whole (a payment
// provider, another service). One Breaker stands for one dependency in the
// whole process; making one per request makes none. [Do] runs a call through
// it. [Breaker.Allow] and [Permit.Done] are the same in two halves, for code
// that must not allocate a closure or whose call ends elsewhere.
//
// Use [Retry] for faults that pass by themselves, and only for calls that are
// safe to repeat: every call of Retry states its [Effect], and the zero one,
// [Once], is never repeated. A [Budget] bounds retries to a share of calls, so
// that retries cannot turn a slow dependency into a dead one.
//
// Use [Timeout] to bound one attempt.
//
// # The breaker
//
// A breaker is [Closed] (calls pass and are counted), [Open] (calls are refused
// at once with an [OpenError]), or [HalfOpen] (a few probes pass, the rest are
// refused). An operator can hold it [ForcedOpen] or [Disabled], for ever or
// until a stated time.
//
// It opens after a number of consecutive failures, or when, of the calls of a
// sliding window, the share of failed or of slow ones reaches a limit and there
// were enough of them to tell; [Config] names these rules and they can be
// combined. Rates are compared in integers, so that 50 % of 3 is decided by
// arithmetic and not by the last bit of a float. The rules are looked at when a
// bad result arrives or a call becomes slow; a good result never opens a
// breaker.
//
// A call has one of three outcomes. [Success] and [Failure] say how the
// dependency is. [Neutral] says nothing about it, as when our own caller went
// away; see [ClassifyError]. A call that panics, or whose goroutine exits, is a
// failure, and its permit is released.
//
// A call is slow when it lasts [Config.SlowCall] or longer, whatever its
// outcome. It need not have returned for that: a call still in flight counts as
// slow from the moment it passes the limit (to within 1/64 of it, or 0.1 ms)
// until it returns, so that a provider that accepts calls and never answers opens the
// breaker too.
//
// # Generations
//
// Each change of state starts a new generation with empty counts. A permit
// belongs to the generation that gave it; a result that comes later than that
// is dropped. So a slow failure from before an outage cannot count against the
// recovery, nor a late success close a breaker that it knows nothing of.
//
// # Recovery
//
// After OpenFor the breaker lets [Config.Probes] calls through. When that many
// have succeeded it closes. One that fails, or is slow, opens it again for
// twice as long, up to MaxOpenFor, less some jitter so that many processes do
// not probe in step. A probe holds its place for [Config.ProbeLease]; one that
// hangs longer gives its place to another call, so that it cannot wedge the
// breaker. Its answer still counts when it comes within the same generation.
//
// From the first opening to the closing is one [Outage], and the time between
// them its time to repair.
//
// No goroutine or timer works in the background: a breaker whose time is over
// becomes half-open with the next call, or the next question after its state.
//
// # Composition
//
// Put them in this order, outermost first:
//
//	result, err := resilience.Retry(ctx, retrier, resilience.Idempotent,
//		func(ctx context.Context) (Receipt, error) {
//			return resilience.Do(ctx, breaker, func(ctx context.Context) (Receipt, error) {
//				return resilience.Timeout(ctx, 500*time.Millisecond, call)
//			})
//		})
//
// Timeout is innermost because it bounds one attempt: outside the retry it would
// bound their sum, and the last attempt would be left a sliver of time and fail
// for that. The breaker stands around the timeout so that it sees it: an
// answer that does not come is a failure of the provider. Retry stands around
// the breaker so that each attempt is counted and each needs a permit: the
// attempt that finds the breaker open ends the retries. The other way round the
// breaker would count three failed attempts as one failure, and would let a call
// in progress go on hitting a provider that it already knows to be down. A
// rate limiter or queue (package throttle) stands outside all three: what it
// refuses has cost nothing yet.
//
// # Concurrency and cost
//
// Everything here may be used by many goroutines at once, except that a Permit
// belongs to the one that got it. Allow and Done take no lock and allocate
// nothing while the breaker is closed, open or disabled.
package resilience
