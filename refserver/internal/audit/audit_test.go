package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/audit"
)

func newLog(t *testing.T, db *sqlstore.DB, now func() time.Time) *audit.Log {
	t.Helper()
	sqlstoretest.Migrated(t, db, audit.Migrations())
	return audit.New(db, now, nil)
}

func add(t *testing.T, l *audit.Log, n int, kind string) {
	t.Helper()
	for i := range n {
		if err := l.Append(t.Context(), nil, audit.Entry{
			Type: kind, SubjectID: fmt.Sprint(i), SubjectName: "thing", Details: map[string]string{"n": fmt.Sprint(i)},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParallelWritersFormOneChain(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		one := newLog(t, db, nil)
		logs := []*audit.Log{one, audit.New(db, nil, nil)} // as two replicas have them
		var all sync.WaitGroup
		for w := range 8 {
			all.Go(func() {
				for i := range 10 {
					e := audit.Entry{Type: "test.written", SubjectID: fmt.Sprint(w, " ", i)}
					if err := logs[w%2].Append(t.Context(), nil, e); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		days, err := one.Verify(t.Context())
		total := int64(0)
		for _, d := range days {
			total += d.Entries
		}
		if err != nil || total != 80 {
			t.Errorf("%d entries in %v, %v", total, days, err)
		}
	})
}

func TestAnEntryIsAddedOrNotWithTheTransactionOfItsCause(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		l := newLog(t, db, nil)
		add(t, l, 1, "test.first")
		undone := errors.New("undone")
		err := db.Tx(t.Context(), "test", func(ctx context.Context, tx bun.IDB) error {
			return errors.Join(l.Append(ctx, tx, audit.Entry{Type: "test.undone"}), undone)
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		add(t, l, 1, "test.second")
		page, err := l.Entries(t.Context(), audit.Query{})
		if err != nil || len(page.Entries) != 2 || page.Entries[0].Seq != 2 {
			t.Errorf("%+v, %v", page, err)
		}
		if _, err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// triggers are what keeps the table append-only; a thief who owns the database
// drops them.
var triggers = map[string][]string{
	"postgres": {"ALTER TABLE rk_audit_entries DISABLE TRIGGER ALL"},
	"sqlite":   {"DROP TRIGGER rk_audit_entries_not_changed", "DROP TRIGGER rk_audit_entries_not_deleted"},
}

func dialect(db *sqlstore.DB) string {
	if db.Dialect() == sqlstore.SQLite {
		return "sqlite"
	}
	return "postgres"
}

func exec(ctx context.Context, db *sqlstore.DB, statement string) error {
	return db.Tx(ctx, "test", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewRaw(statement).Exec(ctx)
		return err
	})
}

func TestTheDatabaseRefusesToChangeOrRemoveEntries(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		l := newLog(t, db, nil)
		add(t, l, 3, "test.kept")
		statements := []string{
			"UPDATE rk_audit_entries SET actor_name = 'somebody else' WHERE seq = 2",
			"DELETE FROM rk_audit_entries WHERE seq = 3",
			"DELETE FROM rk_audit_head",
			"UPDATE rk_audit_head SET seq = 2",
			"UPDATE rk_audit_head SET day = '', seq = 99",
		}
		if dialect(db) == "postgres" {
			statements = append(statements, "TRUNCATE rk_audit_entries", "TRUNCATE rk_audit_head")
		} else {
			statements = append(statements,
				"INSERT OR REPLACE INTO rk_audit_entries SELECT * FROM rk_audit_entries WHERE seq = 2",
				"UPDATE OR REPLACE rk_audit_entries SET seq = 3 WHERE seq = 2",
				"INSERT OR REPLACE INTO rk_audit_head VALUES (1, '', 0, '')")
		}
		for _, statement := range statements {
			if err := exec(t.Context(), db, statement); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if days, err := l.Verify(t.Context()); err != nil || len(days) != 1 || days[0].Entries != 3 {
			t.Errorf("%v, %v", days, err)
		}
	})
}

func TestVerifyNamesTheFirstEntryThatIsNotAsItWasAdded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, statement, want string
	}{
		{"changed", "UPDATE rk_audit_entries SET details = '{}' WHERE seq = 2", "entry 2 of 2026-03-02: its content"},
		{"time changed", "UPDATE rk_audit_entries SET at = (SELECT MIN(at) FROM rk_audit_entries) WHERE seq = 2 " +
			"AND day = '2026-03-02'", "entry 2 of 2026-03-02: its content"},
		{"removed", "DELETE FROM rk_audit_entries WHERE seq = 2 AND day = '2026-03-02'",
			"entry 2 of 2026-03-02: it is missing"},
		{"a whole day removed", "DELETE FROM rk_audit_entries WHERE day = '2026-03-02'",
			"entry 1 of 2026-03-03: it does not follow"},
		{"the newest removed", "DELETE FROM rk_audit_entries WHERE day = '2026-03-03' AND seq = 3",
			"entry 3 of 2026-03-03: the newest entries are missing"},
		{"all removed", "DELETE FROM rk_audit_entries", "entry 3 of 2026-03-03: the newest entries are missing"},
		{"slipped in", "INSERT INTO rk_audit_entries SELECT day, 4, at, type, actor_id, actor_name, actor_role, " +
			"subject_kind, subject_id, subject_name, address, request, details, previous, hash FROM rk_audit_entries " +
			"WHERE day = '2026-03-02' AND seq = 3", "entry 4 of 2026-03-02: it does not follow"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
				day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
				l := newLog(t, db, func() time.Time { return day })
				add(t, l, 1, "test.first")
				for range 2 {
					day = day.Add(24 * time.Hour)
					add(t, l, 3, "test.next")
				}
				if days, err := l.Verify(t.Context()); err != nil || len(days) != 3 {
					t.Fatal(days, err)
				}
				for _, statement := range append(triggers[dialect(db)], tc.statement) {
					if err := exec(t.Context(), db, statement); err != nil {
						t.Fatal(err)
					}
				}
				_, err := l.Verify(t.Context())
				if broken := (*audit.BrokenError)(nil); !errors.As(err, &broken) ||
					!strings.Contains(err.Error(), tc.want) {
					t.Errorf("Verify = %v, want %q", err, tc.want)
				}
			})
		})
	}
}

func TestAClockThatIsSetBackAddsToTheDayThatIsOpen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 0, 30, 0, 0, time.UTC)
	l := newLog(t, sqlstoretest.SQLite(t), func() time.Time { return now })
	add(t, l, 1, "test.first")
	now = now.Add(-time.Hour)
	add(t, l, 1, "test.second")
	days, err := l.Verify(t.Context())
	if err != nil || len(days) != 1 || days[0].Day != "2026-03-02" || days[0].Entries != 2 {
		t.Errorf("%v, %v", days, err)
	}
}

