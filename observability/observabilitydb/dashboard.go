package observabilitydb

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// Dashboard is all that a dashboard shows and that comes from the database, so
// that every replica shows the same.
type Dashboard struct {
	KPIs
	SLO     SLO
	Unknown Waiting // refunds whose outcome is unknown
	Person  Waiting // refunds that need review
}

// Waiting is how many wait, and since when the first of them.
type Waiting struct {
	N      int
	Oldest time.Time // zero when none waits
}

// Age is how long the oldest has waited, 0 for none.
func (w Waiting) Age(now time.Time) time.Duration {
	if w.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(w.Oldest))
}

// DashboardRequest says what to show.
type DashboardRequest struct {
	Now     time.Time
	Quarter Quarter
	Zone    *time.Location
	Window  time.Duration // of the service levels, 24h when 0; see Reader.SLO
}

// Dashboard reads everything in six to eleven statements, each on an indexed
// range: the cost grows with the quarter and the window that are shown, not with
// what is stored, and less again where the quarter is known (see [Reader.KPIs]).
func (r *Reader) Dashboard(ctx context.Context, q DashboardRequest) (Dashboard, error) {
	if q.Window == 0 {
		q.Window = 24 * time.Hour
	}
	var d Dashboard
	var err error
	if d.KPIs, err = r.KPIs(ctx, q.Quarter, q.Zone); err != nil {
		return Dashboard{}, err
	}
	if d.SLO, err = r.SLO(ctx, q.Now, q.Window); err != nil {
		return Dashboard{}, err
	}
	if d.Unknown, err = r.waiting(ctx, "status = 'unknown'"); err != nil {
		return Dashboard{}, err
	}
	if d.Person, err = r.waiting(ctx, "needs_review"); err != nil {
		return Dashboard{}, err
	}
	return d, nil
}

// waiting counts refunds by a condition that an index serves.
func (r *Reader) waiting(ctx context.Context, where string) (Waiting, error) {
	var w Waiting
	var oldest sqldb.Time
	err := r.db.Read().
		QueryRowContext(ctx, "SELECT COUNT(*), MIN(created_at) FROM ?(rk)refunds WHERE "+where).
		Scan(&w.N, &oldest)
	if err != nil {
		return w, fmt.Errorf("observabilitydb: waiting refunds: %w", err)
	}
	w.Oldest = oldest.Time()
	return w, nil
}
