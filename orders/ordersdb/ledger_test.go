package ordersdb_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// stockAddsUp recounts I4 from the raw rows: what is on hand is what the
// movements brought less the units of orders that are not canceled and those
// of live reservations; and each flash sale counts its orders and
// reservations.
func stockAddsUp(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	var wrong []struct {
		ID                        int64
		Stock, Moved, Taken, Kept int64
	}
	err := db.Read().NewRaw(`SELECT * FROM (SELECT p.id, p.stock,
		(SELECT COALESCE(SUM(m.quantity), 0) FROM ?(rk)stock_movements m WHERE m.product_id = p.id) AS moved,
		(SELECT COALESCE(SUM(l.quantity), 0) FROM ?(rk)order_lines l JOIN ?(rk)orders o ON o.id = l.order_id
			WHERE l.product_id = p.id AND o.status <> 'cancelled') AS taken,
		(SELECT COALESCE(SUM(r.quantity), 0) FROM ?(rk)stock_reservations r
			WHERE r.product_id = p.id AND r.status = 'held') AS kept
		FROM ?(rk)products p) AS s WHERE stock <> moved - taken - kept`).Scan(t.Context(), &wrong)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Errorf("product %d: %d on hand, %d moved in, %d taken, %d reserved", w.ID, w.Stock, w.Moved, w.Taken, w.Kept)
	}
	var sales []struct {
		ID                      string
		Sold, Held, Taken, Kept int64
	}
	err = db.Read().NewRaw(`SELECT * FROM (SELECT f.id, f.sold, f.held,
		(SELECT COALESCE(SUM(l.quantity), 0) FROM ?(rk)order_lines l JOIN ?(rk)orders o ON o.id = l.order_id
			WHERE l.sale_id = f.id AND o.status <> 'cancelled') AS taken,
		(SELECT COALESCE(SUM(r.quantity), 0) FROM ?(rk)stock_reservations r
			WHERE r.sale_id = f.id AND r.status = 'held') AS kept
		FROM ?(rk)flash_sales f) AS s WHERE sold <> taken OR held <> kept`).Scan(t.Context(), &sales)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range sales {
		t.Errorf("flash sale %s counts %d sold and %d held; they are %d and %d", w.ID, w.Sold, w.Held, w.Taken, w.Kept)
	}
}

