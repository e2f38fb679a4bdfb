package returnsdb

import (
	"context"
	"embed"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations are the migrations of this store.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("returns", migrations) }

// Migrate brings the tables of this store to the newest version.
func Migrate(ctx context.Context, db *sqlstore.DB) error {
	return sqlstore.Migrate(ctx, db, Migrations())
}
