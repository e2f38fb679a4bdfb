package refundsdb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds/refundsdb"
)

func TestAMessageIsHandledUntilItSucceeded(t *testing.T) {
	for name, db := range map[string]func(testing.TB, ...sqlstore.Migrations) *sqlstore.DB{
		"SQLite": sqlstoretest.SQLite, "PostgreSQL": sqlstoretest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			inbox := refundsdb.NewInbox(db(t, refundsdb.Migrations()))
			now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
			runs := 0
			once := func(id string, err error) (bool, error) {
				return inbox.Once(t.Context(), id, "refund.updated", now,
					func(context.Context) error { runs++; return err })
			}
			broken := errors.New("the database was away")
			if ran, err := once("evt_1", broken); !ran || !errors.Is(err, broken) {
				t.Errorf("first: %v, %v", ran, err)
			}
			for i, want := range []bool{true, false, false} {
				if ran, err := once("evt_1", nil); ran != want || err != nil {
					t.Errorf("delivery %d: %v, %v", i, ran, err)
				}
			}
			if ran, err := once("evt_2", nil); !ran || err != nil {
				t.Errorf("another message: %v, %v", ran, err)
			}
			if runs != 3 {
				t.Errorf("handled %d times, want 3", runs)
			}
			for _, id := range []string{"", "nul\x00", string(make([]byte, 300))} {
				if _, err := once(id, nil); err == nil {
					t.Errorf("%q was taken as an id", id)
				}
			}
			if n, err := inbox.Forget(t.Context(), now); n != 0 || err != nil {
				t.Errorf("forgot %d, %v", n, err)
			}
			if n, err := inbox.Forget(t.Context(), now.Add(time.Second)); n != 2 || err != nil {
				t.Errorf("forgot %d, %v", n, err)
			}
			if ran, _ := once("evt_1", nil); !ran {
				t.Error("a forgotten message is not handled")
			}
		})
	}
}
