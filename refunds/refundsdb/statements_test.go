package refundsdb_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// counter counts the statements a database is sent, commits apart.
type counter struct {
	mu         sync.Mutex
	statements []string
	commits    int
}

func (c *counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (c *counter) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e.Query == "COMMIT":
		c.commits++
	case e.Query == "BEGIN", e.Query == "ROLLBACK":
	default:
		c.statements = append(c.statements, e.Query)
	}
}

// check compares the counts, and begins again.
func (c *counter) check(t *testing.T, what string, statements, commits int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.statements) != statements || c.commits != commits {
		t.Errorf("%s: %d statements and %d commits, want %d and %d:\n%s", what, len(c.statements), c.commits,
			statements, commits, strings.Join(c.statements, "\n"))
	}
	c.statements, c.commits = nil, 0
}

// TestStatementsPerRefund holds the cost of a refund: a regression shows here before it
// shows under load.
func TestStatementsPerRefund(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s, err := refunds.New(refunds.Config{Store: refundsdb.New(migrated(t, db)), Gateway: &refundstest.Gateway{}})
		if err != nil {
			t.Fatal(err)
		}
		c := &counter{}
		db.AddQueryHook(c)
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
		c.check(t, "by card", 17, 2)
		card.ID = "cash"
		pay("2", payment.Cash, card)
		c.check(t, "in cash, with its reference", 17, 3)
		card.ID = "credit"
		pay("3", payment.StoreCredit, card)
		c.check(t, "by store credit, with its entry", 21, 3)
		card.ID, card.Captured = "half", 1500
		pay("4", "", card, refunds.Payment{ID: "other", Method: payment.StoreCredit, Captured: 1500})
		// The parts are opened together and settled one by one.
		c.check(t, "half by card, half by store credit", 29, 4)
		if n, err := s.ResumeDue(t.Context(), 10); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		c.check(t, "nothing due", 1, 0)
	})
}
