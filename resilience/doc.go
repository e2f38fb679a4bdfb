// Package resilience keeps a program working while something it depends on
// does not: a circuit breaker, retries with a budget and a backoff, and a
// timeout, which compose.
//
// # Which part to use
//
// Use [Breaker] around a dependency that can be down as a whole (a payment
// provider, another service). One Breaker stands for one dependency in the
// whole process; one per request would protect nothing. [Do] runs a call through
// it. [Breaker.Allow] and [Permit.Done] are the same in two halves, for code
// that must not allocate a closure or whose call ends elsewhere.
//
// Use [Retry] for faults that pass, and only for calls that are safe to repeat:
// every call of Retry states its [Effect], and the zero one, [Once], is never
// repeated. A [Budget] limits retries to a share of calls, so that retries cannot
// turn a slow dependency into a dead one. An error marked by [RetryAfter] carries
// the wait that the dependency asked for.
//
// Use [Timeout] to limit one attempt. Its documentation says what happens to
// results that are read later, such as the body of a response.
//
// Use [Backoff] and [Sleep] in loops of your own, and where the number of
// attempts is stored and the next one is made by another process.
//
// For HTTP clients, resilience/resiliencehttp is an http.RoundTripper made of
// these parts.
//
// # The breaker
//
// A breaker is [Closed] (calls pass and are counted), [Open] (calls are refused
// at once with an [OpenError]), or [HalfOpen] (a few probes pass, the rest are
// refused). An operator can hold it [ForcedOpen] or [Disabled], without an end or
// until a stated time.
//
// It opens after a number of consecutive failures, or when the share of failed
// or of slow calls in a sliding window reaches a limit and the window holds
// enough calls; [Config] names these rules, which can be combined. Rates are
// compared in integers, so that 50 % of 3 does not depend on the rounding of a
// float. The rules are evaluated when a call fails or becomes slow; a success
// never opens a breaker.
//
// A call has one of three outcomes. [Success] and [Failure] say how the
// dependency is. [Neutral] says nothing about it, as when our own caller went
// away; see [ClassifyError]. A call that panics, or whose goroutine exits, is a
// failure, and its permit is released.
//
// A call is slow when it lasts [Config.SlowCall] or longer, whatever its
// outcome. A call still in flight counts as slow from the moment it passes the
// limit (to within 1/64 of it, or 0.1 ms) until it returns, so that a provider
// that accepts calls and never answers opens the breaker too.
//
// # Generations
//
// Each change of state starts a new generation with empty counts. A permit
// belongs to the generation that gave it; a later result is dropped. So a slow
// failure from before an outage cannot count against the recovery, nor a late
// success close a breaker.
//
// # Recovery
//
// After OpenFor the breaker lets [Config.Probes] calls through. When that many
// have succeeded it closes. One that fails, or is slow, opens it again for
// twice as long, up to MaxOpenFor, less some jitter so that many processes do
// not probe in step. A probe holds its place for [Config.ProbeLease]; one that
// hangs longer gives its place to another call, so that it cannot block the
// recovery. Its result still counts when it comes within the same generation.
//
// From the first opening to the closing is one [Outage], and the time between
// them its time to repair.
//
// No goroutine or timer works in the background: a breaker whose open time is
// over becomes half-open with the next call, or the next look at its state.
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
// Timeout is innermost because it limits one attempt: outside the retry it would
// limit their sum, and the last attempt would fail for the little time that was
// left. The breaker stands around the timeout so that it sees it: an answer that
// does not come is a failure of the provider. Retry stands around the breaker so
// that each attempt is counted and each needs a permit: the attempt that finds
// the breaker open ends the retries. The other way round the breaker would count
// three failed attempts as one failure, and a call in progress would keep calling
// a provider that is known to be down. A rate limiter or queue (package throttle)
// stands outside all three: what it refuses has cost nothing yet.
//
// # Concurrency
//
// Everything here may be used by many goroutines at once, except that a [Permit]
// belongs to the goroutine that got it. Allow and Done take no lock and allocate
// nothing while the breaker is closed, open or disabled. Functions in settings
// (Classify, Rand, Retryable, Jitter, OnRetry) are called by many goroutines at
// once.
//
// # Zero values
//
// A [Breaker] and a [Retrier], zero or nil, refuse every call with an error that
// is [ErrZeroValue] and names the constructor; such a breaker reports ForcedOpen,
// and no method makes it pass calls. A zero [Budget] grants no retry, and
// [NewRetrier] refuses it. The zero [Backoff] is ready to use. [Config] and
// [RetryConfig] need a Name; the zero value of every other field has a documented
// meaning. The zero [Permit] does nothing. The zero [Effect] and [Outcome] are the
// careful ones: Once and Failure.
//
// # Errors
//
// Each error that this package makes has a type, for errors.As: [OpenError] (a
// call was refused; also [ErrOpen] for errors.Is), [TimeoutError] (also
// context.DeadlineExceeded), and [GaveUpError] (retries ended; it wraps the last
// attempt's error). Errors of the calls themselves are returned as they are. A
// constructor's error names the setting, its value and what is allowed.
//
// # Units
//
// Times are time.Duration, at most ten years in settings; shares are whole
// percent, 0 to 100.
//
// # Sources
//
// The breaker follows Michael T. Nygard, Release It! (2nd edition, chapter 5).
// The retry budget is described in Google's Site Reliability Engineering, chapter 21,
// Handling Overload. Why jitter: Exponential Backoff And Jitter, AWS Architecture
// Blog, 2015. The retry loop is
// github.com/cenkalti/backoff/v4's.
package resilience
