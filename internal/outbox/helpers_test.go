package outbox_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/outbox"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// prefix of the tables in these tests.
const prefix = "orders"

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
	files := func(d sqlstore.Dialect) fs.FS {
		return fstest.MapFS{"00001_outbox.sql": {Data: []byte(outbox.DDL(d, prefix))}}
	}
	err := sqlstore.Migrate(t.Context(), db, sqlstore.Migrations{Name: prefix, Postgres: files(sqlstore.Postgres), SQLite: files(sqlstore.SQLite)})
	if err != nil {
		t.Fatal(err)
	}
}

// newEvent returns the event number seq of an aggregate, seq seconds after day.
func newEvent(t *testing.T, aggregate string, seq int, typ string) event.Event {
	t.Helper()
	e, err := event.NewEvent(aggregate, seq, typ, event.Stamp{
		At:     day.Add(time.Duration(seq) * time.Second),
		By:     event.Actor{Kind: event.ActorStaff, ID: "u-" + aggregate, Name: "O'Neill ?"},
		Source: event.Source{Address: "2001:db8::" + aggregate, Request: fmt.Sprintf("r-%s-%d", aggregate, seq)},
	}, map[string]any{"seq": seq, "note": `"quoted" 'and' \ ? ☕`})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func appendEvents(t *testing.T, db *sqlstore.DB, events ...event.Event) {
	t.Helper()
	err := db.Tx(t.Context(), "append", func(ctx context.Context, tx bun.IDB) error {
		return outbox.Append(ctx, tx, prefix, events)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newDispatcher(t *testing.T, db *sqlstore.DB, c outbox.Config) *outbox.Dispatcher {
	t.Helper()
	d, err := outbox.New(db, c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func subscribe(t *testing.T, d *outbox.Dispatcher, name string, types []string, h outbox.Handler, opts ...outbox.Option) {
	t.Helper()
	if err := d.Subscribe(prefix, name, types, h, opts...); err != nil {
		t.Fatal(err)
	}
}

// start runs d until the returned stop is called, at the latest at the end of
// the test.
func start(t *testing.T, d *outbox.Dispatcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testreq.Until(t, what, ok)
}

// owes returns the number of deliveries that are still owed.
func owes(t *testing.T, d *outbox.Dispatcher) int {
	t.Helper()
	n, _, err := d.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// journal records what a handler was called with.
type journal struct {
	mu  sync.Mutex
	ids []string
}

func (j *journal) add(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ids = append(j.ids, id)
}

func (j *journal) list() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.ids...)
}

func (j *journal) record(_ context.Context, e event.Event) error {
	j.add(e.ID)
	return nil
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logBuffer is a log that tests read.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }
