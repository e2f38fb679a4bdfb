package returnstest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// TestStore is the conformance suite of returns.Store: each promise of the interface's
// documentation is a subtest. newStore returns a fresh, empty store for each case.
//
// A case fails when nothing happens for 200 times as long as a call of the store takes,
// and when a call panics; what differs is printed field by field.
func TestStore(t *testing.T, newStore func(t *testing.T) returns.Store) {
	suite.Run(t, storePromises, suite.Options[*bench]{
		Start: func(t *suite.T) *bench { return newBench(t, newStore) },
		Calibrate: func(b *bench) int {
			b.terms = b.publish(policy()).ID
			for range 3 {
				b.filed(b.order("ann", 2), 1)
			}
			return 4
		},
	})
}

// withTerms publishes terms first.
func withTerms(run func(b *bench)) func(b *bench) {
	return func(b *bench) {
		b.terms = b.publish(policy()).ID
		run(b)
	}
}

// bench is what each case works with.
type bench struct {
	*suite.T
	ctx   context.Context
	store returns.Store
	now   time.Time
	terms string // the id of published terms
}

func newBench(t *suite.T, newStore func(t *testing.T) returns.Store) *bench {
	return &bench{T: t, ctx: t.Context(), store: watched{newStore(t.Testing()), t},
		now: time.Date(2026, 5, 4, 10, 0, 0, 123_456_000, time.UTC)}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func (b *bench) stamp() event.Stamp {
	return event.Stamp{
		At: b.now, By: event.Actor{Kind: event.ActorStaff, ID: "7", Name: "Mo O'Brien \\ \"?\""},
		Source: event.Source{Address: "2001:db8::1", Request: "req-7"},
	}
}

func (b *bench) ok(err error) {
	b.Helper()
	b.OK(err)
}

func (b *bench) equal(what string, got, want any) {
	b.Helper()
	b.Equal(what, got, want)
}

func (b *bench) code(err error, want returns.NonReturnableReason) {
	b.Helper()
	if returns.CodeOf(err) != returns.Code(want) {
		b.Errorf("error %v has code %q, want %q", err, returns.CodeOf(err), want)
	}
}

// policy uses every field, so that a store that loses one is seen.
func policy() returns.Policy {
	return returns.Policy{
		Enabled: true, WindowDays: 30, Start: returns.FromDelivery, Zone: "Europe/Dublin", WorkingDayEnd: true,
		RefundWithinDays: 14,
		Holidays: []returns.Holiday{
			{Day: returns.Day{Year: 2026, Month: 8, Day: 3}, Name: "Lá Saoire i mí Lúnasa"},
		},
		FinalSale: true, MaxQuantity: 1000, MaxPhotos: 5, PhotoTypes: []string{"jpeg", "png"},
		Windows:           []returns.Window{{Category: "Möbel & \"mehr\"", Reason: returns.ReasonDamaged, Days: 90}},
		Reasons:           []returns.Reason{returns.ReasonDamaged, returns.ReasonOther},
		PhotosRequired:    1,
		PhotosRequiredFor: []returns.Reason{returns.ReasonDamaged},
		RestockingFees: []returns.FeeRule{
			{Reason: returns.ReasonOther, Condition: returns.ConditionUsed, PercentBP: 1500},
		},
		ReturnShippingFees: []returns.FeeRule{{Fixed: 499}},
		RefundFrom:         returns.StatusReceived, RestockAt: returns.RestockAtRefund, AutoAuthorize: true,
		Currency: "USD",
	}
}

func (b *bench) publish(p returns.Policy) returns.Terms {
	b.Helper()
	t, err := b.store.Publish(
		b.ctx, returns.Terms{
			ID: newID(), Policy: p, PublishedAt: b.now, PublishedBy: b.stamp().By, Note: "it's 100 % \\ fair",
		},
	)
	b.ok(err)
	return t
}

// order is a completed order with a line for each quantity.
// Its line ids, "1", "2" and so on, are those of every other order too.
func (b *bench) order(customer string, units ...int) purchase.Purchase {
	o := purchase.Purchase{
		OrderID: newID(), CustomerID: customer, TermsID: b.terms, Currency: "USD", Status: purchase.Completed,
		PlacedAt: b.now,
	}
	for i, n := range units {
		o.Lines = append(o.Lines, purchase.Line{
			ID: strconv.Itoa(i + 1), ProductID: "sku/" + strconv.Itoa(i+1) + " ü", Name: "Mouse",
			Category: "Hardware", Quantity: n,
			Paid: purchase.Paid("USD", money.Components{Price: 1000 * int64(n)}),
		})
	}
	o.Payments = []purchase.Payment{{ID: newID(), Method: payment.Card, ProviderID: "pi_1", Captured: o.Total()}}
	return o
}

// filing is a decision that files units of the order's first lines, one number
// a line, judged by a policy that allows all that is left.
func (b *bench) filing(
	o purchase.Purchase,
	authorize bool,
	units ...int,
) func(returns.Claims) (*returns.Return, error) {
	id := newID()
	return func(claims returns.Claims) (*returns.Return, error) {
		d := returns.Params{
			ID: id, OrderID: o.OrderID, CustomerID: o.CustomerID, TermsID: b.terms, Reason: returns.ReasonDamaged,
			Details: "Ärger: \"it's\" broken\n\\ 100 %", Authorize: authorize,
			Evidence: []returns.Evidence{
				{
					ID:          newID(),
					Path:        "2026/05/x.jpg",
					ContentType: "image/jpeg",
					Bytes:       12,
					Width:       3,
					Height:      4,
					UploadedAt:  b.now,
				},
			},
		}
		ask := returns.Request{CustomerID: o.CustomerID, Reason: d.Reason, Photos: []string{"jpeg"}}
		for i, n := range units {
			if n == 0 {
				continue
			}
			l := o.Lines[i]
			ask.Items = append(ask.Items, returns.RequestItem{OrderLineID: l.ID, Quantity: n})
			d.Lines = append(
				d.Lines, returns.Line{
					ID: newID(), OrderLineID: l.ID, ProductID: l.ProductID, Name: l.Name, Category: l.Category,
					Quantity: n,
				},
			)
		}
		d.Verdict = returns.Evaluate(returns.Terms{ID: b.terms, Policy: policy()}, o, claims, ask, b.now)
		if why := d.Verdict.Reasons(); len(why) > 0 {
			return nil, &returns.Error{Code: returns.Code(why[0]), Message: d.Verdict.Message(), Verdict: &d.Verdict}
		}
		return returns.NewReturn(b.stamp(), d)
	}
}

// create files what decide returns.
func (b *bench) create(
	ctx context.Context, o purchase.Purchase, decide func(returns.Claims) (*returns.Return, error),
) (returns.Return, error) {
	return b.store.Create(ctx, o, returns.Creating(o, decide))
}

// change changes a return by f.
func (b *bench) change(ctx context.Context, id string, f func(*returns.Return) error) (returns.Return, error) {
	return b.store.Update(ctx, id, returns.Changing(f))
}

// filed is a return of units of the order's first lines.
func (b *bench) filed(o purchase.Purchase, units ...int) returns.Return {
	b.Helper()
	r, err := b.create(b.ctx, o, b.filing(o, false, units...))
	b.ok(err)
	return r
}

// update changes the return.
func (b *bench) update(id string, change func(r *returns.Return) error) returns.Return {
	b.Helper()
	r, err := b.change(b.ctx, id, change)
	b.ok(err)
	return r
}

// claims are those of the order's lines, in order.
func (b *bench) claims(o purchase.Purchase) []int {
	b.Helper()
	all, err := b.store.Claims(b.ctx, o.OrderID)
	b.ok(err)
	n := make([]int, len(o.Lines))
	for i, l := range o.Lines {
		n[i] = all[o.OrderID][l.ID]
	}
	return n
}

// stored checks that the return is kept as it was returned, and that its
// events fold to it (I11).
func (b *bench) stored(want returns.Return) {
	b.Helper()
	got, err := b.store.Return(b.ctx, want.ID)
	b.ok(err)
	b.equal("stored return", got, want)
	events, err := b.store.Events(b.ctx, want.ID)
	b.ok(err)
	folded, err := returns.Fold(events)
	b.ok(err)
	b.equal("return folded from its events", folded, want)
}

func (b *bench) missing(what string, err error) {
	b.Helper()
	if !errors.Is(err, returns.ErrNotFound) {
		b.Errorf("%s: error %v, want ErrNotFound", what, err)
	}
}
