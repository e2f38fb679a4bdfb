package returnsdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
)

func look(r *returns.Return) error { return r.OpenTask(stamp, "look", "at this") }

func cancel(r *returns.Return) error { return r.Cancel(stamp) }

func authorize(r *returns.Return) error { return r.Authorize(stamp, "fine") }

var errNo = errors.New("no")

func TestUpdatesThatMeetAreOneTransaction(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		const n = 20
		var calls []*call
		for i := range n {
			id := fmt.Sprint("r", i)
			b.filed(id, 1, true)
			calls = append(calls, &call{id: id, change: look})
		}
		sent := statements.Watch(db)
		b.meet(calls...)
		// The one that held them up is a transaction by itself.
		for text, want := range map[string]int{
			"COMMIT": 1 + 1, "ROLLBACK": 0, "SELECT": 3 + 3, `INSERT INTO "rk_returns" `: 1,
			`INSERT INTO rk_returns_events`: 1,
			`INSERT INTO "rk_return_lines"`: 0, `UPDATE "rk_return_units"`: 0,
		} {
			if got := sent.Count(text); got != want {
				t.Errorf("%d times %s, want %d", got, text, want)
			}
		}
		for _, c := range calls {
			if r := b.stored(c.id); c.err != nil || len(r.Tasks) != 1 || normal(c.saved) != normal(r) {
				t.Errorf("returned %+v, %v; stored %+v", c.saved, c.err, r)
			}
		}
	})
}

func TestAnUpdateThatIsRefusedFailsAlone(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		for _, id := range []string{"good", "refused", "coded", "stale", "same", "also good"} {
			b.filed(id, 1, true)
		}
		good, last := &call{id: "good", change: look}, &call{id: "also good", change: look}
		refused := &call{id: "refused", change: func(r *returns.Return) error { return errors.Join(cancel(r), errNo) }}
		coded := &call{id: "coded", change: authorize}
		stale := &call{id: "stale", change: func(r *returns.Return) error { r.Version--; return look(r) }}
		same := &call{id: "same", change: func(*returns.Return) error { return nil }}
		missing := &call{id: "missing", change: look}
		sent := statements.Watch(db)
		b.meet(good, refused, coded, stale, same, missing, last)
		if n := sent.Count("COMMIT"); n != 2 {
			t.Errorf("%d commits, want one for the first call and one for those that met", n)
		}
		for _, c := range []*call{good, last} {
			if r := b.stored(c.id); c.err != nil || c.saved.Version != 3+1 || r.Version != 3+1 {
				t.Errorf("%s: %+v, %v", c.id, r, c.err)
			}
		}
		for _, c := range []*call{refused, coded, stale} {
			if r := b.stored(c.id); r.Version != 3 || r.Status != returns.StatusAuthorized || c.saved.ID != "" {
				t.Errorf("%s was refused and is %+v", c.id, r)
			}
		}
		if !errors.Is(refused.err, errNo) || !strings.HasPrefix(refused.err.Error(), "returnsdb: update return: ") {
			t.Errorf("refused by its change: %v", refused.err)
		}
		if e, ok := coded.err.(*returns.Error); !ok || e.Code != returns.CodeTransition {
			t.Errorf("refused by the case: %v", coded.err)
		}
		if stale.err == nil ||
			!strings.Contains(
				stale.err.Error(),
				"returnsdb: update return: returns: stale save of return stale: version 3 with 1 events on version 3",
			) {
			t.Errorf("stale: %v", stale.err)
		}
		if same.err != nil || same.saved.Version != 3 {
			t.Errorf("no change: %+v, %v", same.saved, same.err)
		}
		if !errors.Is(missing.err, returns.ErrNotFound) {
			t.Errorf("missing: %v", missing.err)
		}
		if claims, err := b.store.Claims(t.Context(), "order-refused"); err != nil ||
			claims["order-refused"]["order-refused-b"] != 1 {
			t.Errorf("claims of the one that was refused: %v, %v", claims, err)
		}
	})
}

