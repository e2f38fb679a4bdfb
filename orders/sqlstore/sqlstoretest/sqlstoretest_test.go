package sqlstoretest_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestEachGivesADatabaseThatAnswersAndIsEmpty(t *testing.T) {
	for range 2 {
		sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
			if err := db.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Writer().ExecContext(t.Context(), "CREATE TABLE fresh (id INTEGER)"); err != nil {
				t.Fatal(err)
			}
		})
	}
}
