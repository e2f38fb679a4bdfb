package observabilitydb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/resilience"
)

// quarter is the unit that is counted in the database.
const quarter = 15 * time.Minute

// quarterOf numbers the UTC quarter of an hour of an instant, from 1970 on.
func quarterOf(t time.Time) int64 {
	s := t.Unix()
	n := s / int64(quarter/time.Second)
	if s%int64(quarter/time.Second) < 0 {
		n--
	}
	return n
}

// quarterStart is the first instant of a numbered quarter.
func quarterStart(n int64) time.Time { return time.Unix(n*int64(quarter/time.Second), 0).UTC() }

// RollupConfig sets up a Rollup. Every zero value means the default named.
type RollupConfig struct {
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Every is how long a figure may be behind. Default 5 s. Run takes at
	// most a twentieth of its time for counting, so under heavy load it may
	// be behind by more.
	Every time.Duration
	// Late is how long after its time an event may be committed and still be
	// found without a watcher. Default 5 minutes, more than a transaction
	// may take.
	Late time.Duration
	// Log gets a line when counting fails. Default: none.
	Log *slog.Logger
}

// Rollup keeps the counts and sums of each UTC quarter of an hour that the
// numbers of [Reader.KPIs] are added up from. It is safe for concurrent use,
// and any number of processes may run one on the same database.
//
// A quarter in which something happened is marked; a marked quarter is counted
// again from the events, whole, and its rows are replaced. So it doesn't
// matter how often, how late and in which order it gets an event. Marks
// come from two sides: Run looks for events that are new since its last look,
// less Late; and [Rollup.Note], a watcher of the outbox, marks the quarter of
// an event however late it was committed. The mark is removed in
// the transaction that counts and before it counts, so an event that is
// committed meanwhile is either counted or leaves a new mark.
type Rollup struct {
	db  *sqlstore.DB
	cfg RollupConfig
}

// NewRollup returns a rollup on the database that the stores share.
func NewRollup(db *sqlstore.DB, c RollupConfig) (*Rollup, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Every, c.Late = cmp.Or(c.Every, 5*time.Second), cmp.Or(c.Late, 5*time.Minute)
	if c.Every < 0 || c.Late < 0 {
		return nil, errors.New("observabilitydb: rollup: Every and Late must not be negative")
	}
	return &Rollup{db: db, cfg: c}, nil
}

// Note marks the quarters of events in a transaction of others; it is a watcher
// for the outbox, of the events that [EventTypes] names. Those of orders may be
// left out where fanning them out is too dear: Run finds all that were
// committed within Late of their time.
func (r *Rollup) Note(ctx context.Context, db bun.IDB, events []event.Event) error {
	at := make([]time.Time, len(events))
	for i, e := range events {
		at[i] = e.At
	}
	return markQuarters(ctx, db, at)
}

// markQuarters marks the quarters of instants, in their order. It waits for one
// that is being counted.
func markQuarters(ctx context.Context, db bun.IDB, at []time.Time) error {
	quarters := map[int64]bool{}
	for _, t := range at {
		quarters[quarterOf(t)] = true
	}
	var rows []dirtyRow
	for _, q := range slices.Sorted(maps.Keys(quarters)) {
		rows = append(rows, dirtyRow{Quarter: q})
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := db.NewInsert().Model(&rows).On("CONFLICT (quarter) DO NOTHING").Exec(ctx)
	return err
}

type dirtyRow struct {
	bun.BaseModel `bun:"?(rk)kpi_dirty"`

	Quarter int64 `bun:"quarter,pk"`
}

// Run counts until ctx is done. An error is logged and tried again.
func (r *Rollup) Run(ctx context.Context) {
	for ctx.Err() == nil {
		start := time.Now()
		if _, err := r.Roll(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Log.LogAttrs(
				ctx,
				slog.LevelError,
				"the KPIs were not counted, will try again",
				slog.Any("error", err),
			)
		}
		const share = 20                                                     // of the time is for others
		_ = resilience.Sleep(ctx, max(r.cfg.Every, share*time.Since(start))) // the loop looks at ctx
	}
}

// Roll brings all quarters up to date and returns how many it counted.
func (r *Rollup) Roll(ctx context.Context) (int, error) {
	if err := r.sweep(ctx); err != nil {
		return 0, err
	}
	counted := 0
	for {
		n, err := r.recount(ctx)
		if err != nil || n == 0 {
			return counted, err
		}
		counted += n
	}
}

// sweep marks the quarters of events that are new since the last sweep of any
// process, all history the first time.
func (r *Rollup) sweep(ctx context.Context) error {
	now := r.cfg.Now()
	return r.db.Tx(ctx, "observabilitydb: look for new events", func(ctx context.Context, tx bun.IDB) error {
		var last sqldb.Time
		q := sqldb.ForUpdate(tx.NewSelect().TableExpr("?(rk)kpi_swept").Column("at").Where("id = 1"))
		err := q.Scan(ctx, &last)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		from := time.Unix(0, 0)
		if !last.IsZero() {
			from = last.Time().Add(-r.cfg.Late)
		}
		for _, table := range eventTables {
			_, err := tx.
				NewRaw("INSERT INTO ?(rk)kpi_dirty (quarter) SELECT DISTINCT ? FROM ? AS e WHERE e.at >= ? "+
					"ON CONFLICT (quarter) DO NOTHING",
					bun.Safe(quarterExpr(r.db.Dialect(), "e.at")), sqldb.Table(table),
					sqldb.At(from)).
				Exec(ctx)
			if err != nil {
				return err
			}
		}
		if now.Before(last.Time()) {
			now = last.Time() // the clock of another process is ahead
		}
		_, err = tx.
			NewRaw("INSERT INTO ?(rk)kpi_swept (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = EXCLUDED.at",
				sqldb.At(now)).
			Exec(ctx)
		return err
	})
}

var eventTables = []string{"orders_events", "returns_events", "refunds_events"}

// quarterExpr is quarterOf in SQL.
func quarterExpr(d sqlstore.Dialect, column string) string {
	if d == sqlstore.SQLite {
		return column + " / 900000000"
	}
	return "CAST(FLOOR(EXTRACT(EPOCH FROM " + column + ") / 900) AS BIGINT)"
}
