package observability

import (
	"encoding/base64"
	"strings"
)

// secretSpans appends to spans where secrets stand in s: the value after a
// sensitive name (password=..., "token": "...", Cookie: ...), credentials
// after Bearer and Basic, passwords in URLs, and keys that are known by
// their look.
func (r *Redactor) secretSpans(s string, spans []span) []span {
	if !r.plain && !mayHoldSecret(s) {
		return spans
	}
	spans = urlPasswords(s, spans)
	for i := 0; i < len(s); {
		if !isWordByte(s[i]) {
			i++
			continue
		}
		end := i
		for end < len(s) && isWordByte(s[end]) {
			end++
		}
		spans, end = r.secretAfter(s, i, end, spans)
		i = end
	}
	return spans
}

// secretAfter appends to spans the secret that the word s[i:end] is or names, and
// returns where to continue.
func (r *Redactor) secretAfter(s string, i, end int, spans []span) ([]span, int) {
	word := s[i:end]
	switch {
	case r.looksLikeKey(word):
		return append(spans, span{i, end}), end
	case strings.EqualFold(word, "bearer"):
		if value, ok := nextField(s, end); ok {
			return append(spans, value), value.from // it may be a name again
		} else if value, ok := assigned(s, end, word); ok {
			return append(spans, value), resume(s, value)
		}
	case strings.EqualFold(word, "basic"):
		if value, ok := nextField(s, end); ok && isBasic(s[value.from:value.to]) {
			return append(spans, value), value.to
		}
	case isElement(s, i, end):
		if r.sensitive(word) {
			value := elementText(s, end)
			return append(spans, value), value.to
		}
	case isAssigned(s, end) && r.sensitive(word) && !r.isOperation(s, end): // the cheapest look first
		if value, ok := assigned(s, end, word); ok {
			return append(spans, value), resume(s, value)
		}
	}
	return spans, end
}

// isOperation reports whether an operation ends at s[:end] that wraps another error.
func (r *Redactor) isOperation(s string, end int) bool {
	after, ok := strings.CutPrefix(s[end:], ": ")
	if !ok || after == "" || !isWordByte(after[0]) {
		return false
	}
	for _, op := range r.operations {
		before, ok := strings.CutSuffix(s[:end], op)
		if ok && (before == "" || strings.HasSuffix(before, ": ")) {
			return true
		}
	}
	return false
}

// mayHoldSecret is a quick look that lets most lines pass: every form of
// secret needs one of these signs.
func mayHoldSecret(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '=', ':', '_', '<':
			return true
		case 'B', 'b':
			if i+6 < len(s) && (strings.EqualFold(s[i:i+6], "bearer") || strings.EqualFold(s[i:i+5], "basic")) {
				return true
			}
		case 'e':
			if strings.HasPrefix(s[i:], "eyJ") {
				return true
			}
		}
	}
	return false
}

func isWordByte(b byte) bool {
	return isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'z' || b == '_' || b == '-' || b == '.' || b >= 0x80
}

// looksLikeKey knows Stripe's keys, webhook secrets and client secrets, JSON web tokens, and what
// begins as RedactConfig.Prefixes say.
func (r *Redactor) looksLikeKey(word string) bool {
	for _, prefix := range r.prefixes {
		if i := strings.Index(word, prefix); i >= 0 && len(word) > i+len(prefix) {
			return true
		}
	}
	if (strings.HasPrefix(word, "pi_") || strings.HasPrefix(word, "seti_")) && strings.Contains(word, "_secret_") {
		return true
	}
	return strings.HasPrefix(word, "eyJ") && strings.Count(word, ".") >= 2
}

// assignment returns where "=" or ":" stands after the name that ends at i,
// the closing quote, bracket and spaces of the name passed over; len(s) when
// nothing is assigned to it.
func assignment(s string, i int) int {
	for i < len(s) && (strings.IndexByte(`"'\]`, s[i]) >= 0 || isSpace(s[i])) {
		i++
	}
	if i < len(s) && s[i] != '=' && s[i] != ':' {
		return len(s)
	}
	return i
}

func isAssigned(s string, i int) bool { return assignment(s, i) < len(s) }

