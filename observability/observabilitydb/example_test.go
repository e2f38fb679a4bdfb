package observabilitydb_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
)

// Service levels of a shop that accepted three orders of four: its processes record
// them, and any of them can read the card.
func ExampleNewRecorder() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "slo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := sqlstore.Open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, observabilitydb.Migrations()); err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	recorder, err := observabilitydb.NewRecorder(db, observabilitydb.RecorderConfig{
		Now: func() time.Time { return now },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		recorder.Accepted(20 * time.Millisecond) // orders.Observer calls it
	}
	recorder.Failed()
	if err := recorder.Flush(ctx); err != nil { // recorder.Run does so every few seconds
		fmt.Println(err)
		return
	}

	slo, err := observabilitydb.New(db).SLO(ctx, now.Add(time.Second), time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range []observabilitydb.Card{slo.Acceptance, slo.Latency} {
		fmt.Printf("%s %s: %d of %d, %s\n", c.ID, c.Name, c.Good.Part, c.Good.Whole, c.Status)
	}
	// Output:
	// A.1 Orders accepted: 3 of 4, needs attention
	// P.1 Orders answered within 500 ms: 3 of 3, fulfilled
}

// Quarters are those of a time zone.
func ExampleParseQuarter() {
	q, err := observabilitydb.ParseQuarter("2026-Q4")
	fmt.Println(q, err)
	_, err = observabilitydb.ParseQuarter("2026-Q5")
	fmt.Println(err)
	// Output:
	// 2026-Q4 <nil>
	// quarter "2026-Q5": it must be 2025-Q1 to 2050-Q4
}
