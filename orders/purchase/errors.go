package purchase

import "errors"

// ErrNotFound is returned (wrapped) for what does not exist. Packages orders,
// refunds and returns share it, so that one errors.Is serves them all.
var ErrNotFound = errors.New("not found")
