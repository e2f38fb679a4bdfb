package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// hostileTexts are values that programs stumble over.
var hostileTexts = []string{
	"", " ", "0", "-1", "1.5", "1e400", "-1e400", "NaN", "Infinity", "9223372036854775807",
	"9223372036854775808", "99999999999999999999999999999999", "0x10", "1_000", "١٢٣", "null", "true",
	"[]", "{}", "\x00", "a\x00b", "\xff\xfe",
	"\u202e\u200d\ufeff", "\U0001f469\u200d\U0001f4bb", "e\u0301", "<script>alert(1)</script>",
	`"><img src=x onerror=alert(1)>`, "' OR 1=1 --", `"; DROP TABLE rk_orders; --`, "%00", "%s%n%d", "{{.}}", "${7*7}",
	"../../etc/passwd", "..\\..\\x", "/", "a/b", "?", "#", ".", "..", "0000-00-00", "9999-12-31", "2026-02-30",
	"9999-99-99T99:99:99Z", "http://127.0.0.1:1/", "javascript:alert(1)", "file:///etc/passwd", "//evil.example",
	"\r\nX: y",
	strings.Repeat("9", 400), strings.Repeat("x", 5000), strings.Repeat("ä", 5000),
}

// hostileFeeds are ends of feeds.
var hostileFeeds = []string{
	"\n\"", "\n\"a\"b,c\n", strings.Repeat(",", 5000), "\x00", "\xff", "<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>",
	strings.Repeat("<a>", 500), "[", "]", strings.Repeat("[", 5000), "{\"a\":1,\"a\":2}",
}

// hostileJSON are values in JSON, or nearly.
var hostileJSON = []string{
	"null", "true", "0", "-1", "1.5", "1e400", "-0", "1E+2", "9223372036854775807", "9223372036854775808", "0.1e-999",
	"99999999999999999999999999999999", "01", "+1", "NaN", "[]", "{}", "[null]", `[[[]]]`, `{"":{}}`, `"\u0000"`,
	`"\ud800"`, `"\u202e"`, "\"\xff\"", `"\q"`, `"`, "'x'", "", strings.Repeat("[", 20) + strings.Repeat("]", 20),
	strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000), `"` + strings.Repeat("x", 70000) + `"`,
}

// spoiled is the fields of a form with one or two of them wrong, or as they are.
func (g *Generator) spoiled(fields object) object {
	out := slices.Clone(fields)
	for range g.Rand.IntN(3) {
		if len(out) == 0 {
			break
		}
		i := g.Rand.IntN(len(out))
		switch g.Rand.IntN(8) {
		case 0:
			out = append(out, out[i])
		case 1:
			out = slices.Delete(out, i, i+1)
		case 2:
			out = append(out, member{one(g, hostileTexts), "1"})
		default:
			out[i].value = one(g, hostileTexts)
		}
	}
	return out
}

// json writes a tree as JSON, wrong in most cases.
func (g *Generator) json(tree any) string {
	if g.in(10) {
		return one(g, hostileJSON)
	}
	for range g.Rand.IntN(3) {
		tree = g.spoil(tree)
	}
	var out strings.Builder
	write(&out, tree)
	text := out.String()
	if g.in(25) {
		text = text[:g.Rand.IntN(len(text)+1)]
	}
	if g.in(25) {
		text += one(g, []string{"{}", "x", "\x00", ",", "]", " \n "})
	}
	return text
}

// spoil changes one place of a tree.
func (g *Generator) spoil(tree any) any {
	switch v := tree.(type) {
	case object:
		if len(v) == 0 || g.in(8) {
			return append(slices.Clone(v), member{one(g, hostileTexts), verbatim(one(g, hostileJSON))})
		}
		out := slices.Clone(v)
		i := g.Rand.IntN(len(out))
		switch g.Rand.IntN(8) {
		case 0:
			return append(out, out[i])
		case 1:
			return slices.Delete(out, i, i+1)
		case 2:
			out[i].name = strings.ToUpper(out[i].name)
		default:
			out[i].value = g.spoil(out[i].value)
		}
		return out
	case []any:
		if len(v) == 0 || g.in(4) {
			return append(slices.Clone(v), verbatim(one(g, hostileJSON)))
		}
		out := slices.Clone(v)
		i := g.Rand.IntN(len(out))
		out[i] = g.spoil(out[i])
		return out
	}
	if g.in(3) {
		return one(g, hostileTexts)
	}
	return verbatim(one(g, hostileJSON))
}

// write writes a tree as JSON.
func write(out *strings.Builder, tree any) {
	switch v := tree.(type) {
	case verbatim:
		out.WriteString(string(v))
	case object:
		out.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			write(out, m.name)
			out.WriteByte(':')
			write(out, m.value)
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			write(out, item)
		}
		out.WriteByte(']')
	default:
		data, err := json.Marshal(v)
		if err != nil {
			data = fmt.Appendf(nil, "%q", fmt.Sprint(v))
		}
		out.Write(data)
	}
}
