// Package redisthrottle shares one limit among processes: [Limiter] and [Fair]
// keep the state of package throttle in Redis, with the same arithmetic.
//
// # When to use it
//
// Use it when the limit belongs to something that all processes share, such as a
// database or a contract with a provider. When it protects the process itself,
// give each process its part of the limit (throttle.Limit.Share) and use
// throttle.Single, Keyed or Fair: a decision costs them nanoseconds, and here a
// round trip.
//
// [Limiter] gives each key a limit of its own. [Fair] has one limit for all
// keys: while others ask, at any process, no key can take more than its share.
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
// Redis 5 or later is needed, or a server that speaks like it. The keys of one
// limit must live on one server of a cluster; [Dial] talks to one server.
//
// # When Redis fails
//
// Take then returns an error, by the end of its context at the latest, whatever
// state Redis and the connection are in. Put a throttle.Fallback around the
// limiter: it bounds the time (15 ms is good on a local network), limits by
// itself meanwhile, and asks Ping, which writes, whether Redis is back. A
// replica, a full memory, a server that loads its data, that has moved the key,
// that has no room for clients, or that answers what no script of ours returns,
// is a failure like one that is away, also at start.
//
// A decision whose answer came too late may still have been made, and its units
// be taken: a limit is then kept too strictly, never too loosely.
//
// Should the server's clock jump back, a key that was used at the later time is
// as good as empty: it is refused for the time of one request, and not until the
// clock is where it was. Should it jump forward, keys that were used are fresh.
//
// # Concurrency
//
// Limiters may be used by many goroutines at once, and share their client. At
// most 4,096 decisions of a limiter wait for Redis at a time; more get
// [ErrBusy].
//
// # Errors
//
// Besides throttle.CostError and the error of the context, Take returns the
// errors of Redis and of the connection, wrapped. They never hold the address or
// the password.
//
// # Zero values
//
// The zero [Limiter] and the zero [Fair] refuse everything with
// throttle.ErrZeroValue, and name their constructor.
//
// # Sources
//
// As package throttle; the number of keys that ask is counted by Redis'
// HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007).
package redisthrottle
