package crashtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
	"github.com/returnkit/returnkit/refserver/internal/drive"
)

// callsBegan reports whether n refund attempts were sent.
func (w *world) callsBegan(ctx context.Context, n int) error {
	db, err := sql.Open("pgx", w.database.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	var sent int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM refund_attempts WHERE first_sent_at IS NOT NULL").Scan(&sent); err != nil {
		return err
	}
	if sent < n {
		return fmt.Errorf("%d of %d refunds were sent", sent, n)
	}
	return nil
}

func TestPostgreSQLIsKilledInTheMiddleOfRefundsAndEachIsPaidOnce(t *testing.T) {
	database := sqldbtest.StartCrashable(t)
	w, random := newWorld(t, database.URL()), source(t)
	kills := max(1, crashes(t, 20)/10)
	server := w.shop()
	for range kills {
		admin := w.staff(server)
		w.settled(admin)
		w.approved(admin, 4)
		if err := drive.SetFaults(t.Context(), w.provider.url, losing); err != nil {
			t.Fatal(err)
		}
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
		if err := drive.SetFaults(t.Context(), w.provider.url, `{}`); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		database.Start()
		w.healthy(server)
		t.Logf("PostgreSQL killed and back: the shop is healthy again after %s", time.Since(started).Round(10*time.Millisecond))
	}
	w.finish(server)
	server.stop()
	w.verdict()
}

// healthy waits until the server's database answers.
func (w *world) healthy(p *process) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	err := drive.Until(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		_, err := drive.New(p.url, 5*time.Second).Call(ctx, "/health/ready", nil, nil)
		return err
	})
	if err != nil {
		w.t.Fatalf("%v\n%s", err, p.tail())
	}
}

// settled waits until a read as staff works.
func (w *world) settled(admin *drive.Client) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	err := drive.Until(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		_, err := admin.Products(ctx)
		if drive.StatusOf(err) == 401 {
			return errors.Join(errors.New("the session was lost"), err)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
