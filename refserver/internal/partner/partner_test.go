package partner_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/progress"
)

type bench struct {
	*partner.Service
	t     *testing.T
	store *ordersdb.Store
	now   atomic.Int64
	saved atomic.Int64
	// fails is called before each product is saved.
	fails func() error
}

func newBench(t *testing.T, db *sqlstore.DB) *bench {
	t.Helper()
	err := sqlstore.Migrate(
		t.Context(), db, ordersdb.Migrations(), partner.Migrations(), progress.Migrations(),
	)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: ordersdb.New(db), fails: func() error { return nil }}
	b.now.Store(time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC).UnixNano())
	b.Service = b.open(db)
	return b
}

// open returns another process on the database.
func (b *bench) open(db *sqlstore.DB) *partner.Service {
	b.t.Helper()
	now := func() time.Time { return time.Unix(0, b.now.Load()).UTC() }
	operations, err := progress.New(progress.Config{DB: db, Now: now})
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := partner.New(partner.Config{
		DB: db, Secret: []byte("secret"), Currencies: []money.Currency{"USD", "EUR"}, PrivateAddresses: true,
		Operations: operations, Now: now,
		Save: func(ctx context.Context, tx bun.IDB, id int64, by event.Stamp, change func(*orders.Product) error) (
			orders.Product, error,
		) {
			if err := b.fails(); err != nil {
				return orders.Product{}, err
			}
			s, err := orders.New(orders.Config{
				Store: b.store.WithTx(tx), Gateway: &orderstest.Gateway{}, Currency: "USD",
				Currencies: []money.Currency{"USD", "EUR"},
			})
			if err != nil {
				return orders.Product{}, err
			}
			b.saved.Add(1)
			return s.SaveProduct(ctx, id, by.By, change)
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) partner(name string) partner.Partner {
	b.t.Helper()
	p, err := b.Create(b.t.Context(), partner.Params{Name: name})
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// send starts a feed and carries it out.
func (b *bench) send(p partner.Partner, feed string) partner.Run {
	b.t.Helper()
	r, err := b.Start(b.t.Context(), p, partner.Feed{ContentType: "text/csv", Body: []byte(feed)})
	if err != nil {
		b.t.Fatal(err)
	}
	if r, err = b.Work(b.t.Context(), r.ID); err != nil {
		b.t.Fatal(err)
	}
	return r
}

// products are the shop's products as texts.
func (b *bench) products() string {
	b.t.Helper()
	all, err := b.store.Products(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, p := range all {
		out = append(out, fmt.Sprintf("%s %d %s %d", p.Name, p.Price, p.Currency, p.Stock))
	}
	return strings.Join(out, ", ")
}

func TestAProductIsKnownByItsPartnerAndTheirID(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		north, south := b.partner("North"), b.partner("South")
		r := b.send(north, "id,name,price,stock,category\na,Lamp,1,1,home\nb,Desk,2,2,home\na,Lamp,1.50,4,\n")
		if r.State != progress.Done || r.Accepted != 3 || r.Rejected != 0 || r.Percent != 100 ||
			r.FinishedAt.IsZero() {
			t.Errorf("the feed ends as %+v", r)
		}
		if got := b.products(); got != "Lamp 150 USD 4, Desk 200 USD 2" {
			t.Errorf("the shop has %s", got)
		}
		b.send(north, "id,name,price,stock\nb,Desk,3,5\na,Lamp,2,0\n")
		b.send(south, "id,name,price,stock,currency\na,Other lamp,9,9,EUR\n")
		if got := b.products(); got != "Lamp 200 USD 0, Desk 300 USD 5, Other lamp 900 EUR 9" {
			t.Errorf("the shop has %s", got)
		}
		p, err := b.store.Product(t.Context(), 1)
		if err != nil || p.Category != "home" {
			t.Errorf("what the second feed did not name is now %q, %v", p.Category, err)
		}
	})
}

func TestARowInErrorLeavesTheOthersAlone(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		p := b.partner("North")
		r := b.send(p, "id,name,price,stock,currency\na,Lamp,free,1,\nb,Desk,2,2,\nc,Chair,1,1,GBP\n,,1,1,\n")
		if r.Accepted != 1 || r.Rejected != 3 || r.Done != 4 || b.products() != "Desk 200 USD 2" {
			t.Errorf("%+v; the shop has %s", r, b.products())
		}
		got := fmt.Sprint(r.Errors)
		for _, want := range []string{
			"{1 price ", "{3 currency the shop does not sell in GBP}", "{4 name ", "{4 external_product_id ",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("the errors are %s, without %s", got, want)
			}
		}
		r = b.send(p, "id,name,price,stock,currency\nb,Desk,2,3,EUR\nd,Shelf,1,1,\n")
		if r.Accepted != 1 || r.Rejected != 1 || b.products() != "Desk 200 USD 2, Shelf 100 USD 1" {
			t.Errorf("a product keeps its currency: %+v; the shop has %s", r, b.products())
		}
	})
}

func feedOf(n int) string {
	var feed strings.Builder
	feed.WriteString("id,name,price,stock\n")
	for i := range n {
		fmt.Fprintf(&feed, "p%d,Product %d,%d,7\n", i, i, i)
	}
	return feed.String()
}

