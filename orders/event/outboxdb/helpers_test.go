package outboxdb_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// stream of these tests.
const stream = "orders"

var day = time.Date(2026, 11, 24, 9, 30, 0, 123456000, time.UTC)

// each runs fn on both databases, with the tables made.
func each(t *testing.T, fn func(t *testing.T, db *sqlstore.DB)) {
	t.Helper()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		migrate(t, db)
		fn(t, db)
	})
}

func migrate(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	err := sqlstore.Migrate(t.Context(), db, outboxdb.Migrations(stream))
	if err != nil {
		t.Fatal(err)
	}
}

func appendEvents(t *testing.T, db *sqlstore.DB, events ...event.Event) {
	t.Helper()
	err := db.Tx(t.Context(), "append", func(ctx context.Context, tx bun.IDB) error {
		return newLog(t, db).Append(ctx, tx, events)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newLog(t *testing.T, db *sqlstore.DB) *outboxdb.Log {
	t.Helper()
	l, err := outboxdb.New(db, stream)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newDispatcher(t *testing.T, l outbox.Log, c outbox.Config) *outbox.Dispatcher {
	t.Helper()
	d, err := outbox.New(c, l)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
