package observabilitydb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/resilience"
)

// bucketColumns are b0, b1 and so on.
var bucketColumns = func() []string {
	names := make([]string, len(buckets{}))
	for i := range names {
		names[i] = fmt.Sprintf("b%d", i)
	}
	return names
}()

// write puts a delta in the place of what the process wrote for its slot.
func (r *Recorder) write(ctx context.Context, tx bun.IDB, d delta) error {
	values := []any{d.Slot, r.process, d.Accepted + d.Failed, d.Accepted, d.Failed}
	columns := append([]string{"slot", "process", "submitted", "accepted", "failed"}, bucketColumns...)
	for _, n := range d.Buckets {
		values = append(values, n)
	}
	var sets []string
	for _, c := range columns[2:] {
		sets = append(sets, c+" = EXCLUDED."+c)
	}
	_, err := tx.
		NewRaw("INSERT INTO ?(rk)slo_deltas ("+strings.Join(columns, ", ")+") VALUES (?) "+
			"ON CONFLICT (slot, process) DO UPDATE SET "+strings.Join(sets, ", "),
			bun.List(values)).
		Exec(ctx)
	return err
}

// compact replaces the deltas from before an instant by one for each hour, of all
// processes together, in the hour's last slot.
func compact(ctx context.Context, tx bun.IDB, d sqlstore.Dialect, before time.Time) error {
	edge := before.Truncate(time.Hour).Unix() / int64(slot/time.Second)
	const hour = int64(time.Hour / slot)
	columns := append([]string{"submitted", "accepted", "failed"}, bucketColumns...)
	var sums, adds []string
	for _, c := range columns {
		sums = append(sums, "CAST(SUM("+c+") AS BIGINT)")
		adds = append(adds, c+" = d."+c+" + EXCLUDED."+c)
	}
	const old = "?(rk)slo_deltas WHERE slot < ? AND process <> ?"
	insert := func(from string) string {
		return "INSERT INTO ?(rk)slo_deltas AS d (slot, process, " + strings.Join(
			columns,
			", ",
		) + ") SELECT slot / ? * ? + ? - 1, ?, " +
			strings.Join(
				sums,
				", ",
			) + " FROM " + from + " GROUP BY 1 ON CONFLICT (slot, process) DO UPDATE SET " + strings.Join(
			adds,
			", ",
		)
	}
	if d == sqlstore.Postgres {
		// What another process is adding up is gone when this one gets to it.
		_, err := tx.NewRaw("WITH gone AS (DELETE FROM "+old+" RETURNING *) "+insert("gone"),
			edge, compacted, hour, hour, hour, compacted).Exec(ctx)
		return err
	}
	// One writer at a time.
	if _, err := tx.NewRaw(insert(old), hour, hour, hour, compacted, edge, compacted).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewRaw("DELETE FROM "+old, edge, compacted).Exec(ctx)
	return err
}

type outageRow struct {
	bun.BaseModel `bun:"?(rk)slo_outages"`

	Process  string     `bun:"process,pk"`
	Started  sqldb.Time `bun:"started,pk"`
	Ended    sqldb.Time `bun:"ended"`
	Repaired bool       `bun:"repaired"`
	Cause    string     `bun:"cause"`
	Openings int64      `bun:"openings"`
	Rejected int64      `bun:"rejected"`
	SeenAt   sqldb.Time `bun:"seen_at"`
}

func newOutageRow(process string, o resilience.Outage, now time.Time) outageRow {
	return outageRow{
		Process: process, Started: sqldb.At(o.Started), Ended: sqldb.At(o.Ended), Repaired: o.Repaired,
		Cause: fmt.Sprint(o.Cause), Openings: int64(o.Openings), Rejected: o.Rejected, SeenAt: sqldb.At(now),
	}
}

func writeOutages(ctx context.Context, tx bun.IDB, rows []outageRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (started, process) DO UPDATE").
		Set(
			"ended = EXCLUDED.ended, repaired = EXCLUDED.repaired, openings = EXCLUDED.openings, rejected = " +
				"EXCLUDED.rejected, seen_at = EXCLUDED.seen_at",
		).
		Exec(ctx)
	return err
}
