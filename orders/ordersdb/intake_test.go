package ordersdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// held is a store whose first Place waits for a lock while others queue up.
type held struct {
	*testing.T
	store   *Store
	product orders.Product
	release func() // lets the transaction that holds the lock end
	commits atomic.Int64
}

func (h *held) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (h *held) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if e.Query == "COMMIT" {
		h.commits.Add(1)
	}
}

func hold(t *testing.T, db *sqlstore.DB, stock int, customers []string) *held {
	t.Helper()
	ctx := t.Context()
	h := &held{T: t}
	db.AddQueryHook(h)
	h.store = New(db)
	h.must(sqlstore.Migrate(ctx, db, Migrations()))
	var err error
	h.product, err = h.store.SaveProduct(ctx, 0, event.Stamp{At: time.Now()}, func(p *orders.Product) error {
		p.Name, p.Price, p.Currency, p.Stock = "Mouse", 1000, "USD", stock
		return nil
	})
	h.must(err)
	for _, c := range customers {
		_, err := h.store.UpdateCart(
			ctx,
			c,
			"cart-"+c,
			[]int64{h.product.ID},
			func(c *orders.Cart, _ map[int64]orders.Product) error {
				c.Items = []orders.CartItem{{ProductID: h.product.ID, Quantity: 1}}
				return nil
			},
		)
		h.must(err)
	}
	locked, let, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- db.Tx(ctx, "hold", func(ctx context.Context, tx bun.IDB) error {
			var row productRow
			if err := lockProducts(tx.NewSelect().Model(&row).Where("p.id = ?", h.product.ID),
				db.Dialect()).Scan(ctx); err != nil {
				return err
			}
			close(locked)
			<-let
			return nil
		})
	}()
	<-locked
	h.release = func() {
		h.commits.Store(-1) // for that of the lock: the calls go on as soon as it is there
		close(let)
		h.must(<-done)
	}
	return h
}

func (h *held) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// queued waits until n calls stand in the queue and one is at work.
func (h *held) queued(n int) {
	h.Helper()
	for deadline := time.Now().Add(testreq.Patience(h.T)); ; time.Sleep(time.Millisecond) {
		waiting, working := h.store.intake.Waiting()
		if working && waiting == n {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("%d calls wait, want %d", waiting, n)
		}
	}
}

func (h *held) place(
	ctx context.Context,
	customer, key string,
	decide func(*orders.Order) error,
) (orders.Order, bool, error) {
	return h.store.Place(
		ctx,
		orders.PlaceRequest{CustomerID: customer, IdempotencyKey: key},
		func(p orders.Placement) (*orders.Order, error) {
			if len(p.Cart.Items) == 0 {
				return nil, &orders.Error{Code: orders.CodeCartEmpty}
			}
			product := p.Products[h.product.ID]
			if product.Stock < 1 {
				return nil, &orders.Error{Code: orders.CodeOutOfStock}
			}
			lines, err := orders.Price([]orders.Item{{Product: product, Quantity: 1}}, orders.Rules{})
			if err != nil {
				return nil, err
			}
			lines[0].ID = uuid.NewString()
			o, err := orders.NewOrder(
				orders.Params{
					ID:             uuid.NewString(),
					CustomerID:     customer,
					CartID:         p.Cart.ID,
					IdempotencyKey: key,
					Currency:       "USD",
					Lines:          lines,
					PaymentID:      uuid.NewString(),
					Method:         payment.Cash,
				},
				event.Stamp{At: time.Now()},
			)
			if err != nil {
				return nil, err
			}
			return o, decide(o)
		},
	)
}

