// Package refundsgen generates what package refunds works on, such as [Purchase] and what
// comes back of it, [Step] by step, for properties with github.com/leanovate/gopter.
// Package refundstest has the suites, and needs none of it.
package refundsgen
