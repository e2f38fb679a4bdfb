package refundsdb_test

import (
	"testing"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// TestStatementsPerRefund holds the cost of a refund: a regression shows here before it
// shows under load.
func TestStatementsPerRefund(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		store := refundsdb.New(sqlstoretest.Migrated(t, db, refundsdb.Migrations()))
		s, err := refunds.New(refunds.Config{Store: store, Gateway: &refundstest.Gateway{}})
		if err != nil {
			t.Fatal(err)
		}
		c := statements.Watch(db)
		pay := func(n string, m payment.Method, payments ...refunds.Payment) {
			t.Helper()
			r := refunds.Request{
				ClientReference: "return-" + n, OrderID: "order-" + n, Currency: "USD", Customer: "ann", Method: m,
				Quote: lines, By: event.System("test"), Payments: payments,
			}
			if in, err := s.Refund(t.Context(), r); err != nil || in.Status != refunds.StatusSucceeded {
				t.Fatalf("refund is %s, %v", in.Status, err)
			}
		}
		card := refunds.Payment{ID: "card", Method: payment.Card, ProviderID: "pi_1", Captured: 3000}
		pay("1", payment.Card, card)
		// Opened: balance seeded and locked, refund and what was given read, five written.
		// Settled: found, balance, refund and attempts locked, four written.
		c.Want(t, "by card", 17, 2)
		card.ID = "cash"
		pay("2", payment.Cash, card)
		c.Want(t, "in cash, with its reference", 17, 3)
		card.ID = "credit"
		pay("3", payment.StoreCredit, card)
		c.Want(t, "by store credit, with its entry", 21, 3)
		card.ID, card.Captured = "half", 1500
		pay("4", "", card, refunds.Payment{ID: "other", Method: payment.StoreCredit, Captured: 1500})
		// The parts are opened together and settled one by one.
		c.Want(t, "half by card, half by store credit", 29, 4)
		if n, err := s.ResumeDue(t.Context(), 10); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		c.Want(t, "nothing due", 1, 0)
	})
}
