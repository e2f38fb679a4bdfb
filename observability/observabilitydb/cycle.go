package observabilitydb

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// Cycle tells how long the returns took that were closed in a quarter.
type Cycle struct {
	Total  Spread   // from the request to the close
	Stages []Spread // in order, each over the returns that went through it
}

// Spread describes durations, exact to the microsecond. Median and P90 are by
// nearest rank: the smallest duration that half, or nine tenths, are not above.
type Spread struct {
	Name        string // total, authorization, transit, inspection, payback
	N           int
	Avg         time.Duration
	Median, P90 time.Duration
}

// The stages of a return: until it is authorized, until its goods are
// received, until it is decided, until it is closed.
var stageNames = [...]string{"authorization", "transit", "inspection", "payback"}

// cycle reads the stages of the returns closed in a span, by the index on
// their close.
func (r *Reader) cycle(ctx context.Context, s span) (_ Cycle, err error) {
	rows, err := r.db.Read.QueryContext(ctx, `SELECT requested_at, authorized_at, received_at, decided_at, closed_at
		FROM kpi_cases WHERE closed_at >= ? AND closed_at < ?`, sqldb.At(s.from), sqldb.At(s.to))
	if err != nil {
		return Cycle{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var total []time.Duration
	var stages [len(stageNames)][]time.Duration
	for rows.Next() {
		var at [len(stageNames) + 1]sqldb.Time
		if err := rows.Scan(&at[0], &at[1], &at[2], &at[3], &at[4]); err != nil {
			return Cycle{}, err
		}
		total = append(total, at[4].Time().Sub(at[0].Time()))
		for i := range stages {
			if !at[i].IsZero() && !at[i+1].IsZero() {
				stages[i] = append(stages[i], max(0, at[i+1].Time().Sub(at[i].Time())))
			}
		}
	}
	if err := rows.Err(); err != nil {
		return Cycle{}, err
	}
	c := Cycle{Total: spread("total", total)}
	for i, name := range stageNames {
		c.Stages = append(c.Stages, spread(name, stages[i]))
	}
	return c, nil
}

func spread(name string, all []time.Duration) Spread {
	n := len(all)
	if n == 0 {
		return Spread{Name: name}
	}
	slices.Sort(all)
	var sum time.Duration // microseconds, so that centuries fit
	for _, d := range all {
		sum += d / time.Microsecond
	}
	return Spread{
		Name: name, N: n, Avg: sum / time.Duration(n) * time.Microsecond,
		Median: all[(n+1)/2-1], P90: all[(9*n+9)/10-1],
	}
}
