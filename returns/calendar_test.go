package returns_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/returnkit/returnkit/returns"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// zones are those whose days are hardest, with an instant near such a day: no
// midnight, midnight twice, 23 and 25 hours, half hours, a day left out, a day
// lived twice, seconds in the offset, both ends of the world.
var zones = map[string]string{
	"UTC": "2026-01-01T00:00:00Z", "Europe/Berlin": "2026-10-25T00:30:00Z", "Europe/Dublin": "2026-08-15T11:00:00Z",
	"America/St_Johns": "2007-11-04T02:31:00Z", "Pacific/Apia": "2011-12-29T20:00:00Z",
	"Pacific/Kwajalein": "1993-08-20T18:00:00Z",
	"America/Sao_Paulo": "2018-11-04T02:00:00Z", "Asia/Beirut": "2024-03-30T21:59:00Z",
	"Africa/Cairo":     "2024-04-25T21:59:00Z",
	"America/Asuncion": "2023-10-01T04:00:00Z", "Asia/Tehran": "2022-03-21T20:00:00Z",
	"Australia/Lord_Howe": "2024-10-05T15:00:00Z",
	"America/Havana":      "2026-11-01T04:30:00Z", "Antarctica/Troll": "2024-03-31T01:00:00Z",
	"Africa/Monrovia": "1972-01-06T23:00:00Z",
	"Asia/Manila":     "1844-12-30T15:00:00Z", "America/Juneau": "1867-10-18T08:00:00Z",
	"Pacific/Kiritimati": "2026-02-28T09:59:00Z",
	"Etc/GMT+12":         "2028-02-29T11:59:00Z", "Asia/Kathmandu": "1985-12-31T18:30:00Z",
}

// The cases from outside: a period ends with its last day in its own zone.
func TestAWindowEndsWithItsLastDay(t *testing.T) {
	for _, c := range []struct {
		name      string
		start     string // of the window: purchase or delivery
		days      int
		zone      string
		workday   bool
		holidays  []string
		open, end string // the last minute that is in time, and the first instant that is not
	}{
		{"C1: over the end of summer time", "2026-10-10T18:00:00+02:00", 30, "Europe/Berlin", false, nil,
			"2026-11-09T23:59:59+01:00", "2026-11-10T00:00:00+01:00"},
		{"C2: from a Saturday to a Saturday, Dublin", "2026-08-15T12:00:00+01:00", 14, "Europe/Dublin", true, nil,
			"2026-08-31T20:00:00+01:00", "2026-09-01T00:00:00+01:00"},
		{"a working day that is a holiday", "2026-08-15T12:00:00+01:00", 14, "Europe/Dublin", true,
			[]string{"2026-08-31"}, "2026-09-01T20:00:00+01:00", "2026-09-02T00:00:00+01:00"},
		{
			"no days: the day itself", "2026-03-01T00:00:00Z", 0, "", false, nil, "2026-03-01T23:59:59Z",
			"2026-03-02T00:00:00Z",
		},
		{
			"a leap day is a day", "2028-02-01T12:00:00Z", 28, "UTC", false, nil, "2028-02-29T23:59:59Z",
			"2028-03-01T00:00:00Z",
		},
		{"a day whose midnight is skipped", "2018-11-02T12:00:00-03:00", 1, "America/Sao_Paulo", false, nil,
			"2018-11-03T23:59:59-03:00", "2018-11-04T01:00:00-02:00"},
		{"a midnight that comes twice", "2007-11-02T12:00:00-02:30", 1, "America/St_Johns", false, nil,
			"2007-11-03T23:59:59-03:30", "2007-11-04T00:00:00-03:30"},
		{"an hour after midnight that comes twice", "2026-10-30T12:00:00-04:00", 1, "America/Havana", false, nil,
			"2026-10-31T23:59:59-04:00", "2026-11-01T00:00:00-04:00"},
		{"a day that is left out", "2011-12-28T12:00:00-10:00", 2, "Pacific/Apia", false, nil,
			"2011-12-29T23:59:59-10:00", "2011-12-31T00:00:00+14:00"},
		{"the first zone of the world", "2026-05-04T23:00:00+14:00", 1, "Pacific/Kiritimati", false, nil,
			"2026-05-05T23:59:59+14:00", "2026-05-06T00:00:00+14:00"},
		{"the last zone of the world", "2026-05-04T23:00:00-12:00", 1, "Etc/GMT+12", false, nil,
			"2026-05-05T23:59:59-12:00", "2026-05-06T00:00:00-12:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := func(text string) time.Time {
				i, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatal(err)
				}
				return i
			}
			p := policy()
			p.WindowDays, p.Zone, p.WorkingDayEnd, p.Start = c.days, c.zone, c.workday, returns.FromDelivery
			for _, h := range c.holidays {
				day, err := returns.ParseDay(h)
				if err != nil {
					t.Fatal(err)
				}
				p.Holidays = append(p.Holidays, returns.Holiday{Day: day})
			}
			o := sample()
			o.PlacedAt, o.DeliveredAt = at(c.start).AddDate(0, 0, -3), at(c.start)
			q := returns.Request{
				CustomerID: "ann", Reason: returns.ReasonOther, Items: []returns.RequestItem{
					{OrderLineID: "lamp", Quantity: 1},
				},
			}
			for text, want := range map[string]bool{c.open: true, c.end: false} {
				v := returns.Evaluate(returns.Terms{Policy: p}, o, nil, q, at(text))
				if v.Eligible != want || !v.Lines[0].Deadline.Equal(at(c.end)) {
					t.Errorf(
						"at %s: eligible %v, until %s, want %v until %s", text, v.Eligible, v.Lines[0].Deadline, want,
						c.end,
					)
				}
			}
		})
	}
}

