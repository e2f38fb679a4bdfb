package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// The numbers of this binary. schemaNumber is raised whenever a migration of
// any store changes; minBinary is the schemaNumber of the oldest binary that
// still works on the result. They differ where a change only adds: replicas of
// the version before go on then, and start, while a rolling upgrade is under
// way.
const (
	// 1 had no shop_schema, 2 no outside money, 3 other names of columns, 5 one payment for each
	// order, and no operations, notices, mails, webhooks or pages of the provider, 6 rows of the audit
	// and of the terms that SQLite let be replaced, 7 schedules of feeds in minutes alone, 8 limits of
	// a day without a currency, codes that each process counted for itself, trails that could be
	// changed, and no search of products.
	schemaNumber = 9
	minBinary    = 9
)

const startOver = "name an empty database or DATA_DIR, or start the refserver that made it"

type schemaRow struct {
	bun.BaseModel `bun:"table:?(rk)shop_schema,alias:v"`

	ID        int `bun:",pk"`
	Number    int
	MinBinary int
}

// checkSchema refuses a database that this binary can't work on, in one line.
// It changes nothing.
func checkSchema(ctx context.Context, db *sqlstore.DB) error {
	have := func(table string) (bool, error) {
		query := "SELECT to_regclass(?) IS NOT NULL"
		if db.Dialect() == sqlstore.SQLite {
			query = "SELECT COUNT(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = ?"
		}
		var found bool
		if err := db.Read().NewRaw(query, table).Scan(ctx, &found); err != nil {
			return false, fmt.Errorf("shop: look for the table %s: %w", table, err)
		}
		return found, nil
	}
	numbered, err := have("rk_shop_schema")
	if err != nil {
		return err
	}
	if !numbered {
		old, err := have("shop_setup")
		if err == nil && old {
			err = errors.New("this database was made by a refserver from before the first release, " +
				"whose tables were others; " + startOver)
		}
		return err
	}
	row := schemaRow{ID: 1}
	err = db.Read().NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the first start was cut off after the migration
	}
	if err != nil {
		return fmt.Errorf("shop: read the schema's number: %w", err)
	}
	return row.allows()
}

// allows returns an error unless this binary may work on the database.
func (r schemaRow) allows() error {
	switch {
	case r.MinBinary > schemaNumber:
		return fmt.Errorf("this database needs a newer refserver: its tables are those of schema %d, which binaries "+
			"of schema %d or newer can use, and this binary is of schema %d", r.Number, r.MinBinary, schemaNumber)
	case r.Number < schemaNumber:
		return fmt.Errorf("this database has the tables of schema %d, which was never released, "+
			"and this refserver those of schema %d; "+startOver, r.Number, schemaNumber)
	}
	return nil
}

// recordSchema notes what the database is now. A number that is higher stays:
// another binary was newer.
func recordSchema(ctx context.Context, db *sqlstore.DB) error {
	return db.Tx(ctx, "shop: record the schema's number", func(ctx context.Context, tx bun.IDB) error {
		row := schemaRow{ID: 1, Number: schemaNumber, MinBinary: minBinary}
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING").Returning("NULL").Exec(ctx)
		if err != nil {
			return err
		}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return err
		}
		if err := row.allows(); err != nil {
			return err // a newer one migrated in the meantime
		}
		row.Number, row.MinBinary = max(row.Number, schemaNumber), max(row.MinBinary, minBinary)
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
}
