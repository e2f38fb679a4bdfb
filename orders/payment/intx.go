package payment

import "errors"

// ErrInTransaction is in the chain of an error of whatever would call the
// provider, on a store in a transaction of the caller's. The provider's answer
// can't be rolled back with it, so a charge or a refund is only requested there:
// the worker executes it after the commit.
var ErrInTransaction = errors.New(
	"payment: the provider is not called in a transaction of the caller's; commit it first")
