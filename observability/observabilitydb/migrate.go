package observabilitydb

import (
	"context"
	"embed"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations are the migrations of this package. Its tables refer to no other
// store's, so they may be applied in any order.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("observability", migrations) }

// Migrate brings the tables of this package to the newest version.
func Migrate(ctx context.Context, db *sqlstore.DB) error {
	return sqlstore.Migrate(ctx, db, Migrations())
}