// C3: a start that is not known has not begun.
func TestAWindowWaitsForADeliveryThatIsNotKnown(t *testing.T) {
	p, o := policy(), sample()
	q := returns.Request{
		CustomerID: "ann", Reason: returns.ReasonOther, Items: []returns.RequestItem{
			{OrderLineID: "lamp", Quantity: 1},
		},
	}
	for _, c := range []struct {
		start     returns.WindowStart
		delivered bool
		eligible  bool // 31 days after the purchase, 29 after the delivery
		waits     bool
	}{
		{returns.FromPurchase, true, false, false},
		{returns.FromPurchase, false, false, false},
		{returns.FromDelivery, true, true, false},
		{returns.FromDelivery, false, true, true},
		{returns.FromDeliveryOrPurchase, true, true, false},
		{returns.FromDeliveryOrPurchase, false, false, false},
		{"", true, true, false},
		{"", false, false, false},
	} {
		p.Start = c.start
		o.DeliveredAt = time.Time{}
		if c.delivered {
			o.DeliveredAt = start.AddDate(0, 0, 2)
		}
		v := returns.Evaluate(returns.Terms{Policy: p}, o, nil, q, start.AddDate(0, 0, 31))
		l := v.Lines[0]
		if v.Eligible != c.eligible || l.AwaitsDelivery != c.waits || l.Deadline.IsZero() != c.waits {
			t.Errorf("from %q, delivered %v: %+v", c.start, c.delivered, v)
		}
	}
}

