// Package throttle keeps a program from being given more work than it can do:
// rate limiters, a bounded queue, and HTTP middleware for both.
//
// # Which part for what
//
// Use [Single] to limit one thing in one process: the calls to a provider, the
// jobs of a worker. It is one integer and needs no key. [Single.Allow] answers
// at once, [Single.Wait] waits for its turn.
//
// Use [Keyed] to limit each of many (users, addresses) in one process, within a
// fixed amount of memory.
//
// Use [Queue] where the cost of a request is not known before and what is scarce
// is concurrency: it lets so many run, so many wait, and turns away at once
// those that could not be answered in time.
//
// Use package redisthrottle for a limit that several processes share. It
// satisfies [Limiter] like the two here; code that takes a Limiter, as [Guard]
// and [Middleware] do, works with each. For another store, [Limit.Decide] is the
// arithmetic, and package throttletest the proof.
//
// # The law
//
// A limit of c per time p with burst b admits, of one key, in any stretch of
// time w, at most b + w*c/p units. Here is the generic cell rate algorithm
// (GCRA, ITU-T I.371) as it is used to hold that law: of each key one instant
// is kept, its theoretical arrival time (TAT), the time at which a steady
// stream at exactly the rate would be due next. With T = p/c, the time of one
// unit, a request of cost k at time t
//
//	would move it to     next = max(TAT, t) + k*T
//	and is admitted if   next - t <= b*T
//
// which then becomes the key's TAT; a refusal leaves it as it was. A key whose
// TAT has passed is one that was never seen. So nothing has to be refilled, what
// is idle can be forgotten without loss, and the whole state is one integer that
// one compare-and-swap moves.
//
// T is rounded up to whole nanoseconds: a limit is never exceeded, and undercut
// by at most one nanosecond a unit.
//
// # Errors, refusals and failures
//
// A refusal is an answer: [Decision] with Allowed false and the time after which
// the same request will pass. A cost above the burst will never pass; that is a
// refusal of its own, [CostError]. Every other error means that the limiter
// could not decide. Whether the request then passes is the choice of
// [GuardConfig.OnFailure], which has no default: failing open gives up the
// protection, failing closed the service.
//
// # Order in a server
//
// Throttle before the work that it protects, and the cheaper test first: the
// limiter, then the queue, then (package resilience) retry, breaker and timeout
// around each call to a dependency. A request refused by the limiter has then
// cost no place in the queue, and one shed by the queue no call.
package throttle
