package observabilitydb

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/returns"
)

// Quarter is a quarter of a year, 2025-Q1 to 2050-Q4.
type Quarter struct {
	Year int
	Q    int // 1 to 4
}

// The first and the last quarter there are figures for.
var (
	FirstQuarter = Quarter{2025, 1}
	LastQuarter  = Quarter{2050, 4}
)

var quarterText = regexp.MustCompile(`^(\d{4})-Q([1-4])$`)

// ParseQuarter reads a quarter as String writes it, such as 2026-Q4.
func ParseQuarter(s string) (Quarter, error) {
	if m := quarterText.FindStringSubmatch(s); m != nil {
		year, _ := strconv.Atoi(m[1]) // four digits
		q := Quarter{year, int(m[2][0] - '0')}
		if q.valid() {
			return q, nil
		}
	}
	return Quarter{}, fmt.Errorf("quarter %q: it must be %v to %v", s, FirstQuarter, LastQuarter)
}

// QuarterAt is the quarter that now falls in, in the zone; the nearest there
// is when it is outside of the range.
func QuarterAt(now time.Time, zone *time.Location) Quarter {
	year, month, _ := now.In(zone).Date()
	switch {
	case year < FirstQuarter.Year:
		return FirstQuarter
	case year > LastQuarter.Year:
		return LastQuarter
	}
	return Quarter{year, (int(month)-1)/3 + 1}
}

func (q Quarter) valid() bool {
	return q.Year >= FirstQuarter.Year && q.Year <= LastQuarter.Year && q.Q >= 1 && q.Q <= 4
}

// String is the quarter as 2026-Q4.
func (q Quarter) String() string { return fmt.Sprintf("%04d-Q%d", q.Year, q.Q) }

// Next is the quarter after, Previous the one before; ok is false past the
// ends of the range.
func (q Quarter) Next() (next Quarter, ok bool) {
	next = Quarter{q.Year, q.Q + 1}
	if q.Q == 4 {
		next = Quarter{q.Year + 1, 1}
	}
	return next, next.valid()
}

// Previous is the period before, as Next is the one after.
func (q Quarter) Previous() (previous Quarter, ok bool) {
	previous = Quarter{q.Year, q.Q - 1}
	if q.Q == 1 {
		previous = Quarter{q.Year - 1, 4}
	}
	return previous, previous.valid()
}

// firstDay is the date the quarter begins with.
func (q Quarter) firstDay() (year int, month time.Month) { return q.Year, time.Month(3*q.Q - 2) }

// span is the time the quarter takes in a zone.
func (q Quarter) span(zone *time.Location) span {
	year, month := q.firstDay()
	first, next := returns.Day{Year: year, Month: month, Day: 1}, returns.Day{Year: year, Month: month + 3, Day: 1}
	return span{first.Start(zone).In(zone), next.Start(zone).In(zone)}
}

// stretch is a part of a span with one offset from UTC.
type stretch struct {
	until  time.Time // not included
	offset time.Duration
}

// stretches cuts s where the zone's offset changes.
func (s span) stretches(zone *time.Location) []stretch {
	var out []stretch
	for at := s.from.In(zone); at.Before(s.to); {
		_, seconds := at.Zone()
		_, end := at.ZoneBounds()
		if end.IsZero() || end.After(s.to) {
			end = s.to
		}
		out = append(out, stretch{end, time.Duration(seconds) * time.Second})
		at = end.In(zone)
	}
	return out
}
