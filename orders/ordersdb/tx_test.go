package ordersdb_test

import (
	"errors"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// service is one on the store.
func service(t *testing.T, s orders.Store) *orders.Service {
	t.Helper()
	shop, err := orders.New(orders.Config{Store: s, Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shop.Close(t.Context()) })
	return shop
}

// TestAnOrderInTheCallersTransactionCommitsWithIt: by cash, that is. One whose
// payment would be charged is refused, and nothing of it is kept.
func TestAnOrderInTheCallersTransactionCommitsWithIt(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := ordersdb.New(sqlstoretest.Migrated(t, db, ordersdb.Migrations()))
		shop := service(t, s)
		by := event.System("test")
		mouse, err := shop.SaveProduct(t.Context(), 0, by, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock, p.CountryOfOrigin = "what?(rk)x", 1999, 10, "USA"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shop.AddToCart(t.Context(), "ann", mouse.ID, 2); err != nil {
			t.Fatal(err)
		}
		ann := event.Actor{Kind: event.ActorCustomer, ID: "ann"}
		for _, commit := range []bool{false, true} {
			tx, err := db.Writer().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tx.Rollback() })
			inside := service(t, s.WithTx(tx))
			card := orders.CheckoutRequest{Customer: ann, Method: payment.Card, Token: orderstest.TokenPays}
			if _, err := inside.Checkout(t.Context(), card); !errors.Is(err, payment.ErrInTransaction) {
				t.Errorf("a card order: %v", err)
			}
			o, err := inside.Checkout(t.Context(), orders.CheckoutRequest{Customer: ann, Method: payment.Cash})
			if err != nil || o.Status != orders.StatusCompleted {
				t.Fatalf("a cash order: %s, %v", o.Status, err)
			}
			end, stock := tx.Rollback, 10
			if commit {
				end, stock = tx.Commit, 8
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			_, err = shop.Order(t.Context(), o.ID)
			if commit != (err == nil) || !commit && orders.CodeOf(err) != orders.CodeNotFound {
				t.Errorf("committed %v: %v", commit, err)
			}
			if mouse, err = shop.Product(t.Context(), mouse.ID); err != nil || mouse.Stock != stock {
				t.Errorf("committed %v: %d left, %v; want %d", commit, mouse.Stock, err, stock)
			}
		}
	})
}

// An order that is paid at the provider is placed in the caller's transaction and
// charged after its commit; one that is rolled back never was.
func TestACardOrderInTheCallersTransactionIsChargedAfterTheCommit(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s, gateway := ordersdb.New(sqlstoretest.Migrated(t, db, ordersdb.Migrations())), &orderstest.Gateway{}
		shop, err := orders.New(orders.Config{Store: s, Gateway: gateway, Currency: "USD"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = shop.Close(t.Context()) })
		by := event.System("test")
		mouse, err := shop.SaveProduct(t.Context(), 0, by, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock = "Mouse", 1999, 10
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shop.AddToCart(t.Context(), "ann", mouse.ID, 2); err != nil {
			t.Fatal(err)
		}
		card := orders.CheckoutRequest{
			Customer: event.Actor{Kind: event.ActorCustomer, ID: "ann"}, Method: payment.Card,
			Token: orderstest.TokenPays, IdempotencyKey: "k",
		}
		for _, commit := range []bool{false, true} {
			tx, err := db.Writer().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tx.Rollback() })
			inside := shop.With(s.WithTx(tx))
			o, err := inside.Checkout(t.Context(), card)
			if err != nil || o.Status != orders.StatusQueued {
				t.Fatalf("%s, %v", o.Status, err)
			}
			again, err := inside.Checkout(t.Context(), card)
			if err != nil || again.ID != o.ID {
				t.Errorf("the same key again: %s, %v", again.ID, err)
			}
			if commit {
				err = tx.Commit()
			} else {
				err = tx.Rollback()
			}
			if err != nil {
				t.Fatal(err)
			}
			n, err := shop.ChargeDue(t.Context(), 10)
			want := 0
			if commit {
				want = 1
			}
			if err != nil || n != want || len(gateway.Charges()) != want {
				t.Errorf("committed %v: %d attempts, %d charges, %v", commit, n, len(gateway.Charges()), err)
			}
			if commit {
				if o, err = shop.Order(t.Context(), o.ID); err != nil || o.Status != orders.StatusCompleted {
					t.Errorf("after the commit: %s, %v", o.Status, err)
				}
			}
		}
	})
}
