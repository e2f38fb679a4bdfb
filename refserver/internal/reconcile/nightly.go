// Package reconcile compares, every night and in one process only, the shop's refunds
// with the provider's own list, and keeps the reports.
//
// A night covers several days up to its midnight, so that what the provider changes
// days later is found even if its webhook was lost: each day is compared as many times
// as a night covers days.
package reconcile

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
)

//go:embed migrations
var migrations embed.FS

// Migrations is the schema of this package's table.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("reconcile", migrations) }

const (
	// days is how many a night covers.
	days = 7
	// opens is how long after midnight a night begins: refunds of late evening
	// are settled by then.
	opens = time.Hour
	// lasts is how long a night that was cut off belongs to its process; one
	// that continues renews its lease.
	lasts = time.Minute
	// longest is how long one night may take.
	longest = 2 * time.Hour
	// pause is how long after a failure a night is tried again: its lease ends then.
	pause = 15 * time.Minute
)

// Nightly runs the nights. Its fields are set before the first use and not
// changed after; it is safe for concurrent use, by any number of processes on
// one database.
type Nightly struct {
	DB *sqlstore.DB
	// Compare makes a report; *refunds.Service has it as Reconcile.
	Compare func(ctx context.Context, from, to time.Time) (refunds.Reconciliation, error)
	// Settle gets each difference of a report before it is kept; it may
	// repair what it can. Nil: nobody is.
	Settle func(ctx context.Context, c refunds.Match) error
	Zone   *time.Location   // whose midnight counts
	Now    func() time.Time // nil: time.Now
	// NotBefore is when the first night may begin: a process that has just
	// started has better things to do.
	NotBefore time.Time
}

// Run is one night.
type Run struct {
	Night       string // the day it ended before, such as 2026-11-24
	From, To    time.Time
	Tries       int
	LastError   string
	DoneAt      time.Time // zero until it has succeeded
	Differences int
	Report      refunds.Reconciliation // of a run that is done
}

type runRow struct {
	bun.BaseModel `bun:"table:?(rk)reconciliations,alias:n"`

	Night       string `bun:",pk"`
	FromAt      sqldb.Time
	ToAt        sqldb.Time
	Tries       int
	LastError   string
	DoneAt      sqldb.Time
	Differences int
	Report      sqldb.JSON[refunds.Reconciliation]
	lease.Lease
}

func (r runRow) run() Run {
	return Run{
		Night: r.Night, From: r.FromAt.Time(), To: r.ToAt.Time(), Tries: r.Tries, LastError: r.LastError,
		DoneAt: r.DoneAt.Time(), Differences: r.Differences, Report: r.Report.V,
	}
}

// Due runs the latest night unless it is done or under way, and reports
// whether it ran it. After a failure the night is due again a while later.
func (n *Nightly) Due(ctx context.Context) (Run, bool, error) {
	now := n.now()
	if now.Before(n.NotBefore) {
		return Run{}, false, nil
	}
	local := now.Add(-opens).In(n.Zone)
	until := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, n.Zone)
	row := runRow{
		Night: until.Format(time.DateOnly), ToAt: sqldb.At(until), FromAt: sqldb.At(until.AddDate(0, 0, -days)),
	}
	mine, err := n.claim(ctx, &row, now)
	if err != nil || !mine {
		return Run{}, false, err
	}
	report, runErr := n.compare(ctx, row)
	row.Prolong(n.now(), pause)
	if runErr == nil {
		row.Release()
		row.DoneAt = sqldb.At(n.now())
		row.Differences, row.Report, row.LastError = report.Differences, sqldb.AsJSON(report), ""
	} else {
		row.LastError = runErr.Error()
	}
	return row.run(), true, errors.Join(runErr, n.settle(ctx, row))
}

// claim takes the night for this process.
func (n *Nightly) claim(ctx context.Context, fresh *runRow, now time.Time) (mine bool, err error) {
	err = n.DB.Tx(ctx, "reconcile: claim night", func(ctx context.Context, tx bun.IDB) error {
		mine = false
		if _, err := tx.NewInsert().Model(fresh).On("CONFLICT (night) DO NOTHING").
			Returning("NULL").Exec(ctx); err != nil {
			return err
		}
		row := runRow{Night: fresh.Night}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return err
		}
		if !row.DoneAt.IsZero() || row.Held(now, pause) {
			return nil
		}
		row.Take(now, lasts)
		row.Tries++
		if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
			return err
		}
		mine = true
		*fresh = row
		return nil
	})
	return mine, err
}

// compare compares while it keeps the lease; one that is lost ends it.
func (n *Nightly) compare(ctx context.Context, row runRow) (refunds.Reconciliation, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	ctx, stop := resilience.KeepLease(ctx, lasts, func(ctx context.Context) (held bool, err error) {
		renewed := runRow{Night: row.Night, Lease: row.Lease}
		err = n.DB.Tx(ctx, "reconcile: renew lease", func(ctx context.Context, tx bun.IDB) error {
			held, err = lease.Renew(ctx, tx, &renewed, n.now(), lasts)
			return err
		})
		return held, err
	})
	defer stop()

	report, err := n.Compare(ctx, row.FromAt.Time(), row.ToAt.Time())
	if err != nil || n.Settle == nil {
		return report, err
	}
	var failed error
	for _, c := range report.Rows {
		if err := n.Settle(ctx, c); err != nil {
			failed = errors.Join(failed, fmt.Errorf("reconcile: settle refund %s: %w", c.RefundID, err))
		}
	}
	return report, failed
}

// settle keeps the outcome while the night is still ours.
func (n *Nightly) settle(ctx context.Context, row runRow) error {
	// Also when the process is stopping: the next one need not wait.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return n.DB.Tx(ctx, "reconcile: keep report", func(ctx context.Context, tx bun.IDB) error {
		_, err := lease.Save(ctx, tx, &row)
		return err
	})
}

// Last returns the latest nights, newest first, at most limit of them.
func (n *Nightly) Last(ctx context.Context, limit int) ([]Run, error) {
	var rows []runRow
	if err := n.DB.Reader().NewSelect().Model(&rows).Order("n.night DESC").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reconcile: last nights: %w", err)
	}
	all := make([]Run, len(rows))
	for i, r := range rows {
		all[i] = r.run()
	}
	return all, nil
}

func (n *Nightly) now() time.Time {
	if n.Now == nil {
		return time.Now()
	}
	return n.Now()
}
