// Package returns imports orders.
package returns

import _ "github.com/returnkit/returnkit/orders"
