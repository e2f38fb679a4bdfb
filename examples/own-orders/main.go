// Command own-orders takes returns back and pays them, in a shop that has orders
// of its own: numbers as ids, a table of its own, product ids that are texts, and
// a bank that decides a day later. The shop says what was bought (Purchase), puts
// goods back on its shelf (Restock) and talks to its bank (Gateway); the rest is
// returns.Subscribe and two workers.
//
//	go run .          # in memory
//	go run . shop.db  # a SQLite file
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/returnkit/returnkit/returns"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	address := ""
	if len(args) > 0 {
		address = args[0]
	}
	bank := &Bank{}
	shop, err := Open(ctx, address, bank)
	if err != nil {
		return err
	}
	defer shop.Close()
	order := Order{Number: 1001, Customer: "ada", SKU: "lamp/brass", Units: 3, Cents: 5997, Account: "account-7"}
	if err := shop.Book.Sell(ctx, order); err != nil {
		return err
	}

	r, err := shop.TakeBack(ctx, order, 2)
	if err != nil {
		return err
	}
	r, refund, err := shop.Returns.Refund(ctx, r.ID, clerk, returns.RefundParams{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "asked the bank for %d cents: refund %s, case %s\n", refund.Amount(), refund.Status, r.Status)

	// A day later the bank says that the money has arrived. Nobody asks for the
	// case again: it follows its refund.
	for _, message := range bank.Execute() {
		if err := shop.BankSays(ctx, message); err != nil {
			return err
		}
	}
	if r, err = shop.Returns.Return(ctx, r.ID); err != nil {
		return err
	}
	units, err := shop.Book.Stock(ctx, order.SKU)
	if err != nil {
		return err
	}
	mails, err := shop.Book.Mails(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the bank paid: case %s, restocked %v, %d units on the shelf\n", r.Status, r.Restocked, units)
	for _, m := range mails {
		fmt.Fprintf(out, "mail to %s: %s\n", m.To, m.Text)
	}
	return nil
}
