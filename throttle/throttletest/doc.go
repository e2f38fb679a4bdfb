// Package throttletest holds what every [throttle.Limiter] must pass, in this
// process or shared. The limiters of this module run it; run it on your own.
//
// [Steps] needs a limiter whose clock the test can set, [Law] needs nothing but
// the limiter.
package throttletest
