// Package throttlehttp puts the limiters and the queue of package throttle in
// front of HTTP handlers, and a limiter behind HTTP clients.
//
// The common case, one limit that is shared fairly among addresses:
//
//	limit, err := throttlehttp.New(throttlehttp.Config{Limit: throttle.PerSecond(100, 20)})
//	if err != nil {
//		return err
//	}
//	http.ListenAndServe(addr, limit.Handler(mux))
//
// A limit of its own for each user, or any limiter that several processes share, comes in
// a [throttle.Guard]:
//
//	keyed, err := throttle.NewKeyed(throttle.PerSecond(5, 10), 100_000)
//	...
//	guard, err := throttle.NewGuard(throttle.GuardConfig{Limiter: keyed, OnFailure: throttle.FailOpen})
//	...
//	limit, err := throttlehttp.New(throttlehttp.Config{
//		Guard: guard,
//		Key:   throttlehttp.FirstKey(throttlehttp.UserKey(userOf), throttlehttp.AddressKey(proxies)),
//	})
//
// # Order
//
// A [Middleware] does in this order what it is configured to do, the cheapest
// first and nothing scarce held while a client is waited for:
//
//  1. read the body, small and in seconds ([Body]), so that a client that stops
//     in the middle of a request holds nothing but its connection;
//  2. find the key ([KeyFunc]): the account, or the address for those not signed
//     in; put the session's middleware outside;
//  3. take from the limit, and refuse what is over it (429);
//  4. take a place in the queue, and shed what would be answered too late (429);
//  5. call the handler;
//  6. give the units back if the request did nothing ([Config.GiveBack]).
//
// # Client addresses
//
// X-Forwarded-For is what a client claims, except for the entries that our own proxies
// appended. [Proxies] reads them from the end, and trusts only the networks it was
// given. The zero value trusts nobody.
//
// # Answers
//
// A refusal is a 429 with Retry-After in whole seconds, rounded up (RFC 9110,
// section 10.2.3). Where a client stands is in RateLimit and
// RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), in the widespread
// X-RateLimit fields, or not at all: see [Headers]. The handlers for refused,
// shed and unavailable write their own words; [FromContext] gives them the
// verdict.
//
// # Concurrency
//
// All types may be used by many goroutines at once after they were made.
//
// # Zero values
//
// The zero [Proxies] trusts nobody and is ready to use. The zero [Middleware]
// answers every request with 503, the zero [Body] with 503 too, and the zero
// [Transport] returns an error; each names its constructor.
//
// # Errors
//
// Constructors return an error that names the field and what is allowed. A
// [Transport] returns a *[WaitError] for a request that it did not send.
//
// # Sources
//
// RFC 9110 (Retry-After, 408, 413), RFC 6585 (429), RFC 7239 and the practice of
// X-Forwarded-For, draft-ietf-httpapi-ratelimit-headers-10; slow requests:
// OWASP, "Slow HTTP attacks".
package throttlehttp
