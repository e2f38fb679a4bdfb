// Package lease is the way a row of a table belongs to one process for a time.
//
// A row embeds a [Lease]: until when it is leased, and the token of who has it.
// [Claim] takes the lease of a row, and makes the row where it is missing;
// [Save] writes the row, and [Renew] prolongs the lease, while it is still the
// caller's. A process that crashes keeps nobody out for longer than its lease.
// resilience.KeepLease calls Renew while the work continues.
//
// Until is in the clock of the process that took the lease. So that a clock which
// is set back locks nobody out for long, a lease that ends later than one taken
// now would, by more than [ClockSlack], counts as free.
package lease

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// ClockSlack is how far the clocks of replicas may differ.
const ClockSlack = 5 * time.Second

// never is the instant of a lease that nobody has: a column may be NOT NULL.
var never = time.Unix(0, 0)

// Lease are the columns of a leased row. Embed it in the row's model.
type Lease struct {
	LeaseUntil sqldb.Time
	LeaseToken string
}

// columns lets a row be known by the Lease it embeds.
func (l *Lease) columns() *Lease { return l }

// Take leases the row from now on, under a new token.
func (l *Lease) Take(now time.Time, lasts time.Duration) {
	l.LeaseUntil, l.LeaseToken = sqldb.At(now.Add(lasts)), rand.Text()
}

// Release ends the lease. It keeps the token, so that [Save] finds the row.
func (l *Lease) Release() { l.LeaseUntil = sqldb.At(never) }

// Held reports whether a lease of that length, taken by anybody, holds at now.
func (l *Lease) Held(now time.Time, lasts time.Duration) bool {
	until := l.LeaseUntil.Time()
	return until.After(now) && !until.After(now.Add(lasts+ClockSlack))
}

// Row is a pointer to a model of bun that embeds a [Lease].
type Row interface{ columns() *Lease }

// Claim takes the lease of row from now on, and reports whether it did. tx is a
// transaction, and row has its primary key and what a new row holds. Claim makes
// the row unless it is there already, and reads into it what is. A row whose lease
// is held is left as it is; so is one for which open returns false, which may also
// change the row before it is leased. open is not called for a new row.
func Claim(
	ctx context.Context, tx bun.IDB, row Row, now time.Time, lasts time.Duration, open func() bool,
) (taken bool, err error) {
	row.columns().Take(now, lasts)
	fresh := *row.columns()
	res, err := tx.NewInsert().Model(row).On("CONFLICT DO NOTHING").Returning("NULL").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("lease: make the row: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err == nil, err
	}
	if err := sqldb.ForUpdate(tx.NewSelect().Model(row).WherePK()).Scan(ctx); err != nil {
		return false, fmt.Errorf("lease: read the row: %w", err)
	}
	if row.columns().Held(now, lasts) || !open() {
		return false, nil
	}
	*row.columns() = fresh
	if _, err := tx.NewUpdate().Model(row).WherePK().Exec(ctx); err != nil {
		return false, fmt.Errorf("lease: take the row: %w", err)
	}
	return true, nil
}

// Renew prolongs the lease of row, and reports whether it was still the row's. The
// row itself is left as it is: it may be in use meanwhile.
func Renew(
	ctx context.Context, tx bun.IDB, row Row, now time.Time, lasts time.Duration,
) (held bool, err error) {
	return sqldb.ChangedOne(tx.NewUpdate().Model(row).
		Column("lease_until").Value("lease_until", "?", sqldb.At(now.Add(lasts))).
		WherePK().Where("lease_token = ?", row.columns().LeaseToken).Exec(ctx))
}

// Save writes row while its lease is still the row's, and reports whether it was.
func Save(ctx context.Context, tx bun.IDB, row Row) (held bool, err error) {
	return sqldb.ChangedOne(tx.NewUpdate().Model(row).
		WherePK().Where("lease_token = ?", row.columns().LeaseToken).Exec(ctx))
}

// WhereFreeFor limits a query of many rows to those of which no lease of that length holds
// at now, as [Lease.Held] has it; alias is that of their table.
func WhereFreeFor(q *bun.SelectQuery, alias string, now time.Time, lasts time.Duration) *bun.SelectQuery {
	until := bun.Ident(alias + ".lease_until")
	return q.Where("(? IS NULL OR ? <= ? OR ? > ?)",
		until, until, sqldb.At(now), until, sqldb.At(now.Add(lasts+ClockSlack)))
}

// WhereFree limits a query of many rows to those that nobody has leased at now;
// alias is that of their table.
func WhereFree(q *bun.SelectQuery, alias string, now time.Time) *bun.SelectQuery {
	until := bun.Ident(alias + ".lease_until")
	return q.Where("(? IS NULL OR ? <= ?)", until, until, sqldb.At(now))
}
