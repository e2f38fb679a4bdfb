package payment

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWhatAProviderSaysIsBounded(t *testing.T) {
	long := strings.Repeat("é", 1<<19) // a megabyte
	for _, c := range []struct {
		name      string
		got, want Result
	}{
		{"as it is", Result{Outcome: OutcomeDone, ProviderID: "re_1", Code: "x", Message: "fine", Amount: 1, HTTP: 200},
			Result{Outcome: OutcomeDone, ProviderID: "re_1", Code: "x", Message: "fine", Amount: 1, HTTP: 200}},
		{"long texts", Result{Outcome: OutcomeDeclined, Code: long, Status: long, Message: long},
			Result{Outcome: OutcomeDeclined, Code: long[:200], Status: long[:200], Message: long[:2000]}},
		{"what no database keeps", Result{Code: "a\x00b", Message: "\xff", ProviderID: "re\x00"},
			Result{Code: "a?b", Message: "?", ProviderID: "re?"}},
		{"the longest id", Result{Outcome: OutcomeDone, ProviderID: long[:510]},
			Result{Outcome: OutcomeDone, ProviderID: long[:510]}},
		{"an id that is no id", Result{Outcome: OutcomeDone, ProviderID: long[:512], Message: "paid"}, Result{
			Outcome: OutcomeUnknown, Message: "the provider's id is longer than any that can be kept; paid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.got.Bounded(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%.300v, want %.300v", got, c.want)
			}
		})
	}
}

func FuzzBounded(f *testing.F) {
	f.Add("re_1", "card_declined", "no\xff")
	f.Fuzz(func(t *testing.T, id, code, message string) {
		r := Result{ProviderID: id, Code: code, Status: code, Message: message}.Bounded()
		for _, text := range []string{r.ProviderID, r.Code, r.Status, r.Message} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > maxMessage {
				t.Errorf("%q", text)
			}
		}
	})
}
