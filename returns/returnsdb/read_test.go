package returnsdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
)

// gate holds up the first statement that a database is sent.
type gate struct {
	first sync.Once
	let   chan struct{}
}

func (g *gate) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	g.first.Do(func() { <-g.let })
	return ctx
}

func (*gate) AfterQuery(context.Context, *bun.QueryEvent) {}

func TestReturnsReadAtOnceAreTwoStatements(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := setup(t, db)
		const n = 10
		for i := range n {
			b.filed(fmt.Sprint("r", i), 1, true)
		}
		g := &gate{let: make(chan struct{})}
		let := sync.OnceFunc(func() { close(g.let) })
		defer let()
		db.AddQueryHook(g)
		sent := statements.Watch(db)
		var all sync.WaitGroup
		read := func(id string, found bool) {
			all.Go(func() {
				r, err := b.store.Return(t.Context(), id)
				switch {
				case !found && !errors.Is(err, returns.ErrNotFound):
					t.Errorf("%s: %+v, %v", id, r, err)
				case found && (err != nil || r.ID != id || len(r.Lines) != 1 || r.Lines[0].ID != id+"-1"):
					t.Errorf("%s: %+v, %v", id, r, err)
				case found:
					r.Lines[0].Note = "its own"
				}
			})
		}
		read("r0", true)
		queued(t, 0, b.store.ReadsWaiting)
		for i := range n {
			read(fmt.Sprint("r", i), true)
			read("r1", true)
		}
		read("missing", false)
		queued(t, 2*n+1, b.store.ReadsWaiting)
		let()
		all.Wait()
		if got := sent.Count("SELECT"); got != 2+2 {
			t.Errorf("%d statements, want two for the first and two for those who met", got)
		}
		if r := b.stored("r1"); r.Lines[0].Note != "" {
			t.Errorf("what one did with its own is in %+v", r)
		}
	})
}
