package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
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
    units INTEGER NOT NULL, paid BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS returns (id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders (id),
    units INTEGER NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refunds (id TEXT PRIMARY KEY, return_id TEXT NOT NULL REFERENCES returns (id));
CREATE TABLE IF NOT EXISTS terms (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`

// Order is a row of the shop's table of orders.
type Order struct {
	ID, Customer, Item string
	Units              int
	Paid               int64 // US cents
}

// Shop is a shop with a database of its own.
type Shop struct {
	pool    *sql.DB
	returns *returnsdb.Store
	refunds *refundsdb.Store
	termsID string

	// between is called between the shop's row and ours, and between ours and the commit; a test
	// ends the process there.
	between func()
}

// Open opens the shop's pool, makes its tables and ours where they are missing,
// and publishes a first policy.
func Open(ctx context.Context, address string) (*Shop, error) {
	pool, db, err := openPool(address)
	if err != nil {
		return nil, err
	}
	s := &Shop{pool: pool, between: func() {}}
	if err := s.start(ctx, db); err != nil {
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

func (s *Shop) start(ctx context.Context, db *bun.DB) error {
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
	s.returns, s.refunds = returnsdb.New(kit), refundsdb.New(kit)
	terms, err := s.returns.Terms(ctx, "") // the latest
	if errors.Is(err, returns.ErrNotFound) {
		terms, err = s.returns.Publish(ctx, returns.Terms{
			ID: newID(), Policy: returns.Policy{Enabled: true, WindowDays: 30},
			PublishedAt: time.Now(), PublishedBy: event.System("shop"),
		})
	}
	s.termsID = terms.ID
	return err
}

// Close closes the shop's pool. The stores have nothing of their own to close.
func (s *Shop) Close() error { return s.pool.Close() }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func stamp(who string) event.Stamp {
	return event.Stamp{At: time.Now(), By: event.Actor{Kind: event.ActorCustomer, ID: who}}
}

// Sell records an order.
func (s *Shop) Sell(ctx context.Context, o Order) error {
	_, err := s.pool.ExecContext(ctx, "INSERT INTO orders VALUES ($1, $2, $3, $4, $5)",
		o.ID, o.Customer, o.Item, o.Units, o.Paid)
	return err
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

func order(ctx context.Context, tx *sql.Tx, id string) (Order, error) {
	o := Order{ID: id}
	err := tx.QueryRowContext(ctx, "SELECT customer, item, units, paid FROM orders WHERE id = $1", id).
		Scan(&o.Customer, &o.Item, &o.Units, &o.Paid)
	if err != nil {
		return o, fmt.Errorf("order %s: %w", id, err)
	}
	return o, nil
}

// RequestReturn inserts the shop's row and files our return, in one transaction.
func (s *Shop) RequestReturn(ctx context.Context, orderID string, units int, why string) (r returns.Return, err error) {
	id := newID()
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		o, err := order(ctx, tx, orderID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO returns VALUES ($1, $2, $3, $4)", id, o.ID, units, why)
		if err != nil {
			return err
		}
		s.between()
		line := purchase.Line{ID: o.ID, ProductID: o.Item, Name: o.Item, Quantity: o.Units, Paid: purchase.Amount{
			Currency: "USD", Components: money.Components{Price: o.Paid},
		}}
		bought := purchase.Purchase{
			OrderID: o.ID, CustomerID: o.Customer, Currency: "USD", Lines: []purchase.Line{line},
		}
		request := func(claims returns.Claims) (*returns.Return, error) {
			if left := o.Units - claims[o.ID]; units > left {
				return nil, fmt.Errorf("%d units of %s are left to return, not %d", left, o.Item, units)
			}
			return returns.NewReturn(stamp(o.Customer), returns.Params{
				ID: id, OrderID: o.ID, CustomerID: o.Customer, TermsID: s.termsID,
				Reason: returns.ReasonDamaged, Details: why,
				Lines: []returns.Line{
					{ID: newID(), OrderLineID: o.ID, ProductID: o.Item, Name: o.Item, Quantity: units},
				},
				Authorize: true,
			})
		}
		r, err = s.returns.WithTx(tx).Create(ctx, bought, returns.Creating(bought, request))
		s.between()
		return err
	})
	return r, err
}

// RequestRefund inserts the shop's row and requests our refund, in one
// transaction. It calls no provider: refunds.Service.ResumeDue does, as a worker,
// once the request is committed.
func (s *Shop) RequestRefund(ctx context.Context, returnID string) (r refunds.Refund, err error) {
	id := newID()
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
		if _, err := tx.ExecContext(ctx, "INSERT INTO refunds VALUES ($1, $2)", id, returnID); err != nil {
			return err
		}
		s.between()
		request := refunds.OpenRequest{
			ClientReference: returnID, OrderID: o.ID, PaymentID: o.ID, Captured: o.Paid, Currency: "USD",
		}
		open := func(p refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
			if current != nil {
				return nil, fmt.Errorf("return %s has a refund", returnID)
			}
			return newRefund(id, returnID, o, units, p)
		}
		saved, err := s.refunds.WithTx(tx).Open(ctx, []refunds.OpenRequest{request}, refunds.OpeningOne(request, open))
		s.between()
		if err == nil {
			r = saved[0]
		}
		return err
	})
	return r, err
}

// newRefund is the refund of some units of an order, at what they were paid.
func newRefund(id, returnID string, o Order, units int, p refunds.PaymentState) (*refunds.Refund, error) {
	request := refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
		{OrderLineID: o.ID, Bought: o.Units, Paid: money.Components{Price: o.Paid}, Units: units},
	}}
	quote, err := refunds.NewQuote(request, p.Refunded)
	if err != nil {
		return nil, err
	}
	return refunds.NewRefund(refunds.Params{
		ID: id, ClientReference: returnID, OrderID: o.ID, PaymentID: o.ID, Customer: o.Customer,
		Attempt: refunds.AttemptParams{
			ID: newID(), Method: payment.Card, PaymentProviderID: "pi_" + o.ID, Request: request, Quote: quote,
		},
	}, stamp(o.Customer))
}
