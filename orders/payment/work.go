package payment

import "time"

// Work is a thing to be done later, kept on the row it belongs to. A worker
// claims it with a lease; it may finish only while Token still matches.
type Work struct {
	NextAt      time.Time // when to try next; zero: nothing to do
	Attempts    int
	LeaseUntil  time.Time
	LeaseToken  string
	LastError   string
	NeedsReview bool // stands in the review queue
}

// Lease gives the work to the holder of token until the instant, rounded down to
// the microseconds that are stored; an empty token releases it.
func (w *Work) Lease(token string, until time.Time) {
	if until.IsZero() {
		w.LeaseToken, w.LeaseUntil = token, time.Time{}
		return
	}
	w.LeaseToken, w.LeaseUntil = token, until.UTC().Truncate(time.Microsecond)
}

// LeasedBy reports whether the work is leased under the token. The time does not
// matter: a process that takes the work over changes the token.
func (w Work) LeasedBy(token string) bool { return token != "" && w.LeaseToken == token }
