package resilience

import "context"

// Do makes the call fn if b allows it, and reports to b how it ended, as
// [Config.Classify] judges the error. It returns what fn returned, an
// *[OpenError] if b refused, or the error of ctx if that had ended already; in
// the last two cases fn was not called and nothing is counted.
//
// A call that panics or exits its goroutine counts as a failure; the panic goes
// on.
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
