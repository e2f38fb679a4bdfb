package observabilitydb

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestDashboardAtScale measures the reads of a dashboard over a long history:
//
//	DASHBOARD_ORDERS=1000000 go test -run DashboardAtScale -v -timeout 30m ./observability/observabilitydb/
//
// writes so many orders and a tenth as many returns over three years, and
// fails when the 95th percentile is 50 ms or more. Without the variable the
// orders are few, and how long a read takes is only printed.
func TestDashboardAtScale(t *testing.T) {
	n, timed := 3000, os.Getenv("DASHBOARD_ORDERS")
	if timed != "" {
		var err error
		if n, err = strconv.Atoi(timed); err != nil || n < 3000 {
			t.Fatalf("DASHBOARD_ORDERS=%q; a whole number from 3000 on is allowed", timed)
		}
	}
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		start := time.Now()
		rolled(
			t,
			db,
			seedtest.Filling{
				Tag:     "a",
				Orders:  n,
				Returns: n / 10,
				From:    time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
				Span:    3 * 365 * 24 * time.Hour,
			},
		)
		t.Logf("%d orders written and counted in %v", n, time.Since(start).Round(time.Second))
		p := newProcess(t, db, time.Date(2027, 8, 1, 0, 0, 0, 0, time.UTC))
		deltas := 24 * 60 * 6 // a day of them
		if timed == "" {
			deltas = 60
		}
		for range deltas {
			p.now = p.now.Add(slot)
			p.Accepted(time.Millisecond)
			if len(p.pending) >= maxWrite {
				p.orders(t, 0, 0, 0)
			}
		}
		p.orders(t, 0, 0, 0)
		zones := []*time.Location{time.UTC, zone(t, "Asia/Kathmandu"), zone(t, "America/New_York")}
		reader := New(db)
		var took []time.Duration
		for i := range 101 {
			q := DashboardRequest{Now: p.now, Quarter: Quarter{2025 + i%3, 1 + i%4}, Zone: zones[i%len(zones)]}
			start := time.Now()
			d, err := reader.Dashboard(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(start))
			if i < 36 { // every quarter in every zone
				sameCounts(t, db, d.KPIs)
			}
			if d.Total.Orders < int64(n/15) || d.Cycle.Total.N < n/200 {
				t.Fatalf("%v has %d orders and %d returns closed", q.Quarter, d.Total.Orders, d.Cycle.Total.N)
			}
		}
		first := slices.Max(took[:12]) // of each quarter's first reads
		slices.Sort(took)
		median, p95 := took[50], took[95]
		t.Logf("dashboard at %d orders: median %v, p95 %v, longest first read %v", n, median, p95, first)
		if timed != "" && p95 >= 50*time.Millisecond {
			t.Errorf("the 95th percentile is %v, want less than 50ms", p95)
		}
	})
}

// sameCounts counts the events of a quarter again, each by itself.
func sameCounts(t *testing.T, db *sqlstore.DB, k KPIs) {
	t.Helper()
	var want Counts
	for _, table := range eventTables {
		var rows []struct {
			Type string
			N    int64
		}
		err := db.Read().NewSelect().TableExpr("?", sqldb.Table(table)).Column("type").ColumnExpr("COUNT(*) AS n").
			Where("at >= ?", sqldb.At(k.From)).Where("at < ?", sqldb.At(k.To)).Group("type").Scan(t.Context(), &rows)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, c := range countedEvents {
				if c.table == table && c.event == row.Type {
					*c.field(&want) = row.N
				}
			}
		}
	}
	if k.Total != want {
		t.Errorf("%v in %v: counted %+v, there are %+v", k.Quarter, k.Zone, k.Total, want)
	}
}

// TestTheCostOfTheDashboardDoesNotGrowWithHistory: every statement reads an
// indexed range.
func TestTheCostOfTheDashboardDoesNotGrowWithHistory(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		rolled(
			t,
			db,
			seedtest.Filling{
				Tag:     "a",
				Orders:  500,
				Returns: 50,
				From:    time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
				Span:    365 * 24 * time.Hour,
			},
		)
		hook := statements.Watch(db)
		reader := New(db)
		for _, want := range []struct {
			zone       string
			statements int
		}{{"UTC", 9}, {"UTC", 6}, {"Asia/Kathmandu", 11}, {"Asia/Kathmandu", 8}} {
			// The days of one quarter are no other's.
			was := len(hook.Sent())
			_, err := reader.Dashboard(t.Context(), DashboardRequest{
				Now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), Quarter: Quarter{2026, 2}, Zone: zone(t, want.zone),
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(hook.Sent()) - was; n != want.statements {
				t.Errorf(
					"%d statements for a reader in %s, want %d: %q",
					n,
					want.zone,
					want.statements,
					hook.Sent()[was:],
				)
			}
		}
		for _, q := range hook.Sent() {
			for _, line := range plan(t, db, q) {
				if strings.Contains(line, "Seq Scan") ||
					strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "USING") {
					t.Errorf("%s\nis executed by %s", q, line)
				}
			}
		}
	})
}

func plan(t *testing.T, db *sqlstore.DB, query string) (lines []string) {
	t.Helper()
	explain := "EXPLAIN QUERY PLAN "
	if db.Dialect() == sqlstore.Postgres {
		explain = "EXPLAIN "
	}
	conn, err := db.Reader().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	if db.Dialect() == sqlstore.Postgres { // a small table is read whole by right
		if _, err := conn.ExecContext(t.Context(), "SET enable_seqscan = off"); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), explain+query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		cells := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(cells[len(cells)-1])) // the detail comes last
	}
	return lines
}
