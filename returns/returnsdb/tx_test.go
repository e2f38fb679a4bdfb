package returnsdb_test

import (
	"context"
	"errors"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
)

func TestAReturnInTheCallersTransactionCommitsWithIt(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		o := order("o", 3)
		for _, commit := range []bool{false, true} {
			tx, err := db.Writer().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tx.Rollback() })
			inside := bundle{t, b.store.WithTx(tx), b.terms}
			if _, err := inside.file(o, "r", 2, true); err != nil {
				t.Fatal(err)
			}
			_, err = inside.file(o, "much", 2, false)
			if returns.CodeOf(err) != returns.Code(returns.AlreadyReturned) {
				t.Errorf("more than is left: %v", err)
			}
			// The transaction is usable after the refusal, and reads its own writes.
			r := inside.update("r", func(r *returns.Return) error {
				return r.Override(stamp, returns.Override{Rules: []string{returns.RuleRefundEarly}, Reason: "x"})
			})
			claims, err := inside.store.Claims(t.Context(), o.OrderID)
			if err != nil || claims[o.OrderID][o.Lines[0].ID] != 2 || r.RMA == "" {
				t.Errorf("in the transaction: %v, RMA %q, %v", claims, r.RMA, err)
			}
			if current, err := inside.store.Terms(t.Context(), ""); err != nil || current.ID != b.terms.ID {
				t.Errorf("the terms: %+v, %v", current, err)
			}
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			_, err = b.store.Return(t.Context(), "r")
			if commit != (err == nil) || !commit && !errors.Is(err, returns.ErrNotFound) {
				t.Fatalf("committed %v: %v", commit, err)
			}
			want := map[bool]int{true: 2}[commit]
			if claims, err := b.store.Claims(t.Context(), o.OrderID); err != nil ||
				claims[o.OrderID][o.Lines[0].ID] != want {
				t.Errorf("committed %v: %v, %v", commit, claims, err)
			}
		}
		if _, err := b.store.Return(t.Context(), "much"); !errors.Is(err, returns.ErrNotFound) {
			t.Errorf("what was refused is there: %v", err)
		}
	})
}

// asked is a neighbor that nobody must ask in a transaction.
type asked struct{ returns.Refunder }

func (asked) Purchase(context.Context, string) (purchase.Purchase, error) {
	return purchase.Purchase{}, errors.New("the order was read in a transaction")
}

func (asked) Restock(context.Context, purchase.Restock, event.Actor) (bool, error) {
	return false, errors.New("units were restocked in a transaction")
}

// TestTheServiceCreatesInTheCallersTransaction: the case and the caller's own row
// are there, or neither is.
func TestTheServiceCreatesInTheCallersTransaction(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		svc, err := returns.New(returns.Config{Store: b.store, Orders: asked{}, Refunder: asked{}, Restocker: asked{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := svc.PublishTerms(t.Context(), staff, returns.Policy{
			Enabled: true, WindowDays: 36500, MaxQuantity: 9, RestockAt: returns.RestockAtRefund, Currency: "USD",
		}, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Writer().ExecContext(t.Context(), "CREATE TABLE own (id TEXT PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		bought := purchase.Purchase{
			OrderID: "o", CustomerID: "ann", Status: purchase.Completed, Currency: "USD", PlacedAt: day,
			Lines: []purchase.Line{{ID: "l", ProductID: "p", Name: "Lamp", Quantity: 2,
				Paid: purchase.Paid("USD", money.Components{Price: 200})}},
			Payments: []purchase.Payment{{ID: "pay", Method: payment.Cash, Captured: 200}},
		}
		for _, commit := range []bool{false, true} {
			tx, err := db.Writer().DB.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), "INSERT INTO own VALUES ('1')"); err != nil {
				t.Fatal(err)
			}
			inside := svc.With(b.store.WithTx(tx))
			r, err := inside.Create(t.Context(), staff, returns.CreateParams{
				CustomerID: "ann", Reason: returns.ReasonOther, Purchase: &bought,
				Items: []returns.RequestItem{{OrderLineID: "l", Quantity: 2}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := inside.Refund(t.Context(), r.ID, staff, returns.RefundParams{}); !errors.Is(
				err, payment.ErrInTransaction) {
				t.Errorf("a refund: %v", err)
			}
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			var own int
			err = db.Writer().NewRaw("SELECT COUNT(*) FROM own").Scan(t.Context(), &own)
			_, missing := b.store.Return(t.Context(), r.ID)
			if err != nil || commit != (own == 1) || commit != (missing == nil) {
				t.Errorf("committed %v: %d rows of the caller's, %v; the case %v", commit, own, err, missing)
			}
		}
	})
}
