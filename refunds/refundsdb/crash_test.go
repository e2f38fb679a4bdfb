package refundsdb_test

import (
	"os"
	"testing"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// crashes runs every cut point of the refunding process under the main
// outcomes; with REFUNDS_CRASHES=all it runs all there is:
//
//	REFUNDS_CRASHES=all go test -run EveryCutPoint -v ./refunds/refundsdb/
func crashes(t *testing.T, db *sqldb.DB) {
	short := os.Getenv("REFUNDS_CRASHES") != "all"
	store := refundsdb.New(migrated(t, db))
	refundstest.TestCrashes(t, refundstest.Crashes{
		NewStore:   func(testing.TB) refunds.Store { return store },
		SkipWorker: short, SkipRare: short,
	})
}

func TestEveryCutPointOnSQLite(t *testing.T) { crashes(t, sqldbtest.SQLite(t)) }

func TestEveryCutPointOnPostgreSQL(t *testing.T) { crashes(t, sqldbtest.Postgres(t)) }
