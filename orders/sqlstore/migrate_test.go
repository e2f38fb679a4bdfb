package sqlstore_test

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// set returns migrations that are the same for both databases: each text is a
// file, in order.
func set(name string, files ...string) sqlstore.Migrations {
	m := fstest.MapFS{}
	for i, text := range files {
		m[strings.Repeat("0", 4)+string(rune('1'+i))+"_step.sql"] = &fstest.MapFile{
			Data: []byte("-- +goose Up\n" + text),
		}
	}
	return sqlstore.Migrations{Name: name, Postgres: fs.FS(m), SQLite: fs.FS(m)}
}

func TestProcessesThatStartAtOnceMigrateOnce(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		sets := []sqlstore.Migrations{
			set(
				"first",
				"CREATE TABLE a (id INTEGER PRIMARY KEY);",
				"INSERT INTO a VALUES (1); INSERT INTO a VALUES (2);",
			),
			set("second", "CREATE TABLE b (id INTEGER REFERENCES a (id)); INSERT INTO b VALUES (2);"),
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				db, err := sqlstore.OpenConfig(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				if err := sqlstore.Migrate(t.Context(), db, sets...); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()

		db := sqlstoretest.Open(t, c)
		for query, want := range map[string]int{
			"SELECT count(*) FROM a":                                            2,
			"SELECT count(*) FROM b":                                            1,
			"SELECT max(version_id) FROM rk_first_schema_version":               2,
			"SELECT count(*) FROM rk_first_schema_version WHERE version_id = 1": 1,
			"SELECT max(version_id) FROM rk_second_schema_version":              1,
		} {
			var got int
			if err := db.Reader().NewRaw(query).Scan(t.Context(), &got); err != nil || got != want {
				t.Errorf("%s: %d (%v), want %d", query, got, err, want)
			}
		}
	})
}

func TestAMigrationThatFailsIsUndoneWholeAndGoesOnLater(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		good := "CREATE TABLE a (id INTEGER PRIMARY KEY);"
		err := sqlstore.Migrate(
			t.Context(),
			db,
			set("shop", good, "INSERT INTO a VALUES (7); INSERT INTO nowhere VALUES (1);"),
		)
		if err == nil || !strings.Contains(err.Error(), "migrate shop") {
			t.Fatalf("got %v, want an error that names the set", err)
		}
		count := func() (n int) {
			if err := db.Reader().NewRaw("SELECT count(*) FROM a").Scan(t.Context(), &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(); n != 0 {
			t.Errorf("%d rows of the failed file stayed", n)
		}
		if err := sqlstore.Migrate(t.Context(), db, set("shop", good, "INSERT INTO a VALUES (7);")); err != nil ||
			count() != 1 {
			t.Errorf("afterwards: %v, %d rows", err, count())
		}
		if err := sqlstore.Migrate(t.Context(), db, set(`x"; --`, good)); err == nil {
			t.Error("a name that is none was taken")
		}
	})
}

func TestWaitingForAnotherMigrationEndsWithTheContext(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		db := sqlstoretest.Open(t, c)
		release, err := sqlstore.LockMigrations(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := sqlstore.Migrate(ctx, db, set("shop", "CREATE TABLE a (id INTEGER);")); err == nil {
			t.Error("it migrated while another process did")
		}
	})
}
