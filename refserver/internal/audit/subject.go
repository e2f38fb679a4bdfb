package audit

import "context"

type subjectKey struct{}

// WithSubject returns a context in which Created names what was created, and a
// function that returns that name; empty where nothing was.
func WithSubject(ctx context.Context) (named context.Context, created func() string) {
	id := new(string)
	return context.WithValue(ctx, subjectKey{}, id), func() string { return *id }
}

// Created gives the recorder of the request of ctx, if there is one, the id of the
// object that it created. A request creates one at most.
func Created(ctx context.Context, id string) {
	if to, ok := ctx.Value(subjectKey{}).(*string); ok {
		*to = id
	}
}
