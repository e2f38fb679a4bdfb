// Package refundstest helps to test what stands on package refunds: a [Store] in
// memory, a payment provider ([Gateway]) with a ledger of its own and faults on demand,
// and the suites that anyone's store and gateway pass: [TestStore] and [TestGateway]
// for what each promises, [TestCrashes] and [TestRandomCrashes] for what they do
// together when processes die and calls go wrong, [TestDifferential] and
// [TestLinearizable] for random calls, one after the other and at once. Package
// refundsgen, below it, has generators.
//
//	func TestMyStore(t *testing.T) {
//		refundstest.TestStore(t, func(t *testing.T) refunds.Store { return mystore.Open(t) })
//	}
//
// # Concurrency
//
// [Store], [Gateway] and [Transport] are safe for concurrent use. What they keep is
// lost with the process.
//
// # Zero values
//
// The zero [Gateway] is ready; its clock is time.Now. A [Store] is made by [NewStore]
// alone. A [Transport] needs Next.
package refundstest
