package sqldb

import (
	"context"
	"errors"
	"strings"

	"github.com/returnkit/returnkit/internal/batch"
)

// RunBatch executes calls that met with all, which does so in one transaction. Where
// that fails for what is in one of them, each is tried alone and fails for itself;
// Fail ends a call of which nothing was done, with the reason.
func RunBatch[C interface{ Fail(error) }](ctx context.Context, calls []C, all func(context.Context, []C) error) {
	err := all(ctx, calls)
	for _, c := range calls {
		switch {
		case err != nil && atFault(err):
			if err := retryUnique(func() error { return all(ctx, []C{c}) }); err != nil {
				c.Fail(err)
			}
		case err != nil:
			c.Fail(err)
		}
	}
}

// NewBatcher returns a Batcher whose calls RunBatch executes with all, at most
// limit at a time and in the turns of slots.
func NewBatcher[C interface{ Fail(error) }](
	slots batch.Slots, limit int, all func(context.Context, []C) error,
) *batch.Batcher[C] {
	return batch.New(slots, limit, func(ctx context.Context, calls []C) { RunBatch(ctx, calls, all) })
}

// final is an error of a call that must not be made again here.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Final marks err so that RunBatch does not try again: what failed was in a
// transaction of the caller's, who alone may run it again.
func Final(err error) error { return final{err} }

// atFault reports whether a transaction failed for what was in it. One of its
// calls is the reason then, and alone each fails for itself. Where the database
// is out of reach or too busy, trying each would only make it worse.
func atFault(err error) bool {
	if _, ok := errors.AsType[final](err); ok {
		return false
	}
	if _, ok := IsUnique(err); ok {
		return true
	}
	if _, ok := IsCheck(err); ok {
		return true
	}
	return strings.HasPrefix(pgCode(err), "22") // data that no column takes
}

// retryUnique runs f again when what it inserts was inserted by somebody else
// meanwhile: it finds the other's row then, or makes a new id.
func retryUnique(f func() error) error {
	const tries = 4
	var err error
	for range tries {
		if err = f(); err == nil {
			return nil
		}
		if _, ok := IsUnique(err); !ok {
			return err
		}
	}
	return err
}
