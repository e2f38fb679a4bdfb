package returnstest

import (
	"context"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// watched is the store under test, whose calls are the progress of a case.
type watched struct {
	returns.Store
	t *suite.T
}

func (w watched) Create(
	ctx context.Context,
	o purchase.Purchase,
	decide func(returns.Units) (returns.Change, error),
) (returns.Return, error) {
	defer w.t.Call("Create")()
	return w.Store.Create(ctx, o, decide)
}

func (w watched) Update(
	ctx context.Context,
	id string,
	change func(returns.Units, returns.Return) (returns.Change, error),
) (returns.Return, error) {
	defer w.t.Call("Update")()
	return w.Store.Update(ctx, id, change)
}

func (w watched) Return(ctx context.Context, id string) (returns.Return, error) {
	defer w.t.Call("Return")()
	return w.Store.Return(ctx, id)
}

func (w watched) List(ctx context.Context, q returns.Query) ([]returns.Return, int, error) {
	defer w.t.Call("List")()
	return w.Store.List(ctx, q)
}

func (w watched) Claims(ctx context.Context, orderIDs ...string) (map[string]returns.Claims, error) {
	defer w.t.Call("Claims")()
	return w.Store.Claims(ctx, orderIDs...)
}

func (w watched) Counts(ctx context.Context) (map[returns.Status]int, error) {
	defer w.t.Call("Counts")()
	return w.Store.Counts(ctx)
}

func (w watched) Events(ctx context.Context, id string) ([]event.Event, error) {
	defer w.t.Call("Events")()
	return w.Store.Events(ctx, id)
}

func (w watched) Publish(ctx context.Context, t returns.Terms) (returns.Terms, error) {
	defer w.t.Call("Publish")()
	return w.Store.Publish(ctx, t)
}

func (w watched) Terms(ctx context.Context, id string) (returns.Terms, error) {
	defer w.t.Call("Terms")()
	return w.Store.Terms(ctx, id)
}

func (w watched) AllTerms(ctx context.Context) ([]returns.Terms, error) {
	defer w.t.Call("AllTerms")()
	return w.Store.AllTerms(ctx)
}
