package refundsdb_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// inFile runs f on a database in a file.
func inFile(f func(ctx context.Context, db *sqlstore.DB) error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sqlstore.Open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, refundsdb.Migrations()); err != nil {
		log.Fatal(err)
	}
	if err := f(ctx, db); err != nil {
		log.Fatal(err)
	}
}

// lamp requests that one of three lamps is paid back, 90.00 USD together.
func lamp(reference string) refunds.Request {
	return refunds.Request{
		ClientReference: reference, OrderID: "order-1", Customer: "ada", Currency: "USD",
		Payments: []refunds.Payment{{ID: "payment-1", Method: payment.Card, ProviderID: "pi_1", Captured: 9_000}},
		Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "lamp", Bought: 3, Units: 1, Paid: money.Components{Price: 9_000}},
		}},
	}
}

func ExampleNew() {
	inFile(func(ctx context.Context, db *sqlstore.DB) error {
		bank := &refundstest.Gateway{}
		svc, err := refunds.New(refunds.Config{Store: refundsdb.New(db), Gateway: bank})
		if err != nil {
			return err
		}
		r, err := svc.Refund(ctx, lamp("return-1"))
		fmt.Println(r.Status, "the bank paid", bank.PaidOut("pi_1"))
		return err
	})
	// Output:
	// succeeded the bank paid 3000
}

func ExampleMigrations() {
	inFile(func(ctx context.Context, db *sqlstore.DB) error {
		fmt.Println(sqlstore.Check(ctx, db, refundsdb.Migrations())) // the tables are those of this version
		return nil
	})
	// Output:
	// <nil>
}

// The refund is requested in a transaction of the caller's: both are there, or neither. The
// worker calls the provider after the commit.
func ExampleStore_WithTx() {
	inFile(func(ctx context.Context, db *sqlstore.DB) error {
		store := refundsdb.New(db)
		bank := &refundstest.Gateway{}
		svc, err := refunds.New(refunds.Config{Store: store, Gateway: bank})
		if err != nil {
			return err
		}
		for _, commit := range []bool{false, true} {
			tx, err := db.Writer().DB.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			// Here you write rows of your own with tx.
			if _, err := svc.With(store.WithTx(tx)).Request(ctx, lamp("return-1")); err != nil {
				return err
			}
			if commit {
				err = tx.Commit()
			} else {
				err = tx.Rollback()
			}
			if err != nil {
				return err
			}
			if _, err := svc.ResumeDue(ctx, 10); err != nil {
				return err
			}
			fmt.Println("committed:", commit, "the bank paid", bank.PaidOut("pi_1"))
		}
		return nil
	})
	// Output:
	// committed: false the bank paid 0
	// committed: true the bank paid 3000
}

// A message that the provider delivers twice is handled once.
func ExampleInbox() {
	inFile(func(ctx context.Context, db *sqlstore.DB) error {
		inbox := refundsdb.NewInbox(db)
		for range 2 {
			ran, err := inbox.Once(ctx, "evt_1", "refund.updated", time.Now(), func(context.Context) error {
				return nil // svc.HandleWebhook(...)
			})
			if err != nil {
				return err
			}
			fmt.Println(ran)
		}
		return nil
	})
	// Output:
	// true
	// false
}

func ExampleInbox_Forget() {
	inFile(func(ctx context.Context, db *sqlstore.DB) error {
		inbox, now := refundsdb.NewInbox(db), time.Now()
		_, err := inbox.Once(ctx, "evt_1", "refund.updated", now, func(context.Context) error { return nil })
		if err != nil {
			return err
		}
		n, err := inbox.Forget(ctx, now.AddDate(0, 0, 7)) // a week later
		fmt.Println(n)
		return err
	})
	// Output:
	// 1
}
