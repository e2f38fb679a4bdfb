package orders_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

// work runs the worker until nothing is due for a while.
func (s *shop) work(d time.Duration) {
	s.t.Helper()
	start := time.Now()
	for step := 50 * time.Millisecond; time.Since(start) < d; time.Sleep(step) {
		if time.Since(start) > 3*time.Second {
			step = time.Second
		}
		if _, err := s.ChargeDue(s.t.Context(), 10); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestCheckoutQueuesWhatTheProviderDoesNotSettle(t *testing.T) {
	for _, c := range []struct {
		call  orderstest.Call
		fault orderstest.Fault
		pay   orders.PaymentStatus
	}{
		{orderstest.CallCreate, orderstest.FaultNothing, orders.PaymentPending},
		{orderstest.CallCreate, orderstest.FaultLostAfter, orders.PaymentPending},
		{orderstest.CallCreate, orderstest.Fault5xx, orders.PaymentPending},
		{orderstest.CallCreate, orderstest.FaultStored5xx, orders.PaymentPending},
		{orderstest.CallConfirm, orderstest.FaultNothing, orders.PaymentPending},
		{orderstest.CallConfirm, orderstest.FaultLostBefore, orders.PaymentUnknown},
		{orderstest.CallConfirm, orderstest.FaultLostAfter, orders.PaymentUnknown},
		{orderstest.CallConfirm, orderstest.FaultHangBefore, orders.PaymentUnknown},
		{orderstest.CallConfirm, orderstest.FaultHangAfter, orders.PaymentUnknown},
		{orderstest.CallConfirm, orderstest.FaultPending, orders.PaymentUnknown},
		{orderstest.CallConfirm, orderstest.FaultStored5xx, orders.PaymentUnknown},
	} {
		t.Run(string(c.call)+" "+string(c.fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, nil)
				s.fill(3)
				s.gateway.Script(c.call, c.fault)
				o, err := s.Checkout(t.Context(), card(""))
				must(t, err)
				s.expect("answer", []any{o.Status, o.Payment.Status, o.Payment.Work.Attempts},
					[]any{orders.StatusQueued, c.pay, 1})
				s.expect("stock is held", s.stock(), 7)
				s.work(20 * time.Second)
				o = s.order(o.ID)
				s.expect("in the end", []any{o.Status, len(s.gateway.Charges()), s.gateway.Misuse()},
					[]any{orders.StatusCompleted, 1, []string{}})
				if c.fault == orderstest.FaultLostAfter && c.call == orderstest.CallConfirm {
					s.expect("what was captured is looked up and not confirmed again",
						[]int{s.gateway.Calls(orderstest.CallConfirm), s.gateway.Calls(orderstest.CallFind)}, "[1 1]")
				}
			})
		})
	}
}

func TestCheckoutAnswersQueuedWhenTheProviderIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, func(c *orders.Config) { c.PaymentWait = 25 * time.Millisecond })
		s.fill(3)
		s.gateway.Script(orderstest.CallConfirm, orderstest.FaultHangAfter)
		start := time.Now()
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("answer", []any{o.Status, time.Since(start)}, []any{orders.StatusQueued, 25 * time.Millisecond})
		if n, err := s.ChargeDue(t.Context(), 10); n != 0 || err != nil {
			t.Errorf("the attempt in flight was claimed: %d, %v", n, err)
		}
		must(t, s.Close(t.Context()))
		o = s.order(o.ID)
		s.expect("recorded before Close returned", []any{o.Payment.Status, o.Payment.Work.LastError},
			"[unknown unknown timeout: no answer]")
		s.expect("observer", s.seen, "submitted web, accepted queued 25ms")
	})
}

func TestASlowAttemptGoesOnAndCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		svc, err := orders.New(orders.Config{Store: s.store, Currency: "USD", Observer: s.seen,
			Gateway: &slowGateway{
				ChargeGateway: s.gateway,
				d:             400 * time.Millisecond,
			}, PaymentWait: 100 * time.Millisecond})
		must(t, err)
		o, err := svc.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("answer", o.Status, orders.StatusQueued)
		synctest.Wait()
		time.Sleep(time.Second)
		s.expect("in the end", s.order(o.ID).Status, orders.StatusCompleted)
		s.expect("observer", s.seen, "submitted web, accepted queued 100ms, settled completed 400ms")
	})
}

func TestTheCustomerLeavesAndTheChargeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		svc, err := orders.New(orders.Config{Store: s.store, Currency: "USD", Observer: s.seen,
			Gateway: &slowGateway{ChargeGateway: s.gateway, d: 400 * time.Millisecond}})
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		o, err := svc.Checkout(ctx, card(""))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s.expect("in the end", s.order(o.ID).Status, orders.StatusCompleted)
		s.expect("observer", s.seen, "submitted web, failed web")
	})
}

func TestAnOpenBreakerCostsOneRoundAndNotTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, func(c *orders.Config) { c.Parallel = 1 })
		s.gateway.Always(orderstest.CallCreate, orderstest.FaultNothing)
		for range 5 {
			s.fill(1)
			_, err := s.Checkout(t.Context(), card(""))
			must(t, err)
		}
		time.Sleep(2 * time.Second)
		before := s.gateway.Calls(orderstest.CallCreate)
		n, err := s.ChargeDue(t.Context(), 100)
		must(t, err)
		s.expect("attempts", []int{n, s.gateway.Calls(orderstest.CallCreate) - before}, "[1 1]")
		s.gateway.Always(orderstest.CallCreate, orderstest.FaultNone)
		s.work(5 * time.Second)
		s.expect("charges", len(s.gateway.Charges()), 5)
	})
}

func TestAnOrderIsGivenUpOnlyWhenCertainlyUnpaid(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*orderstest.Gateway)
		mend    func(*orderstest.Gateway)
		want    orders.Status
		charges int
	}{
		{"never created", func(g *orderstest.Gateway) { g.Always(orderstest.CallCreate, orderstest.FaultNothing) },
			nil, orders.StatusCanceled, 0},
		{"created, never confirmed", func(g *orderstest.Gateway) {
			g.Always(orderstest.CallConfirm, orderstest.FaultNothing)
		}, nil, orders.StatusCanceled, 0},
		{"captured, with an unknown outcome", func(g *orderstest.Gateway) {
			g.Always(orderstest.CallConfirm, orderstest.FaultLostAfter)
			g.Always(orderstest.CallFind, orderstest.FaultLostBefore)
		}, func(g *orderstest.Gateway) { g.Always(orderstest.CallFind, orderstest.FaultNone) },
			orders.StatusCompleted, 1},
		{"the provider is dead beyond the limit", func(g *orderstest.Gateway) {
			for _, call := range []orderstest.Call{orderstest.CallConfirm, orderstest.CallFind, orderstest.CallCancel} {
				g.Always(call, orderstest.FaultLostBefore)
			}
		}, nil, orders.StatusQueued, 0},
		{"and comes back", func(g *orderstest.Gateway) {
			for _, call := range []orderstest.Call{orderstest.CallConfirm, orderstest.CallFind, orderstest.CallCancel} {
				g.Always(call, orderstest.FaultLostBefore)
			}
		}, func(g *orderstest.Gateway) { g.Always(orderstest.CallCancel, orderstest.FaultNone) },
			orders.StatusCanceled, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, func(cfg *orders.Config) { cfg.QueueLimit, cfg.GiveUpAfter = time.Hour, 24*time.Hour })
				s.fill(3)
				c.prepare(s.gateway)
				o, err := s.Checkout(t.Context(), card(""))
				must(t, err)
				for range 200 {
					time.Sleep(30 * time.Second)
					_, err := s.ChargeDue(t.Context(), 10)
					must(t, err)
				}
				if c.mend != nil {
					s.expect("before the provider is back", s.order(o.ID).Status, orders.StatusQueued)
					c.mend(s.gateway)
					s.work(3 * time.Minute)
				}
				o = s.order(o.ID)
				s.expect("in the end", []any{o.Status, len(s.gateway.Charges())}, []any{c.want, c.charges})
				if want := 7; c.want == orders.StatusCanceled {
					s.expect("stock", s.stock(), 10)
				} else {
					s.expect("stock", s.stock(), want)
				}
			})
		})
	}
}

