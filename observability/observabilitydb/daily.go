package observabilitydb

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// Day is what happened on one day of a time zone.
type Day struct {
	Date          time.Time // the first instant of the day, in the zone
	Orders        int       // orders placed
	Returns       int       // returns requested
	RefundsPaid   int       // refunds that succeeded
	RefundsFailed int       // refunds that failed; one that is tried again and fails counts again
}

// fact is one kind of event and where it is counted.
type fact struct {
	table, event string
	count        func(*Day) *int
}

var facts = []fact{
	{"orders_events", "order.placed", func(d *Day) *int { return &d.Orders }},
	{"returns_events", "return.requested", func(d *Day) *int { return &d.Returns }},
	{"refunds_events", "refund.succeeded", func(d *Day) *int { return &d.RefundsPaid }},
	{"refunds_events", "refund.failed", func(d *Day) *int { return &d.RefundsFailed }},
}

// Daily returns the last days days up to and including the one that now falls
// on in the zone, oldest first, days without events included. days is 1 to 400.
func (r *Reader) Daily(ctx context.Context, now time.Time, zone *time.Location, days int) ([]Day, error) {
	if days < 1 || days > 400 {
		return nil, fmt.Errorf("observabilitydb: daily: days is %d; it must be 1 to 400", days)
	}
	year, month, day := now.In(zone).Date()
	out := make([]Day, days)
	index := map[string]int{}
	for i := range out {
		out[i].Date = time.Date(year, month, day-days+1+i, 0, 0, 0, 0, zone)
		index[out[i].Date.Format(time.DateOnly)] = i
	}
	for _, f := range facts {
		counts, err := r.quarters(ctx, f, out[0].Date, time.Date(year, month, day+1, 0, 0, 0, 0, zone))
		if err != nil {
			return nil, fmt.Errorf("observabilitydb: daily: %w", err)
		}
		for start, n := range counts {
			if i, ok := index[start.In(zone).Format(time.DateOnly)]; ok {
				*f.count(&out[i]) += n
			}
		}
	}
	return out, nil
}

// quarters counts events of [from, to) by the quarter of an hour they fall in.
func (r *Reader) quarters(ctx context.Context, f fact, from, to time.Time) (map[time.Time]int, error) {
	bucket := "CAST(FLOOR(EXTRACT(EPOCH FROM at) / 900) AS BIGINT)"
	if r.db.Dialect == sqldb.SQLite {
		bucket = "at / 900000000"
	}
	var rows []struct {
		Quarter int64
		N       int
	}
	err := r.db.Read.NewSelect().TableExpr("?", bun.Ident(f.table)).
		ColumnExpr(bucket+" AS quarter").ColumnExpr("COUNT(*) AS n").
		Where("at >= ?", sqldb.At(from)).Where("at < ?", sqldb.At(to)).Where("type = ?", f.event).
		GroupExpr("1").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", f.event, f.table, err)
	}
	counts := make(map[time.Time]int, len(rows))
	for _, row := range rows {
		counts[time.Unix(row.Quarter*int64(quarter/time.Second), 0)] = row.N
	}
	return counts, nil
}
