package fuzztest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/contract"
	"github.com/returnkit/returnkit/refserver/internal/e2e/invariants"
)

// number is a whole number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q; a whole number is allowed", name, text)
	}
	return n
}

func TestAnythingIsAnsweredInWords(t *testing.T) {
	t.Parallel()
	run(t, 150)
}

func TestAnythingIsAnsweredInWordsForLong(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/fuzztest", "REQUESTS")
	t.Parallel()
	run(t, number(t, "REQUESTS", 500))
}

// run sends as many requests to operations of the document, and half as many forms.
func run(t *testing.T, requests uint64) {
	t.Helper()
	seed := number(t, "SEED", uint64(time.Now().UnixNano()))
	t.Logf("SEED=%d REQUESTS=%d", seed, requests)
	s := open(t, seed)
	s.fill()
	operations := s.doc.Operations()
	f := &fuzzer{shop: s, answers: map[int]int{}}
	for i := range requests {
		op := operations[(int(i)+s.gen.Rand.IntN(len(operations)))%len(operations)]
		s.about(op.Path)
		f.request(s.people[s.gen.Rand.IntN(len(s.people))], s.gen.Request(op))
		f.keep(i)
		if t.Failed() && f.failures > 20 {
			t.Fatal("stopped after 20 failures")
		}
	}
	f.forms(requests / 2)
	f.finish()
	t.Logf("answers by status: %v", f.answers)
}

// fuzzer sends requests and judges their answers.
type fuzzer struct {
	*shop
	answers  map[int]int
	failures int
}

func (f *fuzzer) fail(format string, args ...any) {
	f.tb.Helper()
	f.failures++
	f.tb.Errorf(format, args...)
}

// rowOf is the row of the table of permissions, nil for what is no route.
func rowOf(pattern string) *access.Route {
	for _, row := range access.Routes() {
		if row.Pattern == pattern {
			return &row
		}
	}
	return nil
}

// request sends a request to an operation as somebody, and judges the answer.
func (f *fuzzer) request(p *person, r contract.Request) {
	f.tb.Helper()
	var header []string
	if f.gen.Rand.IntN(4) == 0 {
		header = append(header, "Idempotency-Key", "key-"+strconv.Itoa(f.gen.Rand.IntN(50)))
	}
	if strings.Contains(r.Path, "partner/ingest") || strings.Contains(r.Path, "external") || f.gen.Rand.IntN(20) == 0 {
		header = append(header, "X-API-Key", f.key)
	}
	w := f.do(p, r.Method, r.Target, r.Kind, r.Body, header...)
	if w == nil {
		return
	}
	what := fmt.Sprintf("%s as %s", r, p.name)
	f.judge(p, what, w)
	f.permitted(p, r.Pattern(), what, w)
	if w.Code == http.StatusConflict && strings.Contains(w.Body.String(), "Idempotency-Key was used for another") {
		return // the document says it once, for all that take a key
	}
	if err := f.doc.Check(r.Operation, contract.Response{
		Status: w.Code, Header: w.Header(), Body: w.Body.Bytes(),
	}); err != nil {
		f.fail("%s: %v in %s", what, err, shorten(w.Body.String()))
	}
}

// leaks are what an answer never holds: errors of the language, the database and the system.
var leaks = regexp.MustCompile(`runtime error|goroutine \d|panic:|SQLITE_|sqlite:|SQLSTATE|pgconn|pgx: |\.go:\d+|` +
	`/tmp/|no such (file|table|column)|invalid memory|reflect\.|json: |strconv\.|` + secret)

// judge checks what holds for every answer.
func (f *fuzzer) judge(p *person, what string, w *httptest.ResponseRecorder) {
	f.tb.Helper()
	f.answers[w.Code]++
	body := w.Body.String()
	if w.Code >= http.StatusInternalServerError {
		f.fail("%s is answered %d: %s", what, w.Code, shorten(body))
	}
	for _, text := range f.errors.take() {
		f.fail("%s: the shop logs an error: %s", what, text)
	}
	if leak := leaks.FindString(body); leak != "" && !strings.Contains(what, "/api/docs") &&
		!strings.Contains(what, "/metrics") {
		f.fail("%s: the answer holds %q: %s", what, leak, shorten(body))
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") &&
		(strings.Contains(body, "<script>alert(1)") || strings.Contains(body, `"><img src=x`)) {
		f.fail("%s: the page holds markup that was sent: %s", what, shorten(body))
	}
	if p.role != "" && p.role != auth.Customer {
		return
	}
	for _, other := range f.people {
		if other != p && other.mark != "" && strings.Contains(body, other.mark) {
			f.fail("%s: the answer holds what belongs to %s: %s", what, other.name, shorten(body))
		}
	}
}

// permitted checks that who may not use a route is refused, and gives a new session to who lost it.
func (f *fuzzer) permitted(p *person, pattern, what string, w *httptest.ResponseRecorder) {
	f.tb.Helper()
	row := rowOf(pattern)
	if row == nil || row.Needs == access.Open {
		return
	}
	signIn := w.Code == http.StatusUnauthorized || w.Header().Get("Location") == "/login"
	refused := signIn || slices.Contains([]int{403, 404, 413, 429}, w.Code)
	if may := p.role != "" && access.Has(p.role, row.Needs); !may && !refused {
		f.fail("%s: nobody without the permission %s may do this: %d", what, row.Needs, w.Code)
	}
	if signIn && p.role != "" {
		f.again(p)
	}
}

// again gives a session to somebody whose session a request has ended, or whose account is gone.
func (f *fuzzer) again(p *person) {
	f.tb.Helper()
	u, err := f.Auth.UserByName(f.tb.Context(), p.name)
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		f.tb.Fatal(err)
	}
	if err == nil && u.Role != p.role {
		f.fail("%s has the role %s, and had %s", p.name, u.Role, p.role)
	}
	*p = *f.join(p.role)
}

// keep sees to it that there is something left to ask about.
func (f *fuzzer) keep(i uint64) {
	f.tb.Helper()
	if i%100 != 99 {
		return
	}
	for _, p := range f.people {
		if p.role == "" {
			continue
		}
		if w := f.do(p, http.MethodGet, "/api/products", "", ""); w.Code == http.StatusUnauthorized {
			f.again(p)
		}
		if p.role == auth.Customer {
			f.refill(p)
		}
	}
}

// finish counts the money again.
func (f *fuzzer) finish() {
	f.tb.Helper()
	data, err := json.Marshal(f.Simulator.Ledger())
	var ledger client.Ledger
	if err == nil {
		err = json.Unmarshal(data, &ledger)
	}
	if err != nil {
		f.tb.Fatal(err)
	}
	wrong, err := invariants.Check(f.tb.Context(), f.DB, ledger)
	if err != nil {
		f.tb.Fatal(err)
	}
	for _, text := range wrong {
		f.fail("at the end: %s", text)
	}
}

func shorten(s string) string {
	if i := strings.Index(s, "<main"); i >= 0 {
		s = s[i:]
	}
	return s[:min(len(s), 600)]
}