func TestEntriesAreFoundAndPaged(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		l := newLog(t, db, nil)
		add(t, l, 5, "account.signed_in")
		add(t, l, 2, "product.changed")
		for _, tc := range []struct {
			name string
			q    audit.Query
			want int
		}{
			{"all", audit.Query{}, 7},
			{"a type", audit.Query{Type: "product.changed"}, 2},
			{"an object", audit.Query{Type: "account"}, 5},
			{"a subject", audit.Query{Subject: "4"}, 1},
			{"a text", audit.Query{Text: "THING"}, 7},
			{"a pattern is none", audit.Query{Text: "%"}, 0},
			{"NUL", audit.Query{Text: "\x00"}, 7},
			{"tomorrow", audit.Query{From: time.Now().Add(24 * time.Hour)}, 0},
		} {
			t.Run(tc.name, func(t *testing.T) {
				found := 0
				tc.q.Limit = 3
				for {
					page, err := l.Entries(t.Context(), tc.q)
					if err != nil {
						t.Fatal(err)
					}
					found += len(page.Entries)
					if tc.q.After = page.Next; page.Next == "" {
						break
					}
				}
				if found != tc.want {
					t.Errorf("%d entries, want %d", found, tc.want)
				}
			})
		}
		if _, err := l.Entries(t.Context(), audit.Query{After: "x"}); !errors.Is(err, audit.ErrCursor) {
			t.Errorf("a page that is none: %v", err)
		}
	})
}

// BenchmarkAppend shows what the chain costs: it is one line, and a password takes some 20 ms of a
// processor to check. With a commit for each entry PostgreSQL did fewer entries a second than one
// processor checks passwords; with one for those that meet it does thousands.
func BenchmarkAppend(b *testing.B) {
	for _, at := range []string{"sqlite", "postgres"} {
		for _, writers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d at once", at, writers), func(b *testing.B) {
				config := sqlstoretest.SQLiteConfig(b)
				if at == "postgres" {
					server := sqlstoretest.StartCrashable(b) // commits reach the disk
					server.Start()
					config.URL = server.URL()
				}
				db := sqlstoretest.Open(b, config)
				sqlstoretest.Migrated(b, db, audit.Migrations())
				l := audit.New(db, nil, nil)
				b.ResetTimer()
				var all sync.WaitGroup
				for w := range writers {
					all.Go(func() {
						for i := w; i < b.N; i += writers {
							if err := l.Append(b.Context(), nil, audit.Entry{Type: "account.signed_in"}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// TestAppendsThatMeetShareACommit: or the chain, which is one line, would be what sign-ins wait for. It is
// not parallel: it counts the goroutines that append.
func TestAppendsThatMeetShareACommit(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		l := newLog(t, db, nil)
		const calls = 20
		var all sync.WaitGroup
		defer all.Wait()
		err := db.Tx(t.Context(), "test", func(ctx context.Context, tx bun.IDB) error {
			// The head of the chain is held until the transaction ends.
			if err := l.Append(ctx, tx, audit.Entry{Type: "test.held"}); err != nil {
				return err
			}
			for i := range calls {
				if i == 1 {
					testreq.Until(t, "the first", func() bool { return appending() == 1 })
				}
				all.Go(func() {
					e := audit.Entry{Type: "test.written", SubjectID: fmt.Sprint(i)}
					if err := l.Append(t.Context(), nil, e); err != nil {
						t.Error(err)
					}
				})
			}
			testreq.Until(t, "the others", func() bool {
				if n := appending(); n > 1 {
					t.Fatalf("%d appends have a transaction of their own", n)
				}
				return l.Waiting() == calls-1
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if days, err := l.Verify(t.Context()); err != nil || len(days) != 1 || days[0].Entries != calls+1 {
			t.Errorf("%v, %v", days, err)
		}
	})
}

// appending is how many goroutines are in a transaction that adds entries, or wait for one.
func appending() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("audit.(*Log).appendAll("))
}
