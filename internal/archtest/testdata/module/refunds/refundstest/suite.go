// Package refundstest imports the shop.
package refundstest

import _ "github.com/returnkit/returnkit/refserver"