func TestAnOrderNobodyCanTellOfIsForAPerson(t *testing.T) {
	calls := []orderstest.Call{orderstest.CallConfirm, orderstest.CallFind, orderstest.CallCancel}
	for _, c := range []struct {
		name string
		end  func(s *shop, id string) (orders.Order, error)
		want string
	}{
		{"it was paid", func(s *shop, id string) (orders.Order, error) {
			return s.Resolve(t.Context(), id, staff, orders.Resolution{Captured: true, Reason: "seen at the provider"})
		}, "completed 7"},
		{"it was not", func(s *shop, id string) (orders.Order, error) {
			return s.Resolve(t.Context(), id, staff,
				orders.Resolution{Captured: false, Reason: "cancelled at the provider"})
		}, "cancelled 10"},
		{"the provider is asked again", func(s *shop, id string) (orders.Order, error) {
			for _, call := range calls {
				s.gateway.Always(call, orderstest.FaultNone)
			}
			if _, err := s.Retry(t.Context(), id, staff, "the provider is back"); err != nil {
				return orders.Order{}, err
			}
			_, err := s.ChargeDue(t.Context(), 1)
			return s.order(id), err
		}, "cancelled 10"},
		{"and is still dead", func(s *shop, id string) (orders.Order, error) {
			if _, err := s.Retry(t.Context(), id, staff, "perhaps it is back"); err != nil {
				return orders.Order{}, err
			}
			_, err := s.ChargeDue(t.Context(), 1)
			return s.order(id), err
		}, "queued 7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, func(cfg *orders.Config) { cfg.QueueLimit, cfg.GiveUpAfter = time.Hour, 2*time.Hour })
				s.fill(3)
				for _, call := range calls {
					s.gateway.Always(call, orderstest.FaultLostBefore)
				}
				o, err := s.Checkout(t.Context(), card(""))
				must(t, err)
				for range 118 {
					time.Sleep(time.Minute)
					_, err := s.ChargeDue(t.Context(), 10)
					must(t, err)
				}
				s.expect("before the time", s.order(o.ID).Payment.Work.NeedsReview, false)
				_, err = s.Retry(t.Context(), o.ID, staff, "too early")
				s.expect("retried too early", orders.CodeOf(err), orders.CodeTransition)
				s.work(5 * time.Minute)
				found, n, err := s.Orders(t.Context(), orders.Query{NeedsReview: true})
				must(t, err)
				s.expect("orders in the queue", n, 1)
				s.expect("nothing is released", []any{found[0].Status, s.stock()}, "[queued 7]")
				attempts := found[0].Payment.Work.Attempts
				s.work(time.Hour)
				s.expect("nobody tries again", s.order(o.ID).Payment.Work.Attempts, attempts)

				_, err = s.Retry(t.Context(), o.ID, staff, "")
				s.expect("retried without a reason", orders.CodeOf(err), orders.CodeInvalid)
				o, err = c.end(s, o.ID)
				must(t, err)
				s.expect("in the end", fmt.Sprint(o.Status, " ", s.stock()), c.want)
				s.expect("needs review", o.Payment.Work.NeedsReview, c.want == "queued 7")
				events, err := s.Events(t.Context(), o.ID)
				must(t, err)
				folded, err := orders.Fold(events)
				must(t, err)
				s.expect("folded", folded, o)
			})
		})
	}
}

