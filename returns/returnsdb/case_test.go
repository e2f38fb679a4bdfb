package returnsdb_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

var (
	day   = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	staff = event.Actor{Kind: event.ActorStaff, ID: "clerk", Name: "clerk"}
	stamp = event.Stamp{At: day, By: staff}
)

// bundle is a store with published terms.
type bundle struct {
	t     *testing.T
	store *returnsdb.Store
	terms returns.Terms
}

func setup(t *testing.T, db *sqlstore.DB) bundle {
	t.Helper()
	s := returnsdb.New(sqlstoretest.Migrated(t, db, returnsdb.Migrations()))
	terms, err := s.Publish(
		t.Context(), returns.Terms{
			ID: "terms", Policy: returns.Policy{WindowDays: 30}, PublishedAt: day, PublishedBy: staff,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	return bundle{t, s, terms}
}

// order is one of two lines with this many units each.
func order(id string, units int) purchase.Purchase {
	return purchase.Purchase{
		OrderID: id, Lines: []purchase.Line{{ID: id + "-b", Quantity: units}, {ID: id + "-a", Quantity: units}},
	}
}

// file files a case for units of the order's first line.
func (b bundle) file(o purchase.Purchase, id string, units int, authorize bool) (returns.Return, error) {
	return b.create(o, func(returns.Claims) (*returns.Return, error) {
		return returns.NewReturn(stamp, returns.Params{
			ID: id, OrderID: o.OrderID, CustomerID: "ann", TermsID: b.terms.ID, Reason: returns.ReasonDamaged,
			Details: "broken",
			Lines: []returns.Line{
				{
					ID:          id + "-1",
					OrderLineID: o.Lines[0].ID,
					ProductID:   "7",
					Name:        "100%_Wool!",
					Category:    "Clothes",
					Quantity:    units,
				},
			},
			Evidence: []returns.Evidence{
				{
					ID:          "photo",
					Path:        "a/b.jpg",
					ContentType: "image/jpeg",
					Bytes:       9,
					Width:       3,
					Height:      2,
					UploadedAt:  day,
				},
			},
			Authorize: authorize,
		})
	})
}

// create files what decide returns.
func (b bundle) create(
	o purchase.Purchase, decide func(returns.Claims) (*returns.Return, error),
) (returns.Return, error) {
	return b.store.Create(b.t.Context(), o, returns.Creating(o, decide))
}

// update changes the case, which has to succeed.
func (b bundle) update(id string, change func(*returns.Return) error) returns.Return {
	b.t.Helper()
	r, err := b.store.Update(b.t.Context(), id, returns.Changing(change))
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// steps takes a case of two units from authorization to its end, with every
// kind of thing that a case holds.
func steps(line string) []func(*returns.Return) error {
	return []func(*returns.Return) error{
		func(r *returns.Return) error { return r.RequestInfo(stamp, "which side?") },
		func(r *returns.Return) error { return r.ProvideInfo(stamp, "the left one", nil) },
		func(r *returns.Return) error { return r.Authorize(stamp, "fine") },
		func(r *returns.Return) error {
			return r.Override(stamp, returns.Override{Rules: []string{returns.RuleRefundEarly}, Reason: "goodwill"})
		},
		func(r *returns.Return) error {
			return r.Ship(stamp, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"})
		},
		func(r *returns.Return) error {
			return r.Receive(stamp, []returns.ReceiptLine{{OrderLineID: line, Received: 2}}, "")
		},
		func(r *returns.Return) error { return r.OpenTask(stamp, "look", "at this") },
		func(r *returns.Return) error { return r.CloseTask(stamp, 1, "seen") },
		func(r *returns.Return) error {
			return r.Inspect(stamp, returns.InspectionInput{Result: returns.InspectionApproved, InspectedBy: "clerk"})
		},
		func(r *returns.Return) error { return r.RefundSucceeded(stamp, "refund") },
		func(r *returns.Return) error { return r.MarkRestocked(stamp) },
	}
}

func TestAfterEveryStepTheRowsEqualTheFoldOfTheEvents(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		o := order("o", 3)
		if _, err := b.file(o, "r", 2, false); err != nil {
			t.Fatal(err)
		}
		for i, step := range steps(o.Lines[0].ID) {
			returned := b.update("r", step)
			stored, err := b.store.Return(t.Context(), "r")
			if err != nil {
				t.Fatal(err)
			}
			events, err := b.store.Events(t.Context(), "r")
			if err != nil {
				t.Fatal(err)
			}
			folded, err := returns.Fold(events)
			if err != nil {
				t.Fatal(err)
			}
			for what, got := range map[string]returns.Return{"stored": stored, "returned": returned} {
				if !reflect.DeepEqual(normal(got), normal(folded)) {
					t.Fatalf("step %d: %s\n%+v\nfolded\n%+v", i+1, what, got, folded)
				}
			}
			listed, n, err := b.store.List(t.Context(), returns.Query{})
			if err != nil || n != 1 || !reflect.DeepEqual(normal(listed[0]), normal(folded)) {
				t.Fatalf("step %d: listed %+v, %v", i+1, listed, err)
			}
		}
	})
}

// normal makes no difference between nil and empty, which no database keeps.
func normal(r returns.Return) string {
	r = r.Clone()
	if len(r.Verdict.Findings) == 0 {
		r.Verdict.Findings = nil
	}
	if len(r.Verdict.Lines) == 0 {
		r.Verdict.Lines = nil
	}
	shipment, inspection := returns.ReverseShipment{}, returns.Inspection{}
	if r.Shipment != nil {
		shipment = *r.Shipment
	}
	if r.Inspection != nil {
		inspection = *r.Inspection
	}
	r.Shipment, r.Inspection = nil, nil
	return fmt.Sprintf("%+v %+v %+v", r, shipment, inspection)
}

func TestTheGuardHoldsWhateverTheCallbackDecides(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		o := order("o", 2)
		var mu sync.Mutex
		filed := 0
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				_, err := b.file(o, fmt.Sprint("r", i), 1, false)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					filed++
				case returns.CodeOf(err) != returns.Code(returns.AlreadyReturned):
					t.Errorf("refused with %v", err)
				}
			})
		}
		all.Wait()
		claims, err := b.store.Claims(t.Context(), o.OrderID)
		if err != nil || filed != 2 || claims[o.OrderID][o.Lines[0].ID] != 2 {
			t.Errorf("%d of 6 filed for 2 units, claims %v, %v", filed, claims, err)
		}
		if got, n, err := b.store.List(t.Context(), returns.Query{OrderID: o.OrderID}); err != nil || n != 2 {
			t.Errorf("%d stored: %+v, %v", n, got, err)
		}
	})
}

