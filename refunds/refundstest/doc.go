// Package refundstest helps to test what stands on package refunds: a Store in
// memory, a payment provider with a ledger of its own and faults on demand,
// gopter generators, and TestStore, the conformance suite for any refunds.Store.
//
//	func TestMyStore(t *testing.T) {
//		refundstest.TestStore(t, func(t *testing.T) refunds.Store { return mystore.Open(t) })
//	}
package refundstest
