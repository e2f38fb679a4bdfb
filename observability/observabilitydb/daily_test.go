package observabilitydb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/outbox"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
	"github.com/returnkit/returnkit/orders"
)

// record writes one event of the fact at each instant.
func record(t *testing.T, db *sqldb.DB, f fact, at ...time.Time) {
	t.Helper()
	prefix := strings.TrimSuffix(f.table, "_events")
	var events []orders.Event
	for i, instant := range at {
		e, err := orders.NewEvent(fmt.Sprintf("%s-%d-%d", f.event, instant.UnixMicro(), i), 1, f.event, orders.Stamp{At: instant}, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	err := db.Tx(context.Background(), "record", func(ctx context.Context, tx bun.Tx) error {
		return outbox.Append(ctx, tx, prefix, events)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tables(t *testing.T, db *sqldb.DB) {
	t.Helper()
	for _, prefix := range []string{"orders", "returns", "refunds"} {
		for _, statement := range strings.Split(outbox.DDL(db.Dialect, prefix), ";") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := db.Write.ExecContext(context.Background(), statement); err != nil {
				t.Fatal(err)
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

func TestEveningAndNightFallOnTheirOwnLocalDays(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		tables(t, db)
		paid := facts[2]
		for _, name := range []string{"UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"} {
			z := zone(t, name)
			day := time.Date(2026, 5, 12, 0, 0, 0, 0, z)
			record(t, db, paid, day.Add(23*time.Hour+45*time.Minute), day.AddDate(0, 0, 1).Add(30*time.Minute))
			days, err := New(db).Daily(context.Background(), day.AddDate(0, 0, 1).Add(time.Hour), z, 2)
			if err != nil {
				t.Fatal(err)
			}
			// Events of the other zones may fall on these days too; recount all.
			if days[0].RefundsPaid < 1 || days[1].RefundsPaid < 1 {
				t.Errorf("%s: %+v, want one or more on each day", name, days)
			}
		}
	})
}

func TestDaysEqualANaiveRecountOverDaylightSaving(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		tables(t, db)
		z := zone(t, "America/New_York")
		end := time.Date(2026, 3, 10, 12, 0, 0, 0, z) // the 8th has 23 hours
		random := rand.New(rand.NewPCG(1, 2))
		want := map[string][4]int{}
		for i, f := range facts {
			var at []time.Time
			for range 300 {
				instant := end.Add(-time.Duration(random.Int64N(int64(6 * 24 * time.Hour)))).Truncate(time.Microsecond)
				at = append(at, instant)
				key := instant.In(z).Format(time.DateOnly)
				n := want[key]
				n[i]++
				want[key] = n
			}
			record(t, db, f, at...)
		}
		days, err := New(db).Daily(context.Background(), end, z, 8)
		if err != nil {
			t.Fatal(err)
		}
		if len(days) != 8 || days[7].Date.Format(time.DateOnly) != "2026-03-10" {
			t.Fatalf("%d days up to %v, want 8 up to 2026-03-10", len(days), days[len(days)-1].Date)
		}
		for _, d := range days {
			got := [4]int{d.Orders, d.Returns, d.RefundsPaid, d.RefundsFailed}
			if key := d.Date.Format(time.DateOnly); got != want[key] {
				t.Errorf("%s: %v, want %v", key, got, want[key])
			}
		}
	})
}

func TestDailyRefusesAnImpossibleNumberOfDays(t *testing.T) {
	for _, n := range []int{0, -1, 401} {
		if _, err := New(nil).Daily(context.Background(), time.Now(), time.UTC, n); err == nil {
			t.Errorf("days %d: no error", n)
		}
	}
}