func TestADeadlineIsNamedByItsLastDayInTheReadersZone(t *testing.T) {
	berlin, newYork, tokyo := zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Asia/Tokyo")
	deadline := returns.Policy{Zone: "Europe/Berlin"}.Deadline(time.Date(2025, 10, 10, 18, 0, 0, 0, berlin), 30)
	for z, want := range map[*time.Location]string{
		berlin: "Sunday, 9 November", newYork: "Sunday, 9 November", tokyo: "Monday, 10 November",
	} {
		day := returns.LastDay(deadline, z)
		if got := day.Words(returns.Day{Year: 2025, Month: 11, Day: 1}); got != want {
			t.Errorf("in %s: %s, want %s", z, got, want)
		}
		if got := day.Words(returns.Day{Year: 2026, Month: 1, Day: 1}); got != want+" 2025" {
			t.Errorf("in another year, in %s: %s", z, got)
		}
	}
	f := returns.Finding{
		Code: returns.WindowExpired, Limit: number(30), Deadline: deadline, Zone: "Europe/Berlin",
		Fact: instant(deadline.AddDate(0, 0, 3)),
	}
	if got, want := f.Message(), "The return window of 30 days ended on Sunday, 9 November."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := f.MessageIn(tokyo), "The return window of 30 days ended on Monday, 10 November."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDaysAreText(t *testing.T) {
	for _, text := range []string{"2026-01-31", "0001-01-01", "9999-12-31", "2028-02-29"} {
		d, err := returns.ParseDay(text)
		if err != nil || d.String() != text {
			t.Errorf("%s is read as %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "2026-02-29", "2026-1-1", "31.01.2026", "10000-01-01", "2026-01-31T00:00:00Z"} {
		if d, err := returns.ParseDay(text); returns.CodeOf(err) != returns.CodeInvalid {
			t.Errorf("%q is read as %s, %v", text, d, err)
		}
	}
	p := policy()
	p.Holidays = []returns.Holiday{{Day: returns.Day{Year: 2026, Month: 12, Day: 25}, Name: "Christmas"}}
	data, err := json.Marshal(p)
	var again returns.Policy
	if err != nil || json.Unmarshal(data, &again) != nil || again.Holidays[0] != p.Holidays[0] {
		t.Errorf("%s, %v: %+v", data, err, again.Holidays)
	}
	if err := json.Unmarshal([]byte(`{"holidays":[{"day":"Christmas"}]}`), &again); err == nil {
		t.Error("a holiday that is no day was read")
	}
}

func TestPublishedTermsHaveAZoneAndAStart(t *testing.T) {
	s := newShop(t, policy())
	terms, err := s.svc.Terms(s.ctx, "")
	s.ok(err)
	s.equal(
		"zone and start", []any{terms.Policy.Zone, terms.Policy.Start}, []any{"UTC", returns.FromDeliveryOrPurchase},
	)
	svc, err := returns.New(
		returns.Config{Store: s.store, Orders: s.orders, Refunder: s.payer, Restocker: s.orders, Zone: "Asia/Tokyo"},
	)
	s.ok(err)
	p := policy()
	terms, err = svc.PublishTerms(s.ctx, kim, p, "")
	s.ok(err)
	s.equal("zone", terms.Policy.Zone, "Asia/Tokyo")
	p.Zone, p.Start = "Europe/Rome", returns.FromPurchase
	terms, err = svc.PublishTerms(s.ctx, kim, p, "")
	s.ok(err)
	s.equal(
		"its own zone and start", []any{terms.Policy.Zone, terms.Policy.Start}, []any{
			"Europe/Rome", returns.FromPurchase,
		},
	)
	_, err = returns.New(
		returns.Config{Store: s.store, Orders: s.orders, Refunder: s.payer, Restocker: s.orders, Zone: "Mars"},
	)
	s.refused(err, returns.CodeInvalid)
}

// slow is a calendar that walks: it reads clocks minute by minute, and counts
// days one by one.
type slow struct{ zone *time.Location }

func (s slow) date(t time.Time) returns.Day {
	y, m, d := t.In(s.zone).Date()
	return returns.Day{Year: y, Month: m, Day: d}
}

func earlier(a, b returns.Day) bool {
	if a.Year != b.Year {
		return a.Year < b.Year
	}
	return a.Month < b.Month || a.Month == b.Month && a.Day < b.Day
}

func tomorrow(d returns.Day) returns.Day {
	leap := d.Year%4 == 0 && (d.Year%100 != 0 || d.Year%400 == 0)
	length := []int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[d.Month-1]
	if leap && d.Month == time.February {
		length = 29
	}
	switch {
	case d.Day < length:
		d.Day++
	case d.Month < time.December:
		d.Month, d.Day = d.Month+1, 1
	default:
		d = returns.Day{Year: d.Year + 1, Month: time.January, Day: 1}
	}
	return d
}

// start is one second after the last at which some clock shows an earlier day.
func (s slow) start(d returns.Day) time.Time {
	around := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	last := around.Add(-30 * time.Hour)
	for t := last; t.Before(around.Add(30 * time.Hour)); t = t.Add(time.Minute) {
		if earlier(s.date(t), d) {
			last = t
		}
	}
	for t := last; t.Before(last.Add(time.Minute)); t = t.Add(time.Second) {
		if earlier(s.date(t), d) && !t.Before(last) {
			around = t
		}
	}
	return around.Add(time.Second)
}

// FuzzDays holds the days of all zones against the calendar that walks.
func FuzzDays(f *testing.F) {
	for name, near := range zones {
		t, err := time.Parse(time.RFC3339, near)
		if err != nil {
			f.Fatal(err)
		}
		for i, days := range []int{0, 1, 2, 14, 31} {
			f.Add(name, t.Add(time.Duration(i-2)*7*time.Hour).Unix(), days, i%2 == 0, uint8(i*37))
		}
	}
	f.Fuzz(func(t *testing.T, name string, at int64, days int, workday bool, holidays uint8) {
		z, err := time.LoadLocation(name)
		if err != nil || name == "Local" || days < 0 || days > 60 || at < -5_000_000_000 || at > 9_000_000_000 {
			return
		}
		walk, began := slow{z}, time.Unix(at, 0)
		first := walk.date(began)
		for began.Before(walk.start(first)) { // the clock comes back to the day before
			first = first.Add(-1)
		}
		if got := returns.DayOf(began, z); got != first {
			t.Fatalf("%s in %s is of day %s, want %s", began.UTC(), name, got, first)
		}
		p := returns.Policy{Zone: name, WorkingDayEnd: workday}
		last, free := first, map[returns.Day]bool{}
		for i := range 8 + days {
			if d := first.Add(i); holidays>>(i%8)&1 == 1 {
				free[d] = true
				p.Holidays = append(p.Holidays, returns.Holiday{Day: d})
			}
		}
		for range days {
			last = tomorrow(last)
		}
		for workday && (last.Weekday() == time.Saturday || last.Weekday() == time.Sunday || free[last]) {
			last = tomorrow(last)
		}
		end := p.Deadline(began, days)
		if want := walk.start(tomorrow(last)); !end.Equal(want) {
			t.Fatalf("%d days from %s in %s end at %s, want %s", days, began.UTC(), name, end, want.UTC())
		}
		if got := returns.LastDay(end, z); earlier(last, got) {
			t.Errorf("%d days from %s in %s: the last day is %s, want %s at most", days, began.UTC(), name, got, last)
		}
	})
}
