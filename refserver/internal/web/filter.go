package web

import (
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// filterNotes are what is wrong with the filter of a list: it is shown above the form, with
// what was typed, and above the whole list. None where err is something else.
func filterNotes(err error) []note {
	if err == nil {
		return nil
	}
	p := problem.Of(err)
	if p.Status != http.StatusBadRequest {
		return nil
	}
	return []note{{Tone: "bad", Text: p.Message + " The list is not filtered.", Code: p.Code}}
}

// listStatus is the status of a list's page.
func listStatus(notes []note) int {
	if len(notes) > 0 {
		return http.StatusBadRequest
	}
	return http.StatusOK
}
