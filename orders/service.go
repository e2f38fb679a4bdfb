package orders

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Service sells: it keeps carts, turns them into orders, and charges for
// them. Make one with New; it is safe for concurrent use.
type Service struct {
	cfg   Config
	store Store
	inTx  bool          // made by With
	wake  chan struct{} // holds one when Run is to look now

	// life ends when Close gives up waiting; charges in flight run under it,
	// not under the request that started them.
	life context.Context
	end  context.CancelFunc

	mu       sync.Mutex
	closed   bool
	running  *sync.WaitGroup
	inFlight map[string]*charge // by order id
}

// New returns a Service, or says which field of the Config is wrong.
func New(c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	s := &Service{
		cfg: c, store: c.store(), inFlight: make(map[string]*charge), wake: make(chan struct{}, 1),
		running: &sync.WaitGroup{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close waits until the charges in flight have been answered and recorded,
// or until ctx ends, and then cuts them; what is cut is recovered by its
// lease. Afterwards card orders are queued without an attempt. Closing again
// is harmless.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	defer s.end()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("orders: close: charges still in flight: %w", ctx.Err())
	}
}

// now is the instant a step happens, as it is stored.
func (s *Service) now() time.Time { return instant(s.cfg.Now()) }

// worker is the actor of what the service does on its own.
func (s *Service) worker(ctx context.Context) event.Stamp {
	return s.stamp(ctx, event.System("payments"))
}

// stamp is the actor's, now, from where ctx says.
func (s *Service) stamp(ctx context.Context, by event.Actor) event.Stamp {
	return event.Stamp{At: s.now(), By: by, Source: event.SourceOf(ctx)}
}

// Order returns the order, or ErrNotFound.
func (s *Service) Order(ctx context.Context, id string) (Order, error) {
	return s.store.Order(ctx, id)
}

// Orders returns a page of orders, newest first, and how many match.
func (s *Service) Orders(ctx context.Context, q Query) ([]Order, int, error) {
	if q.Page < 0 || q.PageSize < 0 || q.PageSize > MaxPageSize {
		return nil, 0, &Error{
			Code:  CodeInvalid,
			Field: "page",
			Message: fmt.Sprintf("page %d of %d orders; pages start at 1 and hold 1 to %d", q.Page, q.PageSize,
				MaxPageSize),
		}
	}
	for _, st := range q.Status {
		if !slices.Contains(statuses, st) {
			return nil, 0, &Error{
				Code:    CodeInvalid,
				Field:   "status",
				Message: fmt.Sprintf("%s is not a status; allowed is %v", quoted(string(st)), statuses),
			}
		}
	}
	return s.store.List(ctx, q.Normalize())
}

// Events returns the audit trail of an order, oldest first.
func (s *Service) Events(ctx context.Context, id string) ([]event.Event, error) {
	return s.store.Events(ctx, id)
}

// RecordDelivery records when the goods of a completed order arrived.
func (s *Service) RecordDelivery(ctx context.Context, id string, by event.Actor, at time.Time) (Order, error) {
	return s.store.Update(ctx, id, func(o *Order) error {
		return o.RecordDelivery(s.stamp(ctx, by), at)
	})
}

// checkTexts returns CodeInvalid, with the field, if a text in the values is not valid UTF-8
// or contains a NUL.
func checkTexts(values ...any) error {
	if field := event.BadText(values...); field != "" {
		return &Error{Code: CodeInvalid, Field: field, Message: purchase.CheckText("\x00", 1)}
	}
	return nil
}

// checkText reports a text that is too long, or no text.
func checkText(field, value string, limit int) error {
	if problem := purchase.CheckText(value, limit); problem != "" {
		return &Error{Code: CodeInvalid, Field: field, Message: problem}
	}
	return nil
}

// quoted returns s in quotes, cut so that a message stays readable.
func quoted(s string) string {
	const limit = 40
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "..."
	}
	return strconv.Quote(s)
}
