package orders

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"
)

// crockford leaves out I, L, O and U, so that a number can be read aloud.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// orderNumber is the human number of an order: ORD-YYYYMMDD-XXXXXXXXXX, the UTC day
// and ten characters made of the order's id. It needs no counter row, so
// checkouts do not wait for one another to get it.
//
// The ten characters are 50 bits of SHA-256 of the id: with a million orders
// a day two of a day share a number about once in six years. The store's unique
// index refuses the second, and placing it is then tried again under a new id.
func orderNumber(id string, at time.Time) string {
	sum := sha256.Sum256([]byte(id))
	return "ORD-" + at.UTC().Format("20060102") + "-" + strings.ToUpper(crockford.EncodeToString(sum[:])[:10])
}
