// Package payment holds the words that a shop and its payment provider share:
// what is asked of the provider, how a call can end, and the two interfaces
// that a provider's adapter implements.
//
// A call has no error. However it ends, it ends as a [Result] with one of seven
// outcomes, and anything that is not recognized is [OutcomeUnknown]: it may
// have had its effect, so it is looked up and never simply repeated.
//
// # Units
//
// Amounts are int64 minor units of their [money.Currency] as ISO 4217 counts
// them: 1050 is 10.50 USD, 1050 JPY, or 1.050 KWD. An adapter converts them to
// the provider's own unit, and back.
//
// # Concurrency
//
// Values are plain data. Gateways are safe for concurrent use, honor the
// context, and never retry on their own: a hidden retry escapes the record of
// attempts.
//
// # Zero values
//
// The zero [Result] has no outcome that exists, and is read as unknown. The zero
// [Capabilities] describe a provider without limits that finds refunds by our id.
// The zero [Method] is none, and is refused.
package payment
