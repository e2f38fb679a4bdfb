package observabilitydb

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// kpiZones are on, off and far from the hour, with clocks that change by an
// hour, by half an hour, at midnight, and never.
var kpiZones = []string{
	"UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "America/New_York", "Europe/Berlin",
	"Africa/Cairo", "America/Havana", "Asia/Beirut", "America/Santiago", "Pacific/Chatham", "Pacific/Kiritimati",
	"Pacific/Pago_Pago", "Asia/Kolkata", "Africa/Casablanca", "Australia/Eucla",
}

// rawEvent is an event with what its aggregate's rows say.
type rawEvent struct {
	AggregateID string
	Type        string
	At          sqldb.Time
	Reason      string
	Method      string
	Currency    string
	Amount      int64
	Quote       sqldb.JSON[refunds.Quote]
}

// rawUnits are the units of a return's line by their end.
type rawUnits struct {
	ReturnID, Disposition string
	Accepted              int64
}

// rawRows is everything the KPIs are about, events in order of time.
type rawRows struct {
	events []rawEvent
	units  map[string][]rawUnits // by return
}

func readRaw(t *testing.T, db *sqlstore.DB) rawRows {
	t.Helper()
	raw := rawRows{units: map[string][]rawUnits{}}
	for _, query := range []string{
		"SELECT aggregate_id, type, at FROM ?(rk)orders_events",
		"SELECT e.aggregate_id, e.type, e.at, r.reason FROM ?(rk)returns_events AS e LEFT JOIN ?(rk)returns AS " +
			"r ON r.id = e.aggregate_id",
		"SELECT e.aggregate_id, e.type, e.at, f.method, f.currency, f.amount_minor AS amount, f.quote FROM " +
			"?(rk)refunds_events AS e LEFT JOIN ?(rk)refunds AS f ON f.id = e.aggregate_id",
	} {
		var some []rawEvent
		if err := db.Read().NewRaw(query).Scan(t.Context(), &some); err != nil {
			t.Fatal(err)
		}
		raw.events = append(raw.events, some...)
	}
	slices.SortStableFunc(raw.events, func(a, b rawEvent) int { return a.At.Time().Compare(b.At.Time()) })
	var units []rawUnits
	if err := db.Read().NewRaw("SELECT return_id, disposition, accepted FROM ?(rk)return_lines").Scan(t.Context(),
		&units); err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		raw.units[u.ReturnID] = append(raw.units[u.ReturnID], u)
	}
	return raw
}

// recount makes the KPIs from the raw rows one by one, by the date that
// Go's own calendar gives each.
func (raw rawRows) recount(q Quarter, zone *time.Location) KPIs {
	k := KPIs{}
	days := map[string]*Counts{}
	reasons, dispositions := map[string]int64{}, map[string]int64{}
	paid, reversed, leakage := map[[2]string]Money{}, map[[2]string]Money{}, map[[2]string]Money{}
	stages := map[string][5]time.Time{}
	durations := map[string][]time.Duration{}
	for _, e := range raw.events {
		at := e.At.Time().In(zone)
		stage := -1
		switch e.Type {
		case returns.EventRequested:
			stage = 0
		case returns.EventAuthorized:
			stage = 1
		case returns.EventReceived:
			stage = 2
		case returns.EventApproved:
			stage = 3
		case returns.EventRefunded, returns.EventCanceled:
			stage = 4
		case returns.EventRejected:
			stage = 3
		}
		seen := stages[e.AggregateID]
		if stage >= 0 {
			seen[stage] = at
			if e.Type == returns.EventRejected {
				seen[4] = at
			}
			stages[e.AggregateID] = seen
		}
		if year, month, _ := at.Date(); year != q.Year || (int(month)-1)/3+1 != q.Q {
			continue
		}
		date := at.Format(time.DateOnly)
		if days[date] == nil {
			days[date] = &Counts{}
		}
		for _, c := range countedEvents {
			if c.event == e.Type {
				*c.field(days[date])++
				*c.field(&k.Total)++
			}
		}
		switch e.Type {
		case returns.EventRequested:
			reasons[e.Reason]++
		case returns.EventApproved:
			for _, u := range raw.units[e.AggregateID] {
				if u.Accepted > 0 {
					dispositions[u.Disposition] += u.Accepted
				}
			}
		case refunds.EventSucceeded:
			m := paid[[2]string{e.Currency, e.Method}]
			paid[[2]string{e.Currency, e.Method}] = Money{e.Method, e.Currency, m.N + 1, m.Amount + e.Amount}
			if over := e.Amount - e.Quote.V.ByTerms; over > 0 {
				m := leakage[[2]string{e.Currency}]
				leakage[[2]string{e.Currency}] = Money{"", e.Currency, m.N + 1, m.Amount + over}
			}
		case refunds.EventReversed:
			m := reversed[[2]string{e.Currency, e.Method}]
			reversed[[2]string{e.Currency, e.Method}] = Money{e.Method, e.Currency, m.N + 1, m.Amount + e.Amount}
		case returns.EventRefunded, returns.EventCanceled, returns.EventRejected:
			durations["total"] = append(durations["total"], seen[4].Sub(seen[0]))
			for i, name := range stageNames {
				if !seen[i].IsZero() && !seen[i+1].IsZero() {
					durations[name] = append(durations[name], seen[i+1].Sub(seen[i]))
				}
			}
		}
	}
	for d := time.Date(q.Year, time.Month(3*q.Q-2), 1, 12, 0, 0, 0, time.UTC); ; d = d.AddDate(0, 0, 1) {
		if (int(d.Month())-1)/3+1 != q.Q {
			break
		}
		day := DayCounts{Date: d.Format(time.DateOnly)}
		if c := days[day.Date]; c != nil {
			day.Counts = *c
		}
		k.Days = append(k.Days, day)
	}
	k.Reasons, k.Dispositions = sharesOf(reasons), sharesOf(dispositions)
	k.Paid, k.Reversed, k.Leakage = moneyOf(paid), moneyOf(reversed), moneyOf(leakage)
	k.Cycle.Total = naiveSpread("total", durations["total"])
	for _, name := range stageNames {
		k.Cycle.Stages = append(k.Cycle.Stages, naiveSpread(name, durations[name]))
	}
	c := k.Total
	k.ReturnAcceptance = Rate{c.ReturnsApproved, c.ReturnsApproved + c.ReturnsRejected}
	k.RefundSuccess = Rate{c.RefundsPaid, c.RefundsPaid + c.RefundsFailed}
	k.RMARate = Rate{c.RMAs, c.Orders}
	for name, n := range dispositions {
		k.RestockShare.Whole += n
		if name == "restock" {
			k.RestockShare.Part = n
		}
	}
	return k
}

