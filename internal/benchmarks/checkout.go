package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

const (
	submitters     = 32
	checkoutTarget = 3.0
)

// checkout measures cash orders of one hot product, through orders.Service and
// by pgbench, on one PostgreSQL that flushes every commit to disk.
func checkout(ctx context.Context, o options, progress io.Writer) ([]row, error) {
	if err := os.Setenv("SQLSTORETEST_FSYNC", "on"); err != nil {
		return nil, err
	}
	var ours, theirs, ratios []float64
	err := with(ctx, func(e *env) error {
		url := sqlstoretest.PostgresURL(e)
		db := sqlstoretest.Open(e, sqlstore.Config{URL: url, MaxConns: 8})
		b, err := newShop(ctx, db, url)
		if err != nil {
			return err
		}
		for round := range o.rounds {
			library, err := b.library(ctx, o.orders)
			if err != nil {
				return err
			}
			plain, err := b.pgbench(ctx, o.orders)
			if err != nil {
				return err
			}
			ours, theirs, ratios = append(ours, library), append(theirs, plain), append(ratios, library/plain)
			fmt.Fprintf(progress, "round %d: checkout: %.0f orders/s, pgbench %.0f/s\n", round+1, library, plain)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	const what = "orders on one hot product, 32 submitters"
	ratio := median(ratios)
	return []row{
		{
			what:   what,
			who:    "returnkit orders.Service",
			figure: fmt.Sprintf("%.0f/s", median(ours)),
			spread: spread(ours, "%.0f"),
			extra:  fmt.Sprintf("%.1f x pgbench", ratio),
			target: verdict(fmt.Sprintf("%.0f x", checkoutTarget), ratio >= checkoutTarget),
		},
		{
			what:   what,
			who:    "pgbench -c 32, one CTE statement",
			figure: fmt.Sprintf("%.0f/s", median(theirs)),
			spread: spread(theirs, "%.0f"),
			extra:  "the same writes",
		},
	}, nil
}

type shop struct {
	db      *sqlstore.DB
	url     string
	service *orders.Service
	product int64
	script  string // pgbench's
	serial  atomic.Int64
}

func newShop(ctx context.Context, db *sqlstore.DB, url string) (*shop, error) {
	if err := sqlstore.Migrate(ctx, db, ordersdb.Migrations()); err != nil {
		return nil, err
	}
	service, err := orders.New(orders.Config{Store: ordersdb.New(db), Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		return nil, err
	}
	p, err := service.SaveProduct(ctx, 0, event.Actor{}, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Mouse", 1999, orders.MaxStock
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := &shop{db: db, url: url, service: service, product: p.ID}
	customer, err := s.fill(ctx)
	if err != nil {
		return nil, err
	}
	first, err := s.buy(ctx, customer)
	if err != nil {
		return nil, err
	}
	s.script, err = writesOf(ctx, db, first)
	return s, err
}

// fill puts the product into the cart of a new customer.
func (s *shop) fill(ctx context.Context) (customer string, err error) {
	customer = fmt.Sprintf("customer-%d", s.serial.Add(1))
	_, err = s.service.AddToCart(ctx, customer, s.product, 1)
	return customer, err
}

func (s *shop) buy(ctx context.Context, customer string) (orders.Order, error) {
	return s.service.Checkout(ctx, orders.CheckoutRequest{
		Customer: event.Actor{Kind: event.ActorCustomer, ID: customer}, Method: payment.Cash,
	})
}

// together calls f n times, by all submitters, and returns the calls per second.
func together(n int, f func(i int) error) (perSecond float64, err error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, submitters)
	start := time.Now()
	for range submitters {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := f(int(i)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(n) / time.Since(start).Seconds(), nil
	}
}

// carts fills the carts of n new customers.
func (s *shop) carts(ctx context.Context, n int) ([]string, error) {
	customers := make([]string, n)
	_, err := together(n, func(i int) (err error) {
		customers[i], err = s.fill(ctx)
		return err
	})
	return customers, err
}

// library returns the orders per second through orders.Service.
func (s *shop) library(ctx context.Context, n int) (float64, error) {
	customers, err := s.carts(ctx, n)
	if err != nil {
		return 0, err
	}
	if err := s.calm(ctx); err != nil {
		return 0, err
	}
	return together(n, func(i int) error {
		o, err := s.buy(ctx, customers[i])
		if err == nil && o.Status != orders.StatusCompleted {
			err = fmt.Errorf("order %s is %s", o.ID, o.Status)
		}
		return err
	})
}

// calm writes out what earlier rounds left, so that each begins alike.
func (s *shop) calm(ctx context.Context) error {
	_, err := s.db.Writer().ExecContext(ctx, "CHECKPOINT")
	return err
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`)

// pgbench returns the orders per second of its 32 clients.
func (s *shop) pgbench(ctx context.Context, n int) (float64, error) {
	if _, err := s.carts(ctx, n); err != nil {
		return 0, err
	}
	for _, statement := range []string{
		"DROP TABLE IF EXISTS bench_carts",
		"DROP SEQUENCE IF EXISTS bench_cart",
		"CREATE TABLE bench_carts AS SELECT row_number() OVER (ORDER BY id) AS n, id, customer_id FROM rk_carts " +
			"WHERE order_id IS NULL",
		"ALTER TABLE bench_carts ADD PRIMARY KEY (n)",
		"CREATE SEQUENCE bench_cart",
		"CREATE SEQUENCE IF NOT EXISTS bench_id",
		"ANALYZE bench_carts",
	} {
		if _, err := s.db.Writer().ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("returnkit-pgbench-%d.sql", os.Getpid()))
	if err := os.WriteFile(file, []byte(s.script), 0o600); err != nil {
		return 0, err
	}
	defer os.Remove(file)
	if err := s.calm(ctx); err != nil {
		return 0, err
	}
	before, err := s.count(ctx)
	if err != nil {
		return 0, err
	}
	each := n / submitters
	cmd := exec.CommandContext(ctx, "pgbench", "-n", "-M", "prepared", "-c", strconv.Itoa(submitters), "-j", "2",
		"-t", strconv.Itoa(each), "-f", file, s.url)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, stderr.String())
	}
	after, err := s.count(ctx)
	if err != nil {
		return 0, err
	}
	if after-before != each*submitters {
		return 0, fmt.Errorf("pgbench placed %d orders, want %d", after-before, each*submitters)
	}
	found := tps.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("pgbench says no tps:\n%s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

func (s *shop) count(ctx context.Context) (n int, err error) {
	err = s.db.Writer().QueryRowContext(ctx, "SELECT count(*) FROM rk_orders").Scan(&n)
	return n, err
}

// writesOf returns one statement that writes what the library wrote for an
// order, down to each column, for the next cart of bench_carts. It is made from
// the rows themselves, so that it follows the schema.
func writesOf(ctx context.Context, db *sqlstore.DB, o orders.Order) (string, error) {
	line, payment := o.Lines[0], o.Payment
	ids := strings.NewReplacer(
		o.ID, "'||n.id||'", line.ID, "'||n.id||'", payment.ID, "'||n.id||'",
		o.CartID, "'||n.cart_id||'", o.CustomerID, "'||n.customer_id||'",
		o.Number, "'||n.number||'", strings.ToLower(o.Number), "'||n.number||'",
	)
	var b strings.Builder
	b.WriteString(`WITH n AS MATERIALIZED (
SELECT '01900000-0000-7000-8000-' || lpad(k.k::text, 12, '0') AS id, 'ORD-' || k.k AS number, c.id AS cart_id,
	c.customer_id
FROM bench_carts c, (SELECT nextval('bench_id') AS k) k WHERE c.n = (SELECT nextval('bench_cart'))
), stock AS (
UPDATE rk_products SET stock = stock - 1 WHERE id = ` + strconv.FormatInt(line.ProductID, 10) + ` AND stock >= 1
RETURNING id
), cart AS (
UPDATE rk_carts c SET order_id = n.id FROM n WHERE c.id = n.cart_id AND c.order_id IS NULL RETURNING c.id
)`)
	for i, t := range []struct{ table, key string }{
		{"rk_orders", "id"}, {"rk_order_lines", "order_id"}, {"rk_payments", "order_id"}, {"rk_orders_events",
			"aggregate_id"},
	} {
		rows, columns, err := literals(ctx, db, t.table, t.key, o.ID)
		if err != nil {
			return "", err
		}
		var selects []string
		for _, r := range rows {
			selects = append(selects, "SELECT "+ids.Replace(strings.Join(r, ", "))+" FROM n, stock")
		}
		insert := "INSERT INTO " + t.table + " (" + columns + ") " + strings.Join(selects, " UNION ALL ")
		if last := i == 3; last {
			b.WriteString("\n" + insert + ";\n")
		} else {
			fmt.Fprintf(&b, ", w%d AS (\n%s)", i, insert)
		}
	}
	return b.String(), nil
}

// literals returns the rows of an order in a table, each value as SQL with its
// type, and the names of the columns.
func literals(
	ctx context.Context,
	db *sqlstore.DB,
	table, key, id string,
) (rows [][]string, columns string, err error) {
	var names []string
	var values []string
	found, err := db.Writer().QueryContext(ctx, `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`, table)
	if err != nil {
		return nil, "", err
	}
	defer found.Close()
	for found.Next() {
		var name, kind string
		if err := found.Scan(&name, &kind); err != nil {
			return nil, "", err
		}
		names = append(names, name)
		values = append(values, fmt.Sprintf("'(' || quote_nullable(%s) || ')::%s'", name, kind))
	}
	if err := found.Err(); err != nil {
		return nil, "", err
	}
	list, err := db.Writer().QueryContext(
		ctx,
		"SELECT "+strings.Join(values, ", ")+" FROM "+table+" WHERE "+key+" = ? ORDER BY id",
		id,
	)
	if err != nil {
		return nil, "", err
	}
	defer list.Close()
	for list.Next() {
		row := make([]string, len(names))
		into := make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := list.Scan(into...); err != nil {
			return nil, "", err
		}
		rows = append(rows, row)
	}
	if err := list.Err(); err != nil {
		return nil, "", err
	}
	if len(rows) == 0 {
		return nil, "", fmt.Errorf("no rows of order %s in %s", id, table)
	}
	return rows, strings.Join(names, ", "), nil
}
