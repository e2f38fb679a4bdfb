package ordersdb_test

import (
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestOnlyWhatIsFollowedWaitsForADispatcher: of an order, in a transaction of the caller's
// too, and all of it where nothing was said.
func TestOnlyWhatIsFollowedWaitsForADispatcher(t *testing.T) {
	completed := ordersdb.Follow(orders.EventCompleted)
	for name, tt := range map[string]struct {
		options []ordersdb.Option
		inTx    bool
		want    []string
	}{
		"nothing was said":  {want: []string{orders.EventCompleted, orders.EventPlaced}},
		"one type":          {[]ordersdb.Option{completed}, false, []string{orders.EventCompleted}},
		"in a transaction":  {[]ordersdb.Option{completed}, true, []string{orders.EventCompleted}},
		"none of the types": {options: []ordersdb.Option{ordersdb.Follow()}},
	} {
		t.Run(name, func(t *testing.T) {
			sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
				s := ordersdb.New(sqlstoretest.Migrated(t, db, ordersdb.Migrations()), tt.options...)
				shop := service(t, s)
				mouse, err := shop.SaveProduct(t.Context(), 0, event.Actor{}, func(p *orders.Product) error {
					p.Name, p.Price, p.Stock = "Mouse", 1999, 10
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := shop.AddToCart(t.Context(), "ann", mouse.ID, 1); err != nil {
					t.Fatal(err)
				}
				commit := func() error { return nil }
				if tt.inTx {
					tx, err := db.Writer().BeginTx(t.Context(), nil)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = tx.Rollback() })
					commit, shop = tx.Commit, service(t, s.WithTx(tx))
				}
				_, err = shop.Checkout(t.Context(), orders.CheckoutRequest{
					Customer: event.Actor{Kind: event.ActorCustomer, ID: "ann"}, Method: payment.Cash,
				})
				if err != nil || commit() != nil {
					t.Fatal(err)
				}
				if got := waitingTypes(t, db); !slices.Equal(got, tt.want) {
					t.Errorf("waiting are %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// waitingTypes are the types of the events that a dispatcher would fan out.
func waitingTypes(t *testing.T, db *sqlstore.DB) (types []string) {
	t.Helper()
	err := db.Read().NewSelect().TableExpr("?", bun.Ident("rk_orders_events")).Column("type").
		Where("fanned_out = FALSE").Order("type").Scan(t.Context(), &types)
	if err != nil {
		t.Fatal(err)
	}
	return types
}
