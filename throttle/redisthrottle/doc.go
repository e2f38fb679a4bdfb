// Package redisthrottle shares one limit among processes: a [Limiter] keeps the
// state of package throttle in Redis, with the same arithmetic.
//
// # When to use it
//
// Use it when the limit belongs to something that all processes share, such as a
// database or a contract with a provider. When it protects the process itself,
// or when it may be a little unfair, give each process its part of the limit and
// use throttle.Single or throttle.Keyed: a decision costs them nanoseconds, and
// here a round trip.
//
// # What is kept
//
// Of each key one integer, the instant up to which it has used its rate
// (theoretical arrival time), in nanoseconds since 1970; it expires when it has
// passed. One script reads the server's clock, decides, and writes, in one round
// trip. Decisions of one process that are made at the same time share a round
// trip (pipelining). The clocks of the processes make no difference.
//
// Redis must keep what it was given: with a maxmemory-policy that evicts, choose
// volatile-ttl, which first takes those that expire soonest. A Redis that starts
// empty has forgotten what was used, so that each key has its burst again.
// Redis 5 or later is needed, or a server that speaks like it.
//
// # When Redis fails
//
// Take then returns an error, by the end of its context at the latest, whatever
// state Redis and the connection are in; give the context a deadline, as
// throttle.GuardConfig.Budget does (15 ms is a good one on a local network), and
// let throttle.Guard decide what becomes of the request. A decision whose answer
// was not waited for may still have been made, and its units be taken: a limit
// is then kept too strictly, never too loosely.
//
// Should the server's clock jump back, a key that was used at the later time is
// as good as empty: it is refused for the time of one request, and not until the
// clock is where it was. Should it jump forward, keys that were used are fresh.
package redisthrottle
