// Package returnstest helps to test what stands on package returns: a Store
// and an EvidenceStore in memory, gopter generators, and TestStore and
// TestEvidenceStore, the conformance suites for implementations of the two.
//
//	func TestMyStore(t *testing.T) {
//		returnstest.TestStore(t, func(t *testing.T) returns.Store { return mystore.Open(t) })
//	}
package returnstest
