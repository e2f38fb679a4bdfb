// Package lease is the way a row of a table belongs to one process for a time.
//
// A row embeds a [Lease]: until when it is leased, and the token of who has it.
// [Claim] takes the lease of a row, and makes the row where it is missing;
// [ClaimDue] takes the leases of the rows that a query selects. [Save] writes the row,
// [SaveAll] the rows that were claimed together, [Delete] removes it, and [Renew]
// prolongs the lease, while it is still the caller's. A process that crashes keeps
// nobody out for longer than its lease.
// resilience.KeepLease calls Renew while the work continues.
//
// Until is in the clock of the process that took the lease. So that a clock which
// is set back locks nobody out for long, a lease that ends later than one taken
// now would, by more than [ClockSlack], counts as free; [WhereDue] does the same for
// when rows are due.
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

const columnUntil, columnToken = "lease_until", "lease_token"

// columns lets a row be known by the Lease it embeds.
func (l *Lease) columns() *Lease { return l }

// Take leases the row from now on, under a new token.
func (l *Lease) Take(now time.Time, lasts time.Duration) {
	l.LeaseUntil, l.LeaseToken = sqldb.At(now.Add(lasts)), rand.Text()
}

// Prolong has the lease end later, under its token.
func (l *Lease) Prolong(now time.Time, lasts time.Duration) { l.LeaseUntil = sqldb.At(now.Add(lasts)) }

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
		Column(columnUntil).Value(columnUntil, "?", sqldb.At(now.Add(lasts))).
		WherePK().Where("lease_token = ?", row.columns().LeaseToken).Exec(ctx))
}

// ClaimDue takes the leases of the rows that q selects. It skips rows that are leased at
// now and rows that another transaction has locked. q selects from the table of R under
// the alias, in order and up to a limit; the rows get one token.
func ClaimDue[R any, P interface {
	*R
	Row
}](
	ctx context.Context, tx bun.IDB, alias string, now time.Time, lasts time.Duration,
	q func(*bun.SelectQuery) *bun.SelectQuery,
) ([]R, error) {
	var rows []R
	due := WhereFree(q(tx.NewSelect().Model(&rows)), alias, now, lasts)
	if err := sqldb.SkipLocked(due).Scan(ctx); err != nil || len(rows) == 0 {
		return nil, err
	}
	var one Lease
	one.Take(now, lasts)
	err := sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
		for i := range rows {
			row := P(&rows[i])
			*row.columns() = one
			if _, err := w.NewUpdate().Model(row).Column(columnUntil, columnToken).WherePK().Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return rows, err
}

// Save writes row while its lease is still the row's, and reports whether it was. With
// columns it writes those alone, and until when the row is leased.
func Save(ctx context.Context, tx bun.IDB, row Row, columns ...string) (held bool, err error) {
	q := tx.NewUpdate().Model(row)
	if len(columns) > 0 {
		q = q.Column(append([]string{columnUntil}, columns...)...)
	}
	return sqldb.ChangedOne(q.WherePK().Where("lease_token = ?", row.columns().LeaseToken).Exec(ctx))
}

// SaveAll is Save for many rows in one round trip. It does not report which of them were
// still leased.
func SaveAll[R any, P interface {
	*R
	Row
}](ctx context.Context, tx bun.IDB, rows []R, columns ...string) error {
	return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
		for i := range rows {
			row := P(&rows[i])
			_, err := w.NewUpdate().Model(row).Column(append([]string{columnUntil}, columns...)...).WherePK().
				Where("lease_token = ?", row.columns().LeaseToken).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// SaveRelease ends the lease of row, and writes nothing else.
func SaveRelease(ctx context.Context, tx bun.IDB, row Row) (held bool, err error) {
	row.columns().Release()
	return sqldb.ChangedOne(tx.NewUpdate().Model(row).Column(columnUntil).
		WherePK().Where("lease_token = ?", row.columns().LeaseToken).Exec(ctx))
}

// Delete removes row while its lease is still the row's, and reports whether it was.
func Delete(ctx context.Context, tx bun.IDB, row Row) (held bool, err error) {
	return sqldb.ChangedOne(tx.NewDelete().Model(row).WherePK().
		Where("lease_token = ?", row.columns().LeaseToken).Exec(ctx))
}

// WhereFree limits a query to rows that are not leased at now, by the rule of [Lease.Held]
// for leases of that length. alias is the alias of their table.
func WhereFree(q *bun.SelectQuery, alias string, now time.Time, lasts time.Duration) *bun.SelectQuery {
	until := bun.Ident(alias + ".lease_until")
	return q.Where("(? IS NULL OR ? <= ? OR ? > ?)",
		until, until, sqldb.At(now), until, sqldb.At(now.Add(lasts+ClockSlack)))
}

// WhereDue limits a query of many rows, whose table has next_at and attempts, to those that are due
// at now; alias names the table. A row waits for its next_at where that is no further ahead
// than longest, the longest wait between two attempts, and, before the first attempt, than
// [ClockSlack]: one that is was written by a clock that has been set back since.
//
// It looks at all that waits: where that may be much, use [PullForward] once in a while.
func WhereDue(q *bun.SelectQuery, alias string, now time.Time, longest time.Duration) *bun.SelectQuery {
	next := bun.Ident(alias + ".next_at")
	waits, args := waiting(alias, now, longest)
	return q.Where("(? <= ? OR NOT ("+waits+"))", append([]any{next, sqldb.At(now)}, args...)...)
}

// waiting is the condition of a row that is ahead of now and waits for its time.
func waiting(alias string, now time.Time, longest time.Duration) (query string, args []any) {
	next, attempts := bun.Ident(alias+".next_at"), bun.Ident(alias+".attempts")
	return "? <= ? AND (? > 0 OR ? <= ?)", []any{
		next, sqldb.At(now.Add(longest + ClockSlack)), attempts, next, sqldb.At(now.Add(ClockSlack)),
	}
}

// PullForward sets next_at to now in those rows that which limits an update to and that are ahead
// of now and due all the same, by the rule of WhereDue.
func PullForward[R any](
	ctx context.Context, tx bun.IDB, alias string, now time.Time, longest time.Duration,
	which func(*bun.UpdateQuery) *bun.UpdateQuery,
) error {
	waits, args := waiting(alias, now, longest)
	q := tx.NewUpdate().Model((*R)(nil)).Set("next_at = ?", sqldb.At(now)).
		Where("? > ?", bun.Ident(alias+".next_at"), sqldb.At(now)).Where("NOT ("+waits+")", args...)
	if _, err := which(q).Exec(ctx); err != nil {
		return fmt.Errorf("lease: pull forward what is due: %w", err)
	}
	return nil
}
