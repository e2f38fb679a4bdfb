package reconcile

import (
	"fmt"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// mostDays is the most that is compared while somebody waits.
const mostDays = 31

// ErrNoList says that nothing can be said because the provider's list could
// not be read: half of it would read like a difference.
var ErrNoList = problem.New(
	http.StatusBadGateway,
	"PROVIDER",
	"The payment provider's list could not be read to its end, so nothing can be said. "+
		"Try again in a moment, or choose fewer days.",
)

// Period is the time of two days such as 2026-11-24, both of them included, in
// the zone. Its errors are for the person who named the days.
func Period(first, last string, zone *time.Location) (from, to time.Time, err error) {
	if from, err = problem.Day("from", first, zone); err != nil {
		return from, to, err
	}
	if to, err = problem.Day("to", last, zone); err != nil {
		return from, to, err
	}
	switch {
	case from.IsZero():
		return from, to, problem.Invalid("from", "Choose the first day")
	case to.IsZero():
		return from, to, problem.Invalid("to", "Choose the last day")
	case to.Before(from):
		return from, to, problem.Invalid("to", "The last day is before the first")
	case !to.Before(from.AddDate(0, 0, mostDays)):
		return from, to, problem.Invalid(
			"to",
			fmt.Sprintf("That is more than %d days; compare them in parts", mostDays),
		)
	}
	return from, problem.NextDay(to, zone), nil
}

// Days are the first and the last day of a night, in the zone.
func (r Run) Days(zone *time.Location) (from, to string) {
	return r.From.In(zone).Format(time.DateOnly), r.To.In(zone).AddDate(0, 0, -1).Format(time.DateOnly)
}
