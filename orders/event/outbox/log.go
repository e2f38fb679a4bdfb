package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// Log keeps the events of one stream, and for each event and subscriber one
// delivery: what is pending, leased or delivered. [Memory] is one;
// orders/event/outboxdb has one on PostgreSQL and SQLite. An implementation
// runs the suite of outboxtest.
//
// How events get into a log is its own: a store appends them in the transaction of the
// change they report.
//
// Callers pass the instants; a log has no clock. All methods
// are safe for concurrent use, also by several processes on one log.
type Log interface {
	// Stream returns the name of the stream, which never changes.
	Stream() string

	// Events returns the events of an aggregate in order of Seq; an unknown
	// aggregate has none, and that is no error.
	Events(ctx context.Context, aggregateID string) ([]event.Event, error)

	// FanOut takes events that were not fanned out yet, makes their deliveries
	// and marks them, all or nothing, and returns how many events it took.
	// Fewer than f.Limit means that none is left for now.
	FanOut(ctx context.Context, f FanOut) (int, error)

	// Backfill makes the deliveries that subscriber s misses of events which
	// were fanned out without it and are not older than since; the zero since
	// means all. It takes at most limit events, the oldest first, sets the
	// deliveries due at now, and returns how many events it took.
	Backfill(ctx context.Context, s Subscriber, since, now time.Time, limit int) (int, error)

	// Due reports whether the subscriber has a delivery that is due at now and
	// not leased. With an aggregate named it reports whether the subscriber has
	// any pending delivery of that one, due or not, leased or not.
	//
	// What was never attempted and is due after now, or due more than MaxWait after
	// it, was written by a clock that has been set back since, where clocks differ by no
	// more than seconds: it is due at now, here and for Claim.
	Due(ctx context.Context, subscriber, aggregateID string, now time.Time) (bool, error)

	// Claim leases deliveries of one subscriber. Of an aggregate it takes the
	// pending delivery of the lowest Seq alone, and none while an earlier event
	// is not fanned out. Each claim counts as an attempt.
	Claim(ctx context.Context, c Claim) ([]Delivery, error)

	// Renew extends the lease of d. Like Complete and Release it changes
	// nothing, and returns false, if the lease is no longer d's.
	Renew(ctx context.Context, d Delivery, until time.Time) (bool, error)

	// Complete marks d as delivered.
	Complete(ctx context.Context, d Delivery, now time.Time) (bool, error)

	// Release ends the lease of d without a delivery.
	Release(ctx context.Context, d Delivery, r Retry) (bool, error)

	// Pending returns how many deliveries to the subscribers named are pending,
	// an event that is not fanned out counting once, and the time of the oldest
	// event among them; the zero time if there is none.
	Pending(ctx context.Context, subscribers []string) (n int, oldest time.Time, err error)

	// Stuck returns pending deliveries to the subscribers named which were
	// attempted the given number of times or more, at most limit, the oldest
	// event first.
	Stuck(ctx context.Context, subscribers []string, attempts, limit int) ([]Failure, error)
}

// Subscriber says who gets which events.
type Subscriber struct {
	Name  string
	Types []string // nil means all
}

// Wants reports whether s gets events of the type.
func (s Subscriber) Wants(typ string) bool {
	return s.Types == nil || slices.Contains(s.Types, typ)
}

// FanOut says which events are fanned out, and to which subscribers.
type FanOut struct {
	Subscribers []Subscriber
	AggregateID string    // empty means every aggregate
	Now         time.Time // when the deliveries are due
	Limit       int       // how many events at most

	// Watch, if not nil, is called with the events before they are marked; its
	// error is FanOut's, and nothing is fanned out then.
	Watch Watcher
}

// Claim says which deliveries are leased, and for how long.
type Claim struct {
	Subscriber  string
	AggregateID string // if not empty, of this aggregate alone, due or not
	Now, Until  time.Time
	Limit       int
}

// Delivery is a leased delivery: one event for one subscriber.
type Delivery struct {
	Event      event.Event
	Subscriber string
	Attempts   int    // this one included
	Token      string // of the lease
}

// Retry is what Release writes of a delivery that is due again.
type Retry struct {
	At        time.Time
	Attempts  int    // the failed ones so far
	LastError string // empty if the attempt did not fail
}

// Failure is a delivery that was attempted MaxAttempts times or more; with an
// empty LastError, each attempt ended with its process. It is retried still, at
// NextAt, or at once by DeliverSync of its aggregate. Later events of the
// same aggregate wait behind it.
type Failure struct {
	Stream, Subscriber   string
	EventID, AggregateID string
	Seq                  int
	Type                 string
	EventAt, NextAt      time.Time
	Attempts             int
	LastError            string
}

// CheckEvent returns an error if a log must not take e: an id that is not
// aggregate:seq, no aggregate, type or time, a Seq below 1, data that is not
// JSON.
func CheckEvent(e event.Event) error {
	var problem error
	switch {
	case e.AggregateID == "":
		problem = errors.New("it has no aggregate id")
	case e.Seq < 1:
		problem = fmt.Errorf("seq is %d and must be at least 1", e.Seq)
	case e.ID != fmt.Sprintf("%s:%d", e.AggregateID, e.Seq):
		problem = errors.New("its id must be aggregate:seq")
	case e.Type == "":
		problem = errors.New("it has no type")
	case e.At.IsZero():
		problem = errors.New("it has no time")
	case !json.Valid(e.Data):
		problem = errors.New("its data is not JSON")
	default:
		return nil
	}
	return fmt.Errorf("event %q: %w", e.ID, problem)
}