func TestAnUpdateThatTheDatabaseRefusesFailsAlone(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		for _, id := range []string{"good", "greedy", "also good"} {
			b.filed(id, 1, true)
		}
		b.filed("hasty", 1, false)
		good, last := &call{id: "good", change: look}, &call{id: "also good", change: look}
		// Changes that no NewChange would let pass.
		greedy := &call{id: "greedy", forged: func(_ returns.Units, r returns.Return) (returns.Change, error) {
			much := returns.Units{r.Lines[0].OrderLineID: {Bought: 100}}
			return returns.Changing(func(r *returns.Return) error { r.Lines[0].Quantity = 4; return look(r) })(much, r)
		}}
		hasty := &call{id: "hasty", forged: func(u returns.Units, r returns.Return) (returns.Change, error) {
			c, err := returns.Changing(authorize)(u, r)
			c.Effects.RMADay = ""
			return c, err
		}}
		// Possible only where the one before it was not executed.
		next := &call{id: "hasty", change: func(r *returns.Return) error { return r.RequestInfo(stamp, "which side?") }}
		b.meet(good, greedy, hasty, next, last)
		if returns.CodeOf(greedy.err) != returns.Code(returns.AlreadyReturned) || greedy.saved.ID != "" {
			t.Errorf("claims more than was bought: %v", greedy.err)
		}
		if name, ok := sqldb.IsCheck(hasty.err); !ok || name != "rk_returns_authorized_check" {
			t.Errorf("on its way without a number: %v", hasty.err)
		}
		for id, want := range map[string]int{"good": 4, "greedy": 3, "hasty": 2, "also good": 4} {
			if r := b.stored(id); r.Version != want {
				t.Errorf("%s has version %d, want %d", id, r.Version, want)
			}
		}
		if good.err != nil || next.err != nil || last.err != nil {
			t.Errorf("the others: %v, %v, %v", good.err, next.err, last.err)
		}
	})
}

// cursed are the statements that make the database refuse every change of one
// return, as one that is out of order would.
var cursed = map[sqlstore.Dialect]string{
	sqlstore.SQLite: `CREATE TRIGGER curse BEFORE UPDATE ON ?(rk)returns WHEN NEW.id = 'cursed'
		BEGIN SELECT RAISE(ABORT, 'cursed'); END`,
	sqlstore.Postgres: `CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'cursed'; END $$;
		CREATE TRIGGER curse BEFORE UPDATE ON ?(rk)returns FOR EACH ROW WHEN (NEW.id = 'cursed')
		EXECUTE FUNCTION curse()`,
}

// TestWhereTheDatabaseFailsNobodyTriesAgain: that would only add to its load.
func TestWhereTheDatabaseFailsNobodyTriesAgain(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		if _, err := db.Writer().ExecContext(t.Context(), cursed[db.Dialect()]); err != nil {
			t.Fatal(err)
		}
		b.filed("cursed", 1, true)
		b.filed("numbered", 1, false)
		b.filed("good", 1, true)
		var runs atomic.Int64
		counted := func(change func(*returns.Return) error) func(*returns.Return) error {
			return func(r *returns.Return) error { runs.Add(1); return change(r) }
		}
		calls := []*call{
			{id: "numbered", change: counted(authorize)}, {id: "cursed", change: counted(look)},
			{id: "good", change: counted(look)},
		}
		b.meet(calls...)
		for _, c := range calls {
			if c.err == nil || !strings.Contains(c.err.Error(), "cursed") || c.saved.ID != "" {
				t.Errorf("%s: %+v, %v", c.id, c.saved, c.err)
			}
		}
		if n := runs.Load(); n != 3 {
			t.Errorf("%d changes were made, want each once", n)
		}
	})
}

func TestAPanicReachesItsCallerAlone(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		for _, id := range []string{"good", "bad", "also good"} {
			b.filed(id, 1, true)
		}
		good, last := &call{id: "good", change: look}, &call{id: "also good", change: look}
		bad := &call{id: "bad", change: func(r *returns.Return) error { panic(fmt.Sprint("bad", look(r))) }}
		b.meet(good, bad, last)
		if bad.panicked == nil || !strings.Contains(fmt.Sprint(bad.panicked), "bad") {
			t.Errorf("its caller got %v, %v", bad.panicked, bad.err)
		}
		for id, want := range map[string]int{"good": 4, "bad": 3, "also good": 4} {
			if r := b.stored(id); r.Version != want {
				t.Errorf("%s has version %d, want %d", id, r.Version, want)
			}
		}
		if good.err != nil || last.err != nil || good.panicked != nil || last.panicked != nil {
			t.Errorf("the others: %v, %v, %v, %v", good.err, good.panicked, last.err, last.panicked)
		}
	})
}

// TestAPanicAfterTheOthersWereSaved: a call that needs an RMA number is made
// again once the others are saved, which must not be done twice for it.
func TestAPanicAfterTheOthersWereSaved(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		b.filed("good", 1, true)
		b.filed("late", 1, false)
		runs := 0
		late := &call{id: "late", change: func(r *returns.Return) error {
			if runs++; runs > 1 {
				panic("late")
			}
			return authorize(r)
		}}
		good := &call{id: "good", change: func(r *returns.Return) error {
			return r.Override(stamp, returns.Override{Rules: []string{returns.RuleRefundEarly}, Reason: "goodwill"})
		}}
		b.meet(late, good)
		if late.panicked == nil || good.panicked != nil || good.err != nil {
			t.Errorf("%v, %v; the other %v, %v", late.panicked, late.err, good.panicked, good.err)
		}
		if r := b.stored("good"); len(r.Overrides) != 1 {
			t.Errorf("executed %d times", len(r.Overrides))
		}
		if r := b.stored("late"); r.Status != returns.StatusPendingAuthorization {
			t.Errorf("the one that failed is %s", r.Status)
		}
	})
}

