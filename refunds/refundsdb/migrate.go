package refundsdb

import (
	"embed"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations are the migrations of this store.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("refunds", migrations) }
