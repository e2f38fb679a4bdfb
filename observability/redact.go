package observability

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// redacted stands in the place of what a [Redactor] took out.
const redacted = "[REDACTED]"

// RedactConfig adds to what a [Redactor] knows. The zero value is good.
type RedactConfig struct {
	// Keys are further names whose values are secret. A name matches when it
	// contains one of them; case and the characters "_-. " don't count.
	Keys []string
	// Prefixes are what secrets of your own begin with, such as "shop_key_". A word is taken out
	// that has one of them and more after it.
	Prefixes []string
	// Operations are what errors of yours begin with and a secret could be named by, such as "auth" or
	// "change password": what follows one, a colon and a space is the error that it wraps. That is so at the beginning
	// of a text or after a colon and a space, and not where more than one space or a quote follows.
	Operations []string
}

// Redactor takes secrets out of texts and values: card numbers (13 to 19
// digits that pass the Luhn check), and the values of names such as password,
// token, cookie, authorization, secret and API key, in keys, inside texts, in
// nested groups, maps and structs, in errors and Stringers. When in doubt it
// takes out too much. It does not see through encodings such as base64.
//
// A Redactor doesn't change and is safe for concurrent use.
type Redactor struct {
	parts []string        // a key that contains one of them is sensitive
	exact map[string]bool // a key that is one of them is
	// prefixes begin words that are secret; plain tells that one of them has none of the signs that
	// mayHoldSecret looks for.
	prefixes []string
	plain    bool
	// operations are texts whose last word is no name of a secret.
	operations []string
}

// NewRedactor returns a Redactor.
func NewRedactor(c RedactConfig) *Redactor {
	r := &Redactor{
		parts: []string{
			"password", "passwd", "passphrase", "pwd", "secret", "token", "cookie", "authorization",
			"apikey", "privatekey", "accesskey", "credential", "signature", "sessionid",
			"cardnumber", "cardno", "cardnum", "securitycode",
		},
		exact: map[string]bool{"pan": true, "cvv": true, "cvc": true, "cvv2": true, "cvc2": true,
			"pin": true, "sid": true, "session": true, "pass": true, "auth": true},
		prefixes: []string{"sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"},
	}
	for _, p := range c.Prefixes {
		if p != "" {
			r.prefixes = append(r.prefixes, p)
			r.plain = r.plain || !strings.Contains(p, "_")
		}
	}
	for _, op := range c.Operations {
		if op != "" {
			r.operations = append(r.operations, op)
		}
	}
	for _, k := range c.Keys {
		if n := normalKey(k); n != "" {
			r.parts = append(r.parts, n)
		}
	}
	return r
}

// sensitive reports whether the values of this name are secret.
func (r *Redactor) sensitive(key string) bool {
	if len(key) < 3 {
		return false
	}
	n := normalKey(key)
	if r.exact[n] {
		return true
	}
	for _, part := range r.parts {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}

// normalKey returns key in lower case without "_-. ".
func normalKey(key string) string {
	plain := true
	for i := range len(key) {
		if c := key[i]; c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.' || c == ' ' {
			plain = false
			break
		}
	}
	if plain {
		return key
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c == '_' || c == '-' || c == '.' || c == ' ':
			return -1
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return c
	}, key)
}

// String returns s without its secrets; s itself when it has none.
func (r *Redactor) String(s string) string {
	var buf [8]span
	spans := r.secretSpans(s, cardSpans(s, buf[:0]))
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	done := 0
	for i := 0; i < len(spans); {
		from, to := spans[i].from, spans[i].to
		for i++; i < len(spans) && spans[i].from <= to; i++ { // spans may overlap
			to = max(to, spans[i].to)
		}
		out.WriteString(s[done:from])
		out.WriteString(redacted)
		done = to
	}
	out.WriteString(s[done:])
	return out.String()
}

// attr returns a without its secrets. LogValuers are resolved, errors and
// Stringers become their texts, other values that JSON shows as objects or
// lists become maps and slices.
func (r *Redactor) attr(a slog.Attr) slog.Attr {
	v := resolve(a.Value)
	key := r.String(a.Key)
	if r.sensitive(a.Key) {
		if v.Kind() == slog.KindGroup && len(v.Group()) == 0 {
			return slog.Attr{} // slog leaves empty groups out
		}
		return slog.String(key, redacted)
	}
	return slog.Attr{Key: key, Value: r.value(v)}
}

func (r *Redactor) value(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(r.String(v.String()))
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		if isCardNumber(v) {
			return slog.StringValue(redacted)
		}
		return v
	case slog.KindGroup:
		in := v.Group()
		out := make([]slog.Attr, len(in))
		for i, a := range in {
			out[i] = r.attr(a)
		}
		return slog.GroupValue(out...)
	case slog.KindAny:
		return r.anyValue(v.Any())
	}
	return v // bool, time, duration
}

