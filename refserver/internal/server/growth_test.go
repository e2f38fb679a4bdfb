package server_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/returns"
)

// TestCostByTableSize measures what each operation costs beside histories that
// grow, and prints the table of docs/scaling.md:
//
//	GROWTH_ORDERS=5000,50000,500000,5000000 go test -run CostByTableSize -v -timeout 120m ./refserver/internal/server/
//
// A tenth as many orders come back; their events are twice as many rows. The times are the medians of operations made
// one after the other, straight on the services, workers standing still.
func TestCostByTableSize(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/server/")
	sizes := []int{1000, 2000}
	if text := os.Getenv("GROWTH_ORDERS"); text != "" {
		sizes = nil
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1000 || len(sizes) > 0 && n < 2*sizes[len(sizes)-1] {
				t.Fatalf(
					"GROWTH_ORDERS=%q; whole numbers from 1000 on, each at least twice the one before, with commas "+
						"between them",
					text,
				)
			}
			sizes = append(sizes, n)
		}
	}
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ada := b.customer("ada")
		now := time.Now().UTC()
		var table [][]string
		written := 0
		for _, n := range sizes {
			start := time.Now()
			seedtest.Filling{
				Tag: fmt.Sprintf("g%d", n), Orders: n - written, Returns: (n - written) / 10, Customers: max(10, n/100),
				From: now.AddDate(-3, 0, 0), Span: now.Sub(now.AddDate(-3, 0, 0)),
			}.Fill(t, b.DB.Writer())
			written = n
			if _, err := b.DB.Writer().ExecContext(t.Context(), "ANALYZE"); err != nil { // as autovacuum does
				t.Fatal(err)
			}
			if err := b.CountNow(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d orders after %v", n, time.Since(start).Round(time.Second))
			events, err := b.DB.Reader().NewSelect().TableExpr("?(rk)orders_events").Count(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			room := b.room()
			ops := b.growing(ada)
			for i, op := range ops {
				took := make([]time.Duration, op.times)
				for j := range took {
					begun := time.Now()
					err := op.do(j)
					took[j] = time.Since(begun)
					if err != nil {
						t.Fatalf("%s: %v", op.name, err)
					}
				}
				slices.Sort(took)
				if len(table) == i {
					table = append(table, []string{op.name + ", ms"})
				}
				table[i] = append(table[i], fmt.Sprintf("%.2f", float64(took[len(took)/2].Microseconds())/1000))
			}
			if len(table) == len(ops) {
				table = append(table, []string{"events of orders, rows"}, []string{"the database, MB"})
			}
			table[len(ops)] = append(table[len(ops)], fmt.Sprint(events))
			table[len(ops)+1] = append(table[len(ops)+1], fmt.Sprint(room>>20))
		}
		head := "| orders in the tables |"
		for _, n := range sizes {
			head += fmt.Sprintf(" %d |", n)
		}
		lines := []string{head, "| --- |" + strings.Repeat(" ---: |", len(sizes))}
		for _, row := range table {
			lines = append(lines, "| "+strings.Join(row, " | ")+" |")
		}
		t.Logf("\n%s", strings.Join(lines, "\n"))
	})
}

// room is how many bytes the database takes.
func (b *bench) room() (bytes int64) {
	b.t.Helper()
	query := "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if b.DB.Dialect() == sqlstore.Postgres {
		query = "SELECT pg_database_size(current_database())"
	}
	if err := b.DB.Reader().NewRaw(query).Scan(b.t.Context(), &bytes); err != nil {
		b.t.Fatal(err)
	}
	return bytes
}

type operation struct {
	name  string
	times int
	do    func(i int) error
}

// growing are the operations of a shop at work.
func (b *bench) growing(ada event.Actor) []operation {
	ctx := b.t.Context()
	const times = 40
	var (
		bought  []orders.Order
		cases   []returns.Return
		inMoney []returns.Return
	)
	buy := func(method payment.Method) error {
		cart, err := b.Orders.SetCartQuantity(ctx, ada.ID, keyboard, 1)
		if err != nil {
			return err
		}
		r := orders.CheckoutRequest{Customer: ada, CartID: cart.Cart.ID, Method: method, Source: "test"}
		if method == payment.Card {
			if r.Token, err = b.TokenFor("4242424242424242", "12/2099", "Visa"); err != nil {
				return err
			}
		}
		o, err := b.Orders.Checkout(ctx, r)
		bought = append(bought, o)
		return err
	}
	if _, err := b.Orders.SaveProduct(ctx, keyboard, clerk, func(p *orders.Product) error {
		p.Stock = 1_000_000
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	return []operation{
		{"fill a cart and buy, cash", times, func(int) error { return buy(payment.Cash) }},
		{"fill a cart and buy, card", times, func(int) error { return buy(payment.Card) }},
		{"file a return", times, func(i int) error {
			o := bought[times+i]
			c, err := b.Returns.Create(ctx, ada, returns.CreateParams{
				OrderID: o.ID, CustomerID: ada.ID, Reason: returns.ReasonDamaged, Details: "broken",
				Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
			})
			cases = append(cases, c)
			return err
		}},
		{"authorize, receive and inspect it", times, func(i int) error {
			id := cases[i].ID
			if _, err := b.Returns.Authorize(ctx, id, clerk, "fine"); err != nil {
				return err
			}
			if _, err := b.Returns.Receive(ctx, id, clerk, returns.ReceiveParams{Lines: nil, Notes: ""}); err != nil {
				return err
			}
			c, err := b.Returns.Inspect(
				ctx,
				id,
				clerk,
				returns.InspectionInput{Result: returns.InspectionApproved, InspectedBy: "clerk"},
			)
			inMoney = append(inMoney, c)
			return err
		}},
		{"refund it by card, to the restock", times, func(i int) error {
			_, _, err := b.Returns.Refund(
				ctx,
				inMoney[i].ID,
				clerk,
				returns.RefundParams{Method: payment.OriginalMethod},
			)
			return err
		}},
		{"a case with its timeline", times, func(i int) error {
			if _, err := b.Returns.Return(ctx, cases[i].ID); err != nil {
				return err
			}
			_, err := b.Returns.Events(ctx, cases[i].ID)
			return err
		}},
		{"a customer's orders", times, func(int) error {
			_, _, err := b.Orders.Orders(ctx, orders.Query{CustomerID: ada.ID, PageSize: 20})
			return err
		}},
		{"returns of all, first page", times, func(int) error {
			_, _, err := b.Returns.Returns(ctx, returns.Query{PageSize: 20})
			return err
		}},
		{"charges and refunds that are due: none", times, func(int) error {
			_, err := b.Orders.ChargeDue(ctx, 10)
			if err == nil {
				_, err = b.Refunds.ResumeDue(ctx, 10)
			}
			return err
		}},
		{"search of the audit trail, first page", times, func(int) error {
			_, err := b.Changes(ctx, outboxdb.Query{Limit: 50})
			return err
		}},
		{"the KPIs of a quarter, read", times, func(int) error {
			_, err := b.Figures.KPIs(ctx, observabilitydb.QuarterAt(time.Now(), time.UTC), time.UTC)
			return err
		}},
		{"the KPIs, counted", 3, func(int) error { return b.CountNow(ctx) }},
	}
}