// TestUpdatesOfOneReturnThatMeet takes a case to its end in one transaction:
// each step is possible only after the one before.
func TestUpdatesOfOneReturnThatMeet(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		r := b.filed("r", 2, true)
		var calls []*call
		for _, step := range steps(r.Lines[0].OrderLineID)[3:] {
			// Before each, one that is refused, and one that records nothing: what
			// they did is not seen by those after.
			undone := func(r *returns.Return) error {
				r.Lines[0].Quantity, r.Details, r.Status = 99, "undone", returns.StatusCanceled
				return errNo
			}
			calls = append(calls, &call{id: "r", change: undone}, &call{id: "r", change: func(r *returns.Return) error {
				_ = undone(r)
				return nil
			}}, &call{id: "r", change: step})
		}
		sent := statements.Watch(db)
		b.meet(calls...)
		if n := sent.Count("COMMIT"); n != 2 {
			t.Errorf("%d commits, want 2", n)
		}
		stored := b.stored("r")
		if stored.Status != returns.StatusRefunded || !stored.Restocked || stored.Details != "broken" {
			t.Errorf("stored %+v", stored)
		}
		events, err := b.store.Events(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range calls {
			if i%3 == 0 {
				if !errors.Is(c.err, errNo) {
					t.Errorf("call %d: %v", i, c.err)
				}
			} else if i%3 == 2 {
				folded, err := returns.Fold(events[:min(c.saved.Version, len(events))])
				if c.err != nil || err != nil || normal(c.saved) != normal(folded) {
					t.Errorf("call %d returned\n%+v, %v\nfolded\n%+v, %v", i, c.saved, c.err, folded, err)
				}
			}
		}
		// Received and inspected: the line was written once, as it is now.
		if n := sent.Count(`INSERT INTO "rk_return_lines"`); n != 1 {
			t.Errorf("the line was written %d times, want once", n)
		}
	})
}

// TestReturnsOfOneOrderThatMeet each give back some of what they claim.
func TestReturnsOfOneOrderThatMeet(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		o := order("o", 9)
		line := o.Lines[0].ID
		for id, units := range map[string]int{
			"inspected": 3, "cancelled": 2, "rejected": 1, "refused": 1, "looked at": 2,
		} {
			if _, err := b.file(o, id, units, true); err != nil {
				t.Fatal(err)
			}
		}
		accepted := 1
		calls := []*call{
			{id: "cancelled", change: cancel},
			{id: "inspected", change: func(r *returns.Return) error {
				return errors.Join(r.Receive(stamp, nil, ""), r.Inspect(stamp, returns.InspectionInput{
					Result: returns.InspectionPartiallyApproved, InspectedBy: "clerk", Lines: []returns.InspectionLine{
						{OrderLineID: line, Accepted: &accepted},
					},
				}))
			}},
			{id: "refused", change: func(r *returns.Return) error { return errors.Join(cancel(r), errNo) }},
			{id: "looked at", change: look},
			{id: "rejected", change: func(r *returns.Return) error { return r.Reject(stamp, "no") }},
		}
		sent := statements.Watch(db)
		b.meet(calls...)
		if n := sent.Count("COMMIT"); n != 2 {
			t.Errorf("%d commits, want 2", n)
		}
		for _, c := range calls {
			if (c.err != nil) != (c.id == "refused") {
				t.Errorf("%s: %v", c.id, c.err)
			}
			b.stored(c.id)
		}
		claims, err := b.store.Claims(t.Context(), o.OrderID)
		if want := 1 + 0 + 0 + 1 + 2; err != nil || claims[o.OrderID][line] != want {
			t.Errorf("claims %v, %v; want %d", claims, err, want)
		}
	})
}

func TestWhoLeavesTheQueueChangesNothing(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := meeting(t, db)
		b.filed("r", 1, true)
		release := b.hold()
		defer release()
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := b.store.Update(ctx, "r", returns.Changing(look))
			left <- err
		}()
		queued(t, 1, b.store.UpdatesWaiting)
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) || errors.Is(err, batch.ErrUnderWay) ||
			!strings.HasPrefix(err.Error(), "returnsdb: update return: ") {
			t.Errorf("who left got %v", err)
		}
		release()
		if r := b.stored("r"); r.Version != 3 {
			t.Errorf("changed all the same: %+v", r)
		}
	})
}
