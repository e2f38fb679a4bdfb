package payment

import (
	"strings"
	"unicode/utf8"
)

// How much of what a provider says is kept, in characters.
const (
	maxProviderID = 255
	maxWord       = 100
	maxMessage    = 1000
)

// Bounded returns r with texts that every database keeps and no page is flooded
// by: valid UTF-8 without NUL, and cut where a provider says too much. An id is
// not cut, for it would name something else: a result whose id is longer than
// any is about nothing that can be recognized, and unknown.
func (r Result) Bounded() Result {
	for _, text := range []struct {
		text *string
		most int
	}{{&r.Code, maxWord}, {&r.Status, maxWord}, {&r.Message, maxMessage}} {
		*text.text = cut(clean(*text.text), text.most)
	}
	if r.ProviderID = clean(r.ProviderID); utf8.RuneCountInString(r.ProviderID) > maxProviderID {
		r.ProviderID, r.Outcome = "", OutcomeUnknown
		r.Message = cut("the provider's id is longer than any that can be kept; "+r.Message, maxMessage)
	}
	return r
}

// clean is a text as every database takes it.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
}

func cut(text string, most int) string {
	if len(text) <= most { // bytes are never fewer than characters
		return text
	}
	n := 0
	for at := range text {
		if n == most {
			return text[:at]
		}
		n++
	}
	return text
}
