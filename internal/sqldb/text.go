package sqldb

import "strings"

// ErrorText returns what is stored of an error: its beginning, as text that every
// database takes.
func ErrorText(err error) string {
	const limit = 500
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if r := []rune(text); len(r) > limit {
		text = string(r[:limit]) + "..."
	}
	return text
}
