// Package ordersgen generates what package orders works on, such as the items of a cart
// ([GenItems]), rules of pricing ([GenRules]) and whole orders ([GenOrder]), for properties
// with github.com/leanovate/gopter. Package orderstest has the suites, and needs none of it.
package ordersgen
