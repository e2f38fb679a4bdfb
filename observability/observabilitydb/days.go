package observabilitydb

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// quartersOfDay is how many quarters of an hour a UTC day has.
const quartersOfDay = int64(24 * time.Hour / quarter)

// maxDays is how many days a Reader keeps: more than three years.
const maxDays = 1200

// dayOf numbers the UTC day of a quarter of an hour, from 1970 on.
func dayOf(q int64) int64 {
	n := q / quartersOfDay
	if q%quartersOfDay < 0 {
		n--
	}
	return n
}

type dayRow struct {
	bun.BaseModel `bun:"?(rk)kpi_days"`

	Day     int64 `bun:"day,pk"`
	Version int64 `bun:"version"`
}

// day is what was counted on a UTC day. It is never changed.
type day struct {
	number, version int64

	quarters []quarterRow // in order; or one for each hour, with its first quarter
	shares   []shareRow   // of the whole day; Quarter is not set
	cases    []closed
}

// closed is a return that was closed on the day: when it was asked for and
// reached each stage, the close last.
type closed [len(stageNames) + 1]sqldb.Time

// memory is the days that were read.
type memory struct {
	unit int64 // quarters in a row of theirs
	mu   sync.Mutex
	days map[int64]*day
}

// fit is the memory whose rows each lie on one day of the zone. Hours do where
// the zone is always whole hours from UTC: they are a quarter as many.
func (r *Reader) fit(s span, zone *time.Location) *memory {
	for _, st := range s.stretches(zone) {
		if st.offset%time.Hour != 0 || !st.until.Equal(st.until.Truncate(time.Hour)) {
			return &r.quarters
		}
	}
	return &r.hours
}

// read returns the days of a span on which something was counted, in order.
// Versions are read before the rows they are kept with, so that a day that is
// counted meanwhile is read again the next time.
func (r *Reader) read(ctx context.Context, s span, known *memory) ([]*day, error) {
	first, last := dayOf(quarterOf(s.from)), dayOf(quarterOf(s.to)-1)
	var versions []dayRow
	err := r.db.Read().NewSelect().Model(&versions).Where("day BETWEEN ? AND ?", first, last).Order("day").Scan(ctx)
	if err != nil {
		return nil, err
	}
	days := make([]*day, len(versions))
	var missing []int
	known.mu.Lock()
	for i, v := range versions {
		if days[i] = known.days[v.Day]; days[i] == nil || days[i].version != v.Version {
			missing = append(missing, i)
		}
	}
	known.mu.Unlock()
	if len(missing) == 0 {
		return days, nil
	}
	// The days between the first and the last one missing come along: either
	// it is one or two, or nearly all.
	from := missing[0]
	some := versions[from : missing[len(missing)-1]+1]
	fresh := make(map[int64]*day, len(some))
	for i, v := range some {
		days[from+i] = &day{number: v.Day, version: v.Version}
		fresh[v.Day] = days[from+i]
	}
	if err := r.fill(ctx, fresh, known.unit, some[0].Day, some[len(some)-1].Day+1); err != nil {
		return nil, err
	}
	known.keep(fresh)
	return days, nil
}

// keep remembers days. Where they are too many, any others are forgotten.
func (m *memory) keep(fresh map[int64]*day) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.days == nil {
		m.days = map[int64]*day{}
	}
	for n, d := range fresh {
		m.days[n] = d
	}
	for n := range m.days {
		if len(m.days) <= maxDays {
			return
		}
		if fresh[n] == nil {
			delete(m.days, n)
		}
	}
}

// fill reads the rows of the days from first up to end.
func (r *Reader) fill(ctx context.Context, days map[int64]*day, unit, first, end int64) error {
	quarters, err := r.counts(ctx, unit, first*quartersOfDay, end*quartersOfDay)
	if err != nil {
		return err
	}
	for len(quarters) > 0 {
		n, number := 1, dayOf(quarters[0].Quarter)
		for n < len(quarters) && dayOf(quarters[n].Quarter) == number {
			n++
		}
		if d := days[number]; d != nil {
			d.quarters = quarters[:n:n]
		}
		quarters = quarters[n:]
	}

	var shares []struct {
		Day int64
		shareRow
	}
	err = r.db.Read().
		NewRaw(`SELECT quarter / ? AS day, kind, name, CAST(SUM(n) AS BIGINT) AS n,
			CAST(SUM(amount) AS BIGINT) AS amount
		FROM ?(rk)kpi_shares WHERE quarter >= ? AND quarter < ? GROUP BY 1, kind, name`,
			quartersOfDay, first*quartersOfDay, end*quartersOfDay).
		Scan(ctx, &shares)
	if err != nil {
		return err
	}
	for _, row := range shares {
		if d := days[row.Day]; d != nil {
			d.shares = append(d.shares, row.shareRow)
		}
	}
	return r.fillCases(ctx, days, quarterStart(first*quartersOfDay), quarterStart(end*quartersOfDay))
}

// counts reads a range of quarters, in order, so many of them in a row. They
// are many, so they are scanned without looking at their names.
func (r *Reader) counts(ctx context.Context, unit, from, to int64) (out []quarterRow, err error) {
	columns, group := make([]string, len(countedEvents)), ""
	for i, c := range countedEvents {
		columns[i] = c.column
		if unit > 1 {
			columns[i] = "CAST(SUM(" + c.column + ") AS BIGINT)"
		}
	}
	if unit > 1 {
		group = " GROUP BY 1"
	}
	rows, err := r.db.Read().QueryContext(
		ctx,
		"SELECT quarter / ? * ?, "+strings.Join(
			columns,
			", ",
		)+" FROM ?(rk)kpi_quarters WHERE quarter >= ? AND quarter < ?"+group+" ORDER BY 1",
		unit,
		unit,
		from,
		to,
	)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var row quarterRow
	into := []any{&row.Quarter}
	for _, c := range countedEvents {
		into = append(into, c.field(&row.Counts))
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// fillCases reads the returns closed in a span, by the index on their close.
func (r *Reader) fillCases(ctx context.Context, days map[int64]*day, from, to time.Time) (err error) {
	rows, err := r.db.Read().QueryContext(ctx, `SELECT requested_at, authorized_at, received_at, decided_at, closed_at
		FROM ?(rk)kpi_cases WHERE closed_at >= ? AND closed_at < ?`, sqldb.At(from), sqldb.At(to))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c closed
		if err := rows.Scan(&c[0], &c[1], &c[2], &c[3], &c[4]); err != nil {
			return err
		}
		if d := days[dayOf(quarterOf(c[len(c)-1].Time()))]; d != nil {
			d.cases = append(d.cases, c)
		}
	}
	return rows.Err()
}

// sharesOf reads the values by name of a range of quarters.
func (r *Reader) sharesOf(ctx context.Context, from, to int64) ([]shareRow, error) {
	var rows []shareRow
	err := r.db.Read().NewRaw(`SELECT kind, name, CAST(SUM(n) AS BIGINT) AS n, CAST(SUM(amount) AS BIGINT) AS amount
		FROM ?(rk)kpi_shares WHERE quarter >= ? AND quarter < ? GROUP BY kind, name`, from, to).Scan(ctx, &rows)
	return rows, err
}
