package ordersdb_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
)

// withCredit is a store of orders and its ledger on one database.
func withCredit(db *sqlstore.DB) orderstest.CreditStore {
	ledger, grants := refundsdb.New(db), 0
	store := func() orders.Store {
		return ordersdb.New(
			db,
			ordersdb.WithCredit(func(tx bun.IConn) orders.CreditLedger { return ledger.WithTx(tx) }),
		)
	}
	return orderstest.CreditStore{
		Store: store(), Beside: store(),
		Grant: func(ctx context.Context, customerID string, amount int64) error {
			grants++
			id := "grant-" + strconv.Itoa(grants)
			_, err := ledger.Credit(ctx, refunds.CreditEntry{
				ID: id, Ref: id, CustomerID: customerID, Currency: "USD", Amount: amount, At: time.Now(),
			})
			return err
		},
		Balance: func(ctx context.Context, customerID string) (int64, error) {
			return ledger.CreditBalance(ctx, customerID, "USD")
		},
	}
}

// both has the tables of orders and of the ledger.
func both(t testing.TB, db *sqlstore.DB) *sqlstore.DB {
	t.Helper()
	sqlstoretest.Migrated(t, db, ordersdb.Migrations(), refundsdb.Migrations())
	return db
}

func TestStoreWithCreditOnSQLite(t *testing.T) {
	orderstest.TestCredit(t, func(t *testing.T) orderstest.CreditStore {
		return withCredit(both(t, sqlstoretest.SQLite(t)))
	})
}

func TestStoreWithCreditOnPostgreSQL(t *testing.T) {
	db := both(t, sqlstoretest.Postgres(t))
	emptied := sqlstoretest.Emptied(t, db)
	orderstest.TestCredit(t, func(t *testing.T) orderstest.CreditStore { return withCredit(emptied(t)) })
}
