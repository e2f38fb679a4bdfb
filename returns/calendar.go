package returns

import (
	"fmt"
	"sync"
	"time"
)

// Day is a day of the calendar. It is comparable with ==; the zero Day is none.
//
// Where a day begins and ends depends on the zone, and on some days of some
// zones it is not midnight: Start and Next are right where the clocks skip
// midnight, where they pass it twice, and where a zone leaves out a whole day.
// Everything that asks for the day of an instant (deadlines, list filters,
// figures of a day) asks here.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// DayOf returns the day that t falls on in the zone: the one for which
// d.Start(zone) <= t < d.Next().Start(zone).
func DayOf(t time.Time, zone *time.Location) Day {
	y, m, n := t.In(zone).Date()
	d := Day{y, m, n}
	for t.Before(d.Start(zone)) { // the clock passes this midnight once more
		d = d.add(-1)
	}
	return d
}

// ParseDay reads a day such as 2026-01-31.
func ParseDay(text string) (Day, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Day{}, &Error{
			Code: CodeInvalid, Field: "day", Message: fmt.Sprintf("%q is not a day such as 2026-01-31.", clip(text)),
		}
	}
	return Day{t.Year(), t.Month(), t.Day()}, nil
}

// noon is noon of the day in UTC: what days are counted with.
func (d Day) noon() time.Time { return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC) }

// add returns the day n days later, or earlier where n is negative.
func (d Day) add(n int) Day {
	y, m, day := d.noon().AddDate(0, 0, n).Date()
	return Day{y, m, day}
}

// Next returns the day after d.
func (d Day) Next() Day { return d.add(1) }

// weekday returns the day of the week.
func (d Day) weekday() time.Weekday { return d.noon().Weekday() }

// IsZero reports whether d is no day.
func (d Day) IsZero() bool { return d == Day{} }

// String returns the day as 2026-01-31.
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// MarshalText returns the day as 2026-01-31.
func (d Day) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads a day as MarshalText writes it.
func (d *Day) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Day{}
		return nil
	}
	day, err := ParseDay(string(text))
	*d = day
	return err
}

// farthest is farther from UTC than any zone has ever been.
const farthest = 16 * time.Hour

// Start returns the first instant of the day in the zone: from then on no clock
// there shows an earlier day again. The day ends at Next().Start, which does not
// belong to it; a day that the zone leaves out begins and ends at one instant.
func (d Day) Start(zone *time.Location) time.Time {
	midnight := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	t := midnight.Add(farthest)
	for {
		local := t.In(zone)
		_, offset := local.Zone()
		here := midnight.Add(-time.Duration(offset) * time.Second) // midnight by this offset
		from, _ := local.ZoneBounds()                              // since when it holds
		if from.IsZero() || here.After(from) {
			return here.UTC()
		}
		// All this stretch is of the day or later. So may the end of the one before be.
		before := from.Add(-time.Nanosecond)
		if y, m, n := before.In(zone).Date(); (Day{y, m, n}).before(d) {
			return from.UTC()
		}
		t = before
	}
}

func (d Day) before(o Day) bool { return d.noon().Before(o.noon()) }

// WindowStart says what the return window counts from.
type WindowStart string

// The starts of a window.
const (
	// FromPurchase counts from when the order was placed.
	FromPurchase WindowStart = "purchase"
	// FromDelivery counts from the delivery of the last good of the order.
	// While that is not known the window has not begun, and is open.
	FromDelivery WindowStart = "delivery"
	// FromDeliveryOrPurchase counts from the delivery where it is known, else
	// from the purchase.
	FromDeliveryOrPurchase WindowStart = "delivery_or_purchase"
)

// Holiday is a day on which nobody works.
type Holiday struct {
	Day  Day    `json:"day"`
	Name string `json:"name,omitempty"`
}

// lastDay returns the last day of a period of days that begins with the event
// on the day first. The day of the event is not counted; where the policy says
// so, a period that would end on a Saturday, a Sunday or a holiday ends with the
// next working day (Regulation (EEC, Euratom) 1182/71, Article 3).
func (p Policy) lastDay(first Day, days int) Day {
	last := first.add(days)
	for p.WorkingDayEnd && p.free(last) {
		last = last.Next()
	}
	return last
}

func (p Policy) free(d Day) bool {
	if w := d.weekday(); w == time.Saturday || w == time.Sunday {
		return true
	}
	for _, h := range p.Holidays {
		if h.Day == d {
			return true
		}
	}
	return false
}

// deadline returns the end of a period of days that begins with an event at
// start: the instant at which the last day ends in the zone of the policy, the
// first that is too late.
func (p Policy) deadline(start time.Time, days int) time.Time {
	zone := p.zone()
	return p.lastDay(DayOf(start, zone), days).Next().Start(zone)
}

// zone is the location of Zone; UTC where it is empty or not known here.
func (p Policy) zone() *time.Location {
	if zone, err := location(p.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// locations keeps what time.LoadLocation read, by name.
var locations sync.Map

func location(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if known, ok := locations.Load(name); ok {
		return known.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &Error{Code: CodeInvalid, Field: "zone", Err: err, Message: fmt.Sprintf(
			"%q is not a time zone of the IANA database, such as Europe/Berlin, that is known here; "+
				"a program without the database imports time/tzdata.", clip(name))}
	}
	locations.Store(name, zone)
	return zone, nil
}

// LastDay returns the last day before a deadline in the reader's zone: what
// "until" names.
func LastDay(deadline time.Time, zone *time.Location) Day {
	return DayOf(deadline.Add(-time.Nanosecond), zone)
}

// Words returns the day as people read it, such as "Sunday, 9 November". The
// year is added where it differs from near's.
func (d Day) Words(near Day) string {
	if d.Year == near.Year {
		return d.noon().Format("Monday, 2 January")
	}
	return d.noon().Format("Monday, 2 January 2006")
}
