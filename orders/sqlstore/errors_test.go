package sqlstore_test

import (
	"fmt"
	"testing"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestConstraintsHaveTheSameNamesOnBothDatabases(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		exec(t, db, `CREATE TABLE things (
			id TEXT PRIMARY KEY, a INTEGER, b TEXT, n INTEGER,
			UNIQUE (a, b),
			CONSTRAINT things_n_check CHECK (n >= 0))`)
		exec(t, db, "CREATE TABLE numbered (id INTEGER PRIMARY KEY)")
		exec(t, db, "CREATE UNIQUE INDEX things_b_key ON things (b) WHERE b <> 'free'")
		exec(t, db, "CREATE TABLE words (w TEXT)")
		exec(t, db, "CREATE UNIQUE INDEX words_lower_idx ON words (lower(w))")
		exec(t, db, "INSERT INTO words VALUES ('z')")
		exec(t, db, "INSERT INTO things VALUES ('x', 1, 'b (1)', 0), ('z', 2, 'free', 0)")
		exec(t, db, "INSERT INTO numbered VALUES (1)")
		for _, tc := range []struct{ name, query, unique, check string }{
			{"a primary key", "INSERT INTO things VALUES ('x', 2, 'c', 0)", "things_pkey", ""},
			{"a primary key that is a number", "INSERT INTO numbered VALUES (1)", "numbered_pkey", ""},
			{"two columns", "INSERT INTO things VALUES ('y', 2, 'free', 0)", "things_a_b_key", ""},
			{"a partial index", "INSERT INTO things VALUES ('y', 3, 'b (1)', 0)", "things_b_key", ""},
			{"an expression", "INSERT INTO words VALUES ('Z')", "words_lower_idx", ""},
			{"a check", "INSERT INTO things VALUES ('y', 5, 'e', -1)", "", "things_n_check"},
			{"neither", "INSERT INTO nowhere VALUES (1)", "", ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				_, err := db.Writer().ExecContext(t.Context(), tc.query)
				if err == nil {
					t.Fatal("it was taken")
				}
				err = fmt.Errorf("wrapped: %w", err)
				if name, ok := sqldb.IsUnique(err); ok != (tc.unique != "") || ok && name != tc.unique {
					t.Errorf("IsUnique: %q, %v; want %q (%v)", name, ok, tc.unique, err)
				}
				if name, ok := sqldb.IsCheck(err); ok != (tc.check != "") || ok && name != tc.check {
					t.Errorf("IsCheck: %q, %v; want %q (%v)", name, ok, tc.check, err)
				}
				if sqldb.IsBusy(err) {
					t.Error("it counts as busy")
				}
			})
		}
	})
}
