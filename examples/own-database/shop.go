package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// tables are the shop's own, and were there first.
const tables = `
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL,
    units INTEGER NOT NULL, paid BIGINT NOT NULL, placed BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS returns (id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders (id),
    units INTEGER NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refunds (id TEXT PRIMARY KEY, return_id TEXT NOT NULL REFERENCES returns (id));
CREATE TABLE IF NOT EXISTS restocks (ref TEXT PRIMARY KEY, item TEXT NOT NULL, units INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS terms (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`

// Order is a row of the shop's table of orders.
type Order struct {
	ID, Customer, Item string
	Units              int
	Paid               int64 // US cents
	Placed             time.Time
}

// Purchase is the order as returns and refunds see it.
func (o Order) Purchase() purchase.Purchase {
	return purchase.Purchase{
		OrderID: o.ID, CustomerID: o.Customer, Status: purchase.Completed, Currency: "USD", PlacedAt: o.Placed,
		Lines: []purchase.Line{{
			ID: o.ID, ProductID: o.Item, Name: o.Item, Quantity: o.Units,
			Paid: purchase.Paid("USD", money.Components{Price: o.Paid}),
		}},
		Payments: []purchase.Payment{{ID: o.ID, Method: payment.Card, ProviderID: "pi_" + o.ID, Captured: o.Paid}},
	}
}

// Shop is a shop with a database of its own.
type Shop struct {
	pool *sql.DB

	// The services, and the stores that they have outside of transactions.
	returns     *returns.Service
	refunds     *refunds.Service
	returnStore *returnsdb.Store
	refundStore *refundsdb.Store

	// between is called between our rows and the shop's, and between the shop's and the
	// commit; a test ends the process there.
	between func()
}

// Open opens the shop's pool, makes its tables and ours where they are missing,
// and publishes a first policy. The provider is called by the worker alone.
func Open(ctx context.Context, address string, provider payment.RefundGateway) (*Shop, error) {
	pool, db, err := openPool(address)
	if err != nil {
		return nil, err
	}
	s := &Shop{pool: pool, between: func() {}}
	if err := s.start(ctx, db, provider); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return s, nil
}

// openPool opens the pool that the shop would have anyway. On SQLite it has one
// connection, and each transaction takes the write lock when it begins.
func openPool(address string) (*sql.DB, *bun.DB, error) {
	if strings.HasPrefix(address, "postgres://") {
		pool, err := sql.Open("pgx", address)
		if err != nil {
			return nil, nil, err
		}
		return pool, bun.NewDB(pool, pgdialect.New()), nil
	}
	const settings = "?_txlock=immediate&_pragma=foreign_keys(on)&_pragma=busy_timeout(5000)"
	pool, err := sql.Open("sqlite", "file:"+address+settings)
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(1)
	return pool, bun.NewDB(pool, sqlitedialect.New()), nil
}

func (s *Shop) start(ctx context.Context, db *bun.DB, provider payment.RefundGateway) error {
	if _, err := s.pool.ExecContext(ctx, tables); err != nil {
		return err
	}
	kit, err := sqlstore.New(db, sqlstore.Options{}) // our tables begin with rk_
	if err != nil {
		return err
	}
	if err := sqlstore.Migrate(ctx, kit, returnsdb.Migrations(), refundsdb.Migrations()); err != nil {
		return err
	}
	s.returnStore, s.refundStore = returnsdb.New(kit), refundsdb.New(kit)
	if s.refunds, err = refunds.New(refunds.Config{Store: s.refundStore, Gateway: provider}); err != nil {
		return err
	}
	s.returns, err = returns.New(returns.Config{
		Store: s.returnStore, Orders: s, Refunder: s.refunds, Restocker: s,
	})
	if err != nil {
		return err
	}
	_, err = s.returns.EnsureTerms(ctx, event.System("shop"), returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 5, AutoAuthorize: true, RestockAt: returns.RestockAtRefund,
		Currency: "USD",
	})
	return err
}

