package observabilitydb

import (
	"context"
	"embed"
	"io/fs"

	"github.com/returnkit/returnkit/internal/sqldb"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrations are the migrations of this package. Its tables refer to no other
// store's, so they may be applied in any order.
func Migrations() sqldb.Set {
	return sqldb.Set{Name: "observability", PG: folder("migrations/postgres"), SQLite: folder("migrations/sqlite")}
}

// Migrate brings the tables of this package to the newest version.
func Migrate(ctx context.Context, db *sqldb.DB) error { return sqldb.Migrate(ctx, db, Migrations()) }

func folder(name string) fs.FS {
	sub, err := fs.Sub(migrations, name)
	if err != nil {
		return brokenFS{err} // reported by Migrate; it can't be, the name is valid
	}
	return sub
}

type brokenFS struct{ err error }

func (b brokenFS) Open(string) (fs.File, error) { return nil, b.err }
