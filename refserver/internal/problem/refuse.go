package problem

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strings"
)

// Refuse answers a request for which nothing is read any more, no session and no template: in JSON
// under /api/, else as a page of its own. It costs next to nothing.
func (p Problem) Refuse(w http.ResponseWriter, r *http.Request) {
	p.SetRetryAfter(w.Header())
	if strings.HasPrefix(r.URL.Path, "/api/") {
		body, err := json.Marshal(map[string]any{"success": false, "code": p.Code, "message": p.Message})
		if err != nil {
			body = nil // texts and a boolean can always be encoded
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(p.Status)
		_, _ = w.Write(append(body, '\n')) // a client that has gone away is not our concern
		return
	}
	title := "Something went wrong"
	switch {
	case p.Code == "BUSY":
		title = "System is busy"
	case p.Status == http.StatusServiceUnavailable:
		title = "Not available at the moment"
	case p.Status == http.StatusForbidden:
		title = "Not allowed"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	_, _ = io.WriteString(w, PlainPage(title, p.Message)) // as above
}

// PlainPage is a page of a title and words, without session and template.
func PlainPage(title, words string) string {
	title, words = html.EscapeString(title), html.EscapeString(words)
	return `<!doctype html><html lang="en"><head><meta charset="utf-8">` +
		`<meta name="viewport" content="width=device-width"><title>` + title + `</title>` +
		`<link rel="stylesheet" href="/static/app.css"></head><body><main><h1>` + title + `</h1><p>` + words + `</p>` +
		`<p><a href="/">Back to the shop</a></p></main></body></html>` + "\n"
}
