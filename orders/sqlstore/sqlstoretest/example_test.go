package sqlstoretest_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func ExampleEach() {
	// A test of what stands on a database, on SQLite and on PostgreSQL:
	_ = func(t *testing.T) {
		sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
			if err := db.Writer().PingContext(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func ExampleOpen() {
	// Two handles on one database, as two processes have them:
	_ = func(t *testing.T) {
		c := sqlstoretest.SQLiteConfig(t)
		one, other := sqlstoretest.Open(t, c), sqlstoretest.Open(t, c)
		_, _ = one, other
	}
}

func ExampleStartCrashable() {
	// What was committed is there after a power cut:
	_ = func(t *testing.T) {
		server := sqlstoretest.StartCrashable(t)
		db := sqlstoretest.Open(t, sqlstore.Config{URL: server.URL()})
		server.Kill()
		server.Start()
		if err := db.Writer().PingContext(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
