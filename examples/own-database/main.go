// Command own-database puts returns and refunds into a shop that has a database, and
// tables named orders, refunds, returns and terms, of its own. One pool serves
// both, and a customer's request is one transaction: the shop's row and ours
// commit together, or neither does.
//
//	go run .                                     # a SQLite file in a temporary folder
//	go run . postgres://user:password@host/name  # a PostgreSQL database
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	var address string
	if len(args) > 0 {
		address = args[0]
	} else {
		dir, err := os.MkdirTemp("", "own-database")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		address = filepath.Join(dir, "shop.db")
	}
	shop, err := Open(ctx, address)
	if err != nil {
		return err
	}
	defer shop.Close()
	if err := shop.Sell(ctx, Order{ID: "order-1", Customer: "ann", Item: "Mouse", Units: 3, Paid: 5997}); err != nil {
		return err
	}

	ret, err := shop.RequestReturn(ctx, "order-1", 2, "too small?")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "return %s with RMA %s\n", ret.Status, ret.RMA)
	refund, err := shop.RequestRefund(ctx, ret.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "refund %s of %d minor units\n", refund.Status, refund.Amount())

	// Two units are claimed, so two more are refused, and with them the row
	// that the shop had inserted before.
	if _, err := shop.RequestReturn(ctx, "order-1", 2, "again"); err != nil {
		fmt.Fprintln(out, "refused:", err)
	}
	for _, table := range []string{"returns", "rk_returns", "refunds", "rk_refunds"} {
		var n int
		if err := shop.pool.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d\n", table, n)
	}
	return nil
}
