package guard

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// reading is scripted with what happened to payments.
type reading struct {
	scripted
	err error // ends each list
}

func (r *reading) RefundsOf(context.Context, string) iter.Seq2[payment.ProviderRefund, error] {
	return told[payment.ProviderRefund](r)
}

func (r *reading) DisputesOf(context.Context, string) iter.Seq2[payment.ProviderDispute, error] {
	return told[payment.ProviderDispute](r)
}

func (r *reading) ListDisputes(context.Context, time.Time, time.Time) iter.Seq2[payment.ProviderDispute, error] {
	return told[payment.ProviderDispute](r)
}

// told is a list of one, and then the error.
func told[T any](r *reading) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		r.say()
		var one T
		if yield(one, nil) && r.err != nil {
			yield(one, r.err)
		}
	}
}

// knowing has all that a gateway may have.
type knowing struct {
	reading
	payment.RefundLister
}

// histories are the calls of a reader; each returns how many it read.
func histories(h payment.HistoryReader) map[string]func(context.Context) (int, error) {
	return map[string]func(context.Context) (int, error){
		"RefundsOf":  func(ctx context.Context) (int, error) { return count(h.RefundsOf(ctx, "pi_1")) },
		"DisputesOf": func(ctx context.Context) (int, error) { return count(h.DisputesOf(ctx, "pi_1")) },
		"ListDisputes": func(ctx context.Context) (int, error) {
			return count(h.ListDisputes(ctx, time.Time{}, time.Time{}))
		},
	}
}

func count[T any](list iter.Seq2[T, error]) (n int, err error) {
	for _, e := range list {
		if e != nil {
			return n, e
		}
		n++
	}
	return n, nil
}

func TestTheHistoryOfAPaymentIsReadThroughTheBreaker(t *testing.T) {
	boom := errors.New("page 2: 503")
	for name := range histories(nil) {
		t.Run(name, func(t *testing.T) {
			g, b := &reading{}, newBreaker(t, 1)
			h, ok := Refunds(g, b).(payment.HistoryReader)
			if !ok {
				t.Fatal("the guard of a gateway with a history has none")
			}
			if n, err := histories(h)[name](t.Context()); n != 1 || err != nil || g.calls != 1 {
				t.Errorf("read %d, %v, in %d calls", n, err, g.calls)
			}
			g.err = boom
			if _, err := histories(h)[name](t.Context()); !errors.Is(err, boom) || b.State() != resilience.Open {
				t.Errorf("%v, and the breaker is %v", err, b.State())
			}
			for other, read := range histories(h) {
				if n, err := read(t.Context()); n != 0 || !errors.Is(err, resilience.ErrOpen) {
					t.Errorf("%s while open: %d, %v", other, n, err)
				}
			}
			if g.calls != 2 {
				t.Errorf("%d calls were sent, want 2", g.calls)
			}
		})
	}
}

func TestAGuardHasTheHistoryThatItsGatewayHas(t *testing.T) {
	b := newBreaker(t, 1)
	for name, tc := range map[string]struct {
		gateway      payment.RefundGateway
		lists, reads bool
	}{
		"plain":   {&scripted{}, false, false},
		"lists":   {&listing{}, true, false},
		"reads":   {&reading{}, false, true},
		"knowing": {&knowing{RefundLister: &listing{}}, true, true},
	} {
		_, lists := Refunds(tc.gateway, b).(payment.RefundLister)
		_, reads := Refunds(tc.gateway, b).(payment.HistoryReader)
		if lists != tc.lists || reads != tc.reads {
			t.Errorf("%s: list %t, history %t", name, lists, reads)
		}
	}
	if History(nil, b) != nil {
		t.Error("the guard of no history is not nil")
	}
}
