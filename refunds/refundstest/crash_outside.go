package refundstest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// TestOutsideCrashes cuts the look-up of a payment, and the sweep of the provider's
// lists, after every store write and every page that was read. Another process
// continues, and what is booked in the end is the same as without a cut: outside
// money once, each with its events, the dispute's hold, the reversal of our own
// refund with the refund that replaces it, and the refund that no longer fits, or fits
// again. It works on a store of its own for each case.
func TestOutsideCrashes(t *testing.T, newStore func(t testing.TB) refunds.Store) {
	for name, work := range map[string]func(*outsideWorld, *refunds.Service) error{
		"look-up": func(w *outsideWorld, s *refunds.Service) error {
			_, err := s.SyncPayment(w.ctx, w.request.Payments[0].ProviderID, event.System("test"))
			return err
		},
		"sweep": func(w *outsideWorld, s *refunds.Service) error {
			_, err := s.SweepDue(w.ctx)
			return err
		},
	} {
		for _, h := range outsideHistories {
			t.Run(name+", "+h.name, func(t *testing.T) {
				_, steps := outsideCase(t, newStore(t), h, work, 0)
				for cut := range steps + 1 {
					if got, _ := outsideCase(t, newStore(t), h, work, cut); !slices.Equal(got, h.end) {
						t.Errorf("cut after step %d of %d:\n got %q\nwant %q", cut, steps, got, h.end)
					}
				}
				t.Logf("%d cut points", steps)
			})
		}
	}
}

// outsideHistory is what there is to be found, and what is booked in the end, whatever
// was cut.
type outsideHistory struct {
	name string
	make func(*outsideWorld, testing.TB)
	end  []string
}

var outsideHistories = []outsideHistory{
	{"money of others and a dispute", (*outsideWorld).history, []string{
		"reserved 1500, refunded 0, outside 2000, holds 1",
		"dispute paid counts 500, 1 events",
		"refund paid counts 1200, 1 events",
		"refund paid counts 300, 1 events",
		`map[card reversed 1000, hold "":1 store_credit created 1000, hold "dispute":1 ` +
			`store_credit created 500, hold "choice_of_method":1]`,
	}},
	{"a refund of ours that was sent back", func(w *outsideWorld, t testing.TB) {
		paid := w.pay(t, "", 1, false)
		w.gateway.Settle(paid.Attempt().ProviderID, "failed")
	}, []string{
		"reserved 1000, refunded 0, outside 0, holds 0",
		`map[card reversed 1000, hold "":1 store_credit created 1000, hold "choice_of_method":1]`,
	}},
	{"room for a refund that was on hold", func(w *outsideWorld, t testing.TB) {
		paid := w.pay(t, "", 1, false)
		w.queue(t, "other-", 1)
		w.gateway.RefundOutside(w.request.Payments[0].ProviderID, 1500, "USD")
		w.look(t)
		w.gateway.Settle(paid.Attempt().ProviderID, "failed")
	}, []string{
		"reserved 1500, refunded 0, outside 1500, holds 0",
		"refund paid counts 1500, 1 events",
		`map[card reversed 1000, hold "":1 store_credit created 1000, hold "":1 ` +
			`store_credit created 500, hold "choice_of_method":1]`,
	}},
	{"what others refunded came back", func(w *outsideWorld, t testing.TB) {
		id := w.gateway.RefundOutside(w.request.Payments[0].ProviderID, 3000, "USD")
		w.look(t)
		w.pay(t, "", 2, true)
		w.gateway.Settle(id, "failed")
	}, []string{
		"reserved 2000, refunded 0, outside 0, holds 0",
		"refund returned counts 0, 2 events",
		`map[card reversed 0, hold "":1 store_credit created 2000, hold "choice_of_method":1]`,
	}},
}

// outsideWorld is a world whose provider has lists.
type outsideWorld struct {
	*world
	gateway *Gateway
}

// outsideCase plays one case, and says what is booked in the end and how many
// steps the first process took.
func outsideCase(
	t testing.TB, store refunds.Store, h outsideHistory, work func(*outsideWorld, *refunds.Service) error, cut int,
) (booked []string, steps int) {
	t.Helper()
	g := &Gateway{}
	w := &outsideWorld{newWorld(t.Context(), store, g, nil, payment.Card, "pi_"+newID()), g}
	g.SetClock(w.clock)
	h.make(w, t)
	w.pass(time.Hour)
	s, p := w.begin(t, cut)
	if err := work(w, s); err != nil && !p.dead {
		t.Errorf("cut %d: %v", cut, err)
	}
	steps = p.steps
	w.pass(time.Minute) // past the lease of a process that died
	s, _ = w.begin(t, 0)
	if err := work(w, s); err != nil {
		t.Errorf("after cut %d: %v", cut, err)
	}
	if _, err := s.SyncPayment(w.ctx, w.request.Payments[0].ProviderID, event.System("test")); err != nil {
		t.Errorf("after cut %d: %v", cut, err)
	}
	return w.state(t), steps
}

// history makes what there is to be found: a refund of ours that the bank sent
// back, one that waits unsent, a refund by others that leaves no room for it, and
// a dispute.
func (w *outsideWorld) history(t testing.TB) {
	t.Helper()
	paid := w.pay(t, "", 1, false)
	w.queue(t, "other-", 1)
	w.pass(time.Hour)
	w.gateway.Settle(paid.Attempt().ProviderID, "failed")
	w.gateway.RefundOutside(w.request.Payments[0].ProviderID, 1200, "USD")
	w.gateway.RefundOutside(w.request.Payments[0].ProviderID, 300, "USD")
	w.gateway.Dispute(payment.ProviderDispute{
		ProviderID: "dp_" + newID(), PaymentProviderID: w.request.Payments[0].ProviderID, Amount: 500, Currency: "USD",
		Withdrawn: 500, State: payment.DisputeLost, Status: "lost", Reason: "general",
	})
}

