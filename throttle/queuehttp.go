package throttle

import (
	"errors"
	"net/http"
	"time"
)

// Middleware returns HTTP middleware that runs each request in a place of the
// queue. A request that is shed is answered by shed: Retry-After is set already,
// and it writes the status (429) and the body. Nil means a line of plain text.
//
// Deadlines are those of the request's context; set one outside of the queue,
// as with http.TimeoutHandler, or set MaxWait.
func (q *Queue) Middleware(shed http.Handler) func(http.Handler) http.Handler {
	if shed == nil {
		shed = plain(http.StatusTooManyRequests, "Too many requests. Try again later.\n")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			place, err := q.Acquire(r.Context())
			if err != nil {
				after := time.Second
				if e, ok := errors.AsType[*ShedError](err); ok {
					after = e.RetryAfter
				}
				setRetryAfter(w.Header(), after)
				shed.ServeHTTP(w, r)
				return
			}
			defer place.Release()
			next.ServeHTTP(w, r)
		})
	}
}
