package ordersdb_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestEveryStatementFindsItsRowsByIndex records what a shop sends to the
// database and asks for the plans: none reads a whole table, however the
// tables grow. Tables with few rows are read whole by right, so PostgreSQL
// has to avoid that where it can.
func TestEveryStatementFindsItsRowsByIndex(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, ordersdb.Migrations())
		plain := db.Writer() // without the counter
		c := statements.Watch(db)
		exercise(t, db)
		sent, _ := c.Take()
		seen := map[string]bool{}
		for _, q := range sent {
			verb, _, _ := strings.Cut(q, " ")
			// All products are listed.
			if verb == "INSERT" || strings.HasSuffix(q, `FROM "products" AS "p" ORDER BY "p"."id"`) || seen[q] {
				continue
			}
			seen[q] = true
			for _, line := range plan(t, db.Dialect(), plain, q) {
				if strings.Contains(line, "Seq Scan") ||
					strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "USING") &&
						!strings.HasPrefix(line, "SCAN CONSTANT") {
					t.Errorf("%s\nis executed by %s", q, line)
				}
			}
		}
		if len(seen) < 25 {
			t.Errorf("only %d statements were seen", len(seen))
		}
	})
}

func plan(t *testing.T, dialect sqlstore.Dialect, db *bun.DB, query string) []string {
	t.Helper()
	var lines []string
	if dialect == sqlstore.SQLite {
		var rows []struct {
			ID, Parent, Notused int
			Detail              string
		}
		if err := db.NewRaw("EXPLAIN QUERY PLAN "+strings.ReplaceAll(query, "?", "")).Scan(t.Context(),
			&rows); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for _, r := range rows {
			lines = append(lines, r.Detail)
		}
		return lines
	}
	err := db.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		return tx.NewRaw("EXPLAIN "+query).Scan(ctx, &lines)
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return lines
}

// exercise does everything a shop does.
func exercise(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	ctx := t.Context()
	gateway := &orderstest.Gateway{}
	store := ordersdb.New(db)
	s, err := orders.New(orders.Config{Store: store, Gateway: gateway, Currency: "USD",
		Jitter: func(time.Duration) time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var ids []int64
	for i := range 3 {
		p, err := s.SaveProduct(ctx, 0, event.Actor{}, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock = fmt.Sprintf("P%d", i), 1000, 100
			return nil
		})
		must(err)
		ids = append(ids, p.ID)
	}
	_, err = s.SaveProduct(ctx, ids[0], event.Actor{}, func(p *orders.Product) error { p.Stock++; return nil })
	must(err)
	_, err = s.Product(ctx, ids[0])
	must(err)
	_, err = s.Restock(
		ctx,
		purchase.Restock{Ref: "r", ProductID: strconv.FormatInt(ids[0], 10), Quantity: 1},
		event.System("test"),
	)
	must(err)
	ann := event.Actor{Kind: event.ActorCustomer, ID: "ann"}
	buy := func(m payment.Method, key string) orders.Order {
		for _, id := range ids {
			_, err := s.AddToCart(ctx, "ann", id, 1)
			must(err)
		}
		view, err := s.Cart(ctx, "ann")
		must(err)
		o, err := s.Checkout(
			ctx,
			orders.CheckoutRequest{
				Customer:       ann,
				CartID:         view.Cart.ID,
				IdempotencyKey: key,
				Method:         m,
				Token:          orderstest.TokenPays,
			},
		)
		must(err)
		return o
	}
	buy(payment.Cash, "")
	_, err = s.AddToCart(ctx, "ann", ids[1], 2)
	must(err)
	_, err = s.SetCartQuantity(ctx, "ann", ids[1], 0)
	must(err)
	o := buy(payment.Card, "key")
	_, err = s.RecordDelivery(ctx, o.ID, ann, time.Now())
	must(err)
	_, err = s.Checkout(
		ctx,
		orders.CheckoutRequest{
			Customer:       ann,
			CartID:         o.CartID,
			IdempotencyKey: "key",
			Method:         payment.Card,
			Token:          orderstest.TokenPays,
		},
	)
	must(err)
	gateway.Script(orderstest.CallConfirm, orderstest.FaultNothing)
	o = buy(payment.Card, "")
	_, err = s.AddToCart(ctx, "ann", ids[0], 1)
	must(err)
	_, err = s.ClearCart(ctx, "ann")
	must(err)
	_, err = s.Cancel(ctx, o.ID, ann, "test")
	must(err)
	gateway.Script(orderstest.CallCreate, orderstest.FaultNothing)
	buy(payment.Card, "")
	_, err = s.ChargeDue(ctx, 10)
	must(err)
	for _, q := range []orders.Query{
		{}, {CustomerID: "ann"}, {CustomerID: "ann", Text: "p1"}, {From: time.Now().Add(-time.Hour), To: time.Now()},
		{NeedsReview: true}, {Status: []orders.Status{orders.StatusQueued, orders.StatusSubmitted}},
		{CustomerID: "ann", Status: []orders.Status{orders.StatusCompleted}},
	} {
		_, _, err := s.Orders(ctx, q)
		must(err)
	}
	_, err = s.Events(ctx, o.ID)
	must(err)
	exerciseSales(ctx, must, store, s, ids, buy, gateway)
}

// exerciseSales does everything a shop does with flash sales.
func exerciseSales(ctx context.Context, must func(error), store *ordersdb.Store, s *orders.Service, ids []int64,
	buy func(payment.Method, string) orders.Order, gateway *orderstest.Gateway) {
	ann, staff := event.Actor{Kind: event.ActorCustomer, ID: "ann"}, event.Actor{Kind: event.ActorStaff, ID: "1"}
	sale, err := s.CreateFlashSale(ctx, staff, orders.FlashSaleParams{
		ProductID: ids[0], Starts: time.Now(), Ends: time.Now().Add(time.Hour), PercentBP: 1000, Cap: 50,
		CapPerCustomer: 20,
	})
	must(err)
	for _, all := range []bool{true, false} {
		_, err = s.FlashSales(ctx, all)
		must(err)
	}
	_, err = s.FlashSale(ctx, sale.ID)
	must(err)
	r, err := s.ReserveFlashSale(ctx, sale.ID, ann, 1)
	must(err)
	_, err = s.Reservation(ctx, r.ID)
	must(err)
	_, err = s.ReserveFlashSale(ctx, sale.ID, ann, 2)
	must(err)
	must(placedInSale(buy(payment.Cash, ""), sale.ID))
	gateway.Script(orderstest.CallCreate, orderstest.FaultNothing)
	_, err = s.Cancel(ctx, buy(payment.Card, "").ID, ann, "test")
	must(err)
	_, err = s.ReserveFlashSale(ctx, sale.ID, ann, 1)
	must(err)
	_, err = s.UpdateFlashSale(ctx, sale.ID, staff, func(d *orders.FlashSaleParams) error { d.Cap = 0; return nil })
	must(err)
	later := event.Stamp{At: time.Now().Add(30 * time.Minute), By: staff}
	_, err = store.ExpireReservations(ctx, later, 10)
	must(err)
	_, err = s.EndFlashSale(ctx, sale.ID, staff)
	must(err)
	_, err = s.ExpireReservations(ctx, 10)
	must(err)
}

func placedInSale(o orders.Order, id string) error {
	for _, l := range o.Lines {
		if l.SaleID == id {
			return nil
		}
	}
	return fmt.Errorf("order %s is not in sale %s", o.Number, id)
}
