// Package money holds amounts: currencies, parsing and formatting, checked
// arithmetic, and the two ways an amount is split.
//
// # Representation
//
// The model keeps amounts as int64 minor units beside one currency: 1050 is
// 10.50 USD, 1050 JPY, or 1.050 KWD. [Money] is such an amount with its
// currency, for where the two travel together: parsing, formatting, messages.
// A float is never used.
//
// # Splitting
//
// [Allocate] splits what belongs to a whole order over its lines, once, by largest
// remainder. [Share] returns what some units of a line are worth: the first k of n
// units are worth floor(paid x k / n), so that returns in any order and grouping sum
// to exactly what was paid.
//
// # Errors
//
// Every function that can leave the range of int64, or meets two currencies or
// a value out of its range, returns an [*Error] with a stable code. Nothing
// wraps around and nothing panics.
//
// # Sources
//
// Digits of a currency, and how people of a locale write an amount, come from
// the Unicode CLDR through github.com/bojanz/currency.
package money