// Close closes the shop's pool. The stores have nothing of their own to close.
func (s *Shop) Close() error { return s.pool.Close() }

// Sell records an order.
func (s *Shop) Sell(ctx context.Context, o Order) error {
	_, err := s.pool.ExecContext(ctx, "INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6)",
		o.ID, o.Customer, o.Item, o.Units, o.Paid, time.Now().UnixMicro())
	return err
}

// Purchase implements returns.Orders.
func (s *Shop) Purchase(ctx context.Context, orderID string) (purchase.Purchase, error) {
	o, err := order(ctx, s.pool, orderID)
	return o.Purchase(), err
}

// Restock implements returns.Restocker: a ref puts its units back once.
func (s *Shop) Restock(ctx context.Context, r purchase.Restock, _ event.Actor) (bool, error) {
	res, err := s.pool.ExecContext(ctx, "INSERT INTO restocks VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		r.Ref, r.ProductID, r.Quantity)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// inTx runs fn in a transaction of the shop's.
func (s *Shop) inTx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// rower is the pool or a transaction.
type rower interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func order(ctx context.Context, db rower, id string) (Order, error) {
	o := Order{ID: id}
	var placed int64
	err := db.QueryRowContext(ctx, "SELECT customer, item, units, paid, placed FROM orders WHERE id = $1", id).
		Scan(&o.Customer, &o.Item, &o.Units, &o.Paid, &placed)
	if errors.Is(err, sql.ErrNoRows) {
		err = returns.ErrNotFound
	}
	if err != nil {
		return o, fmt.Errorf("order %s: %w", id, err)
	}
	o.Placed = time.UnixMicro(placed)
	return o, nil
}

func customer(id string) event.Actor { return event.Actor{Kind: event.ActorCustomer, ID: id} }

// RequestReturn files our return and inserts the shop's row, in one transaction.
func (s *Shop) RequestReturn(ctx context.Context, orderID string, units int, why string) (r returns.Return, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		o, err := order(ctx, tx, orderID)
		if err != nil {
			return err
		}
		bought := o.Purchase()
		inside := s.returns.With(s.returnStore.WithTx(tx))
		r, err = inside.Create(ctx, customer(o.Customer), returns.CreateParams{
			Purchase: &bought, CustomerID: o.Customer, Reason: returns.ReasonDamaged, Details: why,
			Items: []returns.RequestItem{{OrderLineID: o.ID, Quantity: units}},
		})
		if err != nil {
			return err
		}
		s.between()
		_, err = tx.ExecContext(ctx, "INSERT INTO returns VALUES ($1, $2, $3, $4)", r.ID, o.ID, units, why)
		s.between()
		return err
	})
	return r, err
}

// RequestRefund requests our refund and inserts the shop's row, in one transaction. It
// calls no provider: refunds.Service.Run does, as a worker, once the request is committed.
func (s *Shop) RequestRefund(ctx context.Context, returnID string) (r refunds.Refund, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		var orderID string
		var units int
		err := tx.QueryRowContext(ctx, "SELECT order_id, units FROM returns WHERE id = $1", returnID).
			Scan(&orderID, &units)
		if err != nil {
			return err
		}
		o, err := order(ctx, tx, orderID)
		if err != nil {
			return err
		}
		inside := s.refunds.With(s.refundStore.WithTx(tx))
		intent, err := inside.Request(ctx, refunds.Request{
			ClientReference: returnID, OrderID: o.ID, Customer: o.Customer, Currency: "USD",
			Payments: []refunds.Payment{{ID: o.ID, Method: payment.Card, ProviderID: "pi_" + o.ID, Captured: o.Paid}},
			Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
				{OrderLineID: o.ID, Bought: o.Units, Paid: money.Components{Price: o.Paid}, Units: units},
			}},
			By: customer(o.Customer),
		})
		if err != nil {
			return err
		}
		s.between()
		r = intent.Refund
		_, err = tx.ExecContext(ctx, "INSERT INTO refunds VALUES ($1, $2)", r.ID, returnID)
		s.between()
		return err
	})
	return r, err
}