// TestAFeedThatIsCutOffIsCarriedOnByAnother: the process dies in the middle of a batch, and
// again, and another continues when the lease is over. Nothing is doubled.
func TestAFeedThatIsCutOffIsCarriedOnByAnother(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		p := b.partner("North")
		const n = 230
		r, err := b.Start(t.Context(), p, partner.Feed{ContentType: "text/csv", Body: []byte(feedOf(n))})
		if err != nil {
			t.Fatal(err)
		}
		died := errors.New("the process died")
		done := 0
		for _, after := range []int64{10, 120, 60, 1000} {
			at := b.saved.Load() + after
			b.fails = func() error {
				if b.saved.Load() >= at {
					return died
				}
				return nil
			}
			got, err := b.open(db).Work(t.Context(), r.ID)
			if err != nil && !errors.Is(err, died) {
				t.Fatal(err)
			}
			now, err := b.Run(t.Context(), r.ID)
			if err != nil || now.Done < done || now.Done != got.Done {
				t.Fatalf("%+v after %d, %v", now, done, err)
			}
			done = now.Done
		}
		if r, err = b.Run(t.Context(), r.ID); err != nil || r.State != progress.Done || r.Accepted != n {
			t.Errorf("%+v, %v", r, err)
		}
		all, err := b.store.Products(t.Context())
		if err != nil || len(all) != n {
			t.Errorf("the shop has %d products of %d, %v", len(all), n, err)
		}
	})
}

// TestOneProcessCarriesOutAFeed: others leave it alone, until its lease is over.
func TestOneProcessCarriesOutAFeed(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		p := b.partner("North")
		var wg sync.WaitGroup
		for range 3 {
			feed := partner.Feed{ContentType: "text/csv", Body: []byte(feedOf(60))}
			if _, err := b.Start(t.Context(), p, feed); err != nil {
				t.Fatal(err)
			}
		}
		for range 4 {
			s := b.open(db)
			wg.Go(func() {
				for {
					more, err := s.WorkDue(t.Context())
					if err != nil {
						t.Error(err)
					}
					if !more {
						return
					}
				}
			})
		}
		wg.Wait()
		runs, err := b.Runs(t.Context(), p.ID, 10)
		if err != nil || len(runs) != 3 {
			t.Fatalf("%d feeds, %v", len(runs), err)
		}
		for _, r := range runs {
			if r.State != progress.Done || r.Done != 60 || r.Accepted != 60 {
				t.Errorf("%+v", r)
			}
		}
		if all, err := b.store.Products(t.Context()); err != nil || len(all) != 60 {
			t.Errorf("the shop has %d products, %v", len(all), err)
		}
		if got := b.saved.Load(); got > 3*60+150 { // a batch may run again after a conflict
			t.Errorf("180 products were saved %d times", got)
		}
	})
}

func TestAFeedThatCannotBeCarriedOutHoldsUpNoOther(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		ctx, p := t.Context(), b.partner("North")
		start := func(name string) partner.Run {
			b.now.Add(int64(time.Second))
			body := []byte("id,name,price,stock\n" + name + "," + name + ",1,1\n")
			r, err := b.Start(ctx, p, partner.Feed{ContentType: "text/csv", Body: body})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		bad := []partner.Run{start("bad1"), start("bad2")}
		good := start("good")
		broken := errors.New("broken")
		calls := 0
		b.fails = func() error {
			if calls++; calls <= len(bad) { // the oldest come first
				return broken
			}
			return nil
		}
		if _, err := b.WorkDue(ctx); !errors.Is(err, broken) {
			t.Errorf("the error is %v", err)
		}
		if r, err := b.Run(ctx, good.ID); err != nil || r.State != progress.Done {
			t.Errorf("the feed after the broken ones is %s, %v", r.State, err)
		}
		if more, err := b.WorkDue(ctx); more || err != nil {
			t.Errorf("a broken feed is tried again at once: %v, %v", more, err)
		}
		b.now.Add(int64(time.Minute))
		for range bad {
			if more, err := b.WorkDue(ctx); !more || err != nil {
				t.Errorf("it is not tried again: %v, %v", more, err)
			}
		}
		for _, r := range bad {
			if now, err := b.Run(ctx, r.ID); err != nil || now.State != progress.Done {
				t.Errorf("the feed is %s, %v", now.State, err)
			}
		}
	})
}

func TestACanceledFeedStopsWhereItIs(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		p := b.partner("North")
		r, err := b.Start(t.Context(), p, partner.Feed{ContentType: "text/csv", Body: []byte(feedOf(120))})
		if err != nil {
			t.Fatal(err)
		}
		stop := errors.New("stop")
		b.fails = func() error {
			if b.saved.Load() >= 60 {
				return stop
			}
			return nil
		}
		if _, err := b.Work(t.Context(), r.ID); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		b.fails = func() error { return nil }
		if r, err = b.Cancel(t.Context(), r.ID); err != nil || r.State != progress.Canceled || r.Done != 50 {
			t.Errorf("%+v, %v", r, err)
		}
		if more, err := b.WorkDue(t.Context()); more || err != nil {
			t.Errorf("there is more to do: %v, %v", more, err)
		}
		if again, err := b.Cancel(t.Context(), r.ID); err != nil || again.FinishedAt != r.FinishedAt {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

func TestAFeedUnderOneKeyIsOneFeed(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		p, other := b.partner("North"), b.partner("South")
		feed := partner.Feed{ContentType: "text/csv", Body: []byte(feedOf(2)), IdempotencyKey: "k"}
		var ids sync.Map
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				r, err := b.Start(t.Context(), p, feed)
				if err != nil {
					t.Error(err)
				}
				ids.Store(r.ID, true)
			})
		}
		wg.Wait()
		n := 0
		ids.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d feeds under one key", n)
		}
		feed.Body = []byte(feedOf(3))
		if _, err := b.Start(t.Context(), p, feed); !errors.Is(err, partner.ErrMismatch) {
			t.Errorf("another feed under the key: %v", err)
		}
		if _, err := b.Start(t.Context(), other, feed); err != nil {
			t.Errorf("another partner's: %v", err)
		}
	})
}
