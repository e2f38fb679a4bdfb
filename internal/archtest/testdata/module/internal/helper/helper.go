// Package helper has a type that importers can't name, and an arrow up.
package helper

import "github.com/returnkit/returnkit/orders/money"

// Handle is internal.
type Handle struct{ Price money.Money }
