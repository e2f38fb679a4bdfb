package orders_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

var errCrashed = errors.New("the process is gone")

// process cuts a service off from store and provider at a chosen step, as a
// crash does: what had an effect keeps it, and nothing more happens.
type process struct {
	mu    sync.Mutex
	steps int  // writes and calls so far
	cut   int  // the step of the crash; 0: never
	after bool // the step still has its effect
	dead  bool
}

// step runs one write or call, unless the process is dead or dies of it.
func (p *process) step(effect func()) (alive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false
	}
	p.steps++
	if p.steps != p.cut {
		effect()
		return true
	}
	p.dead = true
	if p.after {
		effect()
	}
	return false
}

type dyingStore struct {
	orders.Store
	p *process
}

func (s dyingStore) Place(ctx context.Context, r orders.PlaceRequest,
	f func(orders.Placement) (*orders.Order, error)) (o orders.Order, placed bool, err error) {
	if !s.p.step(func() { o, placed, err = s.Store.Place(ctx, r, f) }) {
		return orders.Order{}, false, errCrashed
	}
	return o, placed, err
}

func (s dyingStore) Update(ctx context.Context, id string, f func(*orders.Order) error) (o orders.Order, err error) {
	if !s.p.step(func() { o, err = s.Store.Update(ctx, id, f) }) {
		return orders.Order{}, errCrashed
	}
	return o, err
}

func (s dyingStore) Claim(ctx context.Context, now time.Time, lease time.Duration, token string,
	limit int) (found []orders.Order, err error) {
	if !s.p.step(func() { found, err = s.Store.Claim(ctx, now, lease, token, limit) }) {
		return nil, errCrashed
	}
	return found, err
}

type dyingGateway struct {
	payment.ChargeGateway
	p *process
}

func (g dyingGateway) call(f func() payment.Result) (a payment.Result) {
	if !g.p.step(func() { a = f() }) {
		return payment.Result{Outcome: payment.OutcomeUnknown}
	}
	return a
}

func (g dyingGateway) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	return g.call(func() payment.Result { return g.ChargeGateway.CreatePayment(ctx, r) })
}

func (g dyingGateway) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, ref string) payment.Result {
	return g.call(func() payment.Result { return g.ChargeGateway.ConfirmPayment(ctx, r, ref) })
}

func (g dyingGateway) read(
	f func() (payment.PaymentStatus, payment.Result)) (status payment.PaymentStatus, r payment.Result) {
	if !g.p.step(func() { status, r = f() }) {
		return "", payment.Result{Outcome: payment.OutcomeUnknown}
	}
	return status, r
}

func (g dyingGateway) FindPayment(ctx context.Context, ref string) (payment.PaymentStatus, payment.Result) {
	return g.read(func() (payment.PaymentStatus, payment.Result) { return g.ChargeGateway.FindPayment(ctx, ref) })
}

func (g dyingGateway) CancelPayment(ctx context.Context, r payment.ChargeRequest,
	ref string) (payment.PaymentStatus, payment.Result) {
	return g.read(func() (payment.PaymentStatus, payment.Result) { return g.ChargeGateway.CancelPayment(ctx, r, ref) })
}

// TestEveryFaultAtEveryCut cuts a card checkout after every store write and
// every provider call, under every pair of faults, then lets another process
// recover it, and checks: no double charge, no lost order, nothing stuck, the
// stock, the store credit and the audit trail right (I4, I6 for charges, I7, I11,
// I23).
func TestEveryFaultAtEveryCut(t *testing.T) {
	faults := []orderstest.Fault{
		orderstest.FaultNone, orderstest.FaultLostBefore, orderstest.FaultLostAfter, orderstest.FaultHangAfter,
		orderstest.Fault5xx, orderstest.FaultStored5xx, orderstest.FaultNothing, orderstest.FaultPending,
		orderstest.FaultDecline,
	}
	cases, completed, canceled, cut := 0, 0, 0, 0
	for _, create := range faults {
		for _, confirm := range faults {
			for _, limit := range []time.Duration{24 * time.Hour, time.Second} {
				for step := 0; ; step++ {
					reached := false
					for _, after := range []bool{false, true} {
						for _, prune := range []bool{false, true} {
							if testing.Short() && (prune || step == 0 && after) {
								continue
							}
							name := fmt.Sprintf("create %q, confirm %q, limit %s, cut %d after=%v, keys pruned=%v",
								create, confirm, limit, step, after, prune)
							synctest.Test(t, func(t *testing.T) {
								status, died := recovered(t, name, create, confirm, limit,
									&process{cut: step, after: after}, prune)
								cases++
								reached = reached || died
								if died {
									cut++
								}
								if status == orders.StatusCompleted {
									completed++
								} else if status == orders.StatusCanceled {
									canceled++
								}
							})
						}
					}
					if t.Failed() {
						return
					}
					if step > 0 && !reached {
						break // the checkout has fewer steps
					}
				}
			}
		}
	}
	t.Logf("%d cases, %d of them cut: %d completed, %d canceled, the rest were never placed", cases, cut, completed,
		canceled)
	if cut < 1000 || completed == 0 || canceled == 0 {
		t.Errorf("too few cases: the enumeration is broken")
	}
}

