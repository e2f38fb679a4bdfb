package returnstest

import (
	"context"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/returns"
)

// Publish implements returns.Store.
func (s *Store) Publish(ctx context.Context, t returns.Terms) (returns.Terms, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return returns.Terms{}, err
	}
	defer unlock()
	if err := t.Check(); err != nil {
		return returns.Terms{}, err
	}
	for _, other := range s.terms {
		if other.ID == t.ID {
			return returns.Terms{}, fmt.Errorf("returnstest: terms %s are published already", t.ID)
		}
	}
	t.Version = len(s.terms) + 1
	s.terms = append(s.terms, copyTerms(t))
	return t, nil
}

// Terms implements returns.Store.
func (s *Store) Terms(ctx context.Context, id string) (returns.Terms, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return returns.Terms{}, err
	}
	defer unlock()
	for _, t := range slices.Backward(s.terms) {
		if t.ID == id || id == "" {
			return copyTerms(t), nil
		}
	}
	return returns.Terms{}, notFound("terms", id)
}

// AllTerms implements returns.Store.
func (s *Store) AllTerms(ctx context.Context) ([]returns.Terms, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := make([]returns.Terms, 0, len(s.terms))
	for _, t := range slices.Backward(s.terms) {
		out = append(out, copyTerms(t))
	}
	return out, nil
}

// copyTerms shares nothing with t: published terms are never changed, not even
// through a slice that somebody holds.
func copyTerms(t returns.Terms) returns.Terms {
	t.Policy = t.Policy.Clone()
	return t
}
