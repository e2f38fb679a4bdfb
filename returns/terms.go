package returns

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
)

// PublishTerms publishes the next version of the policy. Orders placed from
// now on are bound to it; existing orders keep theirs.
func (s *Service) PublishTerms(ctx context.Context, by event.Actor, p Policy, note string) (Terms, error) {
	if p.Zone == "" {
		p.Zone = cmp.Or(s.cfg.Zone, "UTC")
	}
	if p.Start == "" {
		p.Start = FromDeliveryOrPurchase
	}
	if err := p.Validate(); err != nil {
		return Terms{}, err
	}
	if err := checkText("note", note, maxNote); err != nil {
		return Terms{}, err
	}
	now := s.stamp(ctx, by)
	t, err := s.store.Publish(
		ctx, Terms{ID: s.cfg.NewID(), Policy: p, PublishedAt: now.At, PublishedBy: by, Note: note},
	)
	if err != nil {
		return Terms{}, fmt.Errorf("returns: publish terms: %w", err)
	}
	return t, nil
}

// EnsureTerms publishes p as the first version when there is none, and returns
// the current version.
func (s *Service) EnsureTerms(ctx context.Context, by event.Actor, p Policy) (Terms, error) {
	t, err := s.store.Terms(ctx, "")
	if !errors.Is(err, ErrNotFound) {
		return t, err
	}
	return s.PublishTerms(ctx, by, p, "the settings of the first start")
}

// Terms reads a version by its id; an empty id is the current one, which an order placed now
// is bound to: its ID is what orders.Config.Terms returns. It returns an error that wraps
// ErrNotFound if there is no such version.
func (s *Service) Terms(ctx context.Context, id string) (Terms, error) {
	t, err := s.store.Terms(ctx, id)
	if id == "" && errors.Is(err, ErrNotFound) {
		return Terms{}, fmt.Errorf("returns: no terms are published yet; call EnsureTerms or PublishTerms: %w", err)
	}
	return t, err
}

// AllTerms reads every version, latest first.
func (s *Service) AllTerms(ctx context.Context) ([]Terms, error) { return s.store.AllTerms(ctx) }
