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