func sharesOf(m map[string]int64) []Share {
	var out []Share
	for name, n := range m {
		out = append(out, Share{name, n})
	}
	slices.SortFunc(out, func(a, b Share) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return out
}

func moneyOf(m map[[2]string]Money) []Money {
	var out []Money
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Money) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Method, b.Method))
	})
	return out
}

// naiveSpread finds the ranks by counting.
func naiveSpread(name string, all []time.Duration) Spread {
	s := Spread{Name: name, N: len(all)}
	if len(all) == 0 {
		return s
	}
	rank := func(tenths int) time.Duration {
		best := time.Duration(-1)
		for _, d := range all {
			notAbove := 0
			for _, other := range all {
				if other <= d {
					notAbove++
				}
			}
			if notAbove*10 >= tenths*len(all) && (best < 0 || d < best) {
				best = d
			}
		}
		return best
	}
	var sum time.Duration
	for _, d := range all {
		sum += d.Truncate(time.Microsecond) / time.Microsecond
	}
	s.Avg, s.Median, s.P90 = sum/time.Duration(len(all))*time.Microsecond, rank(5), rank(9)
	return s
}

// sameKPIs compares all but where the quarter lies.
func sameKPIs(t *testing.T, got, want KPIs) {
	t.Helper()
	got.Quarter, got.Zone, got.From, got.To = Quarter{}, nil, time.Time{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the KPIs differ from a recount:\n got %s\nwant %s", asJSON(t, got), asJSON(t, want))
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestI14FiguresEqualARecountInEveryTimeZone: the history lies around the days
// on which the zones change their clocks and their quarters begin.
func TestI14FiguresEqualARecountInEveryTimeZone(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		rolled(
			t,
			db,
			seedtest.Filling{
				Tag:     "a",
				Orders:  250,
				Returns: 60,
				From:    time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC),
				Span:    6 * 24 * time.Hour,
			},
			seedtest.Filling{
				Tag:     "b",
				Orders:  250,
				Returns: 60,
				From:    time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(-30 * time.Hour),
				Span:    35 * 24 * time.Hour,
			},
			seedtest.Filling{
				Tag:     "c",
				Orders:  150,
				Returns: 30,
				From:    time.Date(2050, 12, 30, 0, 0, 0, 0, time.UTC),
				Span:    2 * 24 * time.Hour,
			},
		)
		raw := readRaw(t, db)
		reader := New(db) // what it knows of days serves every zone
		for _, name := range kpiZones {
			z := zone(t, name)
			for _, q := range []Quarter{{2026, 1}, {2026, 2}, {2026, 3}, {2026, 4}, {2050, 4}} {
				got, err := reader.KPIs(context.Background(), q, z)
				if err != nil {
					t.Fatal(err)
				}
				sameKPIs(t, got, raw.recount(q, z))
				if t.Failed() {
					t.Fatalf("in %s, %v", name, q)
				}
			}
		}
	})
}

// TestI14EveningAndNightOfEveryDayOfTheYear places refunds at 23:45 and 00:30
// of each local day.
func TestI14EveningAndNightOfEveryDayOfTheYear(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	stores(t, db)
	var events []event.Event
	for _, name := range kpiZones[:4] {
		z := zone(t, name)
		for day := range 365 {
			for i, clock := range [][2]int{{23, 45}, {0, 30}} {
				at := time.Date(2026, 1, 1+day, clock[0], clock[1], 0, 0, z)
				e, err := event.NewEvent(
					fmt.Sprintf("%s-%d-%d", name, day, i),
					1,
					refunds.EventSucceeded,
					event.Stamp{At: at},
					struct{}{},
				)
				if err != nil {
					t.Fatal(err)
				}
				events = append(events, e)
			}
		}
	}
	appendEvents(t, db, "refunds", events...)
	roll(t, db)
	reader := New(db)
	for _, name := range kpiZones[:4] {
		z := zone(t, name)
		want := map[string]int64{}
		for _, e := range events {
			want[e.At.In(z).Format(time.DateOnly)]++
		}
		for q := range 4 {
			k, err := reader.KPIs(context.Background(), Quarter{2026, q + 1}, z)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range k.Days {
				if d.RefundsPaid != want[d.Date] {
					t.Errorf("%s, %s: %d refunds, want %d", name, d.Date, d.RefundsPaid, want[d.Date])
				}
			}
		}
	}
}
