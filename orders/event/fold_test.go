package event_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// added is the data of the only event a sum has.
type added struct {
	N int `json:"n"`
}

func addedOf(typ string) (*added, bool) { return &added{}, typ == "sum.added" }

// sum is the history of a sum of the numbers.
func sum(t testing.TB, id string, numbers ...int) []event.Event {
	t.Helper()
	var all []event.Event
	for i, n := range numbers {
		e, err := event.NewEvent(id, i+1, "sum.added", event.Stamp{At: time.Now()}, added{n})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestFold(t *testing.T) {
	for name, tt := range map[string]struct {
		change func([]event.Event) []event.Event
		want   int
		reason string // of a HistoryError
		err    error
		fails  bool
	}{
		"a history": {change: func(e []event.Event) []event.Event { return e }, want: 6},
		"nothing":   {change: func([]event.Event) []event.Event { return nil }, err: event.ErrNoHistory},
		"a later part": {change: func(e []event.Event) []event.Event { return e[1:] },
			reason: "it stands where a:1 belongs"},
		"a gap": {change: func(e []event.Event) []event.Event { return append(e[:1], e[2]) },
			reason: "it stands where a:2 belongs"},
		"of two": {change: func(e []event.Event) []event.Event { e[1].AggregateID = "b"; return e },
			reason: "it stands where a:2 belongs"},
		"a foreign type": {change: func(e []event.Event) []event.Event { e[2].Type = "x"; return e },
			reason: `the type "x" does not belong here`},
		"data of another": {change: func(e []event.Event) []event.Event {
			e[2].Data = []byte(`{"n": "3"}`)
			return e
		}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			total := 0
			err := event.Fold(tt.change(sum(t, "a", 1, 2, 3)), addedOf, func(_ event.Event, d *added) { total += d.N })
			history, isHistory := errors.AsType[*event.HistoryError](err)
			switch {
			case tt.reason != "":
				if !isHistory || history.Reason != tt.reason {
					t.Errorf("got %v, want a HistoryError: %s", err, tt.reason)
				}
			case tt.fails:
				if err == nil || isHistory {
					t.Errorf("got %v, want the error of the decoder", err)
				}
			case err != tt.err || total != tt.want:
				t.Errorf("got %d, %v, want %d, %v", total, err, tt.want, tt.err)
			}
		})
	}
}

// The balance of an account, of its events.
func ExampleFold() {
	type moved struct {
		By int `json:"by"`
	}
	stamp := event.Stamp{At: time.Date(2026, 10, 4, 12, 0, 0, 0, time.UTC), By: event.System("example")}
	first, _ := event.NewEvent("acc-1", 1, "account.moved", stamp, moved{100})
	second, _ := event.NewEvent("acc-1", 2, "account.moved", stamp, moved{-30})

	balance := 0
	payload := func(typ string) (*moved, bool) { return &moved{}, typ == "account.moved" }
	err := event.Fold([]event.Event{first, second}, payload, func(_ event.Event, d *moved) { balance += d.By })
	fmt.Println(balance, err)

	err = event.Fold([]event.Event{second}, payload, func(event.Event, *moved) {})
	fmt.Println(err)
	// Output:
	// 70 <nil>
	// event acc-1:2: it stands where acc-1:1 belongs
}
