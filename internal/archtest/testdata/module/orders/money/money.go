// Package money imports a room above it.
package money

import "github.com/returnkit/returnkit/refunds"

// Money is an amount.
type Money struct{ Minor int64 }

// Limit is refunds' limit.
const Limit = refunds.Limit
