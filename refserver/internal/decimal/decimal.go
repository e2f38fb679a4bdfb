// Package decimal reads and writes decimals as whole numbers of their smallest
// unit, without a float: a discount of 12.5 % at two digits is 1250.
package decimal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Parse reads s, which may have at most digits decimals. The empty string is 0.
func Parse(s string, digits int) (int64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, nil
	}
	whole, part, dotted := strings.Cut(s, ".")
	if len(part) > digits || (dotted && part == "") || strings.ContainsAny(part, "+-_") ||
		strings.HasPrefix(whole, "+") {
		return 0, fmt.Errorf("%q is not a number with at most %d decimals", s, digits)
	}
	n, err := strconv.ParseInt(whole+part+strings.Repeat("0", digits-len(part)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number with at most %d decimals", s, digits)
	}
	return n, nil
}

// Format writes n, which counts the smallest unit, with digits decimals. The
// result is a JSON number.
func Format(n int64, digits int) json.Number {
	sign := ""
	if n < 0 {
		sign = "-"
	}
	text := strings.TrimPrefix(fmt.Sprintf("%0*d", digits+1, n), "-")
	for len(text) <= digits {
		text = "0" + text
	}
	if digits == 0 {
		return json.Number(sign + text)
	}
	return json.Number(sign + text[:len(text)-digits] + "." + text[len(text)-digits:])
}
