package observabilitydb

import (
	"embed"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations are the migrations of this package. Its tables refer to no other
// store's, so they may be applied in any order.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("observability", migrations) }
