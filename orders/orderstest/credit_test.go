package orderstest_test

import (
	"context"
	"testing"

	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestStoreWithCredit(t *testing.T) {
	orderstest.TestCredit(t, func(t *testing.T) orderstest.CreditStore {
		ledger := refundstest.NewStore()
		grants, store := 0, orderstest.NewStore().WithCredit(ledger)
		return orderstest.CreditStore{
			Store: store,
			Grant: func(ctx context.Context, customerID string, amount int64) error {
				grants++
				id := "grant-" + string(rune('a'+grants))
				_, err := ledger.Credit(ctx, refunds.CreditEntry{
					ID: id, Ref: id, CustomerID: customerID, Currency: "USD", Amount: amount,
				})
				return err
			},
			Balance: func(ctx context.Context, customerID string) (int64, error) {
				return ledger.CreditBalance(ctx, customerID, "USD")
			},
		}
	})
}
