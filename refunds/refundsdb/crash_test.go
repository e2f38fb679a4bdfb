package refundsdb_test

import (
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// crashes runs every cut point of the refunding process under the main
// outcomes; with REFUNDS_CRASHES=all it runs all there is:
//
//	REFUNDS_CRASHES=all go test -run EveryCutPoint -parallel 6 -v -timeout 30m ./refunds/refundsdb/
//
// A case waits for its database most of its time, so that parts of them run at
// once, each on one of its own.
func crashes(t *testing.T, open func(testing.TB, ...sqlstore.Migrations) *sqlstore.DB) {
	short := os.Getenv("REFUNDS_CRASHES") != "all"
	const parts = 6
	var cases, violations atomic.Int64
	t.Run("parts", func(t *testing.T) {
		for part := range parts {
			t.Run(strconv.Itoa(part), func(t *testing.T) {
				t.Parallel()
				store := refundsdb.New(open(t, refundsdb.Migrations()))
				bad, n := refundstest.Crashes{
					NewStore:   func(testing.TB) refunds.Store { return store },
					SkipWorker: short, SkipRare: short, Part: part, Parts: parts,
				}.Violations(t)
				for _, b := range bad {
					t.Error(b)
				}
				cases.Add(int64(n))
				violations.Add(int64(len(bad)))
			})
		}
	})
	t.Logf("%d cases, %d violations", cases.Load(), violations.Load())
}

func TestEveryCutPointOnSQLite(t *testing.T) { crashes(t, sqlstoretest.SQLite) }

func TestEveryCutPointOnPostgreSQL(t *testing.T) { crashes(t, sqlstoretest.Postgres) }

// Each store has a database to itself: the sweep is one row.
func TestOutsideMoneyAtEveryCutPointOnSQLite(t *testing.T) {
	refundstest.TestOutsideCrashes(t, func(t testing.TB) refunds.Store {
		return refundsdb.New(sqlstoretest.SQLite(t, refundsdb.Migrations()))
	})
}

func TestOutsideMoneyAtEveryCutPointOnPostgreSQL(t *testing.T) {
	t.Parallel()
	empty := sqlstoretest.Emptied(t, sqlstoretest.Postgres(t, refundsdb.Migrations()))
	refundstest.TestOutsideCrashes(t, func(t testing.TB) refunds.Store { return refundsdb.New(empty(t)) })
}
