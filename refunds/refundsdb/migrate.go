package refundsdb

import (
	"context"
	"embed"

	"github.com/returnkit/returnkit/internal/sqldb"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations are the migrations of this store.
func Migrations() sqldb.Set { return sqldb.Embedded("refunds", migrations) }

// Migrate brings the tables of this store to the newest version.
func Migrate(ctx context.Context, db *sqldb.DB) error { return sqldb.Migrate(ctx, db, Migrations()) }
