package outboxtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event/outbox"
)

// reader is the log under test, which must be one.
func (b Bench) reader(t *testing.T) outbox.Reader {
	t.Helper()
	r, ok := b.Log.(outbox.Reader)
	if !ok {
		t.Skip("the log is not an outbox.Reader")
	}
	return r
}

func readInOrder(t *testing.T, b Bench) {
	r := b.reader(t)
	b.append(t, "o2", "made", 1, 2)
	b.append(t, "o1", "made", 1, 2, 3)
	b.append(t, "o1", "paid", 4)

	var got []string
	q := outbox.ReadQuery{Before: day.Add(4 * time.Second), Limit: 2}
	for {
		p, err := r.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Events) == 0 {
			if p.Next != q.After {
				t.Errorf("a page without events moves the place from %q to %q", q.After, p.Next)
			}
			break
		}
		for _, e := range p.Events {
			got = append(got, e.ID)
		}
		q.After = p.Next
	}
	if want := []string{"o1:1", "o2:1", "o1:2", "o2:2", "o1:3"}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}

	b.append(t, "o3", "made", 5)
	q.Before, q.Types = day.Add(time.Hour), []string{"made"}
	p, err := r.Read(t.Context(), q)
	if err != nil || len(p.Events) != 1 || p.Events[0].ID != "o3:5" {
		t.Errorf("what came later is %+v, %v, want o3:5 alone", p.Events, err)
	}
}

func readRefuses(t *testing.T, b Bench) {
	r := b.reader(t)
	for i, q := range []outbox.ReadQuery{
		{}, {Before: day, Limit: -1}, {Before: day, Limit: outbox.MaxRead + 1},
	} {
		if _, err := r.Read(t.Context(), q); err == nil {
			t.Errorf("query %d: no error", i)
		}
	}
	for _, after := range []string{"x", "bm8", fmt.Sprint(outbox.Cursor{At: day, AggregateID: "a\x00", Seq: 1})} {
		if _, err := r.Read(t.Context(), outbox.ReadQuery{Before: day, After: after}); !errors.Is(
			err,
			outbox.ErrCursor,
		) {
			t.Errorf("after %q: %v, want %v", after, err, outbox.ErrCursor)
		}
	}
}
