package scenarios

import "strings"

// isProductLock reports whether a statement locks rows of products.
func isProductLock(query string) bool {
	return strings.Contains(query, "rk_products") && strings.Contains(query, "FOR ") &&
		strings.Contains(query, "UPDATE")
}
