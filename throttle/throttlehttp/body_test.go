package throttlehttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/throttle"
)

// half opens a connection and sends half of a request.
func half(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	const text = "POST /checkout HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhalf"
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func post(t *testing.T, srv *httptest.Server, body io.Reader) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	testreq.Until(t, what, done)
}

var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })

// TestHalfSentRequestsHoldNoPlace is fault S4: clients that stop in the middle of
// a request, as many as there are places and more.
func TestHalfSentRequestsHoldNoPlace(t *testing.T) {
	q := must[*throttle.Queue](t)(throttle.NewQueue(throttle.QueueConfig{Name: "q", Concurrency: 2}))
	b := must[*Body](t)(NewBody(BodyConfig{MaxBytes: 100, Timeout: time.Minute}))
	srv := httptest.NewServer(handler(t, Config{Limit: throttle.PerSecond(1000, 100), Body: b, Queue: q}, echo))
	t.Cleanup(srv.Close)
	for range 20 {
		half(t, srv)
	}
	await(t, "20 half-sent requests", func() bool { return b.Reading() == 20 })
	if code, text := post(t, srv, strings.NewReader("whole")); code != 200 || text != "whole" {
		t.Errorf("a whole one beside them: %d %s", code, text)
	}
	if s := q.Stats(); s.Admitted != 1 {
		t.Errorf("%+v: the half-sent ones took places", s)
	}
}

func TestTheOldestBodyGivesWay(t *testing.T) {
	b := must[*Body](t)(NewBody(BodyConfig{MaxBytes: 100, Timeout: time.Minute, PerKey: 3}))
	srv := httptest.NewServer(b.Handler(echo))
	t.Cleanup(srv.Close)
	first := half(t, srv)
	await(t, "the first", func() bool { return b.Reading() == 1 })
	for range 3 {
		half(t, srv)
	}
	resp, err := http.ReadResponse(bufio.NewReader(first), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout || !resp.Close {
		t.Errorf("the oldest is answered %d, close %v", resp.StatusCode, resp.Close)
	}
	if code, text := post(t, srv, strings.NewReader("whole")); code != 200 || text != "whole" {
		t.Errorf("a whole one: %d %s", code, text)
	}
}

// atEnd is a body that calls do when its end is read.
type atEnd struct {
	io.Reader

	do func()
}

func (a *atEnd) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err == io.EOF {
		a.do()
	}
	return n, err
}

// TestABodyThatIsCutOffAtItsEndIsRefused: its deadline passed, and the server has canceled the request.
func TestABodyThatIsCutOffAtItsEndIsRefused(t *testing.T) {
	b := must[*Body](t)(NewBody(BodyConfig{MaxBytes: 10, PerKey: 1}))
	h := b.Handler(echo)
	first, second := httptest.NewRecorder(), httptest.NewRecorder()
	h.ServeHTTP(first, httptest.NewRequest(http.MethodPost, "/", &atEnd{strings.NewReader("first"), func() {
		h.ServeHTTP(second, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("second")))
	}}))
	if first.Code != http.StatusRequestTimeout || first.Header().Get("Connection") != "close" {
		t.Errorf("the first: %d %v %q", first.Code, first.Header(), first.Body)
	}
	if second.Code != http.StatusOK || second.Body.String() != "second" {
		t.Errorf("the second: %d %q", second.Code, second.Body)
	}
}

func TestABodyTakesItsTimeAndNoMore(t *testing.T) {
	b := must[*Body](t)(NewBody(BodyConfig{MaxBytes: 100, Timeout: 20 * time.Millisecond}))
	srv := httptest.NewServer(b.Handler(echo))
	t.Cleanup(srv.Close)
	resp, err := http.ReadResponse(bufio.NewReader(half(t, srv)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a body that does not come: %d", resp.StatusCode)
	}
	await(t, "nothing to be read", func() bool { return b.Reading() == 0 })
	if len(b.keys) != 0 {
		t.Errorf("%d keys are kept", len(b.keys))
	}
}

// TestTheTimeOfTheBodyIsNotThatOfTheAnswer: the deadline must not end the
// request's context later.
func TestTheTimeOfTheBodyIsNotThatOfTheAnswer(t *testing.T) {
	const timeout = 50 * time.Millisecond
	b := must[*Body](t)(NewBody(BodyConfig{MaxBytes: 100, Timeout: timeout}))
	srv := httptest.NewServer(b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			t.Error("the request ended with the time for its body")
		case <-time.After(3 * timeout):
		}
	})))
	t.Cleanup(srv.Close)
	for range 2 { // on one connection
		if code, _ := post(t, srv, strings.NewReader("whole")); code != 200 {
			t.Errorf("%d", code)
		}
	}
}

func TestBodiesOfManyKinds(t *testing.T) {
	b := must[*Body](t)(NewBody(BodyConfig{MaxBytes: 10}))
	srv := httptest.NewServer(b.Handler(echo))
	t.Cleanup(srv.Close)
	for _, tt := range []struct {
		name string
		body io.Reader
		want int
	}{
		{"none", nil, 200},
		{"empty", strings.NewReader(""), 200},
		{"as large as may be", strings.NewReader("0123456789"), 200},
		{"too large, and says so", strings.NewReader("0123456789a"), 413},
		{"too large, in chunks", io.MultiReader(strings.NewReader("0123456789"), strings.NewReader("a")), 413},
		{"in chunks", io.MultiReader(strings.NewReader("01234"), strings.NewReader("a")), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code, text := post(t, srv, tt.body); code != tt.want {
				t.Errorf("%d %s, want %d", code, text, tt.want)
			}
		})
	}
	if w := serve(b.Handler(echo), func(r *http.Request) { r.Body = io.NopCloser(errReader{}) }); w.Code != 400 {
		t.Errorf("a connection that breaks: %d", w.Code)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodyConfigIsChecked(t *testing.T) {
	for _, cfg := range []BodyConfig{{}, {MaxBytes: 1, Timeout: -1}, {MaxBytes: 1, PerKey: -1},
		{MaxBytes: 1, Total: -1}} {
		if _, err := NewBody(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
