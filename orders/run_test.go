package orders_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// worked collects what Run reports.
type worked struct {
	mu   sync.Mutex
	runs []resilience.WorkerRun
}

func (w *worked) note(_ context.Context, r resilience.WorkerRun) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = append(w.runs, r)
}

func (w *worked) of(job string) (calls, done, failed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.runs {
		if r.Job != job {
			continue
		}
		calls, done = calls+1, done+r.Done
		if r.Err != nil {
			failed++
		}
	}
	return calls, done, failed
}

// run starts the worker and returns what stops it and waits for it.
func (s *shop) run() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	}
}

func TestRunChargesWhatIsQueuedAndEndsReservations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w worked
		s := open(t, func(c *orders.Config) { c.Worked, c.ReservationTime = w.note, time.Minute })
		s.gateway.Script(orderstest.CallConfirm, orderstest.Fault5xx, orderstest.Fault5xx)
		s.fill(3)
		o, err := s.Checkout(t.Context(), card("k"))
		must(t, err)
		s.expect("at checkout", o.Status, orders.StatusQueued)
		now := time.Now()
		sale, err := s.CreateFlashSale(t.Context(), staff, orders.FlashSaleParams{
			ProductID: s.mouse.ID, Starts: now, Ends: now.Add(time.Hour), PercentBP: 1000, Cap: 5,
		})
		must(t, err)
		held, err := s.ReserveFlashSale(t.Context(), sale.ID, ann, 2)
		must(t, err)
		s.expect("stock while held", s.stock(), 5)

		stop := s.run()
		time.Sleep(2 * time.Minute)
		stop()
		s.expect("after a while", s.order(o.ID).Status, orders.StatusCompleted)
		s.expect("stock", s.stock(), 7)
		held, err = s.Reservation(t.Context(), held.ID)
		must(t, err)
		s.expect("reservation", held.Status, orders.ReservationExpired)
		for _, job := range []string{orders.JobCharge, orders.JobExpire} {
			if calls, done, failed := w.of(job); calls < 100 || calls > 160 || done == 0 || failed > 0 {
				t.Errorf("%s: %d calls in 2 minutes, %d done, %d failed", job, calls, done, failed)
			}
		}
	})
}

func TestRunLooksAtOnceWhenItIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, func(c *orders.Config) { c.WorkEvery = time.Hour })
		s.gateway.Script(orderstest.CallConfirm, orderstest.Fault5xx)
		stop := s.run()
		synctest.Wait()
		s.fill(1)
		o, err := s.Checkout(t.Context(), card("k"))
		must(t, err)
		time.Sleep(time.Minute)
		s.expect("nobody looked", s.order(o.ID).Status, orders.StatusQueued)
		s.Wake()
		s.Wake()
		synctest.Wait()
		s.expect("woken", s.order(o.ID).Status, orders.StatusCompleted)
		stop()
	})
}

// failing is a store whose claims fail, or panic.
type failing struct {
	orders.Store
	claim func() error
}

func (f failing) Claim(ctx context.Context, now time.Time, lease time.Duration, token string,
	limit int) ([]orders.Order, error) {
	if err := f.claim(); err != nil {
		return nil, err
	}
	return f.Store.Claim(ctx, now, lease, token, limit)
}

func TestRunWaitsLongerAfterEachErrorAndSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w worked
		mended := time.Now().Add(5 * time.Minute)
		s := open(t, func(c *orders.Config) {
			c.Worked = w.note
			c.Store = failing{c.Store, func() error {
				if time.Now().After(mended) {
					return nil
				}
				if time.Now().Before(mended.Add(-4 * time.Minute)) {
					panic("store")
				}
				return errors.New("no database")
			}}
		})
		stop := s.run()
		time.Sleep(5 * time.Minute)
		if calls, _, failed := w.of(orders.JobCharge); calls != failed || calls < 8 || calls > 30 {
			t.Errorf("%d calls in 5 minutes of errors, %d failed", calls, failed)
		}
		if calls, _, failed := w.of(orders.JobExpire); failed > 0 || calls < 200 {
			t.Errorf("the other job: %d calls, %d failed", calls, failed)
		}
		time.Sleep(2 * time.Minute)
		before, _, _ := w.of(orders.JobCharge)
		time.Sleep(time.Minute)
		if calls, _, _ := w.of(orders.JobCharge); calls-before < 40 {
			t.Errorf("%d calls in a minute after the errors", calls-before)
		}
		stop()
	})
}

func TestAServiceInATransactionCallsNoProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(2)
		in := s.With(s.store)
		o, err := in.Checkout(t.Context(), card("k"))
		must(t, err)
		s.expect("card order", o.Status, orders.StatusQueued)
		for name, verb := range map[string]func() error{
			"charge": func() error { _, err := in.ChargeDue(t.Context(), 1); return err },
			"cancel": func() error { _, err := in.Cancel(t.Context(), o.ID, ann, "no"); return err },
			"run":    func() error { return in.Run(t.Context()) },
			"resolve": func() error {
				_, err := in.Resolve(t.Context(), o.ID, event.Actor{}, orders.Resolution{Reason: "seen"})
				return err
			},
		} {
			if err := verb(); !errors.Is(err, payment.ErrInTransaction) {
				t.Errorf("%s: %v", name, err)
			}
		}
		other := card("k")
		other.Token = "pm_other"
		if _, err := in.Checkout(t.Context(), other); orders.CodeOf(err) != orders.CodeIdempotencyMismatch {
			t.Errorf("another card under the key: %v", err)
		}
		s.expect("calls", s.gateway.Calls(orderstest.CallCreate), 0)
		s.expect("observed", s.seen.String(), "")
		_, err = s.ChargeDue(t.Context(), 1)
		must(t, err)
		s.expect("after the commit", s.order(o.ID).Status, orders.StatusCompleted)

		s.fill(1)
		paid, err := in.Checkout(t.Context(), cash())
		must(t, err)
		s.expect("cash order", paid.Status, orders.StatusCompleted)
		must(t, in.Close(t.Context()))
		s.fill(1)
		_, err = s.Checkout(t.Context(), cash())
		must(t, err) // the service itself is not closed
	})
}
