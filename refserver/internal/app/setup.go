package app

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations
var migrations embed.FS

// setupMigrations is the schema of this package's table.
func setupMigrations() sqlstore.Migrations { return sqlstore.Embedded("shop", migrations) }

// errElsewhere says that another process is at a step.
var errElsewhere = errors.New("shop: another process is at it")

// setupLease is how long a step belongs to the process that began it.
const setupLease = 10 * time.Second

// clockSlack is how far the clocks of replicas may differ.
const clockSlack = 5 * time.Second

type setupRow struct {
	bun.BaseModel `bun:"table:?(rk)shop_setup,alias:s"`

	Name       string `bun:",pk"`
	DoneAt     sqldb.Time
	LeaseUntil sqldb.Time
	LeaseToken string
}

// once runs fn unless it has succeeded before in any process on the database.
// errElsewhere says that another process is running it now. fn may run again
// after a crash, so each of its steps finds what an earlier run has done.
func once(ctx context.Context, db *sqlstore.DB, name string, fn func(context.Context) error) error {
	token := rand.Text()
	done := false
	err := db.Tx(ctx, "shop: claim "+name, func(ctx context.Context, tx bun.IDB) error {
		done = false
		row := setupRow{Name: name, LeaseUntil: sqldb.At(time.Unix(0, 0))}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING").Returning("NULL").Exec(ctx); err != nil {
			return err
		}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return err
		}
		switch now := time.Now(); {
		case !row.DoneAt.IsZero():
			done = true
			return nil
		case row.LeaseUntil.Time().After(now) && !row.LeaseUntil.Time().After(now.Add(setupLease+clockSlack)):
			return errElsewhere // one that ends later was taken before the clock was set back
		default:
			row.LeaseUntil, row.LeaseToken = sqldb.At(now.Add(setupLease)), token
			_, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
			return err
		}
	})
	if err != nil || done {
		return err
	}
	fnErr := fn(ctx)
	// The outcome is written also when the process is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = db.Tx(ctx, "shop: settle "+name, func(ctx context.Context, tx bun.IDB) error {
		q := tx.NewUpdate().Model((*setupRow)(nil)).Where("name = ?", name).Where("lease_token = ?", token)
		if fnErr == nil {
			q = q.Set("done_at = ?", sqldb.At(time.Now()))
		} else {
			q = q.Set("lease_until = ?", sqldb.At(time.Unix(0, 0)))
		}
		_, err := q.Exec(ctx)
		return err
	})
	if fnErr != nil {
		return errors.Join(fmt.Errorf("shop: %s: %w", name, fnErr), err)
	}
	return err
}
