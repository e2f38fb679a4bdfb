// Package csvcell writes cells of CSV files that spreadsheets open.
package csvcell

import (
	"strings"
	"unicode/utf8"
)

// formulas are the characters that a spreadsheet may take as the start of a formula, the wide ones of East
// Asian keyboards among them (https://owasp.org/www-community/attacks/CSV_Injection).
const formulas = "=+-@\t\r\n＝＋－＠"

// Harmless returns the cell with an apostrophe before it where a spreadsheet would read it as a formula.
func Harmless(cell string) string {
	if first, _ := utf8.DecodeRuneInString(cell); cell != "" && strings.ContainsRune(formulas, first) {
		return "'" + cell
	}
	return cell
}