// of is a request of the world's order.
func (w *outsideWorld) of(prefix string, units int) refunds.Request {
	r := w.request
	r.ClientReference = prefix + r.ClientReference
	r.Quote.Lines = slices.Clone(r.Quote.Lines)
	r.Quote.Lines[0].Units = units
	return r
}

// pay refunds units by card.
func (w *outsideWorld) pay(t testing.TB, prefix string, units int, lessOutside bool) refunds.Intent {
	t.Helper()
	s, _ := w.begin(t, 0)
	r := w.of(prefix, units)
	r.LessOutside = lessOutside
	paid, err := s.Refund(w.ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return paid
}

// queue opens a refund by store credit that waits for the worker.
func (w *outsideWorld) queue(t testing.TB, prefix string, units int) {
	t.Helper()
	s, _ := w.begin(t, 0)
	r := w.of(prefix, units)
	r.Method = payment.StoreCredit
	if _, err := s.Request(w.ctx, r); err != nil {
		t.Fatal(err)
	}
}

// look looks the payment up.
func (w *outsideWorld) look(t testing.TB) {
	t.Helper()
	s, _ := w.begin(t, 0)
	if _, err := s.SyncPayment(w.ctx, w.request.Payments[0].ProviderID, event.System("test")); err != nil {
		t.Fatal(err)
	}
}

// begin is a process that dies after step cut (0: it lives).
func (w *outsideWorld) begin(t testing.TB, cut int) (*refunds.Service, *process) {
	t.Helper()
	p := &process{Store: w.store, gateway: w.gateway, cut: cut, world: w.world}
	lists := &cutLists{p: p, Lists: w.gateway.Lists()}
	s, err := refunds.New(refunds.Config{
		Store: p, Gateway: p, RefundLister: lists, History: lists, Payments: w, Now: w.clock,
		SweepWindow: 12 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// PaymentByProviderID implements refunds.Payments.
func (w *outsideWorld) PaymentByProviderID(_ context.Context, id string) (refunds.PaymentRef, error) {
	r := w.request
	paid := r.Payments[0]
	if id != paid.ProviderID {
		return refunds.PaymentRef{}, refunds.ErrNotFound
	}
	return refunds.PaymentRef{OrderID: r.OrderID, PaymentID: paid.ID, ProviderID: id, Captured: paid.Captured,
		Currency: r.Currency}, nil
}

// state is what is booked, without ids and times.
func (w *outsideWorld) state(t testing.TB) (lines []string) {
	t.Helper()
	ref, err := w.PaymentByProviderID(w.ctx, w.request.Payments[0].ProviderID)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := w.begin(t, 0)
	l, err := s.PaymentLedger(w.ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	lines = append(lines, fmt.Sprintf("reserved %d, refunded %d, outside %d, holds %d",
		l.Reserved, l.Refunded, l.Outside, len(l.Holds)))
	for _, o := range l.OutsideMoney {
		events, err := w.store.Events(w.ctx, refunds.OutsideID(o.ProviderID))
		if err != nil {
			t.Fatal(err)
		}
		folded, err := refunds.FoldOutside(events)
		if err != nil || folded != o {
			t.Errorf("events fold to %+v, %v; stored is %+v", folded, err, o)
		}
		lines = append(lines, fmt.Sprintf("%s %s counts %d, %d events", o.Kind, o.State, o.Counted, len(events)))
	}
	byReference := map[string]int{}
	for _, r := range w.refunds() {
		held := r.HoldRef
		if len(held) > 3 && held[:3] == "dp_" {
			held = "dispute"
		}
		byReference[fmt.Sprintf("%s %s %d, hold %q", r.Method, r.Status, r.Amount(), held)]++
	}
	return append(lines, fmt.Sprint(byReference)) // printed in order of the keys
}

// cutLists are lists whose reading is a step.
type cutLists struct {
	*Lists
	p *process
}

// ListRefunds implements payment.RefundLister.
func (l *cutLists) ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[payment.ProviderRefund, error] {
	return cutList(l.p, l.Lists.ListRefunds(ctx, from, to))
}

// RefundsOf implements payment.HistoryReader.
func (l *cutLists) RefundsOf(ctx context.Context, id string) iter.Seq2[payment.ProviderRefund, error] {
	return cutList(l.p, l.Lists.RefundsOf(ctx, id))
}

// DisputesOf implements payment.HistoryReader.
func (l *cutLists) DisputesOf(ctx context.Context, id string) iter.Seq2[payment.ProviderDispute, error] {
	return cutList(l.p, l.Lists.DisputesOf(ctx, id))
}

// ListDisputes implements payment.HistoryReader.
func (l *cutLists) ListDisputes(ctx context.Context, from, to time.Time) iter.Seq2[payment.ProviderDispute, error] {
	return cutList(l.p, l.Lists.ListDisputes(ctx, from, to))
}

func cutList[R any](p *process, list iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		if died := p.step(func() {}); died != nil {
			yield(none, died)
			return
		}
		for r, err := range list {
			if !yield(r, err) {
				return
			}
		}
	}
}
