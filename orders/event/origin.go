package event

import "context"

// Source is where something was done from. The zero value says that it is not
// known, as for work of a program that says nothing of itself.
type Source struct {
	// Address is the network address of who asked, or name@host of a worker
	// that did it unasked. An address is personal data: show it to
	// those who look after the shop, to nobody else, and keep it out of logs
	// that live longer than they may.
	Address string `json:"address,omitempty"`
	// Request is the id of the request that led to it, as the logs have it;
	// empty for a worker.
	Request string `json:"request,omitempty"`
}

type sourceKey struct{}

// WithSource returns a context whose changes are recorded as done from o. A
// server's middleware calls it once for each request, a worker once for each
// run; Stamps of services then carry it, and so does each Event.
func WithSource(ctx context.Context, o Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, o)
}

// SourceOf returns what WithSource put into ctx, or the zero Source.
func SourceOf(ctx context.Context) Source {
	o, _ := ctx.Value(sourceKey{}).(Source)
	return o
}
