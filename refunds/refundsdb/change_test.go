package refundsdb

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

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
)

// desk is a store that counts its commits.
type desk struct {
	*testing.T
	store   *Store
	commits atomic.Int64
}

func (d *desk) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (d *desk) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if e.Query == "COMMIT" {
		d.commits.Add(1)
	}
}

func newDesk(t *testing.T, db *sqlstore.DB) *desk {
	t.Helper()
	d := &desk{T: t}
	db.AddQueryHook(d)
	d.store = New(db)
	d.must(sqlstore.Migrate(t.Context(), db, Migrations()))
	return d
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) stamp() event.Stamp {
	return event.Stamp{At: time.Now(), By: event.System("test")}
}

// committed checks how many transactions there were since the last time.
func (d *desk) committed(want int64) {
	d.Helper()
	if n := d.commits.Swap(0); n != want {
		d.Errorf("%d commits, want %d", n, want)
	}
}

// opening is a call of Open for one of the 3 units of an order, paid with 30.00.
func (d *desk) opening(reference, order string, m payment.Method, spoil ...func(*refunds.Refund)) *changeCall {
	of := refunds.OpenRequest{ClientReference: reference, OrderID: order,
		PaymentID: "pay-" + order, Captured: 3000, Currency: "USD"}
	c := &changeCall{requests: []refunds.OpenRequest{of}}
	request := refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
		{OrderLineID: order + "-1", Bought: 3, Units: 1, Paid: money.Components{Price: 3000}},
	}}
	c.decide = refunds.OpeningOne(of, func(b refunds.PaymentState,
		current *refunds.Refund) (*refunds.Refund, error) {
		if current != nil {
			return current, nil
		}
		quote, err := refunds.NewQuote(request, b.Refunded)
		if err != nil {
			return nil, err
		}
		r, err := refunds.NewRefund(refunds.Params{
			ID: uuid.NewString(), ClientReference: reference, OrderID: order, PaymentID: of.PaymentID,
			Customer: "ann",
			Attempt: refunds.AttemptParams{ID: uuid.NewString(), Method: m, PaymentProviderID: "pi_" + order,
				Request: request, Quote: quote},
		}, d.stamp())
		if err != nil {
			return nil, err
		}
		for _, f := range spoil {
			f(r)
		}
		return r, r.Submit(d.stamp())
	})
	return c
}

// together executes calls as if they had met.
func (d *desk) together(all func(context.Context, []*changeCall) error, calls ...*changeCall) {
	sqldb.RunBatch(d.Context(), calls, all)
	met := batch.New(nil, 1, func(context.Context, []*changeCall) {})
	for _, c := range calls {
		if c.err == nil {
			c.saved, c.err = c.run(d.Context(), met, all)
		}
	}
}

func (d *desk) open(calls ...*changeCall) {
	d.Helper()
	d.together(d.store.openAll, calls...)
}

// updating is a call of Update.
func updating(id string, change func(*refunds.Refund) error) *changeCall {
	return &changeCall{id: id, decide: func(s refunds.OpenState) ([]refunds.Change, error) {
		one, err := refunds.Changing(change)(s.Payments[0].Balance, s.Refunds[0])
		return []refunds.Change{one}, err
	}}
}

// balance is what an order's payment holds and has given back.
func (d *desk) balance(order string) string {
	d.Helper()
	book, err := d.store.PaymentState(d.Context(), refunds.OpenRequest{ClientReference: "any", OrderID: order,
		PaymentID: "pay-" + order})
	d.must(err)
	return fmt.Sprintf("%d reserved, %d refunded", book.Balance.Reserved, book.Balance.Refunded)
}

func (d *desk) equal(what, got, want string) {
	d.Helper()
	if got != want {
		d.Errorf("%s: %s, want %s", what, got, want)
	}
}

