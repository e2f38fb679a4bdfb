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
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

func TestEventsComeBackAsTheyWereAppended(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		want := []event.Event{newEvent(t, "o1", 1, "made"), newEvent(t, "o1", 2, "paid")}
		appendEvents(t, db, want[0], newEvent(t, "o2", 1, "made"), want[1])
		got, err := outboxdb.Events(t.Context(), db.Read(), prefix, "o1")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		none, err := outboxdb.Events(t.Context(), db.Read(), prefix, "o3")
		if err != nil || len(none) != 0 {
			t.Errorf("events of an unknown aggregate: %v, %v; want none", none, err)
		}
	})
}

func TestEventsAreThereExactlyWhenTheChangeIs(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		refused := errors.New("refused")
		err := db.Tx(t.Context(), "change", func(ctx context.Context, tx bun.IDB) error {
			if err := outboxdb.Append(ctx, tx, prefix, []event.Event{newEvent(t, "o1", 1, "made")}); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		got, err := outboxdb.Events(t.Context(), db.Read(), prefix, "o1")
		if err != nil || len(got) != 0 {
			t.Errorf("after a rollback: %v, %v; want no events", got, err)
		}
	})
}

func TestAppendRefusesEventsThatDoNotHoldTogether(t *testing.T) {
	good := newEvent(t, "o1", 1, "made")
	for name, spoil := range map[string]func(*event.Event){
		"it has no aggregate id":          func(e *event.Event) { e.AggregateID = "" },
		"seq is 0 and must be at least 1": func(e *event.Event) { e.Seq = 0 },
		"its id must be aggregate:seq":    func(e *event.Event) { e.ID = "o1:2" },
		"it has no type":                  func(e *event.Event) { e.Type = "" },
		"it has no time":                  func(e *event.Event) { e.At = time.Time{} },
		"its data is not JSON":            func(e *event.Event) { e.Data = []byte("{") },
	} {
		t.Run(name, func(t *testing.T) {
			e := good
			spoil(&e)
			err := outboxdb.Append(t.Context(), nil, prefix, []event.Event{e})
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want an error saying %q", err, name)
			}
		})
	}
	if err := outboxdb.Append(t.Context(), nil, `x"; DROP`, []event.Event{good}); err == nil {
		t.Error("a prefix that is not a name was taken")
	}
}

func TestASequenceNumberIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		appendEvents(t, db, newEvent(t, "o1", 1, "made"))
		err := db.Tx(t.Context(), "change", func(ctx context.Context, tx bun.IDB) error {
			return outboxdb.Append(ctx, tx, prefix, []event.Event{newEvent(t, "o1", 1, "again")})
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
				all = append(all, newEvent(t, aggregate, seq, fmt.Sprintf("type%d", seq%3)))
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
			"of an aggregate":  {outboxdb.Query{AggregateID: "a", From: day.Add(11 * time.Second)}, []string{"a:12", "a:11"}},
			"of an actor":      {outboxdb.Query{ActorID: "u-b", To: day.Add(3 * time.Second)}, []string{"b:2", "b:1"}},
			"from an address":  {outboxdb.Query{FromAddress: "2001:db8::b", From: day.Add(11 * time.Second)}, []string{"b:12", "b:11"}},
			"from a request":   {outboxdb.Query{FromRequest: "r-a-7"}, []string{"a:7"}},
			"from two places":  {outboxdb.Query{FromAddress: "2001:db8::b", FromRequest: "r-a-7"}, nil},
			"of two types":     {outboxdb.Query{Types: []string{"type0", "type1"}, AggregateID: "a", To: day.Add(5 * time.Second)}, []string{"a:4", "a:3", "a:1"}},
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
			if _, err := outboxdb.Search(t.Context(), db.Read(), prefix, outboxdb.Query{After: bad}); !errors.Is(err, outboxdb.ErrCursor) {
				t.Errorf("cursor %q: got %v, want ErrCursor", bad, err)
			}
		}
		if _, err := outboxdb.Search(t.Context(), db.Read(), prefix, outboxdb.Query{Limit: -1}); err == nil {
			t.Error("a negative limit was taken")
		}
	})
}

// pages returns the ids of all pages of q.
func pages(t *testing.T, db *sqlstore.DB, q outboxdb.Query) []string {
	t.Helper()
	var ids []string
	for {
		p, err := outboxdb.Search(t.Context(), db.Read(), prefix, q)
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
