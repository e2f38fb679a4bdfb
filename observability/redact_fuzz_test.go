package observability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// cardOf makes a valid 16-digit card number of an issuer from a seed.
func cardOf(seed uint64) string {
	digits := []digit{{0, 4}}
	for i := 1; i < 15; i++ {
		digits = append(digits, digit{i, byte(seed % 10)})
		seed /= 7
	}
	for check := byte(0); ; check++ {
		if full := append(digits, digit{15, check}); luhn(full) {
			var s strings.Builder
			for _, d := range full {
				s.WriteByte('0' + d.value)
			}
			return s.String()
		}
	}
}

// FuzzRedactCards: a card number does not survive in any text, in any of the
// ways it is written.
func FuzzRedactCards(f *testing.F) {
	f.Add("paid with ", uint64(1), " yesterday")
	f.Add("{\"n\":\"", uint64(411111), "\"}")
	f.Add("12 ", uint64(99), " 2030")
	f.Add("password=", uint64(5), "&x")
	f.Add("\u00a0", uint64(7), "\xff")
	r := NewRedactor(RedactConfig{})
	f.Fuzz(func(t *testing.T, before string, seed uint64, after string) {
		// Digits and hex letters that touch the card make another number, or
		// a hash; the table test has those that matter.
		before = strings.TrimRight(before, "0123456789abcdefABCDEF")
		after = strings.TrimLeft(after, "0123456789abcdefABCDEF")
		card := cardOf(seed)
		for _, sep := range []string{"", " ", "-", ".", "\u00a0"} {
			written := strings.Join([]string{card[:4], card[4:8], card[8:12], card[12:]}, sep)
			text := before + written + after
			got := r.String(text)
			if strings.Contains(got, written) && !strings.Contains(before+"|"+after, written) && !looksLikeID(text) {
				t.Errorf("%q shows the card: %q", text, got)
			}
		}
	})
}

// looksLikeID reports whether a UUID is in the text, inside which digits stay.
func looksLikeID(s string) bool {
	for i := 0; i+36 <= len(s); i++ {
		if looksLikeUUID(s[i : i+36]) {
			return true
		}
	}
	return false
}

// FuzzRedactSecrets: the value of a sensitive name does not survive, and a
// line stays one line of JSON, whatever is around it.
func FuzzRedactSecrets(f *testing.F) {
	f.Add("before ", "a b\"c", " after", uint8(0))
	f.Add("{", "x", "}", uint8(1))
	f.Add("Bearer ", "\\", "\n", uint8(2))
	f.Add("://a:b@", "'", "<", uint8(3))
	f.Fuzz(func(t *testing.T, before, value, after string, form uint8) {
		// The marker stands for the secret; value must not reveal it.
		const marker = "QxZ7secretQxZ7"
		value = strings.Map(func(c rune) rune { // what ends a value without quotes
			if c < ' ' || c == ' ' || c == 0x85 || c == 0xA0 || strings.ContainsRune("&\"'`<([{\\", c) {
				return -1
			}
			return c
		}, value) + marker
		forms := []string{
			"password=%s", "token: %s", `{"api_key":"%s"}`, "Authorization: Bearer %s", "Bearer %s",
			"Cookie: a=%s", "map[secret:%s]", "https://u:%s@h", "<password>%s</password>", `{\"token\":\"%s\"}`,
		}
		form %= uint8(len(forms))
		if form == 7 {
			value = strings.Map(func(c rune) rune {
				if strings.ContainsRune("/?#>@", c) {
					return -1
				}
				return c
			}, value)
		}
		text := fmt.Sprintf(forms[form], value)
		if before != "" {
			text = before + " " + text // a name begins a word
		}
		var buf bytes.Buffer
		log := slog.New(NewRedactHandler(slog.NewJSONHandler(&buf, nil), nil))
		log.Info(text+" "+after, "s", text, "list", []string{text}, "err", fmt.Errorf("%s", text))
		if strings.Contains(buf.String(), marker) && !swallowed(before) {
			t.Errorf("%q shows the secret:\n%s", text, buf.String())
		}
		if !json.Valid(buf.Bytes()) || bytes.Count(buf.Bytes(), []byte("\n")) != 1 {
			t.Errorf("not one line of JSON: %q", buf.String())
		}
	})
}

// swallowed reports whether what comes before makes the name part of another value:
// the redaction then ends where that value ends.
func swallowed(before string) bool { return strings.ContainsAny(before, "=:<\"'`([{") }