// TestRefundsOpenedTogether: those of different orders are one transaction. One
// of an order that was changed in it comes after, and sees that change.
func TestRefundsOpenedTogether(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDesk(t, db)
		d.commits.Store(0)
		first, second, third := d.opening("r1", "o1", payment.Card), d.opening("r2", "o2",
			payment.Card), d.opening("r3", "o3", payment.Card)
		again, next := d.opening("r1", "o1", payment.Card), d.opening("r4", "o1", payment.Card)
		no := errors.New("no")
		refused := d.opening("r5", "o2", payment.Card)
		refused.decide = func(refunds.OpenState) ([]refunds.Change, error) { return nil, no }
		d.open(refused, first, second, again, third, next)
		d.committed(3) // first, second and third; again; next

		for i, c := range []*changeCall{first, second, third, again, next} {
			if c.err != nil || c.saved[0].Status != refunds.StatusSubmitted {
				t.Errorf("call %d: %s, %v", i, c.saved[0].Status, c.err)
			}
			r, err := d.store.Refund(t.Context(), c.saved[0].ID)
			d.must(err)
			events, err := d.store.Events(t.Context(), r.ID)
			if err != nil || len(events) != r.Version || len(r.Attempts) != 1 {
				t.Errorf("call %d: %d events, version %d, %d attempts, %v", i, len(events), r.Version,
					len(r.Attempts), err)
			}
		}
		if !errors.Is(refused.err, no) {
			t.Errorf("the refused one: %v", refused.err)
		}
		if again.saved[0].ID != first.saved[0].ID || next.saved[0].ID == first.saved[0].ID {
			t.Errorf("refunds %s, again %s, next %s", first.saved[0].ID, again.saved[0].ID, next.saved[0].ID)
		}
		d.equal("order 1", d.balance("o1"), "2000 reserved, 0 refunded")
		d.equal("order 2", d.balance("o2"), "1000 reserved, 0 refunded")

		// What one call is refused for is no matter of the others.
		elsewhere := d.opening("r1", "o9", payment.Card)
		tooMuch := d.opening("r6", "o3", payment.Card, func(r *refunds.Refund) {
			r.Quote.Amount,
				r.Attempt().Amount = 99_000, 99_000
		})
		fine := d.opening("r7", "o7", payment.Card)
		d.open(elsewhere, tooMuch, fine)
		if refunds.CodeOf(elsewhere.err) != refunds.CodeInvalid ||
			refunds.CodeOf(tooMuch.err) != refunds.CodeBalance || fine.err != nil {
			t.Errorf("errors: %v; %v; %v", elsewhere.err, tooMuch.err, fine.err)
		}
		d.equal("order 3", d.balance("o3"), "1000 reserved, 0 refunded")
		d.equal("order 7", d.balance("o7"), "1000 reserved, 0 refunded")
	})
}

