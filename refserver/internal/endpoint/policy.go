package endpoint

import (
	"context"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/returns"
)

// Policies returns every version of the return policy, latest first.
func (e *Endpoints) Policies(ctx context.Context, by auth.User) ([]returns.Terms, error) {
	if err := ReadPolicy.Permit(by); err != nil {
		return nil, err
	}
	return e.d.Returns.AllTerms(ctx)
}

// PublishPolicy publishes the next version. Orders placed from now on are bound
// to it.
func (e *Endpoints) PublishPolicy(
	ctx context.Context, by auth.User, p returns.Policy, note string,
) (returns.Terms, error) {
	if err := PublishPolicy.Permit(by); err != nil {
		return returns.Terms{}, err
	}
	return e.d.Returns.PublishTerms(ctx, actor(by), p, strings.TrimSpace(note))
}

// TermsOf returns the terms that an order or a case is bound to: the current terms
// where none are pinned.
func (e *Endpoints) TermsOf(ctx context.Context, id string) (returns.Terms, error) {
	if id == "" {
		return e.d.Returns.Terms(ctx, "")
	}
	return e.d.Returns.Terms(ctx, id)
}
