package sqldbtest_test

import (
	"testing"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
)

func TestEachGivesADatabaseThatAnswersAndIsEmpty(t *testing.T) {
	for range 2 {
		sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
			if err := db.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Write.ExecContext(t.Context(), "CREATE TABLE fresh (id INTEGER)"); err != nil {
				t.Fatal(err)
			}
		})
	}
}