// assigned finds the value given to the name that ends at i: after "=", ":" or
// "=>", with quotes, backslashes and brackets of the notation around.
func assigned(s string, i int, name string) (span, bool) {
	i = assignment(s, i)
	for i++; i < len(s) && strings.IndexByte("=:>\\ \t", s[i]) >= 0; i++ {
	}
	if i >= len(s) {
		return span{}, false
	}
	value := span{i, i}
	switch c := s[i]; {
	case strings.IndexByte("\"'`", c) >= 0:
		value = quoted(s, i)
	case strings.IndexByte("[{(", c) >= 0:
		value.to = endOfValue(s, closing(s, i))
	case isHeader(name):
		value.to = len(s)
		if n := strings.IndexAny(s[i:], "\r\n"); n >= 0 {
			value.to = i + n
		}
	default:
		value.to = endOfValue(s, i)
	}
	return value, value.to > value.from
}

// quoted finds the value whose opening quote is at i.
func quoted(s string, i int) span {
	from := i + 1
	to := from
	escaped := s[i-1] == '\\' // then the closing quote is too
	for to < len(s) && (s[to] != s[i] || !escaped && s[to-1] == '\\' && to > from) {
		to++
	}
	if escaped && to > from && s[to-1] == '\\' {
		to--
	}
	if !escaped && to+1 < len(s) && (s[to+1] == s[i] || isWordByte(s[to+1])) { // 'it''s', "a"b
		to = endOfValue(s, to+1)
	}
	return span{from, to}
}

// endOfValue is where a value without quotes ends that continues at i.
func endOfValue(s string, i int) int {
	for i < len(s) && !isSpace(s[i]) && s[i] != '&' && s[i] != '"' {
		if s[i] == ',' && i+1 < len(s) && s[i+1] == '"' { // the next JSON member
			break
		}
		i++
	}
	return i
}

// isElement reports whether s[from:to] is the name in an XML start tag.
func isElement(s string, from, to int) bool {
	return from > 0 && s[from-1] == '<' && to < len(s) && s[to] == '>'
}

// elementText finds the text of the element whose start tag ends at i.
func elementText(s string, i int) span {
	end := i + 1
	for end < len(s) && s[end] != '<' {
		end++
	}
	return span{i + 1, end}
}

// resume is where to go on after a value: at its last word when that names the
// next value, as in "Bearer token: abc".
func resume(s string, value span) int {
	i := value.to
	for i > value.from && (s[i-1] == ':' || s[i-1] == '=') {
		i--
	}
	if i == value.to {
		return i
	}
	for i > value.from && isWordByte(s[i-1]) {
		i--
	}
	return i
}

// isHeader reports whether the value of a name continues to the end of the line.
func isHeader(name string) bool {
	n := normalKey(name)
	return strings.Contains(n, "authorization") || strings.Contains(n, "cookie")
}

// closing returns the end of the bracketed value at i, or of s when it isn't
// closed.
func closing(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '[', '{', '(':
			depth++
		case ']', '}', ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

// nextField is the run of non-space bytes after the spaces at i.
func nextField(s string, i int) (span, bool) {
	from := i
	for from < len(s) && (s[from] == ' ' || s[from] == '\t') {
		from++
	}
	to := from
	for to < len(s) && !isSpace(s[to]) && s[to] != '"' && s[to] != '\'' {
		to++
	}
	return span{from, to}, from > i && to > from
}

// isBasic tells credentials from the word after "basic" in a sentence.
func isBasic(s string) bool {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "=,;"))
	return err == nil && strings.IndexByte(string(raw), ':') >= 0
}

// urlPasswords finds the password of scheme://user:password@host.
func urlPasswords(s string, spans []span) []span {
	for i := 0; ; {
		at := strings.Index(s[i:], "://")
		if at < 0 {
			return spans
		}
		i += at + 3
		end := i
		for end < len(s) && !isSpace(s[end]) && strings.IndexByte("/?#\"<>", s[end]) < 0 {
			end++
		}
		host := strings.LastIndexByte(s[i:end], '@')
		if host < 0 {
			continue
		}
		if colon := strings.IndexByte(s[i:i+host], ':'); colon >= 0 && colon+1 < host {
			spans = append(spans, span{i + colon + 1, i + host})
		}
	}
}

func isSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }
