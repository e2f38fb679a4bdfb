package refunds

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Service pays money back: it quotes, opens and executes refunds, and finishes those
// that were interrupted. Make one with New; it is safe for concurrent use, in any
// number of processes on one store.
type Service struct {
	cfg   Config
	store Store
	wake  chan struct{}
	inTx  bool // on a store in a transaction of the caller's
}

// With returns the service on a store in a transaction of the caller's, as the store's
// WithTx returns it: Request opens a refund there, which commits or rolls back with
// the caller's own rows, and reads see it. What calls the provider returns
// payment.ErrInTransaction and changes nothing; after the commit the worker executes
// the refund. The Observer is not called, since nothing has happened before the
// commit.
func (s *Service) With(store Store) *Service {
	c := s.cfg
	c.Store, c.Observer = store, NopObserver{}
	return &Service{cfg: c, store: store, wake: make(chan struct{}, 1), inTx: true}
}

// noTx reports that a call of the provider is not possible in a transaction.
func (s *Service) noTx(what string) error {
	if s.inTx {
		return fmt.Errorf("refunds: %s: %w", what, payment.ErrInTransaction)
	}
	return nil
}

// New returns a Service, or says which field of the Config is wrong.
func New(c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	return &Service{cfg: c, store: c.Store, wake: make(chan struct{}, 1)}, nil
}

// now is the instant a step happens, as it is stored.
func (s *Service) now() time.Time { return instant(s.cfg.Now()) }

// worker is the actor of what the service does on its own.
func (s *Service) worker(ctx context.Context) event.Stamp {
	return s.stamp(ctx, event.System("refunds"))
}

// stamp is the actor's, now, from where ctx says.
func (s *Service) stamp(ctx context.Context, by event.Actor) event.Stamp {
	return event.Stamp{At: s.now(), By: by, Source: event.SourceOf(ctx)}
}

// ByID returns the refund, or ErrNotFound.
func (s *Service) ByID(ctx context.Context, id string) (Refund, error) {
	return s.store.Refund(ctx, id)
}

// ByClientReference returns what is paid back for the reference, or ErrNotFound: of
// each payment the refund that is not reversed, or else the latest reversed one.
func (s *Service) ByClientReference(ctx context.Context, reference string) (Intent, error) {
	found, err := s.store.ByClientReferences(ctx, []string{reference})
	if err != nil {
		return Intent{}, err
	}
	if len(found[reference]) == 0 {
		return Intent{}, notFound("refund of", reference)
	}
	return NewIntent(found[reference]), nil
}

// ByClientReferences is ByClientReference for many; those without a refund are left out.
func (s *Service) ByClientReferences(ctx context.Context, references []string) (map[string]Intent, error) {
	found, err := s.store.ByClientReferences(ctx, references)
	if err != nil {
		return nil, err
	}
	intents := make(map[string]Intent, len(found))
	for reference, legs := range found {
		intents[reference] = NewIntent(legs)
	}
	return intents, nil
}

// ByProviderID returns the refund with an attempt of that provider
// reference (re_... or MANUAL-CAS-00042), or ErrNotFound.
func (s *Service) ByProviderID(ctx context.Context, reference string) (Refund, error) {
	return s.store.ByProviderID(ctx, reference)
}

// List returns a page of refunds, newest first, and how many match.
func (s *Service) List(ctx context.Context, q Query) ([]Refund, int, error) {
	if q.Page < 0 || q.PageSize < 0 || q.PageSize > MaxPageSize {
		return nil, 0, &Error{Code: CodeInvalid, Field: "page", Message: fmt.Sprintf(
			"page %d of %d refunds; pages start at 1 and hold 1 to %d", q.Page, q.PageSize, MaxPageSize)}
	}
	return s.store.List(ctx, q.Normalize())
}

// ByOrder returns all refunds of an order, newest first.
func (s *Service) ByOrder(ctx context.Context, orderID string) ([]Refund, error) {
	var out []Refund
	for page := 1; ; page++ {
		list, _, err := s.store.List(ctx, Query{OrderID: orderID, Page: page, PageSize: MaxPageSize})
		if err != nil {
			return nil, fmt.Errorf("refunds: refunds of order %s: %w", orderID, err)
		}
		if out = append(out, list...); len(list) < MaxPageSize {
			return out, nil
		}
	}
}

// Events returns the audit trail of a refund, oldest first.
func (s *Service) Events(ctx context.Context, id string) ([]event.Event, error) {
	return s.store.Events(ctx, id)
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
