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

	"github.com/returnkit/returnkit/orders/payment"
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
	shop, err := Open(ctx, address, provider{})
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

	// After the commit a worker asks the provider: refunds.Service.Run, or a round of it.
	if _, err := shop.refunds.ResumeDue(ctx, 10); err != nil {
		return err
	}
	if refund, err = shop.refunds.ByID(ctx, refund.ID); err != nil {
		return err
	}
	fmt.Fprintf(out, "refund %s\n", refund.Status)

	// Two units are claimed, so two more are refused.
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

// provider stands for yours: it pays at once. examples/own-gateway shows a whole one.
type provider struct{}

func (provider) CreateRefund(_ context.Context, r payment.RefundRequest) payment.Result {
	return payment.Result{
		Outcome: payment.OutcomeDone, ProviderID: "re_" + r.AttemptID, Amount: r.Amount, Currency: r.Currency,
	}
}

func (provider) FindRefund(context.Context, payment.RefundRequest) payment.Result {
	return payment.Result{Outcome: payment.OutcomeAbsent}
}
