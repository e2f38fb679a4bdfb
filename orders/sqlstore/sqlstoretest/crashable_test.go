//go:build unix

package sqlstoretest_test

import (
	"database/sql"
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestWhatWasCommittedOutlivesAKillOfTheServer(t *testing.T) {
	c := sqlstoretest.StartCrashable(t)
	db, err := sql.Open("pgx", c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (n INT); INSERT INTO t VALUES (42)"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.Kill()
		if err := db.PingContext(t.Context()); err == nil {
			t.Fatal("a killed server answers")
		}
		c.Start()
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT n FROM t").Scan(&n); err != nil || n != 42 {
			t.Fatalf("after the kill: %d, %v", n, err)
		}
	}
}
