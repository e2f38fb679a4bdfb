package app

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
)

//go:embed migrations
var migrations embed.FS

// setupMigrations is the schema of this package's table.
func setupMigrations() sqlstore.Migrations { return sqlstore.Embedded("shop", migrations) }

// errElsewhere says that another process is at a step.
var errElsewhere = errors.New("shop: another process is setting it up")

// setupLease is how long a step belongs to the process that began it.
const setupLease = 10 * time.Second

type setupRow struct {
	bun.BaseModel `bun:"table:?(rk)shop_setup,alias:s"`

	Name   string `bun:",pk"`
	DoneAt sqldb.Time
	lease.Lease
}

// once runs fn unless it has succeeded before in any process on the database.
// errElsewhere says that another process is running it now. fn may run again
// after a crash, so each of its steps finds what an earlier run has done.
func once(ctx context.Context, db *sqlstore.DB, name string, fn func(context.Context) error) error {
	row := setupRow{Name: name}
	err := db.Tx(ctx, "shop: claim "+name, func(ctx context.Context, tx bun.IDB) error {
		row = setupRow{Name: name}
		taken, err := lease.Claim(ctx, tx, &row, time.Now(), setupLease, func() bool { return row.DoneAt.IsZero() })
		if err == nil && !taken && row.DoneAt.IsZero() {
			return errElsewhere
		}
		return err
	})
	if err != nil || !row.DoneAt.IsZero() {
		return err
	}
	fnErr := fn(ctx)
	row.Release()
	if fnErr == nil {
		row.DoneAt = sqldb.At(time.Now())
	}
	// The outcome is written also when the process is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = db.Tx(ctx, "shop: settle "+name, func(ctx context.Context, tx bun.IDB) error {
		_, err := lease.Save(ctx, tx, &row)
		return err
	})
	if fnErr != nil {
		return errors.Join(fmt.Errorf("shop: %s: %w", name, fnErr), err)
	}
	return err
}
