package ordersdb_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
)

func ExampleNew() {
	if err := sell(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// completed 19.99 USD, 9 left
}

func sell(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	db, err := sqlstore.Open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, ordersdb.Migrations()); err != nil {
		return err
	}
	shop, err := orders.New(orders.Config{Store: ordersdb.New(db), Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		return err
	}
	defer shop.Close(ctx)

	mouse, err := shop.SaveProduct(ctx, 0, event.System("example"), func(p *orders.Product) error {
		p.Name, p.Price, p.Stock, p.CountryOfOrigin = "Mouse", 1999, 10, "USA"
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := shop.AddToCart(ctx, "ann", mouse.ID, 1); err != nil {
		return err
	}
	o, err := shop.Checkout(ctx, orders.CheckoutRequest{Customer: event.Actor{ID: "ann"}, Method: payment.Cash})
	if err != nil {
		return err
	}
	if mouse, err = shop.Product(ctx, mouse.ID); err != nil {
		return err
	}
	fmt.Printf("%s %s, %d left\n", o.Status, money.New(o.Total(), o.Currency), mouse.Stock)
	return nil
}

func ExampleStore_WithTx() {
	if err := sellInTransaction(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// queued, and then completed
}

// sellInTransaction places an order in the same transaction as a row of the shop's
// own; the worker charges it after the commit.
func sellInTransaction(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := sqlstore.Open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, ordersdb.Migrations()); err != nil {
		return err
	}
	if _, err := db.Writer().ExecContext(ctx, "CREATE TABLE points (customer TEXT, points INTEGER)"); err != nil {
		return err
	}
	store := ordersdb.New(db)
	shop, err := orders.New(orders.Config{Store: store, Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		return err
	}
	defer shop.Close(ctx)
	mouse, err := shop.SaveProduct(ctx, 0, event.System("example"), func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Mouse", 1999, 10
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := shop.AddToCart(ctx, "ann", mouse.ID, 1); err != nil {
		return err
	}

	tx, err := db.Writer().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT INTO points VALUES ('ann', 20)"); err != nil {
		return err
	}
	o, err := shop.With(store.WithTx(tx)).Checkout(ctx, orders.CheckoutRequest{
		Customer: event.Actor{ID: "ann"}, Method: payment.Card, Token: orderstest.TokenPays,
	})
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	queued := o.Status
	if _, err := shop.ChargeDue(ctx, 10); err != nil {
		return err
	}
	if o, err = shop.Order(ctx, o.ID); err != nil {
		return err
	}
	fmt.Printf("%s, and then %s\n", queued, o.Status)
	return nil
}

// The migrations of all stores that share a database are applied together.
func ExampleMigrations() {
	for _, set := range []sqlstore.Migrations{ordersdb.Migrations()} {
		fmt.Println(set.Name)
	}
	// Output: orders
}