// TestTwoProcessesOnOneDatabase lets two services sell, cancel, restock and
// charge on one database with an unreliable provider, and recounts I4, I6, I7
// and I11 from the database and the provider's ledger.
func TestTwoProcessesOnOneDatabase(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		ctx := t.Context()
		gateway := &orderstest.Gateway{}
		var shops [2]*orders.Service
		var stores [2]*ordersdb.Store
		var db *sqlstore.DB
		for i := range shops {
			db = sqlstoretest.Migrated(t, sqlstoretest.Open(t, c), ordersdb.Migrations())
			stores[i] = ordersdb.New(db)
			var err error
			shops[i], err = orders.New(orders.Config{Store: stores[i], Gateway: gateway, Currency: "USD",
				PaymentWait: 5 * time.Millisecond, CallTimeout: 20 * time.Millisecond, Lease: time.Second,
				Jitter: func(time.Duration) time.Duration { return time.Millisecond }})
			if err != nil {
				t.Fatal(err)
			}
		}
		var products []int64
		for i := range 4 {
			p, err := shops[0].SaveProduct(ctx, 0, event.Actor{}, func(p *orders.Product) error {
				p.Name, p.Price, p.Stock = fmt.Sprintf("P%d", i), 1000+int64(i), 60
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			products = append(products, p.ID)
		}
		sale, err := shops[0].CreateFlashSale(ctx, event.System("test"), orders.FlashSaleParams{
			ProductID: products[0], Starts: time.Now(), Ends: time.Now().Add(time.Hour), PercentBP: 1000, Cap: 40,
			CapPerCustomer: 6,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range []orderstest.Fault{orderstest.FaultLostAfter, orderstest.FaultNothing,
			orderstest.FaultHangAfter, orderstest.FaultDecline, orderstest.FaultNone, orderstest.FaultStored5xx} {
			gateway.Script(orderstest.CallConfirm, fault, orderstest.FaultNone, fault, orderstest.FaultNone, fault)
			gateway.Script(
				orderstest.CallCreate,
				orderstest.FaultNone,
				fault,
				orderstest.FaultNone,
				orderstest.FaultNone,
			)
		}
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() { customer(ctx, t, shops[i%2], products, sale.ID, i) })
		}
		stop := make(chan struct{})
		var workers sync.WaitGroup
		for _, s := range shops {
			workers.Go(func() {
				for {
					if _, err := s.ChargeDue(ctx, 5); err != nil {
						t.Error(err)
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		wg.Wait()
		for deadline := time.Now().Add(testreq.Patience(t)); ; {
			_, open, err := shops[0].Orders(
				ctx,
				orders.Query{Status: []orders.Status{orders.StatusSubmitted, orders.StatusQueued}},
			)
			if err != nil {
				t.Fatal(err)
			}
			if open == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d orders are still open", open)
			}
		}
		close(stop)
		workers.Wait()
		for _, s := range shops {
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		}
		stockAddsUp(t, db)
		booksAgree(t, stores[0], gateway)
	})
}

// customer buys, cancels and has things restocked, at random.
func customer(ctx context.Context, t *testing.T, s *orders.Service, products []int64, saleID string, i int) {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	who := event.Actor{Kind: event.ActorCustomer, ID: fmt.Sprintf("customer-%d", i)}
	for n := range 5 {
		if _, err := s.ReserveFlashSale(ctx, saleID, who, 1+r.IntN(3)); err != nil && orders.CodeOf(err) == "" {
			t.Error(err)
		}
		for range 1 + r.IntN(3) {
			_, err := s.AddToCart(ctx, who.ID, products[r.IntN(len(products))], 1+r.IntN(4))
			if err != nil && orders.CodeOf(err) != orders.CodeOutOfStock && orders.CodeOf(err) != orders.CodeSaleLimit {
				t.Error(err)
			}
		}
		o, err := s.Checkout(
			ctx,
			orders.CheckoutRequest{
				Customer:       who,
				Method:         payment.Card,
				Token:          orderstest.TokenPays,
				IdempotencyKey: fmt.Sprint(n),
			},
		)
		switch orders.CodeOf(err) {
		case "", orders.CodeOutOfStock, orders.CodeSaleLimit, orders.CodePaymentDeclined, orders.CodeCartEmpty:
			if err != nil && orders.CodeOf(err) == "" {
				t.Error(err)
			}
		default:
			t.Error(err)
		}
		if c := orders.CodeOf(err); c == orders.CodeOutOfStock || c == orders.CodeSaleLimit {
			if _, err := s.ClearCart(ctx, who.ID); err != nil {
				t.Error(err)
			}
		}
		if o.ID != "" && r.IntN(3) == 0 {
			if _, err := s.Cancel(ctx, o.ID, who, "changed my mind"); err != nil && orders.CodeOf(err) == "" {
				t.Error(err)
			}
			if _, err := s.Restock(ctx, purchase.Restock{Ref: o.ID, ProductID: strconv.FormatInt(products[0], 10),
				Quantity: 1}, who); err != nil {
				t.Error(err)
			}
		}
	}
}

func booksAgree(t *testing.T, store orders.Store, gateway *orderstest.Gateway) {
	t.Helper()
	charged := map[string]int64{}
	for _, c := range gateway.Charges() {
		if _, twice := charged[c.OrderID]; twice {
			t.Errorf("order %s was charged twice", c.OrderID)
		}
		charged[c.OrderID] = c.Amount
	}
	found, n, err := store.List(t.Context(), orders.Query{PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	completed := 0
	for _, o := range found {
		amount, paid := charged[o.ID]
		switch {
		case paid != (o.Status == orders.StatusCompleted):
			t.Errorf("order %s is %s, charged: %v", o.Number, o.Status, paid)
		case paid && amount != o.Total():
			t.Errorf("order %s costs %d, charged %d", o.Number, o.Total(), amount)
		case paid:
			completed++
		}
		events, err := store.Events(t.Context(), o.ID)
		if err != nil {
			t.Fatal(err)
		}
		folded, err := orders.Fold(events)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(folded) != fmt.Sprint(o) {
			t.Errorf("order %s: folded %+v, stored %+v", o.Number, folded, o)
		}
	}
	if misuse := gateway.Misuse(); len(misuse) > 0 {
		t.Error(misuse)
	}
	if completed == 0 || completed != len(charged) {
		t.Errorf("%d orders, %d completed, %d charges", n, completed, len(charged))
	}
}

// TestTheDatabaseGuardsTheInvariants writes what no code of ours would.
func TestTheDatabaseGuardsTheInvariants(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, ordersdb.Migrations())
		store := ordersdb.New(db)
		s, err := orders.New(orders.Config{Store: store, Gateway: &orderstest.Gateway{}, Currency: "USD"})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		p, err := s.SaveProduct(
			ctx,
			0,
			event.Actor{},
			func(p *orders.Product) error { p.Name, p.Stock = "Mouse", 10; return nil },
		)
		if err != nil {
			t.Fatal(err)
		}
		buy := func(who string) orders.Order {
			if _, err := s.AddToCart(ctx, who, p.ID, 1); err != nil {
				t.Fatal(err)
			}
			o, err := s.Checkout(
				ctx,
				orders.CheckoutRequest{Customer: event.Actor{ID: who}, Method: payment.Cash, IdempotencyKey: "k"},
			)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		ann, bob := buy("ann"), buy("bob")
		if _, err := s.Restock(ctx, purchase.Restock{Ref: "r-1", ProductID: strconv.FormatInt(p.ID, 10), Quantity: 1},
			event.System("test")); err != nil {
			t.Fatal(err)
		}
		sale, err := s.CreateFlashSale(ctx, event.System("test"), orders.FlashSaleParams{
			ProductID: p.ID, Starts: time.Now(), Ends: time.Now().Add(time.Hour), PercentBP: 1000, Cap: 5,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"cy", "dee"} {
			if _, err := s.ReserveFlashSale(ctx, sale.ID, event.Actor{ID: who}, 2); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			query, constraint string
			args              []any
		}{
			{"UPDATE ?(rk)products SET stock = -1", "products_stock_check", nil},
			{"UPDATE ?(rk)products SET price_minor = -1", "products_price_check", nil},
			{"UPDATE ?(rk)products SET discount_bp = 10001", "products_discount_check", nil},
			{"UPDATE ?(rk)order_lines SET quantity = 0", "order_lines_quantity_check", nil},
			{"UPDATE ?(rk)order_lines SET duty_minor = -1", "order_lines_paid_check", nil},
			{"UPDATE ?(rk)orders SET status = 'eaten'", "", nil},
			{"UPDATE ?(rk)orders SET status = 'cancelled'", "", nil},
			{"UPDATE ?(rk)orders SET cart_id = ? WHERE id = ?", "orders_cart_id_key", []any{ann.CartID, bob.ID}},
			{"UPDATE ?(rk)orders SET number = ? WHERE id = ?", "orders_number_key", []any{ann.Number, bob.ID}},
			{"UPDATE ?(rk)orders SET customer_id = 'ann' WHERE id = ?", "orders_customer_id_idempotency_key_key",
				[]any{bob.ID}},
			{"UPDATE ?(rk)payments SET status = 'pending'", "payments_captured_check", nil},
			{"UPDATE ?(rk)payments SET status = 'unknown', captured_at = NULL", "payments_unknown_check", nil},
			{"UPDATE ?(rk)payments SET amount_minor = -1", "payments_amount_check", nil},
			{"UPDATE ?(rk)stock_movements SET quantity = 0", "stock_movements_quantity_check", nil},
			{"UPDATE ?(rk)stock_movements SET kind = 'restock', ref = 'r-1'", "stock_movements_ref_key", nil},
			{"UPDATE ?(rk)flash_sales SET sold = 10", "flash_sales_cap_check", nil},
			{"UPDATE ?(rk)flash_sales SET held = 6", "flash_sales_cap_check", nil},
			{"UPDATE ?(rk)flash_sales SET sold = -1", "flash_sales_units_check", nil},
			{"UPDATE ?(rk)flash_sales SET ends = starts, starts = ends", "flash_sales_time_check", nil},
			{"UPDATE ?(rk)flash_sales SET percent_bp = 10001", "flash_sales_percent_check", nil},
			{"UPDATE ?(rk)stock_reservations SET quantity = 0", "stock_reservations_quantity_check", nil},
			{"UPDATE ?(rk)stock_reservations SET status = 'used'", "stock_reservations_used_check", nil},
			{"UPDATE ?(rk)stock_reservations SET customer_id = 'ann'", "stock_reservations_sale_id_customer_id_key",
				nil},
			{"INSERT INTO ?(rk)flash_sale_buyers VALUES (?, 'ann', -1)", "flash_sale_buyers_bought_check",
				[]any{sale.ID}},
			{"UPDATE ?(rk)carts SET order_id = NULL, customer_id = 'ann'", "carts_customer_id_key", nil},
		} {
			err := db.Tx(ctx, "test", func(ctx context.Context, tx bun.IDB) error {
				_, err := tx.NewRaw(c.query, c.args...).Exec(ctx)
				if err == nil {
					return errors.New("it was accepted")
				}
				return err
			})
			name, unique := sqldb.IsUnique(err)
			if !unique {
				name, _ = sqldb.IsCheck(err)
			}
			if name == "" || c.constraint != "" && name != "rk_"+c.constraint {
				t.Errorf("%s: %v (constraint %q, want %q)", c.query, err, name, c.constraint)
			}
		}
		stockAddsUp(t, db)
	})
}

// TestTheEventTablesAreThoseOfTheOutbox keeps the copy in our migration alike.
func TestTheEventTablesAreThoseOfTheOutbox(t *testing.T) {
	set := ordersdb.Migrations()
	for dialect, files := range map[sqlstore.Dialect]fs.FS{sqlstore.Postgres: set.Postgres,
		sqlstore.SQLite: set.SQLite} {
		text, err := fs.ReadFile(files, "00001_orders.sql")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), outboxdb.DDL(dialect, "orders")) {
			t.Errorf("the migration for %s does not contain what outboxdb.DDL returns", dialect)
		}
	}
}
