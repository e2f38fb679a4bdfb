package observabilitydb

import (
	"context"
	"embed"

	"github.com/returnkit/returnkit/internal/sqldb"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations are the migrations of this package. Its tables refer to no other
// store's, so they may be applied in any order.
func Migrations() sqldb.Set { return sqldb.Embedded("observability", migrations) }

// Migrate brings the tables of this package to the newest version.
func Migrate(ctx context.Context, db *sqldb.DB) error { return sqldb.Migrate(ctx, db, Migrations()) }
