package tape

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// keptHeaders are the fields of a request that are on the tape.
var keptHeaders = []string{"Content-Type", "Accept", "Idempotency-Key", "Sec-Fetch-Site", "X-Request-Id"}

// Recorder is a handler that passes requests on and writes them to a tape, in the order in
// which they are answered within a session. It is safe for concurrent use.
type Recorder struct {
	next   http.Handler
	vault  vault
	flying sync.WaitGroup // requests that are not on the tape yet

	mu       sync.Mutex
	out      *json.Encoder
	begun    time.Time
	sessions map[string]string // by cookie, key or address
	people   int
	failed   error
}

// NewRecorder returns a Recorder before next that writes to out.
func NewRecorder(next http.Handler, out io.Writer) (*Recorder, error) {
	r := &Recorder{next: next, out: json.NewEncoder(out), begun: time.Now(), sessions: map[string]string{}}
	r.out.SetEscapeHTML(false)
	return r, r.out.Encode(Head{Version, r.begun.UTC().Format(time.RFC3339)})
}

// Proxy returns a handler that passes requests on to the shop at address.
func Proxy(address string) (http.Handler, error) {
	to, err := url.Parse(address)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, fmt.Errorf("tape: %q is no address; it must be as http://127.0.0.1:5000", address)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // forms are judged by where the browser was
			r.SetXForwarded()
		},
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "The shop does not answer.", http.StatusBadGateway)
		},
	}, nil
}

// Close waits until the requests that came are on the tape, which is after their answers, and
// returns why it is not complete, nil when it is. No request may come any more.
func (r *Recorder) Close() error {
	r.flying.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// ServeHTTP passes the request on, and records it when it is answered.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.flying.Add(1)
	defer r.flying.Done()
	at := time.Now()
	var sent bytes.Buffer
	if q.Body != nil {
		q.Body = &copied{q.Body, &limited{w: &sent, left: maxBody + 1}}
	}
	q.Header.Del("Accept-Encoding") // so that answers can be read
	session := r.session(q)
	kept := &answer{ResponseWriter: w, begins: func(h http.Header) { r.sign(session, h) }}
	// The proxy panics for a client that leaves before its answer is whole; the shop has done what
	// was asked of it all the same.
	defer func() {
		if !isStream(kept.Header()) { // that lasts for minutes and changes nothing
			r.write(at, session, q, &sent, kept)
		}
	}()
	r.next.ServeHTTP(kept, q)
}

func (r *Recorder) write(at time.Time, session string, q *http.Request, sent *bytes.Buffer, kept *answer) {
	line := Request{
		AtMS: at.Sub(r.begun).Milliseconds(), Session: session, Method: q.Method,
		Path: r.path(q.URL), Status: kept.code(),
		Header: map[string]string{},
	}
	for _, name := range keptHeaders {
		if value := q.Header.Get(name); value != "" {
			line.Header[name] = value
		}
	}
	if key := q.Header.Get("X-Api-Key"); key != "" {
		line.Header["X-Api-Key"] = r.vault.name("secret", key)
	}
	if sent.Len() > maxBody {
		line.Left = fmt.Sprintf("a body of more than %d bytes", maxBody)
	} else {
		line.Body, line.Left = r.vault.body(q.Header.Get("Content-Type"), sent.String())
	}
	line.Reply = r.vault.answer(kept)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.out.Encode(line); err != nil {
		r.failed = errors.Join(r.failed, err)
	}
}

// path is the path with its query, without secrets.
func (r *Recorder) path(u *url.URL) string {
	query := u.Query()
	if len(query) == 0 {
		return u.EscapedPath()
	}
	for name, values := range query {
		for i := range values {
			values[i] = r.vault.field(name, values[i])
		}
	}
	return u.EscapedPath() + "?" + query.Encode()
}

// session names who sends a request: by the cookies, the key, or the address. Whoever gets a
// cookie stays who they were.
func (r *Recorder) session(q *http.Request) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := "address " + strings.SplitN(q.RemoteAddr, ":", 2)[0] + " " + q.UserAgent()
	if key := q.Header.Get("X-Api-Key"); key != "" {
		by = "key " + key
	}
	for _, c := range q.Cookies() {
		if name, ok := r.sessions["cookie "+c.Name+"="+c.Value]; ok {
			return name
		}
		by = "cookie " + c.Name + "=" + c.Value
	}
	if r.sessions[by] == "" || strings.HasPrefix(by, "address ") && q.Method == http.MethodPost {
		// A form without a cookie begins a session: many sign in from one address.
		r.people++
		r.sessions[by] = fmt.Sprintf("s%d", r.people)
	}
	return r.sessions[by]
}

// sign notes that the cookies which an answer sets belong to the session, before the client
// has them: its next request may come at once.
func (r *Recorder) sign(session string, h http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Value != "" {
			r.sessions["cookie "+c.Name+"="+c.Value] = session
		}
	}
}

func isStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}

// answer is what is kept of an answer for comparison: JSON without secrets, and of a page, which
// may show a new key or code, the heading and the ids alone.
func (v *vault) answer(kept *answer) string {
	kind := kept.Header().Get("Content-Type")
	switch {
	case strings.HasPrefix(kind, "application/json"):
		text, _ := (&vaultOfAnswers{v}).json(kept.text.String())
		return text
	case strings.HasPrefix(kind, "text/"), kind == "":
		page := kept.text.String()
		parts := append(heading.FindAllString(page, 1), ids.FindAllString(page, -1)...)
		return v.text(strings.Join(parts, "\n"))
	}
	return ""
}

// answer passes an answer on and keeps its start.
type answer struct {
	http.ResponseWriter

	begins func(http.Header)
	status int
	text   bytes.Buffer
}

func (a *answer) code() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
		a.begins(a.Header())
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	_, _ = (&limited{w: &a.text, left: maxAnswer - a.text.Len()}).Write(b)
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// copied is a body that is copied as it is read.
type copied struct {
	io.ReadCloser

	to io.Writer
}

// Read implements io.Reader.
func (c *copied) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	_, _ = c.to.Write(b[:n])
	return n, err
}

// limited keeps the first bytes and drops the others.
type limited struct {
	w    io.Writer
	left int
}

// Write implements io.Writer.
func (l *limited) Write(b []byte) (int, error) {
	if keep := min(len(b), max(l.left, 0)); keep > 0 {
		l.left -= keep
		if _, err := l.w.Write(b[:keep]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
