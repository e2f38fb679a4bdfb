// Package returnsgen generates what package returns works on: policies ([GenPolicy]),
// purchases ([GenPurchase]), and all that a verdict depends on ([GenCase]), for properties
// with github.com/leanovate/gopter. Package returnstest has the suites, and needs none of it.
package returnsgen
