package tape

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/returnkit/returnkit/refserver/internal/input"
)

// secretFields are the names of fields whose values are secret, in forms and in JSON.
var secretFields = []string{"code", "key", "card_number", "cvc", "cvv", "totp"}

// secretParts are in the names of fields whose values are secret, whatever else is.
var secretParts = []string{"password", "secret", "token", "security_code", "api_key", "apikey"}

// isSecret reports whether the values of a field are secret.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(secretFields, name) ||
		slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(name, part) })
}

// cardNumber is 13 to 19 digits, with spaces or dashes between them.
var cardNumber = regexp.MustCompile(`\b\d(?:[ -]?\d){12,18}\b`)

// testCards are numbers that are published for tests: they are no secret, and say how the
// provider answers.
var testCards = []string{
	"4242424242424242", "4000000000000002", "4000000000009995", "4000000000000069", "4000000000000127",
	"4000000000000119", "5555555555554444", "378282246310005",
}

// vault gives secrets names, the same name for the same secret.
type vault struct {
	mu    sync.Mutex
	names map[string]string
}

func (v *vault) name(kind, secret string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.names == nil {
		v.names = map[string]string{}
	}
	at := kind + "\x00" + secret
	if v.names[at] == "" {
		v.names[at] = fmt.Sprintf("{{%s:%d}}", kind, len(v.names)+1)
	}
	return v.names[at]
}

// field returns what is kept of a field.
func (v *vault) field(name, value string) string {
	if value == "" {
		return ""
	}
	if digits := strings.NewReplacer(" ", "", "-", "").Replace(value); slices.Contains(testCards, digits) {
		return value
	}
	if isSecret(name) {
		return v.name("secret", value)
	}
	return v.text(value)
}

// vaultOfAnswers is a vault that leaves the fields "code" as they are: in an answer it is the
// code of an error, in a request the code of a second factor.
type vaultOfAnswers struct{ *vault }

func (v *vaultOfAnswers) json(text string) (kept, left string) {
	return rewrite(text, func(name, value string) string {
		if strings.EqualFold(name, "code") {
			return v.text(value)
		}
		return v.field(name, value)
	})
}

// text replaces card numbers that stand in a text.
func (v *vault) text(s string) string {
	return cardNumber.ReplaceAllStringFunc(s, func(number string) string {
		digits := strings.NewReplacer(" ", "", "-", "").Replace(number)
		if slices.Contains(testCards, digits) || !input.Luhn(digits) {
			return number
		}
		return v.name("secret", number)
	})
}

// body returns what is kept of a body; left says why nothing is.
func (v *vault) body(contentType, text string) (kept, left string) {
	switch {
	case text == "":
		return "", ""
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		fields, err := url.ParseQuery(text)
		if err != nil {
			return "", "a form that cannot be read"
		}
		for name, values := range fields {
			for i := range values {
				values[i] = v.field(name, values[i])
			}
		}
		return fields.Encode(), ""
	case strings.HasPrefix(contentType, "application/json"), contentType == "":
		return v.json(text)
	case strings.HasPrefix(contentType, "text/"), strings.HasPrefix(contentType, "application/xml"):
		return v.text(text), ""
	}
	return "", "a body of type " + strings.SplitN(contentType, ";", 2)[0]
}

func (v *vault) json(text string) (kept, left string) { return rewrite(text, v.field) }

// rewrite replaces the texts of a JSON value by what field makes of them.
func rewrite(text string, field func(name, value string) string) (kept, left string) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return "", "JSON that cannot be read"
	}
	var walk func(name string, value any) any
	walk = func(name string, value any) any {
		switch value := value.(type) {
		case string:
			return field(name, value)
		case json.Number:
			if isSecret(name) || len(value) > 12 {
				if kept := field(name, value.String()); kept != value.String() {
					return kept
				}
			}
		case []any:
			for i := range value {
				value[i] = walk(name, value[i])
			}
		case map[string]any:
			for n := range value {
				value[n] = walk(n, value[n])
			}
		}
		return value
	}
	out, err := json.Marshal(walk("", value))
	if err != nil {
		return "", "JSON that cannot be written"
	}
	return string(out), ""
}
