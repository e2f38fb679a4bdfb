package outboxdb_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox/outboxtest"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

func TestSearchPagesOverEveryStreamWithoutGapsOrRepeats(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		const other = "returns"
		files := func(d sqlstore.Dialect) fs.FS {
			return fstest.MapFS{"00001_outbox.sql": {Data: []byte(outboxdb.DDL(d, other))}}
		}
		if err := sqlstore.Migrate(t.Context(), db, sqlstore.Migrations{Name: other,
			Postgres: files(sqlstore.Postgres), SQLite: files(sqlstore.SQLite)}); err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for i := range 40 {
			e := outboxtest.NewEvent(t, fmt.Sprintf("a%d", i%7), i/7+1, "thing.happened") // many of one instant
			in := stream
			if i%3 == 0 {
				in, e.AggregateID = other, "b"+e.AggregateID
				e.ID = fmt.Sprintf("%s:%d", e.AggregateID, e.Seq)
			}
			err := db.Tx(t.Context(), "append", func(ctx context.Context, tx bun.IDB) error {
				return outboxdb.Append(ctx, tx, in, []event.Event{e})
			})
			if err != nil {
				t.Fatal(err)
			}
			want[e.ID] = true
		}
		for _, limit := range []int{1, 7, 40, 100} {
			got, q := map[string]bool{}, outboxdb.Query{Limit: limit}
			var last event.Event
			for {
				p, err := outboxdb.Search(t.Context(), db.Read(), []string{stream, other}, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range p.Events {
					if got[e.ID] {
						t.Fatalf("pages of %d: %s is there twice", limit, e.ID)
					}
					if len(got) > 0 && e.At.After(last.At) {
						t.Fatalf("pages of %d: %s is newer than the one before", limit, e.ID)
					}
					got[e.ID], last = true, e
				}
				if q.After = p.Next; q.After == "" {
					break
				}
			}
			if len(got) != len(want) {
				t.Errorf("pages of %d: %d events, want %d", limit, len(got), len(want))
			}
		}
	})
}
