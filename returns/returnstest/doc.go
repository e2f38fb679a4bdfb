// Package returnstest helps to test what stands on package returns: stores in
// memory, a shop's orders and shelf in memory, and the suites that anyone's
// implementations pass. Package returnsgen, below it, has generators.
//
//	func TestMyStore(t *testing.T) {
//		returnstest.TestStore(t, func(t *testing.T) returns.Store { return mystore.Open(t) })
//	}
//
// # Suites
//
// [TestStore] is for a returns.Store, [TestEvidenceStore] for a
// returns.EvidenceStore, [TestOrders] and [TestRestocker] for the adapters of a shop
// of one's own. Each makes what it needs by the function it is given, once for each
// subtest.
//
// # Without a database
//
// [NewStore] and [RecordRefunds] give the events of the stores in memory to an
// outbox.Memory, so that returns.Subscribe works there too.
//
// # Concurrency
//
// [Store], [Orders] and [EvidenceStore] are safe for concurrent use. What they keep
// is lost with the process.
package returnstest
