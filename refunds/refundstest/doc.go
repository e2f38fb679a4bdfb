// Package refundstest helps to test what stands on package refunds: a Store in
// memory, a payment provider with a ledger of its own and faults on demand,
// gopter generators, and the suites that anyone's store and gateway pass:
// TestStore and TestGateway for what each promises, TestCrashes and
// TestRandomCrashes for what they do together when processes die and calls go
// wrong.
//
//	func TestMyStore(t *testing.T) {
//		refundstest.TestStore(t, func(t *testing.T) refunds.Store { return mystore.Open(t) })
//	}
package refundstest
