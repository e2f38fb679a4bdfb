package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// Order is an order as the shop has always kept it: of one product.
type Order struct {
	Number   int64
	Customer string
	SKU      string
	Units    int
	Cents    int64
	Account  string // that the money came from
	At       time.Time
}

// ID is the order's number as returns and refunds know it.
func (o Order) ID() string { return strconv.FormatInt(o.Number, 10) }

// theLine is the one line of an order. A line id is unique within its order only.
const theLine = "1"

// Purchase is the order as returns and refunds see it: the twenty lines that a
// shop of its own writes.
func (o Order) Purchase() purchase.Purchase {
	return purchase.Purchase{
		OrderID: o.ID(), CustomerID: o.Customer, Status: purchase.Completed, Currency: "EUR", PlacedAt: o.At,
		Lines: []purchase.Line{{
			ID: theLine, ProductID: o.SKU, Name: o.SKU, Quantity: o.Units,
			Paid: purchase.Paid("EUR", money.Components{Price: o.Cents}),
		}},
		Payments: []purchase.Payment{{
			ID: "payment-" + o.ID(), Method: byBank, ProviderID: o.Account, Captured: o.Cents,
		}},
	}
}

// Mail is a mail to a customer.
type Mail struct{ To, Return, Text string }

// Book is where the shop keeps its own things: its orders and its shelf, as
// package returns needs them, and the mails that it sent.
type Book interface {
	returns.Orders
	returns.Restocker
	// Sell records an order. Its product has as many units on the shelf as before.
	Sell(ctx context.Context, o Order) error
	// Stock returns how many units of a product came back to the shelf.
	Stock(ctx context.Context, sku string) (int, error)
	Mail(ctx context.Context, m Mail) error
	Mails(ctx context.Context) ([]Mail, error)
}

// memoryBook is a Book in memory.
type memoryBook struct {
	mu       sync.Mutex
	orders   map[string]Order
	shelf    map[string]int
	restocks map[string]bool // by Ref
	mails    []Mail
}

func (b *memoryBook) Purchase(ctx context.Context, orderID string) (purchase.Purchase, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.orders[orderID]
	switch {
	case ctx.Err() != nil:
		return purchase.Purchase{}, ctx.Err()
	case !ok:
		return purchase.Purchase{}, fmt.Errorf("order %q: %w", orderID, returns.ErrNotFound)
	}
	return o.Purchase(), nil
}

func (b *memoryBook) Restock(ctx context.Context, r purchase.Restock, _ event.Actor) (bool, error) {
	if err := errors.Join(ctx.Err(), r.Check()); err != nil {
		return false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.shelf[r.ProductID]; !ok {
		return false, fmt.Errorf("product %q: %w", r.ProductID, returns.ErrNotFound)
	}
	if b.restocks[r.Ref] {
		return false, nil
	}
	b.restocks[r.Ref] = true
	b.shelf[r.ProductID] += r.Quantity
	return true, nil
}

func (b *memoryBook) Sell(_ context.Context, o Order) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.orders == nil {
		b.orders, b.shelf, b.restocks = map[string]Order{}, map[string]int{}, map[string]bool{}
	}
	o.At = time.Now()
	b.orders[o.ID()] = o
	b.shelf[o.SKU] += 0
	return nil
}

func (b *memoryBook) Stock(_ context.Context, sku string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shelf[sku], nil
}

func (b *memoryBook) Mail(_ context.Context, m Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = append(b.mails, m)
	return nil
}

func (b *memoryBook) Mails(context.Context) ([]Mail, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Mail(nil), b.mails...), nil
}

// tables are the shop's own.
const tables = `
CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, customer TEXT NOT NULL, sku TEXT NOT NULL,
    units INTEGER NOT NULL, cents INTEGER NOT NULL, account TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS shelf (sku TEXT PRIMARY KEY, units INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS restocks (ref TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS mails (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, return_id TEXT NOT NULL,
    body TEXT NOT NULL);`

// sqlBook is a Book in tables of the shop's own.
type sqlBook struct{ pool *sql.DB }

func (b sqlBook) Purchase(ctx context.Context, orderID string) (purchase.Purchase, error) {
	number, err := strconv.ParseInt(orderID, 10, 64)
	if err != nil {
		return purchase.Purchase{}, fmt.Errorf("order %q: %w", orderID, returns.ErrNotFound)
	}
	o := Order{Number: number}
	var at int64
	err = b.pool.QueryRowContext(ctx,
		"SELECT customer, sku, units, cents, account, at FROM orders WHERE number = ?", number).
		Scan(&o.Customer, &o.SKU, &o.Units, &o.Cents, &o.Account, &at)
	if errors.Is(err, sql.ErrNoRows) {
		err = returns.ErrNotFound
	}
	if err != nil {
		return purchase.Purchase{}, fmt.Errorf("order %q: %w", orderID, err)
	}
	o.At = time.UnixMicro(at)
	return o.Purchase(), nil
}

func (b sqlBook) Restock(ctx context.Context, r purchase.Restock, _ event.Actor) (did bool, err error) {
	if err := r.Check(); err != nil {
		return false, err
	}
	err = b.inTx(ctx, func(tx *sql.Tx) error {
		changed, err := rows(tx.ExecContext(ctx, "INSERT INTO restocks VALUES (?) ON CONFLICT DO NOTHING", r.Ref))
		if err != nil || changed == 0 {
			return err // it is on the shelf
		}
		changed, err = rows(tx.ExecContext(ctx, "UPDATE shelf SET units = units + ? WHERE sku = ?",
			r.Quantity, r.ProductID))
		if err == nil && changed == 0 {
			err = fmt.Errorf("product %q: %w", r.ProductID, returns.ErrNotFound)
		}
		did = err == nil
		return err
	})
	return did && err == nil, err
}

func (b sqlBook) Sell(ctx context.Context, o Order) error {
	return b.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)", o.Number, o.Customer, o.SKU,
			o.Units, o.Cents, o.Account, time.Now().UnixMicro())
		if err == nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO shelf VALUES (?, 0) ON CONFLICT DO NOTHING", o.SKU)
		}
		return err
	})
}

func (b sqlBook) Stock(ctx context.Context, sku string) (units int, err error) {
	err = b.pool.QueryRowContext(ctx, "SELECT units FROM shelf WHERE sku = ?", sku).Scan(&units)
	return units, err
}

func (b sqlBook) Mail(ctx context.Context, m Mail) error {
	_, err := b.pool.ExecContext(ctx, "INSERT INTO mails (customer, return_id, body) VALUES (?, ?, ?)",
		m.To, m.Return, m.Text)
	return err
}

func (b sqlBook) Mails(ctx context.Context) (all []Mail, err error) {
	rows, err := b.pool.QueryContext(ctx, "SELECT customer, return_id, body FROM mails ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m Mail
		if err := rows.Scan(&m.To, &m.Return, &m.Text); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// inTx runs fn in a transaction.
func (b sqlBook) inTx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := b.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// rows is how many rows a statement changed.
func rows(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
