package web

import (
	"fmt"
	"html/template"
	"strings"
)

// code128 are the widths of bars and spaces of the symbols of Code 128 (ISO/IEC 15417), by
// value: 0 to 102, the starts of code sets A, B and C, and the stop.
var code128 = strings.Fields(`
	212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222
	123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321
	232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121
	313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224
	111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111
	111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113
	114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112`)

const (
	code128StartB = 104
	code128Stop   = 106
	code128Quiet  = 10 // modules of white on each side
)

// code128Symbols are the symbols of a text in code set B: start, text, check, stop.
func code128Symbols(text string) ([]int, error) {
	symbols := []int{code128StartB}
	check := code128StartB
	for i, r := range text {
		if r < ' ' || r > '~' {
			return nil, fmt.Errorf("code 128: %q is not printable ASCII", r)
		}
		symbols = append(symbols, int(r-' '))
		check += (i + 1) * int(r-' ')
	}
	return append(symbols, check%103, code128Stop), nil
}

// barCode draws a text as Code 128: black bars, a module 2 px wide, with the quiet zones that
// scanners need.
func barCode(text string) (template.HTML, error) {
	symbols, err := code128Symbols(text)
	if err != nil {
		return "", err
	}
	const module, height = 2, 80
	at := code128Quiet
	var bars strings.Builder
	for _, symbol := range symbols {
		for i, width := range code128[symbol] {
			w := int(width - '0')
			if i%2 == 0 {
				fmt.Fprintf(&bars, `<rect x="%d" width="%d" height="%d"/>`, at*module, w*module, height)
			}
			at += w
		}
	}
	total := (at + code128Quiet) * module
	// Made of numbers and of a text that is escaped.
	return template.HTML(fmt.Sprintf(
		`<svg class="barcode" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" `+
			`role="img" aria-label="Bar code %s"><rect width="%d" height="%d" fill="#fff"/><g fill="#000">%s</g></svg>`,
		total,
		height,
		total,
		height,
		template.HTMLEscapeString(text),
		total,
		height,
		bars.String(),
	)), nil
}
