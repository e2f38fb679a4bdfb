package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// A form that is refused is shown again on the page it came from: all that is wrong at once in a
// summary that has the focus, each mistake at its field too, and what was typed. A handler that
// shows the page itself calls refused before; for all others fail reads the page again. What is
// done to the page is in mark.go, the same for every form.

// refusal is what is wrong with the form of a request; nil where nothing is.
type refusal struct {
	problem *problem.Problem
	form    url.Values // as it was sent
	shown   bool       // by the handler, whose page says so too
	action  string     // of the form that shows it; empty: the address of the request
}

type refusalKey struct{}

// withRefusal gives the request a place for what is wrong with its form.
func withRefusal(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), refusalKey{}, &refusal{}))
}

// refused notes what is wrong with the form of the request, for the page that answers it. form is
// what was sent; nil stands for the form that the request holds.
func refused(r *http.Request, p problem.Problem, form url.Values) {
	if form == nil {
		form = r.PostForm
	}
	if at, ok := r.Context().Value(refusalKey{}).(*refusal); ok && p.Status < http.StatusInternalServerError {
		at.problem, at.form, at.shown = &p, form, true
	}
}

// refusedIn is refused where the form that shows it is sent to another address than the request.
func refusedIn(r *http.Request, p problem.Problem, form url.Values, action string) {
	refused(r, p, form)
	if at := refusalOf(r); at != nil {
		at.action = action
	}
}

// aboutField is a problem about the only field of a form, where it does not say so itself.
func aboutField(p problem.Problem, field string) problem.Problem {
	p.Field = cmp.Or(p.Field, field)
	return p
}

// refusalOf is what is wrong with the form of the request, nil for nothing.
func refusalOf(r *http.Request) *refusal {
	at, ok := r.Context().Value(refusalKey{}).(*refusal)
	if !ok || at.problem == nil {
		return nil
	}
	return at
}

// aboutInput reports whether what was filled in is wrong, and not the state of things.
func (f *refusal) aboutInput() bool {
	return f.problem.Status == http.StatusBadRequest || f.problem.Status == http.StatusUnauthorized
}

// mistakes are all that is wrong, at the fields.
func (f *refusal) mistakes() mistakes {
	p := f.problem
	if len(p.Mistakes) == 0 {
		return mistakes{{p.Field, asSentence(p.Message)}}
	}
	var out mistakes
	for _, m := range p.Mistakes {
		out = append(out, mistake{m.Field, asSentence(m.Words())})
	}
	return out
}

// asSentence begins the words of a package with a capital, and ends them with a full stop, where
// nothing ends them. A first word that is the name of a field or a thing stays as it is.
func asSentence(words string) string {
	if words == "" {
		return ""
	}
	first, _, _ := strings.Cut(words, " ")
	if !strings.ContainsFunc(first, func(r rune) bool { return r < 'a' || r > 'z' }) {
		words = strings.ToUpper(words[:1]) + words[1:]
	}
	if strings.ContainsAny(words[len(words)-1:], ".!?") {
		return words
	}
	return words + "."
}

// again shows the page that a refused form came from, with what is wrong. It reports false where
// there is none to show, or where the problem is not about what was filled in.
func (s *server) again(w http.ResponseWriter, r *http.Request, p problem.Problem) bool {
	from, ok := s.cameFrom(r)
	if !ok || (p.Status != http.StatusBadRequest && p.Status != http.StatusConflict) {
		return false
	}
	if err := r.ParseForm(); err != nil {
		return false
	}
	get := r.Clone(context.WithValue(r.Context(), refusalKey{}, nil))
	get.Method, get.URL, get.RequestURI = http.MethodGet, from, from.RequestURI()
	get.Body, get.ContentLength, get.Form, get.PostForm = http.NoBody, 0, nil, nil
	get.Header.Del("Content-Type")
	if !s.onlyShows(get) {
		return false
	}
	page := &pageOnly{header: http.Header{}}
	s.Admission(s.mux).ServeHTTP(page, get)
	if page.none || page.status != http.StatusOK {
		return false
	}
	shown, err := s.mark(page.body.Bytes(), r.URL.Path, &refusal{problem: &p, form: r.PostForm})
	if err != nil {
		s.Log.ErrorContext(r.Context(), "page of a refused form not shown", "error", err.Error())
		return false
	}
	maps.Copy(w.Header(), page.header)
	p.SetRetryAfter(w.Header())
	if err := writePage(w, p.Status, shown); err != nil {
		s.Log.DebugContext(r.Context(), "answer not written", "error", err.Error())
	}
	return true
}

// onlyShows reports whether a request is for a page that changes nothing and leaves no line in the
// audit, so that it may be read once more.
func (s *server) onlyShows(get *http.Request) bool {
	_, pattern := s.mux.Handler(get)
	row, ok := access.RouteOf(pattern)
	return ok && row.Audit == "" && !row.Acts
}

// maxPage is the largest page that is shown again.
const maxPage = 4 << 20

// pageOnly takes a page in. What is no page, or too large for one, it refuses, so that who writes it
// stops.
type pageOnly struct {
	header http.Header
	status int
	body   bytes.Buffer
	none   bool
}

// errNoPage is what an answer gets that is no page.
var errNoPage = errors.New("web: no page to show again")

// Header implements http.ResponseWriter.
func (p *pageOnly) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *pageOnly) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

// Write implements io.Writer.
func (p *pageOnly) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	html := strings.HasPrefix(p.header.Get("Content-Type"), "text/html")
	if p.none = p.none || !html || p.status != http.StatusOK || p.body.Len()+len(b) > maxPage; p.none {
		return 0, errNoPage
	}
	return p.body.Write(b)
}

// cameFrom is the page of this shop that a browser sent a form from.
func (s *server) cameFrom(r *http.Request) (*url.URL, bool) {
	if r.Method != http.MethodPost || !wantsPage(r) || r.Referer() == "" {
		return nil, false
	}
	from, err := url.Parse(r.Referer())
	if err != nil || !ownAddress(from.RequestURI()) ||
		from.Host != r.Host && (s.Origin == "" || from.Scheme+"://"+from.Host != s.Origin) {
		return nil, false
	}
	return &url.URL{Path: from.Path, RawPath: from.RawPath, RawQuery: from.RawQuery}, true
}
