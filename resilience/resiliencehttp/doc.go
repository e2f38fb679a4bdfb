// Package resiliencehttp sends HTTP requests with the parts of package
// resilience: a breaker and a retry budget for each host, retries of requests
// that may be repeated, and a timeout that lasts as long as the response's body.
//
//	transport, err := resiliencehttp.New(resiliencehttp.Config{Name: "payments", Timeout: 5 * time.Second})
//	if err != nil {
//		return err
//	}
//	client := &http.Client{Transport: transport}
//
// A program makes one [Transport] for each service that it calls and shares it.
//
// # Which requests are repeated
//
// A request is repeated only if that has the effect of sending it once:
// [EffectOf] goes by the method and the Idempotency-Key header, and
// [Config.Effect] replaces it. A POST without a key is sent once. So is a request
// with a body but no GetBody: http.NewRequest sets GetBody for a bytes.Buffer,
// bytes.Reader and strings.Reader, for other bodies the caller does. Each
// attempt sends the body from its beginning.
//
// A request is repeated if it failed without a response, or was answered with a
// status that [ClassifyStatus] calls retryable. A Retry-After header is honored, in
// seconds or as a date: the next attempt comes no earlier. If it asks for more
// than Config.Retry.MaxRetryAfter (30 s), or for more than the context's deadline
// leaves, the response is returned at once. After the last attempt RoundTrip
// returns the response as it is, whatever its status.
//
// The response of an attempt that will be repeated is read to its end, up to
// 64 KiB and for up to 250 ms, so that its connection can be used again, and
// closed, before the wait.
//
// # What net/http repeats on its own
//
// A connection that was kept alive may have been closed by the server just when
// a request is sent. http.Transport then sends the request again by itself: if
// nothing was written yet, and also after it was written, if the method is GET,
// HEAD, OPTIONS or TRACE or there is a header Idempotency-Key or
// X-Idempotency-Key. The caller sees one request, the server may have seen two.
//
// For a request with a body, Transport switches the second kind off: it hands
// the request on without GetBody. What net/http would have repeated is an attempt
// that failed, and the next attempt is counted, waits its turn and is reported.
// For a request without a body net/http offers no switch. There its repeats are
// counted: they appear in [Attempt.Repeats] and are taken out of the budget. The
// count is of connections, so it includes repeats that wrote nothing.
//
// # The timeout
//
// [Config.Timeout] limits one attempt. It begins with the attempt and lasts until
// the body of the response has been read to the end or closed, so that a body
// that arrives in time arrives whole, and one that stalls does not hang its
// reader: Read returns a *resilience.TimeoutError. A body that fails is not
// repeated, since its reader has had a part of it. A protocol upgrade (status
// 101) ends the timeout.
//
// This is what resilience.Timeout cannot do around RoundTrip: it ends the context
// when RoundTrip returns, and cuts the body off.
//
// # Breakers
//
// Each host (scheme, name and port) has a breaker of its own, so that one host's
// outage does not stop calls to the others. A call lasts as long as its timeout: a
// body that fails or stalls counts as a failure, one that is closed early counts
// by its status. So if Config.Breaker has a SlowCall, it must leave callers the
// time to read. A response body that is neither read nor closed holds its call
// until the timeout, and then says nothing about the host.
//
// The number of hosts is bounded by [Config.MaxHosts]. URLs that come from
// outside (webhooks) cannot fill the memory, nor push a host with an open breaker
// out while there are others.
//
// # Metrics and logs
//
// Hooks report what happens without a library for metrics: [Config.OnAttempt],
// Config.Retry.OnRetry, [Config.OnGiveUp], and [Config.OnBreaker] to subscribe to
// the changes of each breaker. They are called by the goroutine that makes the
// request and should be quick.
//
// # Concurrency
//
// A Transport may be used by many goroutines at once. It keeps what the http
// package asks of a RoundTripper: it does not change the request, and closes its
// body on every path.
//
// # Zero values
//
// The zero [Transport] sends no request and returns an error that is
// [resilience.ErrZeroValue]. The zero value of each field of [Config] but Name
// has a documented meaning.
//
// # Errors
//
// See [Transport.RoundTrip]. An http.Client wraps them in a *url.Error; use
// errors.As and errors.Is.
//
// # Sources
//
// RFC 9110, HTTP Semantics: sections 9.2.2 (idempotent methods), 10.2.3
// (Retry-After) and 15 (status codes). The Idempotency-Key header:
// draft-ietf-httpapi-idempotency-key-header. The rules of net/http:
// http.Transport, "Transport only retries a request upon encountering a network
// error if ...".
package resiliencehttp
