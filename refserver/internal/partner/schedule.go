package partner

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when a feed is fetched: every so many minutes ("60"), or at the times of a cron
// expression ("30 6 * * 1-5", "@daily") in the shop's time zone. Empty is never.
type Schedule string

const (
	maxMinutes  = 31 * 24 * 60
	maxSchedule = 100 // characters
)

// cronFields are minute, hour, day of the month, month and day of the week, or a word such as
// @daily.
var cronFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// minutes is the distance of a schedule that is one.
func (s Schedule) minutes() (n int, ok bool) {
	n, err := strconv.Atoi(string(s))
	return n, err == nil
}

// cron returns the times of a schedule that is a cron expression. The parser's time zones and
// seconds are refused: the zone is the shop's.
func (s Schedule) cron() (cron.Schedule, bool) {
	if len(s) > maxSchedule || strings.ContainsAny(string(s), "=?") || strings.HasPrefix(string(s), "@every") {
		return nil, false
	}
	rule, err := cronFields.Parse(string(s))
	return rule, err == nil
}

// check returns an *Invalid for a schedule that says no time.
func (s Schedule) check() error {
	if s == "" {
		return nil
	}
	if n, ok := s.minutes(); ok && n >= 1 && n <= maxMinutes {
		return nil
	}
	rule, ok := s.cron()
	if !ok {
		return &Invalid{"schedule", fmt.Sprintf("The schedule is %q; it must be minutes from 1 to %d, such as 60, "+
			"or a cron expression, such as 30 6 * * 1-5 or @daily.", clip(string(s)), maxMinutes)}
	}
	if rule.Next(time.Now()).IsZero() {
		return &Invalid{"schedule", fmt.Sprintf("The schedule is %q, a day that never comes.", clip(string(s)))}
	}
	return nil
}

// first returns the time of the first fetch under a new schedule: at once where it is a distance.
func (s Schedule) first(now time.Time, zone *time.Location) time.Time {
	if _, ok := s.minutes(); ok {
		return now
	}
	return s.next(now, zone)
}

// next returns the time of the fetch after one at now; zero where there is none.
func (s Schedule) next(now time.Time, zone *time.Location) time.Time {
	if n, ok := s.minutes(); ok {
		return now.Add(time.Duration(n) * time.Minute)
	}
	if rule, ok := s.cron(); ok {
		return rule.Next(now.In(zone))
	}
	return time.Time{}
}
