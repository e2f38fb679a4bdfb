package review_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/review"
)

func TestADiscrepancyIsOpenUntilStaffCloseIt(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		ctx := t.Context()
		if err := sqlstore.Migrate(ctx, db, review.Migrations()); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
		b := &review.Discrepancies{DB: db, Now: func() time.Time { return at }}
		clerk := event.Actor{Kind: event.ActorStaff, ID: "c", Name: "clerk"}
		for i, want := range []bool{true, false} {
			d := review.Discrepancy{ID: "evt_1", Kind: "amount", Message: "5 is not 6", RefundID: "r"}
			if fresh, err := b.Raise(ctx, d); err != nil || fresh != want {
				t.Errorf("raised %d: %v, %v", i, fresh, err)
			}
		}
		at = at.Add(time.Hour)
		if _, err := b.Raise(ctx, review.Discrepancy{ID: "evt_2"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Raise(ctx, review.Discrepancy{}); err == nil {
			t.Error("an alarm without an id was taken")
		}
		open, n, err := b.Open(ctx, 1)
		if err != nil || n != 2 || len(open) != 1 || open[0].ID != "evt_1" || open[0].Message != "5 is not 6" ||
			!open[0].RaisedAt.Equal(at.Add(-time.Hour)) {
			t.Fatalf("%+v of %d, %v", open, n, err)
		}
		for _, note := range []string{"", " ", strings.Repeat("x", review.MaxNote+1), "a\x00b", "\xff"} {
			if err := b.Close(ctx, "evt_1", note, clerk); orders.CodeOf(err) != orders.CodeInvalid {
				t.Errorf("note %q: %v", note[:min(5, len(note))], err)
			}
		}
		if err := b.Close(ctx, "none", "seen", clerk); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("closing none: %v", err)
		}
		if err := b.Close(ctx, "evt_1", " seen ", clerk); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(ctx, "evt_1", "again", clerk); orders.CodeOf(err) != orders.CodeTransition {
			t.Errorf("closed twice: %v", err)
		}
		a, err := b.Discrepancy(ctx, "evt_1")
		if err != nil || a.Note != "seen" || a.ClosedBy != "clerk" || !a.ClosedAt.Equal(at) {
			t.Errorf("%+v, %v", a, err)
		}
		if fresh, err := b.Raise(ctx, review.Discrepancy{ID: "evt_1"}); err != nil || fresh {
			t.Errorf("raised again after it was closed: %v, %v", fresh, err)
		}
		if _, n, err := b.Open(ctx, 10); err != nil || n != 1 {
			t.Errorf("%d open, %v", n, err)
		}
	})
}
