// Package purchase holds what packages returns and refunds need to know of an
// order, whichever shop it comes from: what was bought, what was paid for it,
// and by which payments. Package orders is one source of it, not a requirement.
package purchase
