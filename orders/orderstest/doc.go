// Package orderstest helps to test what stands on package orders: a [Store] in memory,
// a payment [Gateway] with a ledger of its own and faults on demand, and [TestStore], the
// conformance suite for any [orders.Store]. Package ordersgen, below it, has generators.
//
//	func TestMyStore(t *testing.T) {
//		orderstest.TestStore(t, func(t *testing.T) orders.Store { return mystore.Open(t) })
//	}
//
// # Concurrency
//
// [Store] and [Gateway] are safe for concurrent use. What they keep is lost with the
// process.
package orderstest
