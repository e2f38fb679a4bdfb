// Package throttletest holds what every [throttle.Limiter] must pass, in this
// process or shared. The limiters of this module run it; run it on your own.
//
// [Steps] needs a limiter whose clock the test can set, [Law] needs nothing but
// the limiter.
//
// # Concurrency
//
// Law calls the limiter from 64 goroutines; run it with the race detector.
//
// # Errors
//
// What is not as it should be fails the test, with the limit, the step, what was
// decided and what should have been. No check stops before the others were made.
//
// # Zero values
//
// There are no types to make but functions: [Open] and [Take] must not be nil.
//
// # Sources
//
// The law is stated in package throttle. The reference that random walks are
// compared with is the other form of the algorithm, the continuous-state leaky
// bucket of ITU-T Recommendation I.371.
package throttletest
