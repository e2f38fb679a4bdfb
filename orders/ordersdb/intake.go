package ordersdb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
)

// maxCombined is how many orders one transaction places at most.
const maxCombined = 64

// placing is a call of Place on its way.
type placing struct {
	req    orders.PlaceRequest
	decide func(orders.Placement) (*orders.Order, error)

	order  orders.Order
	placed bool
	err    error
	done   chan struct{} // closed when the three above are set
}

// intake gathers the calls of Place that meet.
type intake struct {
	mu      sync.Mutex
	waiting []*placing
	working bool // a goroutine is carrying out calls
}

// Place implements orders.Store.
func (s *Store) Place(ctx context.Context, r orders.PlaceRequest, decide func(orders.Placement) (*orders.Order, error)) (orders.Order, bool, error) {
	if err := ctx.Err(); err != nil {
		return orders.Order{}, false, err
	}
	if !storable(r.CustomerID) || !storable(r.CartID) || !storable(r.IdempotencyKey) {
		return orders.Order{}, false, &orders.Error{Code: orders.CodeInvalid, Field: "order", Message: "an id or a key is no text"}
	}
	p := &placing{req: r, decide: decide, done: make(chan struct{})}
	s.intake.mu.Lock()
	s.intake.waiting = append(s.intake.waiting, p)
	lead := !s.intake.working
	s.intake.working = true
	s.intake.mu.Unlock()
	if lead {
		// Whoever waits may leave when its context ends; the work of the others
		// must not end with it.
		go s.work(context.WithoutCancel(ctx))
	}
	select {
	case <-p.done:
		return p.order, p.placed, p.err
	case <-ctx.Done():
		if s.intake.remove(p) {
			return orders.Order{}, false, ctx.Err()
		}
		return orders.Order{}, false, fmt.Errorf("ordersdb: place order: it may be placed all the same: %w", ctx.Err())
	}
}

// remove takes p out of the queue; false when its transaction has begun.
func (in *intake) remove(p *placing) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, w := range in.waiting {
		if w == p {
			in.waiting = append(in.waiting[:i:i], in.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// next takes the calls of the next transaction; none ends the work.
func (in *intake) next() []*placing {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := min(len(in.waiting), maxCombined)
	batch := in.waiting[:n:n]
	in.waiting = in.waiting[n:]
	if n == 0 {
		in.waiting, in.working = nil, false
	}
	return batch
}

func (s *Store) work(ctx context.Context) {
	// Those who are about to submit do so first, and travel along: callers who
	// were answered together come back together. Nobody waits for it who is
	// alone.
	runtime.Gosched()
	for batch := s.intake.next(); len(batch) > 0; batch = s.intake.next() {
		err := s.placeAll(ctx, batch)
		for _, p := range batch {
			switch {
			case err != nil && atFault(err):
				s.placeAlone(ctx, p)
			case err != nil:
				p.fail(err)
			}
			close(p.done)
		}
		runtime.Gosched()
	}
}

// atFault reports whether a transaction failed for what was in it. One of its
// orders is the reason then, and alone each fails for itself. Where the
// database is out of reach or too busy, trying each would only make it worse.
func atFault(err error) bool {
	if _, ok := sqldb.IsUnique(err); ok {
		return true
	}
	if _, ok := sqldb.IsCheck(err); ok {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(pg.Code, "22") // data that no column takes
}

// placeAlone carries out one call by itself.
func (s *Store) placeAlone(ctx context.Context, p *placing) {
	if err := retryUnique(func() error { return s.placeAll(ctx, []*placing{p}) }); err != nil {
		p.fail(err)
	}
}

func (p *placing) fail(err error) { p.order, p.placed, p.err = orders.Order{}, false, refusal(err) }
