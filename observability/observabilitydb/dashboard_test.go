package observabilitydb

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
)

func TestDashboardTellsWhatWaits(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		rolled(
			t,
			db,
			seedtest.Filling{
				Tag:     "a",
				Orders:  40,
				Returns: 40,
				From:    time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC),
				Span:    time.Hour,
			},
		)
		q := DashboardRequest{
			Now:     time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
			Quarter: Quarter{2026, 2},
			Zone:    time.UTC,
		}
		d, err := New(db).Dashboard(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d.Unknown != (Waiting{}) || d.Person != (Waiting{}) || d.Unknown.Age(q.Now) != 0 {
			t.Errorf("nothing waits, but %+v and %+v", d.Unknown, d.Person)
		}
		for id, since := range map[string]time.Time{"f-a-1": q.Now.Add(-time.Hour),
			"f-a-2": q.Now.Add(-3 * time.Hour)} {
			if _, err := db.Writer().NewRaw("UPDATE ?(rk)refunds SET status = 'unknown', needs_review = ?, "+
				"created_at = ? WHERE id = ?",
				id == "f-a-1", sqldb.At(since), id).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if d, err = New(db).Dashboard(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if d.Unknown.N != 2 || d.Unknown.Age(q.Now) != 3*time.Hour || d.Person.N != 1 ||
			d.Person.Age(q.Now) != time.Hour {
			t.Errorf("unknown %+v, in review %+v", d.Unknown, d.Person)
		}
		if d.SLO.Acceptance.Status != NoData || d.Total.Orders != 40 {
			t.Errorf("%+v, %d orders", d.SLO.Acceptance, d.Total.Orders)
		}
	})
}

func TestQuarters(t *testing.T) {
	for _, text := range []string{"2025-Q1", "2026-Q4", "2050-Q4"} {
		q, err := ParseQuarter(text)
		if err != nil || q.String() != text {
			t.Errorf("%s is read as %v (%v)", text, q, err)
		}
	}
	for _, text := range []string{"", "2024-Q4", "2051-Q1", "2026-Q0", "2026-Q5", "2026-q1", "26-Q1", " 2026-Q1",
		"2026-Q1\n"} {
		if q, err := ParseQuarter(text); err == nil {
			t.Errorf("%q is read as %v, want an error", text, q)
		}
	}
	n := 1
	for q, ok := FirstQuarter, true; q != LastQuarter; n++ {
		next, more := q.Next()
		back, _ := next.Previous()
		if ok = more; !ok || back != q {
			t.Fatalf("after %v comes %v, and before that %v", q, next, back)
		}
		q = next
	}
	if n != 26*4 {
		t.Errorf("%d quarters, want 104", n)
	}
	if _, ok := LastQuarter.Next(); ok {
		t.Error("there is a quarter after the last")
	}
	if _, ok := FirstQuarter.Previous(); ok {
		t.Error("there is a quarter before the first")
	}
	newYear := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	if q := QuarterAt(newYear, zone(t, "Asia/Kathmandu")); q != (Quarter{2027, 1}) {
		t.Errorf("in Kathmandu it is %v", q)
	}
	if q := QuarterAt(newYear, time.UTC); q != (Quarter{2026, 4}) {
		t.Errorf("in UTC it is %v", q)
	}
}

// TestDaysBeginOnce: the first instant of a day has its date, and the one
// before it has another, in every zone on every day of five years.
func TestDaysBeginOnce(t *testing.T) {
	for _, name := range kpiZones {
		z := zone(t, name)
		for day := range 5 * 365 {
			want := time.Date(2025, 1, 1+day, 12, 0, 0, 0, time.UTC)
			start := returns.Day{Year: want.Year(), Month: want.Month(), Day: want.Day()}.Start(z)
			if start.In(z).Format(time.DateOnly) != want.Format(time.DateOnly) ||
				start.Add(-time.Second).In(z).Format(time.DateOnly) == want.Format(time.DateOnly) {
				t.Errorf("%s: %s begins at %v", name, want.Format(time.DateOnly), start.In(z))
			}
			if start.Unix()%900 != 0 {
				t.Errorf("%s: %v is inside of a quarter of an hour", name, start)
			}
		}
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