func recovered(t *testing.T, name string, create, confirm orderstest.Fault, limit time.Duration, p *process,
	prune bool) (orders.Status, bool) {
	const granted, used = 500, 300
	s := openCredit(t, granted, func(c *orders.Config) { c.QueueLimit, c.GiveUpAfter = limit, 24*time.Hour })
	s.fill(3)
	request := card("key")
	request.Credit = usd(used)
	s.gateway.Script(orderstest.CallCreate, create, create)
	s.gateway.Script(orderstest.CallConfirm, confirm, orderstest.FaultNone, confirm)
	if confirm != orderstest.FaultDecline { // a look-up declines nothing
		s.gateway.Script(orderstest.CallFind, confirm)
	}
	s.gateway.Script(orderstest.CallCancel, confirm)
	first, err := orders.New(orders.Config{
		Store:       dyingStore{s.store, p},
		Gateway:     dyingGateway{s.gateway, p},
		Currency:    "USD",
		CallTimeout: 500 * time.Millisecond,
		QueueLimit:  limit,
		GiveUpAfter: 24 * time.Hour,
	})
	must(t, err)
	_, _ = first.Checkout(t.Context(), request) // its answer may be lost
	// The first process also works a while, and may die of that.
	for range 3 {
		time.Sleep(time.Second)
		_, _ = first.ChargeDue(t.Context(), 10)
	}
	_ = first.Close(t.Context())
	if prune {
		s.gateway.PruneKeys()
	}
	s.work(90 * time.Second)

	found, n, err := s.Orders(t.Context(), orders.Query{})
	must(t, err)
	charges := s.gateway.Charges()
	if n == 0 {
		if len(charges) != 0 || s.stock() != 10 {
			t.Errorf("%s: no order, charges %v, stock %d", name, charges, s.stock())
		}
		s.left(granted)
		return "", p.dead
	}
	o := found[0]
	wantCharges, wantStock, left := 0, 10, int64(granted)
	if o.Status == orders.StatusCompleted {
		wantCharges, wantStock, left = 1, 7, granted-used
	} else if o.Status != orders.StatusCanceled {
		t.Errorf("%s: stuck as %s: %+v", name, o.Status, o.Payment)
	}
	s.left(left)
	if n != 1 || len(charges) != wantCharges || s.stock() != wantStock {
		t.Errorf("%s: %d orders, %s, charges %v, stock %d", name, n, o.Status, charges, s.stock())
	}
	if wantCharges == 1 && (charges[0].Reference != o.Payment.ProviderID || charges[0].Amount+used != o.Total()) {
		t.Errorf("%s: charged %+v for %+v", name, charges[0], o.Payment)
	}
	if misuse := s.gateway.Misuse(); len(misuse) > 0 {
		t.Errorf("%s: %v", name, misuse)
	}
	events, err := s.Events(t.Context(), o.ID)
	must(t, err)
	folded, err := orders.Fold(events)
	must(t, err)
	if !reflect.DeepEqual(folded, o) {
		t.Errorf("%s: events fold to %+v, stored is %+v", name, folded, o)
	}
	if o.IdempotencyKey == "" && o.Payment.Status == orders.PaymentDeclined {
		return o.Status, p.dead // the key is free for another try
	}
	// The customer asks again with the same key: the same order answers.
	again, err := s.Checkout(t.Context(), request)
	if again.ID != o.ID ||
		(orders.CodeOf(err) == orders.CodePaymentDeclined) != (o.Payment.Status == orders.PaymentDeclined) {
		t.Errorf("%s: asked again: order %s, %v; want %s", name, again.ID, err, o.ID)
	}
	return o.Status, p.dead
}

// TestADeclineAfterAConfirmThatWasCutOffIsWithdrawnFirst: the confirm of the
// process that died may arrive yet.
func TestADeclineAfterAConfirmThatWasCutOffIsWithdrawnFirst(t *testing.T) {
	cut := 0
	for step := range 10 {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, func(*orders.Config) {})
			s.fill(3)
			p := &process{cut: step}
			first, err := orders.New(orders.Config{
				Store:       dyingStore{s.store, p},
				Gateway:     dyingGateway{s.gateway, p},
				Currency:    "USD",
				CallTimeout: 500 * time.Millisecond,
			})
			must(t, err)
			_, _ = first.Checkout(t.Context(), card("key"))
			_ = first.Close(t.Context())
			found, n, err := s.Orders(t.Context(), orders.Query{})
			must(t, err)
			if n == 0 || found[0].Payment.Status != orders.PaymentUnknown ||
				s.gateway.Calls(orderstest.CallConfirm) > 0 {
				return
			}
			cut++
			s.gateway.Script(orderstest.CallConfirm, orderstest.FaultDecline)
			s.work(time.Minute)
			s.expect("order and cancels", []any{s.order(found[0].ID).Status, s.gateway.Calls(orderstest.CallCancel)},
				"[cancelled 1]")
		})
	}
	if cut == 0 {
		t.Error("no cut was between the commit and the confirm")
	}
}