func TestCallsThatMeetAreOneTransaction(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		var customers []string
		for i := range 21 {
			customers = append(customers, fmt.Sprintf("c%02d", i))
		}
		h := hold(t, db, 10, customers)
		var sold, refused atomic.Int64
		var wg sync.WaitGroup
		for i, c := range customers {
			wg.Go(func() {
				_, placed, err := h.place(t.Context(), c, "", func(*orders.Order) error { return nil })
				switch {
				case err == nil && placed:
					sold.Add(1)
				case orders.CodeOf(err) == orders.CodeOutOfStock:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
			if i == 0 {
				h.queued(0)
			}
		}
		h.queued(20)
		h.release()
		wg.Wait()
		if sold.Load() != 10 || refused.Load() != 11 {
			t.Errorf("%d sold, %d refused of 10 units and 21 customers", sold.Load(), refused.Load())
		}
		if n := h.commits.Load(); n != 2 {
			t.Errorf("%d commits, want one for the first call and one for the 20 that met", n)
		}
	})
}

func TestOneThatTheDatabaseRefusesFailsAlone(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		customers := []string{"first", "good", "bad", "same", "also good"}
		h := hold(t, db, 10, customers)
		type answer struct {
			placed bool
			err    error
		}
		answers := map[string]answer{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		submit := func(who string, decide func(*orders.Order) error) {
			wg.Go(func() {
				_, placed, err := h.place(t.Context(), who, "", decide)
				mu.Lock()
				defer mu.Unlock()
				answers[who] = answer{placed, err}
			})
		}
		fine := func(*orders.Order) error { return nil }
		submit("first", fine)
		h.queued(0)
		submit("good", fine)
		submit("bad", func(o *orders.Order) error { o.Lines[0].Quantity = 1000; return nil }) // beyond the stock
		no := errors.New("no")
		submit("same", func(*orders.Order) error { return no })
		submit("also good", fine)
		h.queued(4)
		h.release()
		wg.Wait()
		for who, a := range answers {
			switch who {
			case "bad":
				if _, ok := sqldb.IsCheck(a.err); !ok || a.placed {
					t.Errorf("bad: %+v, want the constraint on the stock", a)
				}
			case "same":
				if !errors.Is(a.err, no) || a.placed {
					t.Errorf("refused by its own decide: %+v", a)
				}
			default:
				if a.err != nil || !a.placed {
					t.Errorf("%s: %+v", who, a)
				}
			}
		}
		p, err := h.store.Product(t.Context(), h.product.ID)
		h.must(err)
		if p.Stock != 7 {
			t.Errorf("stock %d, want 7", p.Stock)
		}
	})
}

func TestACallThatLeavesTheQueueIsNotPlaced(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		h := hold(t, db, 10, []string{"first", "gone"})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, placed, err := h.place(t.Context(), "first", "",
				func(*orders.Order) error { return nil }); err != nil ||
				!placed {
				t.Errorf("first: %v, %v", placed, err)
			}
		})
		h.queued(0)
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			_, placed, err := h.place(
				ctx,
				"gone",
				"",
				func(*orders.Order) error { t.Error("it was decided"); return nil },
			)
			if placed || !errors.Is(err, context.Canceled) {
				t.Errorf("gone: %v, %v", placed, err)
			}
		})
		h.queued(1)
		cancel()
		h.queued(0)
		h.release()
		wg.Wait()
		_, n, err := h.store.List(t.Context(), orders.Query{})
		h.must(err)
		if n != 1 {
			t.Errorf("%d orders, want 1", n)
		}
	})
}

// TestAKeyUsedByAnotherProcessMeanwhile: the unique index refuses the whole
// transaction, and each order is tried again by itself.
func TestAKeyUsedByAnotherProcessMeanwhile(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		db := sqlstoretest.Open(t, c)
		h := hold(t, db, 10, []string{"ann"})
		h.release()
		other := New(sqlstoretest.Open(t, c))
		_, err := other.UpdateCart(
			t.Context(),
			"ann",
			"",
			nil,
			func(*orders.Cart, map[int64]orders.Product) error { return nil },
		)
		h.must(err)
		first, _, err := h.place(t.Context(), "ann", "k", func(*orders.Order) error { return nil })
		h.must(err)
		_, err = h.store.UpdateCart(
			t.Context(),
			"ann",
			"cart-2",
			[]int64{h.product.ID},
			func(c *orders.Cart, _ map[int64]orders.Product) error {
				c.Items = []orders.CartItem{{ProductID: h.product.ID, Quantity: 1}}
				return nil
			},
		)
		h.must(err)
		// The other process looked the key up before the first order was there.
		tries := 0
		p := &placeCall{
			req: orders.PlaceRequest{CustomerID: "ann", IdempotencyKey: "k"},
			decide: func(orders.Placement) (*orders.Order, error) {
				return nil, errors.New("it was decided again")
			},
		}
		sqldb.RunBatch(t.Context(), []*placeCall{p}, func(ctx context.Context, calls []*placeCall) error {
			if tries++; tries > 1 {
				return other.placeAll(ctx, calls)
			}
			late := &placeCall{
				req: orders.PlaceRequest{CustomerID: "ann"},
				decide: func(p orders.Placement) (*orders.Order, error) {
					return orders.NewOrder(
						orders.Params{
							ID:             uuid.NewString(),
							CustomerID:     "ann",
							CartID:         p.Cart.ID,
							IdempotencyKey: "k",
							Currency:       "USD",
							Lines: []orders.Line{
								{ID: uuid.NewString(), ProductID: h.product.ID, Quantity: 1, Name: "Mouse"},
							},
							PaymentID: uuid.NewString(),
							Method:    payment.Cash,
						},
						event.Stamp{At: first.PlacedAt},
					)
				},
			}
			return other.placeAll(ctx, []*placeCall{late})
		})
		if p.placed || p.err != nil || p.order.ID != first.ID {
			t.Errorf("the second try: %+v", p)
		}
		if tries != 2 {
			t.Errorf("%d tries, want 2", tries)
		}
	})
}
