package crashtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

// rows reads a column of text.
func (w *world) rows(query string) []string {
	w.t.Helper()
	var out []string
	if err := w.open().Reader().NewRaw(query).Scan(w.t.Context(), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// open is the database of the world, beside its servers.
func (w *world) open() *sqlstore.DB {
	w.t.Helper()
	if w.reader == nil {
		var err error
		if w.reader, err = sqlstore.OpenConfig(w.t.Context(), w.database); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = w.reader.Close() })
	}
	return w.reader
}

// exec changes rows behind the servers' backs.
func (w *world) exec(query string) {
	w.t.Helper()
	if _, err := w.open().Writer().ExecContext(w.t.Context(), query); err != nil {
		w.t.Fatal(err)
	}
}

// until waits until the query finds nothing.
func (w *world) until(what, query string) {
	w.t.Helper()
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	if err := client.Until(ctx, 50*time.Millisecond, func(context.Context) error {
		if rows := w.rows(query); len(rows) > 0 {
			return fmt.Errorf("%s: not yet for %d, such as %s", what, len(rows), rows[0])
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// inFlight is how many refunds were sent and have no answer.
func (w *world) inFlight() int {
	w.t.Helper()
	return len(
		w.rows(
			"SELECT r.id FROM ?(rk)refunds r JOIN ?(rk)refund_attempts a ON a.refund_id = r.id WHERE r.status = " +
				"'submitted' AND a.first_sent_at IS NOT NULL",
		),
	)
}

// versions are the refunds and cases, and how often each was changed.
func (w *world) versions() []string {
	w.t.Helper()
	return w.rows(
		"SELECT id || ' ' || status || ' ' || version FROM ?(rk)refunds UNION ALL SELECT id || ' ' || status || ' " +
			"' || version FROM ?(rk)returns ORDER BY 1",
	)
}

func TestPostgreSQLIsKilledInTheMiddleOfRefundsAndEachIsPaidOnce(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/", "CRASHES")
	database := sqlstoretest.StartCrashable(t)
	w, random := newWorld(t, database.URL()), source(t)
	kills := max(1, crashes(t, 10)/10)
	server := w.shop()
	for range kills {
		admin := w.staff(server)
		w.settled(admin)
		w.approved(admin, 4)
		w.faults(losing)
		asked := make(chan struct{})
		go func() {
			refundAll(t.Context(), w.cases[max(0, len(w.cases)-8):], admin)
			close(asked)
		}()
		timer := time.NewTimer(time.Duration(random.IntN(300)) * time.Millisecond)
		select {
		case <-timer.C:
		case <-asked:
		}
		database.Kill()
		<-asked
		w.faults(`{}`)
		started := time.Now()
		database.Start()
		w.healthy(server)
		t.Logf(
			"PostgreSQL killed and back: the shop is healthy again after %s",
			time.Since(started).Round(10*time.Millisecond),
		)
	}
	w.finish(server)
	server.Stop()
	w.verdict()
}

// healthy waits until the server's database answers.
func (w *world) healthy(p *process.Process) {
	w.t.Helper()
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	err := client.Until(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		_, err := client.New(p.URL, 5*time.Second).Call(ctx, "/health/ready", nil, nil)
		return err
	})
	if err != nil {
		w.t.Fatalf("%v\n%s", err, p.Tail())
	}
}

// settled waits until a read as staff works.
func (w *world) settled(admin *client.Client) {
	w.t.Helper()
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	err := client.Until(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		_, err := admin.Products(ctx)
		if client.StatusOf(err) == 401 {
			return errors.Join(errors.New("the session was lost"), err)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
