package resilience

import "context"

// Do calls fn if b allows it, and reports to b how the call ended, as
// [Config.Classify] judges its error. It returns what fn returned.
//
// If b refuses, Do returns an *[OpenError], or [ErrZeroValue] if b was not made by
// New; if ctx has ended already, its error. In these cases fn is not called and
// nothing is counted.
//
// A call that panics or exits its goroutine counts as a failure; the panic is not
// recovered. The call ends when fn returns: what it returns to be read later is
// not part of it.
func Do[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	permit, err := b.Allow()
	if err != nil {
		return zero, err
	}
	outcome := Failure
	defer func() { permit.Done(outcome) }()
	result, err := fn(ctx)
	outcome = b.cfg.Classify(ctx, err)
	return result, err
}
