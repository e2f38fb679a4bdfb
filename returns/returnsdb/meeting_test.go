package returnsdb_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/returns"
)

// call is a call of Update and its outcome.
type call struct {
	id     string
	change func(*returns.Return) error
	forged func(returns.Units, returns.Return) (returns.Change, error) // instead of change

	saved    returns.Return
	err      error
	panicked any
}

func (c *call) run(b bundle) {
	defer func() { c.panicked = recover() }()
	change := c.forged
	if change == nil {
		change = returns.Changing(c.change)
	}
	c.saved, c.err = b.store.Update(b.t.Context(), c.id, change)
}

// meeting is a store with a case that holds up the others.
func meeting(t *testing.T, db *sqlstore.DB) bundle {
	t.Helper()
	b := setup(t, db)
	b.filed("held", 1, true)
	return b
}

// hold begins an update that changes nothing and ends with release, so that
// those that are called meanwhile meet.
func (b bundle) hold() (release func()) {
	begun, let, done := make(chan struct{}), make(chan struct{}), make(chan error)
	begin := sync.OnceFunc(func() { close(begun) })
	go func() {
		_, err := b.store.Update(b.t.Context(), "held", returns.Changing(func(*returns.Return) error {
			begin()
			<-let
			return nil
		}))
		done <- err
	}()
	<-begun
	return sync.OnceFunc(func() {
		close(let)
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
}

// meet has calls meet, in their order, and waits for their outcomes.
func (b bundle) meet(calls ...*call) {
	b.t.Helper()
	release := b.hold()
	defer release()
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() { c.run(b) })
		queued(b.t, i+1, b.store.UpdatesWaiting)
	}
	release()
	all.Wait()
}

// queued waits until n calls stand in a queue and others are at work.
func queued(t *testing.T, n int, waiting func() (int, bool)) {
	t.Helper()
	testreq.UntilEvery(t, time.Millisecond, fmt.Sprintf("%d calls to wait", n), func() bool {
		calls, working := waiting()
		return working && calls == n
	})
}

// filed files a case for units of the first line of a new order of three.
func (b bundle) filed(id string, units int, authorize bool) returns.Return {
	b.t.Helper()
	r, err := b.file(order("order-"+id, 3), id, units, authorize)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// stored reads a case, which has to equal the fold of its events.
func (b bundle) stored(id string) returns.Return {
	b.t.Helper()
	r, err := b.store.Return(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	events, err := b.store.Events(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	folded, err := returns.Fold(events)
	if err != nil || normal(r) != normal(folded) {
		b.t.Errorf("stored\n%+v\nfolded\n%+v\n%v", r, folded, err)
	}
	return r
}
