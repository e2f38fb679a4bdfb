package app

import (
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func schemaOf(t *testing.T, db *sqlstore.DB) schemaRow {
	t.Helper()
	row := schemaRow{ID: 1}
	if err := db.Read().NewSelect().Model(&row).WherePK().Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return row
}

func oneLine(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want one line that says %q", err, want)
	}
}

func TestADatabaseSaysWhichBinariesMayWorkOnIt(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		for range 2 { // the first start makes it, the second finds it
			if err := migrate(t.Context(), db); err != nil {
				t.Fatal(err)
			}
		}
		if row := schemaOf(t, db); row.Number != schemaNumber || row.MinBinary != minBinary {
			t.Fatalf("recorded %+v", row)
		}
		for name, tc := range map[string]struct {
			number, min int
			refused     string
		}{
			"a rolling upgrade is under way":  {schemaNumber + 1, schemaNumber, ""},
			"an upgrade that this one is not": {schemaNumber + 1, schemaNumber + 1, "needs a newer refserver"},
			"a database of before":            {schemaNumber - 1, schemaNumber - 1, "was never released"},
		} {
			set := schemaRow{ID: 1, Number: tc.number, MinBinary: tc.min}
			if _, err := db.Writer().NewUpdate().Model(&set).WherePK().Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := migrate(t.Context(), db)
			if tc.refused == "" && err != nil {
				t.Errorf("%s: %v", name, err)
			} else if tc.refused != "" {
				oneLine(t, err, tc.refused)
			}
			if row := schemaOf(t, db); row.Number != tc.number || row.MinBinary != tc.min {
				t.Errorf("%s: changed to %+v", name, row)
			}
		}
	})
}

func TestADatabaseOfAnOlderTreeIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		const old = "CREATE TABLE shop_setup (name TEXT PRIMARY KEY)"
		if _, err := db.Writer().ExecContext(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		oneLine(t, migrate(t.Context(), db), "before the first release")
		if _, err := db.Read().ExecContext(t.Context(), "SELECT 1 FROM ?(rk)auth_users"); err == nil {
			t.Error("tables were made in it")
		}
	})
}