func TestCancel(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*orderstest.Gateway)
		code    orders.Code
		want    orders.Status
	}{
		{"nothing was created", func(g *orderstest.Gateway) {
			g.Always(orderstest.CallCreate, orderstest.FaultNothing)
		}, "", orders.StatusCanceled},
		{"the provider withdraws it", func(g *orderstest.Gateway) {
			g.Always(orderstest.CallConfirm, orderstest.FaultLostBefore)
		}, "", orders.StatusCanceled},
		{"it is paid", func(g *orderstest.Gateway) { g.Always(orderstest.CallConfirm, orderstest.FaultLostAfter) },
			orders.CodeTransition, orders.StatusCompleted},
		{"unknown outcome", func(g *orderstest.Gateway) {
			g.Always(orderstest.CallConfirm, orderstest.FaultLostBefore)
			g.Always(orderstest.CallCancel, orderstest.FaultLostAfter)
		}, orders.CodePaymentUncertain, orders.StatusQueued},
		{"it is completed", func(*orderstest.Gateway) {}, orders.CodeTransition, orders.StatusCompleted},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, nil)
				s.fill(3)
				c.prepare(s.gateway)
				o, err := s.Checkout(t.Context(), card(""))
				must(t, err)
				_, err = s.Cancel(t.Context(), o.ID, staff, "customer changed their mind")
				o = s.order(o.ID)
				s.expect("answer", []any{orders.CodeOf(err), o.Status}, []any{c.code, c.want})
				wantStock := 7
				if c.want == orders.StatusCanceled {
					wantStock = 10
				}
				s.expect("stock", s.stock(), wantStock)
				s.work(time.Minute)
				o = s.order(o.ID)
				s.expect("charges agree", len(s.gateway.Charges()) == 1, o.Status == orders.StatusCompleted)
			})
		})
	}
	_, err := open(t, nil).Cancel(t.Context(), "nope", staff, "")
	if orders.CodeOf(err) != orders.CodeNotFound {
		t.Error(err)
	}
}

func TestCancelWaitsForTheChargeInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, func(c *orders.Config) { c.PaymentWait = 10 * time.Millisecond })
		s.fill(3)
		s.gateway.Script(orderstest.CallConfirm, orderstest.FaultHangAfter)
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		_, err = s.Cancel(t.Context(), o.ID, staff, "now")
		s.expect("answer", orders.CodeOf(err), orders.CodePaymentUncertain)
		s.work(5 * time.Second)
		s.expect("in the end", s.order(o.ID).Status, orders.StatusCompleted)
	})
}

func TestAfterCloseCardOrdersAreQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		must(t, s.Close(t.Context()))
		must(t, s.Close(t.Context()))
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("answer", []any{o.Status, s.gateway.Calls(orderstest.CallCreate)}, "[queued 0]")
		n, err := s.ChargeDue(t.Context(), 10)
		s.expect("a closed service charges nobody", []any{n, err}, "[0 <nil>]")
		next, err := orders.New(orders.Config{Store: s.store, Gateway: s.gateway, Currency: "USD"})
		must(t, err)
		n, err = next.ChargeDue(t.Context(), 10)
		s.expect("the next one does, at once", []any{n, err, s.order(o.ID).Status},
			[]any{1, nil, orders.StatusCompleted})
	})
}

// deaf ignores its context, as a gateway should not.
type deaf struct {
	payment.ChargeGateway
	answer chan struct{}
}

func (g *deaf) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, reference string) payment.Result {
	<-g.answer
	return g.ChargeGateway.ConfirmPayment(ctx, r, reference)
}

func TestALateWorkerOverwritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		g := &deaf{ChargeGateway: s.gateway, answer: make(chan struct{})}
		paused, err := orders.New(
			orders.Config{Store: s.store, Gateway: g, Currency: "USD", CallTimeout: 500 * time.Millisecond})
		must(t, err)
		o, err := paused.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("answer", o.Status, orders.StatusQueued)
		time.Sleep(15 * time.Second) // its lease runs out
		s.work(time.Second)
		done := s.order(o.ID)
		s.expect("another worker finished it", done.Status, orders.StatusCompleted)
		close(g.answer)
		must(t, paused.Close(t.Context()))
		s.expect("nothing changed after", s.order(o.ID), done)
		s.expect("charges", len(s.gateway.Charges()), 1)
	})
}

func TestTheWaitsBetweenAttemptsGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(1)
		s.gateway.Always(orderstest.CallConfirm, orderstest.FaultLostBefore)
		s.gateway.Always(orderstest.CallFind, orderstest.FaultLostBefore)
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		var got []time.Duration
		for range 12 {
			o = s.order(o.ID)
			d := time.Until(o.Payment.Work.NextAt).Round(time.Millisecond)
			got = append(got, d)
			time.Sleep(d + time.Microsecond)
			_, err := s.ChargeDue(t.Context(), 1)
			must(t, err)
		}
		s.expect("waits", got, "[100ms 200ms 400ms 800ms 1.6s 3.2s 6.4s 12.8s 25.6s 51.2s 1m0s 1m0s]")
	})
}
