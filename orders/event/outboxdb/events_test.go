package outboxdb_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox/outboxtest"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

func TestEventsAreThereExactlyWhenTheChangeIs(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		refused := errors.New("refused")
		err := db.Tx(t.Context(), "change", func(ctx context.Context, tx bun.IDB) error {
			if err := outboxdb.Append(ctx, tx, stream, []event.Event{
				outboxtest.NewEvent(t, "o1", 1, "made"),
			}); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		got, err := outboxdb.Events(t.Context(), db.Read(), stream, "o1")
		if err != nil || len(got) != 0 {
			t.Errorf("after a rollback: %v, %v; want no events", got, err)
		}
	})
}

func TestANameThatIsNoStreamIsRefused(t *testing.T) {
	for _, name := range []string{"", `x"; DROP`, "Orders", "1"} {
		if _, err := outboxdb.New(nil, name); err == nil {
			t.Errorf("New took %q", name)
		}
		if err := outboxdb.Append(t.Context(), nil, name, nil); err == nil {
			t.Errorf("Append took %q", name)
		}
		if _, err := outboxdb.Events(t.Context(), nil, name, "o1"); err == nil {
			t.Errorf("Events took %q", name)
		}
		if _, err := outboxdb.Search(t.Context(), nil, []string{name}, outboxdb.Query{}); err == nil {
			t.Errorf("Search took %q", name)
		}
	}
}

func TestASequenceNumberIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		appendEvents(t, db, outboxtest.NewEvent(t, "o1", 1, "made"))
		err := db.Tx(t.Context(), "change", func(ctx context.Context, tx bun.IDB) error {
			return outboxdb.Append(ctx, tx, stream, []event.Event{outboxtest.NewEvent(t, "o1", 1, "again")})
		})
		name, ok := sqldb.IsUnique(err)
		if !ok || !strings.HasPrefix(name, "rk_orders_events_") {
			t.Errorf("got %v (constraint %q), want the violation of a unique constraint", err, name)
		}
	})
}

func TestSearchPagesNewestFirstWithoutGapsOrRepeats(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		var all []event.Event
		for seq := 1; seq <= 12; seq++ { // ten or more shows that order is by number
			for _, aggregate := range []string{"a", "b"} {
				all = append(all, outboxtest.NewEvent(t, aggregate, seq, fmt.Sprintf("type%d", seq%3)))
			}
		}
		appendEvents(t, db, all...)

		// Two aggregates share each instant.
		var want []string
		for seq := 12; seq >= 1; seq-- {
			want = append(want, fmt.Sprintf("b:%d", seq), fmt.Sprintf("a:%d", seq))
		}
		for _, limit := range []int{1, 5, 24, 1000} {
			if got := pages(t, db, outboxdb.Query{Limit: limit}); !reflect.DeepEqual(got, want) {
				t.Errorf("in pages of %d: got %v, want %v", limit, got, want)
			}
		}

		for name, tc := range map[string]struct {
			q    outboxdb.Query
			want []string
		}{
			"of an aggregate": {outboxdb.Query{AggregateID: "a", From: day.Add(11 * time.Second)},
				[]string{"a:12", "a:11"}},
			"of an actor": {outboxdb.Query{ActorID: "u-b", To: day.Add(3 * time.Second)}, []string{"b:2", "b:1"}},
			"from an address": {outboxdb.Query{FromAddress: "2001:db8::b", From: day.Add(11 * time.Second)},
				[]string{"b:12", "b:11"}},
			"from a request":  {outboxdb.Query{FromRequest: "r-a-7"}, []string{"a:7"}},
			"from two places": {outboxdb.Query{FromAddress: "2001:db8::b", FromRequest: "r-a-7"}, nil},
			"of two types": {outboxdb.Query{Types: []string{"type0", "type1"}, AggregateID: "a",
				To: day.Add(5 * time.Second)}, []string{"a:4", "a:3", "a:1"}},
			"from is included": {outboxdb.Query{From: day.Add(12 * time.Second)}, []string{"b:12", "a:12"}},
			"to is not":        {outboxdb.Query{To: day.Add(time.Second)}, nil},
			"not an injection": {outboxdb.Query{ActorID: "' OR 1=1 --"}, nil},
		} {
			t.Run(name, func(t *testing.T) {
				if got := pages(t, db, tc.q); !reflect.DeepEqual(got, tc.want) {
					t.Errorf("got %v, want %v", got, tc.want)
				}
			})
		}

		for _, bad := range []string{"x", "eCB5IHo", "!!", "OTk5OTk5OTk5OTk5OTk5OTk5OSAxIGE"} {
			if _, err := search(t, db, outboxdb.Query{After: bad}); !errors.Is(err, outboxdb.ErrCursor) {
				t.Errorf("cursor %q: got %v, want ErrCursor", bad, err)
			}
		}
		if _, err := search(t, db, outboxdb.Query{Limit: -1}); err == nil {
			t.Error("a negative limit was taken")
		}
	})
}

func search(t *testing.T, db *sqlstore.DB, q outboxdb.Query) (outboxdb.Page, error) {
	return outboxdb.Search(t.Context(), db.Read(), []string{stream}, q)
}

// pages returns the ids of all pages of q.
func pages(t *testing.T, db *sqlstore.DB, q outboxdb.Query) []string {
	t.Helper()
	var ids []string
	for {
		p, err := search(t, db, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			ids = append(ids, e.ID)
		}
		if p.Next == "" {
			return ids
		}
		q.After = p.Next
	}
}
