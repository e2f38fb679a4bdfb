package partner

import (
	"errors"
	"testing"
	"time"
)

func TestTheTimesOfASchedule(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const layout = "2006-01-02 15:04"
	for name, tt := range map[string]struct {
		schedule         Schedule
		now, first, next string // in Berlin
	}{
		"minutes":         {"60", "2026-11-30 20:10", "2026-11-30 20:10", "2026-11-30 21:10"},
		"on workdays":     {"30 6 * * 1-5", "2026-11-27 06:30", "2026-11-30 06:30", "2026-11-30 06:30"},
		"each day":        {"@daily", "2026-11-30 20:10", "2026-12-01 00:00", "2026-12-01 00:00"},
		"each hour":       {"@hourly", "2026-11-30 20:10", "2026-11-30 21:00", "2026-11-30 21:00"},
		"by names":        {"0 12 * jan sun", "2026-11-30 20:10", "2027-01-03 12:00", "2027-01-03 12:00"},
		"a leap day":      {"0 0 29 2 *", "2026-11-30 20:10", "2028-02-29 00:00", "2028-02-29 00:00"},
		"summer time":     {"0 6 * * *", "2026-03-28 12:00", "2026-03-29 06:00", "2026-03-29 06:00"},
		"winter time":     {"0 6 * * *", "2026-10-24 12:00", "2026-10-25 06:00", "2026-10-25 06:00"},
		"each 15 minutes": {"*/15 * * * *", "2026-11-30 20:10", "2026-11-30 20:15", "2026-11-30 20:15"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.schedule.check(); err != nil {
				t.Fatal(err)
			}
			now, err := time.ParseInLocation(layout, tt.now, berlin)
			if err != nil {
				t.Fatal(err)
			}
			first, next := tt.schedule.first(now.UTC(), berlin), tt.schedule.next(now.UTC(), berlin)
			if got := first.In(berlin).Format(layout); got != tt.first {
				t.Errorf("the first fetch is at %s, want %s", got, tt.first)
			}
			if got := next.In(berlin).Format(layout); got != tt.next {
				t.Errorf("the next fetch is at %s, want %s", got, tt.next)
			}
		})
	}
	if at := Schedule("").first(time.Now(), berlin); !at.IsZero() {
		t.Errorf("without a schedule a feed is fetched at %v", at)
	}
}

func TestAScheduleThatSaysNoTimeIsRefused(t *testing.T) {
	for name, s := range map[string]Schedule{
		"no minutes": "0", "fewer": "-5", "too many": "44641", "words": "often", "seconds": "@every 1s",
		"a field too few": "0 6 * *", "a field too many": "0 0 6 * * *", "an hour too many": "0 24 * * *",
		"a zone": "TZ=UTC 0 6 * * *", "a zone alone": "TZ=0", "a question mark": "0 0 ? * *",
		"a day that never comes": "0 0 30 2 *", "a part of a minute": "1.5", "a step of nothing": "*/0 * * * *",
	} {
		t.Run(name, func(t *testing.T) {
			var invalid *Invalid
			if err := s.check(); !errors.As(err, &invalid) || invalid.Field != "schedule" {
				t.Errorf("%q: %v", s, err)
			}
		})
	}
}