func TestALineOfAnotherOrderIsRefused(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		o := order("o", 2)
		if _, err := b.file(o, "r", 1, false); err != nil {
			t.Fatal(err)
		}
		other := order("other", 2)
		_, err := b.create(other, func(returns.Claims) (*returns.Return, error) {
			return returns.NewReturn(stamp, returns.Params{
				ID: "s", OrderID: other.OrderID, CustomerID: "ann", TermsID: b.terms.ID, Reason: returns.ReasonDamaged,
				Lines: []returns.Line{{ID: "s-1", OrderLineID: o.Lines[0].ID, Name: "Wool", Quantity: 1}},
			})
		})
		if err == nil || !strings.Contains(err.Error(), "not of its order") {
			t.Errorf("it was answered with %v", err)
		}
		if claims, err := b.store.Claims(t.Context(), o.OrderID); err != nil || claims[o.OrderID][o.Lines[0].ID] != 1 {
			t.Errorf("claims %v, %v", claims, err)
		}
	})
}

func TestRMANumbersOfADayAreUniqueAndWithoutGaps(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		const n = 8
		var mu sync.Mutex
		got := map[string]bool{}
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				r, err := b.file(order(fmt.Sprint("o", i), 1), fmt.Sprint("r", i), 1, true)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got[r.RMA] = true
			})
		}
		all.Wait()
		for i := 1; i <= n; i++ {
			if want := fmt.Sprintf("RMA-20260504-%05d", i); !got[want] {
				t.Errorf("nobody got %s: %v", want, got)
			}
		}
	})
}

func TestUnitsAreReleasedByACancellation(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		o := order("o", 1)
		if _, err := b.file(o, "r1", 1, true); err != nil {
			t.Fatal(err)
		}
		if _, err := b.file(o, "r2", 1, true); returns.CodeOf(err) != returns.Code(returns.AlreadyReturned) {
			t.Fatalf("a second case for the last unit: %v", err)
		}
		b.update("r1", func(r *returns.Return) error { return r.Cancel(stamp) })
		if _, err := b.file(o, "r3", 1, true); err != nil {
			t.Errorf("after the cancellation: %v", err)
		}
	})
}

func TestTextIsFoundAsItIsWritten(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		if _, err := b.file(order("o", 1), "r", 1, true); err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]int{
			"%_wool!": 1, "WOOL": 1, "rma-20260504-00001": 1, "100_": 0, "!%": 0, "'; --": 0, "\x00": 0, "\xff": 0,
		} {
			if _, n, err := b.store.List(t.Context(), returns.Query{Text: text}); err != nil || n != want {
				t.Errorf("%q: %d found, %v; want %d", text, n, err, want)
			}
		}
	})
}
