package app_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// twice runs fn in two goroutines that start together.
func twice(fn func()) {
	start := make(chan struct{})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			<-start
			fn()
		})
	}
	close(start)
	both.Wait()
}

func TestPairsOfIdenticalRequestsMakeOneReturnAndOneRefundEach(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		const pairs, product = 100, 2
		ctx := t.Context()
		s := open(t, false, settings...)
		who := customer(t, s, "ada")
		paid := make([]orders.Order, pairs)
		for i := range paid {
			paid[i] = bought(t, s, who, product, 1)
		}
		before := stock(t, s, product)

		for _, o := range paid {
			var filed, refused atomic.Int64
			twice(func() {
				_, err := s.Returns.Create(ctx, who, returns.CreateParams{
					OrderID: o.ID, CustomerID: who.ID, Reason: returns.ReasonDamaged, Details: "broken",
					Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
				})
				switch {
				case err == nil:
					filed.Add(1)
				case returns.CodeOf(err) == returns.Code(returns.AlreadyReturned):
					refused.Add(1)
				default:
					t.Errorf("a request failed instead of being refused: %v", err)
				}
			})
			if filed.Load() != 1 || refused.Load() != 1 {
				t.Fatalf("of two requests for the last unit %d were filed and %d refused", filed.Load(), refused.Load())
			}
		}
		cases, n, err := s.Returns.Returns(ctx, returns.Query{CustomerID: who.ID, PageSize: 2 * pairs})
		if err != nil || n != pairs || len(cases) != pairs {
			t.Fatalf("%d returns of %d pairs, %v", n, pairs, err)
		}

		for _, c := range cases {
			c := inspect(t, s, c)
			twice(func() {
				p := returns.RefundParams{Method: payment.OriginalMethod}
				if _, _, err := s.Returns.Refund(ctx, c.ID, clerk, p); err != nil {
					t.Errorf("refund of %s: %v", c.RMA, err)
				}
			})
		}
		_, n, err = s.Returns.Returns(
			ctx,
			returns.Query{CustomerID: who.ID, Status: []returns.Status{returns.StatusRefunded}},
		)
		if err != nil || n != pairs {
			t.Errorf("%d of %d returns are refunded, %v", n, pairs, err)
		}
		refunded := map[string]bool{}
		for _, r := range s.Simulator.Ledger().Refunds {
			if refunded[r.Charge] {
				t.Errorf("charge %s was refunded twice", r.Charge)
			}
			refunded[r.Charge] = true
		}
		if len(refunded) != pairs {
			t.Errorf("%d charges are refunded at the provider, want %d", len(refunded), pairs)
		}
		if got := stock(t, s, product); got != before+pairs {
			t.Errorf("stock %d, want %d: one unit for each pair", got, before+pairs)
		}
	})
}

// A process that ends after the money is back leaves the rest to the next one.
func TestWhatACrashCutOffAfterTheRefundIsFinishedAtTheNextStart(t *testing.T) {
	const product, units = 3, 2
	system := event.System("test")
	// paid takes a return up to the refund, which nobody tells the return of.
	paid := func(t *testing.T, s *app.App) (returns.Return, refunds.Refund) {
		ctx := t.Context()
		o := bought(t, s, customer(t, s, "ada"), product, 3)
		c := inspected(t, s, o, units)
		p := o.Purchase()
		r, err := s.Refunds.Refund(ctx, refunds.Request{
			ClientReference: c.ID, OrderID: p.OrderID, Currency: p.Currency, Customer: p.CustomerID,
			Payments: []refunds.Payment{{
				ID: p.Payments[0].ID, Method: p.Payments[0].Method, ProviderID: p.Payments[0].ProviderID,
				Captured: p.Payments[0].Captured,
			}},
			Quote: refunds.QuoteRequest{Currency: p.Currency, Lines: []refunds.QuoteRequestLine{{
				OrderLineID: p.Lines[0].ID, Bought: p.Lines[0].Quantity, Paid: p.Lines[0].Paid.Components, Units: units,
			}}},
			Method: payment.OriginalMethod, By: clerk,
		})
		if err != nil || r.Status != refunds.StatusSucceeded {
			t.Fatalf("refund %s, %v", r.Status, err)
		}
		return c, r.Refund
	}
	for name, crash := range map[string]func(*testing.T, *app.App) returns.Return{
		"before the return is refunded": func(t *testing.T, s *app.App) returns.Return {
			c, _ := paid(t, s)
			return c
		},
		"before the units are restocked": func(t *testing.T, s *app.App) returns.Return {
			c, r := paid(t, s)
			c, err := returnsdb.New(s.DB).Update(t.Context(), c.ID, returns.Changing(func(c *returns.Return) error {
				return c.RefundSucceeded(event.Stamp{At: time.Now(), By: system}, r.ID)
			}))
			if err != nil || c.Status != returns.StatusRefunded || c.Restocked {
				t.Fatalf("return %s, restocked %v, %v", c.Status, c.Restocked, err)
			}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, settings ...string) {
				settings = append(settings, "DATA_DIR="+t.TempDir())
				first := open(t, false, settings...)
				c := crash(t, first)
				before := stock(t, first, product)
				if err := first.Close(context.WithoutCancel(t.Context())); err != nil {
					t.Fatal(err)
				}
				second := open(t, true, settings...)
				eventually(t, "the return to be refunded and restocked", func() bool {
					got, err := second.Returns.Return(t.Context(), c.ID)
					return err == nil && got.Status == returns.StatusRefunded && got.Restocked
				})
				if got := stock(t, second, product); got != before+units {
					t.Errorf("stock %d, want %d", got, before+units)
				}
				if n := len(second.Simulator.Ledger().Refunds); n != 1 {
					t.Errorf("%d refunds at the provider", n)
				}
			})
		})
	}
}
