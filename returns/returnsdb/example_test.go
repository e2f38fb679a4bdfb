package returnsdb_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

func ExampleNew() {
	if err := takeBack(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// authorized RMA-20260504-00001, 1 unit claimed
}

func takeBack(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	db, err := sqlstore.OpenConfig(ctx, sqlstore.Config{File: filepath.Join(dir, "shop.db")})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, returnsdb.Migrations()); err != nil {
		return err
	}
	store := returnsdb.New(db)

	at := event.Stamp{At: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), By: event.System("example")}
	terms, err := store.Publish(
		ctx, returns.Terms{
			ID: "terms-1", Policy: returns.Policy{WindowDays: 30}, PublishedAt: at.At, PublishedBy: at.By,
		},
	)
	if err != nil {
		return err
	}
	// An order of two mice, one of which comes back.
	order := purchase.Purchase{OrderID: "order-1", Lines: []purchase.Line{{ID: "mice", Quantity: 2}}}
	_, err = store.Create(ctx, order, returns.Creating(order, func(returns.Claims) (*returns.Return, error) {
		return returns.NewReturn(at, returns.Params{
			ID: "return-1", OrderID: order.OrderID, CustomerID: "ann", TermsID: terms.ID, Reason: returns.ReasonDamaged,
			Lines: []returns.Line{{ID: "line-1", OrderLineID: "mice", Name: "Mouse", Quantity: 1}},
		})
	}))
	if err != nil {
		return err
	}
	r, err := store.Update(ctx, "return-1", returns.Changing(func(r *returns.Return) error {
		return r.Authorize(at, "fine")
	}))
	if err != nil {
		return err
	}
	claims, err := store.Claims(ctx, order.OrderID)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s, %d unit claimed\n", r.Status, r.RMA, claims[order.OrderID]["mice"])
	return nil
}

// inFile runs f on a store in a file.
func inFile(f func(ctx context.Context, db *sqlstore.DB, store *returnsdb.Store) error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sqlstore.OpenConfig(ctx, sqlstore.Config{File: filepath.Join(dir, "shop.db")})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, returnsdb.Migrations()); err != nil {
		log.Fatal(err)
	}
	if err := f(ctx, db, returnsdb.New(db)); err != nil {
		log.Fatal(err)
	}
}

func ExampleMigrations() {
	inFile(func(ctx context.Context, db *sqlstore.DB, _ *returnsdb.Store) error {
		return sqlstore.Check(ctx, db, returnsdb.Migrations()) // the tables are those of this version
	})
	// Output:
}

func ExampleStore_Publish() {
	inFile(func(ctx context.Context, _ *sqlstore.DB, store *returnsdb.Store) error {
		for _, id := range []string{"terms-1", "terms-2"} {
			terms, err := store.Publish(ctx, returns.Terms{
				ID: id, Policy: returns.Policy{WindowDays: 30},
				PublishedAt: time.Now(), PublishedBy: event.System("example"),
			})
			if err != nil {
				return err
			}
			fmt.Println(terms.ID, terms.Version)
		}
		return nil
	})
	// Output:
	// terms-1 1
	// terms-2 2
}

func ExampleStore_WithTx() {
	inFile(func(ctx context.Context, db *sqlstore.DB, store *returnsdb.Store) error {
		tx, err := db.Writer().DB.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		inside := store.WithTx(tx)
		_, err = inside.Publish(ctx, returns.Terms{
			ID: "terms-1", Policy: returns.Policy{WindowDays: 30},
			PublishedAt: time.Now(), PublishedBy: event.System("example"),
		})
		if err != nil {
			return err
		}
		if err := tx.Rollback(); err != nil {
			return err
		}
		all, err := store.AllTerms(ctx)
		fmt.Println(len(all), "published")
		return err
	})
	// Output:
	// 0 published
}

func ExampleStore_EvidencePaths() {
	inFile(func(ctx context.Context, _ *sqlstore.DB, store *returnsdb.Store) error {
		kept := map[string]bool{} // what else is in the evidence store belongs to no case
		err := store.EvidencePaths(ctx, time.Time{}, func(path string) { kept[path] = true })
		fmt.Println(len(kept))
		return err
	})
	// Output:
	// 0
}
