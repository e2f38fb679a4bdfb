package orders

import "context"

// Origin is where something was done from. The zero value says that it is not
// known, as for work of a program that says nothing of itself.
type Origin struct {
	// Address is the network address of who asked, or name@host of a worker
	// that did it unasked. A person's address is personal data: show it to
	// those who look after the shop, to nobody else, and keep it out of logs
	// that live longer than they may.
	Address string `json:"address,omitempty"`
	// Request is the id of the request that led to it, as the logs have it;
	// empty for a worker.
	Request string `json:"request,omitempty"`
}

type originKey struct{}

// WithOrigin returns a context whose changes are recorded as done from o. A
// server's middleware calls it once for each request, a worker once for each
// run; Stamps of services then carry it, and so does each Event.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns what WithOrigin put into ctx, or the zero Origin.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