// anyValue brings x into a form that can be searched.
func (r *Redactor) anyValue(x any) slog.Value {
	switch x := x.(type) {
	case nil:
		return slog.AnyValue(nil)
	case *slog.Source:
		return slog.AnyValue(x)
	case []byte:
		if utf8.Valid(x) {
			return slog.StringValue(r.String(string(x)))
		}
		return slog.StringValue(fmt.Sprintf("[%d bytes]", len(x)))
	case json.Marshaler: // before Stringer: JSON is what the line is
	case error:
		return slog.StringValue(r.String(guarded(x, x.Error)))
	case fmt.Stringer:
		return slog.StringValue(r.String(guarded(x, x.String)))
	case encoding.TextMarshaler: // another text in JSON
	default:
		// A code or an id with a type of its own: most lines have some.
		if text := reflect.ValueOf(x); text.Kind() == reflect.String && utf8.ValidString(text.String()) {
			return slog.StringValue(r.String(text.String()))
		}
	}
	return slog.AnyValue(r.viaJSON(x))
}

// viaJSON returns what x is in JSON, without secrets.
func (r *Redactor) viaJSON(x any) any {
	var raw []byte
	text := guarded(x, func() string {
		var err error
		if raw, err = json.Marshal(x); err != nil {
			// Not %v of x: a value that JSON refuses may be endless.
			return fmt.Sprintf("[%T can't be shown]", x)
		}
		return ""
	})
	if text != "" {
		return text
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return fmt.Sprintf("[%T can't be shown]", x)
	}
	return r.tree(out)
}

// tree redacts what encoding/json decodes into.
func (r *Redactor) tree(x any) any {
	switch x := x.(type) {
	case string:
		return r.String(x)
	case json.Number:
		if isCardNumber(numberValue(x.String())) {
			return redacted
		}
	case []any:
		for i := range x {
			x[i] = r.tree(x[i])
		}
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, v := range x {
			if r.sensitive(k) {
				out[r.String(k)] = redacted
			} else {
				out[r.String(k)] = r.tree(v)
			}
		}
		return out
	}
	return x
}

// mapOf returns a deep copy of m without secrets, never nil. Values that JSON
// can't show are replaced by a text that says so.
func (r *Redactor) mapOf(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, x := range m {
		a := r.attr(slog.Any(k, x))
		if a.Key == "" && k != "" {
			continue
		}
		out[a.Key] = plain(a.Value)
	}
	return out
}

// plain turns a redacted value into what encoding/json shows like slog would.
func plain(v slog.Value) any {
	switch v.Kind() {
	case slog.KindGroup:
		out := map[string]any{}
		for _, a := range v.Group() {
			out[a.Key] = plain(a.Value)
		}
		return out
	case slog.KindFloat64: // JSON has no infinities
		if f := v.Float64(); f-f != 0 {
			return fmt.Sprint(f)
		}
	case slog.KindTime: // time.Time fails to encode in the years after 9999
		return v.Time().Format(time.RFC3339Nano)
	case slog.KindDuration:
		return v.Duration().String()
	}
	return v.Any()
}

// isCardNumber judges a number by issuer, length and check digit: a number
// that is only the right length is likelier a time in micro- or nanoseconds.
func isCardNumber(v slog.Value) bool {
	var s string
	switch v.Kind() {
	case slog.KindInt64:
		s = strconv.FormatInt(max(v.Int64(), -v.Int64()), 10)
	case slog.KindUint64:
		s = strconv.FormatUint(v.Uint64(), 10)
	case slog.KindFloat64:
		f := v.Float64()
		if f < 1e12 || f >= 1e19 {
			return false
		}
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if len(s) < minCardDigits || len(s) > maxCardDigits {
		return false
	}
	var buf [maxCardDigits]digit
	run, _ := digitRun(s, 0, buf[:0])
	return len(run) == len(s) && issuedCard(run) == len(run)
}

func numberValue(s string) slog.Value {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return slog.Int64Value(n)
	}
	f, _ := strconv.ParseFloat(s, 64) // a JSON number; out of range is ±Inf
	return slog.Float64Value(f)
}

// resolve follows LogValuers, also those that panic.
func resolve(v slog.Value) slog.Value {
	if v.Kind() != slog.KindLogValuer {
		return v
	}
	return v.Resolve() // turns a panic into a value that names it
}

// guarded calls text and turns a panic (of a method on a nil pointer, say) into a
// text: a log line must not bring down its caller.
func guarded(x any, text func() string) (s string) {
	defer func() {
		if p := recover(); p != nil {
			s = fmt.Sprintf("[%T panicked]", x)
		}
	}()
	return text()
}
