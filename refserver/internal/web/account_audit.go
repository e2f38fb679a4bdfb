package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) accountAuditRoutes() {
	s.staff("GET /admin/audit/log", s.auditLog)
}

// logBody is a page of the audit of accounts, products, policies and settings.
type logBody struct {
	Entries []logView
	Filter  logFilter
	Kinds   []string
	Export  string // address that exports all that match
	Next    string // address of the older ones; empty: there are none
	First   string // address of the newest; empty: this is it
}

type logFilter struct{ Q, Who, Type, Address, Request, From, To string }

// logView is an entry with its details as text.
type logView struct {
	audit.Entry
	Text string
}

// logKinds are what entries are about, for the choice.
var logKinds = []string{
	"account", "product", "flash_sale", "policy", "settings", "feature", "partner", "key", "webhook", "export",
	"approval", "operation", "mail", "discrepancy",
}

func (s *server) auditLog(w http.ResponseWriter, r *http.Request) error {
	query, filter, err := s.logQuery(r)
	notes := filterNotes(err)
	if len(notes) > 0 {
		query, err = &audit.Query{Limit: auditPage}, nil
	}
	if err != nil {
		return err
	}
	here := r.URL.Query()
	here.Del("after")
	body := logBody{Filter: filter, Kinds: logKinds, Export: exportHref(r)}
	if query != nil {
		page, err := s.Audit.Entries(r.Context(), *query)
		if errors.Is(err, audit.ErrCursor) {
			return problem.Invalid("after", "That page does not exist. Begin at the newest entries.")
		}
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			body.Entries = append(body.Entries, logView{e, detailsText(e.Details)})
		}
		if query.After != "" {
			body.First = "/admin/audit/log?" + here.Encode()
		}
		if page.Next != "" {
			here.Set("after", page.Next)
			body.Next = "/admin/audit/log?" + here.Encode()
		}
	}
	return s.pageStatus(w, r, listStatus(notes), "audit_log", "Audit log", body, notes...)
}

// logQuery reads the filter. There is no query where nobody has the name.
func (s *server) logQuery(r *http.Request) (*audit.Query, logFilter, error) {
	form := r.URL.Query()
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	f := logFilter{
		Q: get("q"), Who: get("who"), Type: get("type"), Address: get("address"), Request: get("request"),
		From: get("from"), To: get("to"),
	}
	q := audit.Query{
		Text: f.Q, Type: f.Type, Address: f.Address, Request: f.Request, Subject: get("subject"), After: get("after"),
		Limit: auditPage,
	}
	part, err := s.logPart(r.Context(), f.From, f.To, f.Who)
	if err != nil || part == nil {
		return nil, f, err
	}
	q.From, q.To, q.ActorID = part.from, part.to, part.actorID
	return &q, f, nil
}

func detailsText(details map[string]string) string {
	var parts []string
	for _, k := range sortedKeys(details) {
		parts = append(parts, k+": "+details[k])
	}
	return strings.Join(parts, "; ")
}

// LogHref is the address of all entries about the subject of an entry.
func (v logView) LogHref() string { return "/admin/audit/log?subject=" + url.QueryEscape(v.SubjectID) }
