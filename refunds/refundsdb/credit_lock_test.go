package refundsdb_test

import (
	"context"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
)

// spend is a tab that pays 7.00 by store credit in a transaction of its own: it looks at
// the balance, waits for the other one, and takes what it saw.
func spend(ctx context.Context, s *refundsdb.Store, db *sqlstore.DB, order string, seen func()) (paid bool, err error) {
	tx, err := db.Writer().BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	inside := s.WithTx(tx)
	have, err := inside.LockCredit(ctx, "ann", "USD")
	if err != nil {
		return false, err
	}
	if seen(); have < 700 {
		return false, nil
	}
	move := purchase.CreditMove{CustomerID: "ann", Currency: "USD", Amount: -700, Ref: "order:" + order}
	if _, err := inside.MoveCredit(ctx, move, event.Stamp{At: time.Now(), By: event.System("test")}); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// TestTwoTabsSpendStoreCreditOnce: the second one looks at the balance while the first
// has seen it and not taken it yet. It has to wait for the first.
func TestTwoTabsSpendStoreCreditOnce(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s, ctx := refundsdb.New(sqlstoretest.Migrated(t, db, refundsdb.Migrations())), t.Context()
		_, err := s.Credit(ctx, refunds.CreditEntry{ID: "gift", Ref: "gift", CustomerID: "ann", Currency: "USD",
			Amount: 700, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		type end struct {
			paid bool
			err  error
		}
		second := make(chan end, 1)
		first, err := spend(ctx, s, db, "1", func() {
			go func() {
				paid, err := spend(ctx, s, db, "2", func() {})
				second <- end{paid, err}
			}()
			waitsOrEnds(t, db, second)
		})
		other := <-second
		if err != nil || other.err != nil || first == other.paid {
			t.Errorf("the first pays: %v, %v; the second: %v, %v; want one of them", first, err, other.paid, other.err)
		}
		left, err := s.CreditBalance(ctx, "ann", "USD")
		entries, listErr := s.CreditEntries(ctx, "ann")
		var sum int64
		for _, e := range entries {
			sum += e.Amount
		}
		if left != 0 || sum != 0 || err != nil || listErr != nil {
			t.Errorf("%d is left, entries sum to %d; %v, %v", left, sum, err, listErr)
		}
	})
}

// waitsOrEnds returns once somebody waits for a lock of the database, or has something to
// say. SQLite has one writer, who is not seen waiting: it begins after the first.
func waitsOrEnds[T any](t *testing.T, db *sqlstore.DB, ended <-chan T) {
	t.Helper()
	if db.Dialect() == sqlstore.SQLite {
		return
	}
	testreq.Until(t, "the second tab waits or ends", func() bool {
		waiting, err := db.Read().NewSelect().TableExpr("pg_stat_activity").
			Where("datname = current_database()").Where("wait_event_type = 'Lock'").Count(t.Context())
		return err != nil || waiting > 0 || len(ended) > 0
	})
}
