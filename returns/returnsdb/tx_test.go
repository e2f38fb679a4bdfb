package returnsdb_test

import (
	"errors"
	"testing"

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
			if _, err := inside.file(o, "much", 2, false); returns.CodeOf(
				err,
			) != returns.Code(
				returns.AlreadyReturned,
			) {
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