// TestRefundsChangedTogether: answers of the provider that come at the same
// time are one transaction; store credit, which may be refused at the end, has
// its own.
func TestRefundsChangedTogether(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDesk(t, db)
		opened := []*changeCall{
			d.opening("r1", "o1", payment.Card), d.opening("r2", "o2", payment.Card), d.opening("r3", "o3",
				payment.StoreCredit),
			d.opening("r4", "o4", payment.Card), d.opening("r5", "o1", payment.Card),
		}
		d.open(opened...)
		id := make([]string, len(opened))
		for i, c := range opened {
			d.must(c.err)
			id[i] = c.saved[0].ID
		}
		done := func(r *refunds.Refund) error {
			return r.RecordResult(d.stamp(),
				refunds.AttemptUpdate{Result: payment.Result{Outcome: payment.OutcomeDone,
					ProviderID: "re_" + r.ID}, Calls: 1, Tries: 1})
		}
		no := errors.New("no")
		calls := []*changeCall{
			updating(id[0], done), updating(id[1], done),
			updating(id[2], func(r *refunds.Refund) error { return r.Succeed(d.stamp(), "MANUAL-STO-00001") }),
			updating(id[3], func(r *refunds.Refund) error { _ = done(r); return no }),
			updating(id[4], done), updating("nobody", done),
		}
		d.commits.Store(0)
		d.together(d.store.updateAll, calls...)
		d.committed(3) // two cards; the credit; another refund of the first one's order
		for i, want := range []error{nil, nil, nil, no, nil, refunds.ErrNotFound} {
			if !errors.Is(calls[i].err, want) {
				t.Errorf("call %d: %v, want %v", i, calls[i].err, want)
			}
		}
		d.equal("order 1", d.balance("o1"), "0 reserved, 2000 refunded")
		d.equal("order 2", d.balance("o2"), "0 reserved, 1000 refunded")
		d.equal("order 3", d.balance("o3"), "0 reserved, 1000 refunded")
		d.equal("order 4", d.balance("o4"), "1000 reserved, 0 refunded")

		// Credit that was spent can't be withdrawn, and the others don't mind.
		if _, err := d.store.Credit(t.Context(), refunds.CreditEntry{ID: "spent", CustomerID: "ann",
			Currency: "USD", Amount: -600, Ref: "spent", At: time.Now(), By: event.System("test")}); err != nil {
			t.Fatal(err)
		}
		reversed := updating(id[2], func(r *refunds.Refund) error {
			return r.Reverse(d.stamp(),
				refunds.ReverseParams{})
		})
		paid := updating(id[3], done)
		d.together(d.store.updateAll, reversed, paid)
		if refunds.CodeOf(reversed.err) != refunds.CodeCreditTooLow || paid.err != nil {
			t.Errorf("reversed: %v; paid: %v", reversed.err, paid.err)
		}
		credit, err := d.store.CreditBalance(t.Context(), "ann", "USD")
		if err != nil || credit != 400 {
			t.Errorf("credit %d, %v, want 400", credit, err)
		}
		d.equal("order 3 after", d.balance("o3"), "0 reserved, 1000 refunded")
		d.equal("order 4 after", d.balance("o4"), "0 reserved, 1000 refunded")
	})
}

// TestProcessesThatOpenTheSameRefunds carry on without a deadlock, and open each
// once.
func TestProcessesThatOpenTheSameRefunds(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		const processes, orderCount, rounds = 2, 12, 3
		var desks []*desk
		for range processes {
			desks = append(desks, newDesk(t, sqlstoretest.Open(t, c)))
		}
		var wg sync.WaitGroup
		ids := make([]sync.Map, orderCount*rounds)
		for p, d := range desks {
			for n := range orderCount * rounds {
				if p > 0 {
					n = orderCount*rounds - 1 - n // from the other end
				}
				wg.Go(func() {
					order := fmt.Sprintf("o%d", n%orderCount)
					o := d.opening(fmt.Sprintf("r%d", n), order, payment.Card)
					saved, err := d.store.Open(t.Context(), o.requests, o.decide)
					if err != nil {
						t.Error(err)
						return
					}
					r := saved[0]
					ids[n].Store(r.ID, true)
					_, err = d.store.Update(t.Context(), r.ID, refunds.Changing(func(r *refunds.Refund) error {
						if r.Status == refunds.StatusSucceeded {
							return nil
						}
						return r.RecordResult(d.stamp(),
							refunds.AttemptUpdate{Result: payment.Result{Outcome: payment.OutcomeDone,
								ProviderID: "re_" + r.ID}, Calls: 1, Tries: 1})
					}))
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		for n := range ids {
			found := 0
			ids[n].Range(func(any, any) bool { found++; return true })
			if found != 1 {
				t.Errorf("reference r%d has %d refunds", n, found)
			}
		}
		for n := range orderCount {
			desks[0].equal("balance", desks[0].balance(fmt.Sprintf("o%d", n)), "0 reserved, 3000 refunded")
		}
	})
}
