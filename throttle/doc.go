// Package throttle keeps a program from being given more work than it can do:
// rate limiters, fair admission, and a bounded queue. Package throttlehttp puts
// them in front of HTTP handlers.
//
// # Which part for what
//
// Use [Single] to limit one thing in one process: the calls to a provider, the
// jobs of a worker. It is one integer and needs no key. [Single.Allow] answers
// at once, [Single.Wait] waits for its turn.
//
// Use [Keyed] to give each of many (users, addresses) a limit of its own, in one
// process, within a fixed amount of memory.
//
// Use [Fair] where many share one limit, and one that asks for everything must not take
// it from the others. Each key that asks has an equal share while others ask; alone,
// it may use all of the limit.
//
// Use [Queue] where the cost of a request is not known before and what is scarce
// is concurrency: it lets so many run, so many wait, and sheds at once those
// that could not be answered in time.
//
// Use package redisthrottle for a limit that several processes share, with
// [Fallback] for the time without Redis. For another store, [Limit.Decide] is
// the arithmetic, and package throttletest the proof.
//
// Use [Guard] to put a [Limiter] to use: a time budget, what to do when it
// cannot decide, a hook for metrics, and [Reservation] to give units back.
//
// # The law
//
// A limit of c per time p with burst b admits, of one key, in any stretch of
// time w, at most b + w*c/p units. The generic cell rate algorithm (GCRA) holds
// that law with one instant per key, its theoretical arrival time (TAT): the
// time at which a steady stream at exactly the rate would be due next. With
// T = p/c, the time of one unit, a request of cost k at time t
//
//	would move it to     next = max(TAT, t) + k*T
//	and is admitted if   next - t <= b*T
//
// which then becomes the key's TAT; a refusal leaves it as it was. A key whose
// TAT has passed is as good as new. So nothing has to be refilled, what is idle
// can be forgotten without loss, and the whole state is one integer that one
// compare-and-swap moves.
//
// T is rounded up to whole nanoseconds: a limit is never exceeded, and undercut
// by at most one nanosecond a unit.
//
// Units that are given back ([Restorer]) count as taken until then: in any
// stretch of time, what is admitted less what is given back in it keeps the law.
// For [Fair] the law holds for all keys together.
//
// # Shares
//
// While n keys ask, each has 1/n of the rate, with a burst of its own
// ([FairConfig.ShareBurst]). A request within its share may use the whole burst
// of the limit, and wait for its turn ([FairConfig.MaxWait]). A request beyond
// its share is admitted if half of the burst remains after it. So a greedy key
// keeps what others leave, and never what they need: beside an attacker at 100
// times the limit, 40 clients that ask for 40 % of it lose less than 5 % of
// their requests, and all of the limit is used. A test of this package holds
// both, and that a key alone gets all of the limit.
//
// # Errors
//
// A refusal is an answer: [Decision] with Allowed false and the time after which
// the same request will pass. A cost above the burst will never pass; that is a
// refusal of its own, [CostError]. A request that a queue does not run gets a
// [ShedError]. Every other error means that the limiter could not decide: a
// store failed, or there is no room for a further key ([ErrFull]). Whether the
// request then passes is the choice of [GuardConfig.OnFailure], which has no
// default: failing open gives up the protection, failing closed the service.
// [Fallback] needs neither.
//
// # Concurrency
//
// All types may be used by many goroutines at once; [Place] and [Reservation]
// belong to one request. Limiters take no lock for a key that is known, allocate
// nothing, and start no goroutine. Limits change while they are in use
// ([Single.SetLimit], [Keyed.SetLimit], [Keyed.SetKeyLimit], [Fair.SetLimit]).
//
// # Zero values
//
// A limiter, guard, queue or fallback that was not made by its constructor
// refuses everything with [ErrZeroValue], and the error names the constructor;
// a guard refuses it whatever its fail mode is. The zero [Limit] is not valid,
// the zero [Decision] and [Verdict] do not pass, and the zero [Place] and
// [Reservation] have nothing to give back.
//
// # Units
//
// A limit counts units of cost, 1 for a plain request; burst and rate are whole units, a
// period is a time.Duration.
//
// # Order in a server
//
// Throttle before the work that it protects, and the cheaper test first: read
// the request, find out who asks, then the limiter, then the queue, then
// (package resilience) retry, breaker and timeout around each call to a
// dependency. A request that the limiter refuses has then cost no place in the
// queue, and one that the queue sheds no call.
//
// # Sources
//
// GCRA: ITU-T Recommendation I.371, and ATM Forum Traffic Management 4.1.
// Shares in virtual time: Parekh and Gallager, "A generalized processor sharing
// approach to flow control", 1993. Counting who asks: Whang, Vander-Zanden and
// Taylor, "A linear-time probabilistic counting algorithm", 1990.
package throttle
