// Package suite is the bench that the conformance suites of the stores and gateways
// stand on. An implementation under test may be wrong in any way: it may panic, never
// return, loop, or answer with values of any size. Run bounds each case by progress,
// makes a panic the failure of its case, and prints what differs, one screen at most.
//
// A suite is a list of promises. Each is a numbered sentence of the interface's
// documentation, and has the cases that hold an implementation to it; Check compares
// the two lists. Mutants holds the suite to its own promise: it catches each wrong
// implementation by the promise that it breaks.
package suite
