package tape_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/refserver/internal/tape"
)

// shop signs people in, sells, and gives names of its own to everything.
type shop struct {
	mu       sync.Mutex
	accounts map[string]string
	sessions map[string]string
	orders   map[string]string
	keys     map[string]bool
	seen     []string // method and path of what came
	at       []time.Time
	broken   bool
}

func newShop() *shop {
	return &shop{
		accounts: map[string]string{
			"admin": "admin password",
		}, sessions: map[string]string{}, orders: map[string]string{},
		keys: map[string]bool{},
	}
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.at = append(s.seen, r.Method+" "+r.URL.Path), append(s.at, time.Now())
	say := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	_ = r.ParseForm()
	name, password := r.PostForm.Get("username"), r.PostForm.Get("password")
	who := ""
	if c, err := r.Cookie("session"); err == nil {
		who = s.sessions[c.Value]
	}
	switch {
	case r.URL.Path == "/register":
		s.accounts[name] = password
		say(200, map[string]any{"success": true})
	case r.URL.Path == "/login" && s.accounts[name] == password && name != "":
		token := rand.Text()
		s.sessions[token] = name
		http.SetCookie(w, &http.Cookie{Name: "session", Value: token})
		say(200, map[string]any{"success": true})
	case r.URL.Path == "/feed" && s.keys[r.Header.Get("X-API-Key")]:
		say(200, map[string]any{"accepted": 1})
	case who == "":
		say(401, map[string]any{"success": false, "code": "SIGN_IN"})
	case r.URL.Path == "/key":
		key := "rkp_" + rand.Text()
		s.keys[key] = true
		say(200, map[string]any{"key": key})
	case r.URL.Path == "/orders" && !s.broken:
		id := uuid.NewString()
		s.orders[id] = who
		say(200, map[string]any{"order": map[string]any{"id": id, "status": "COMPLETED", "total": 10.5}})
	case s.orders[strings.TrimPrefix(r.URL.Path, "/orders/")] == who:
		say(200, map[string]any{"order": map[string]any{"status": "COMPLETED"}})
	default:
		say(404, map[string]any{"success": false, "code": "NOT_FOUND"})
	}
}

// person sends requests to a handler.
type person struct {
	t    *testing.T
	c    *http.Client
	base string
}

func (p person) post(path string, fields url.Values) map[string]any {
	p.t.Helper()
	res, err := p.c.PostForm(p.base+path, fields)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// record has two people and a partner use a shop, and returns the tape.
func record(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	recorder, err := tape.NewRecorder(newShop(), &out)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(recorder)
	defer srv.Close()
	for _, name := range []string{"ada", "bob", "cid", "dee"} {
		jar, _ := cookiejar.New(nil)
		p := person{t, &http.Client{Jar: jar}, srv.URL}
		p.post("/orders", nil) // nobody is signed in
		p.post("/register", url.Values{"username": {name}, "password": {name + "'s secret"}})
		p.post("/login", url.Values{"username": {name}, "password": {name + "'s secret"}})
		id := p.post("/orders", url.Values{
			"card_number": {"4539 1488 0343 6467"}, "note": {"card 4539148803436467"},
		})["order"].(map[string]any)["id"]
		p.post("/orders/"+id.(string), nil)
		key := p.post("/key", nil)["key"].(string)
		r, _ := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/feed", strings.NewReader("id,name\n"))
		r.Header.Set("X-API-Key", key)
		r.Header.Set("Content-Type", "text/csv")
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestATapeHoldsNoSecrets(t *testing.T) {
	text := record(t)
	for _, secret := range []string{"secret'", "'s secret", "%27s", "4539", "6467", "rkp_", "session="} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is on the tape:\n%s", secret, text)
		}
	}
	if !strings.Contains(text, "SIGN_IN") {
		t.Error("the code of an error is not on the tape")
	}
}

func TestATapeIsPlayedToAnotherShop(t *testing.T) {
	text := record(t)
	for _, session := range []string{`"s1"`, `"s2"`, `"s3"`, `"s4"`} {
		if !strings.Contains(text, `"session":`+session) {
			t.Errorf("there is no session %s on the tape", session)
		}
	}
	other := newShop()
	srv := httptest.NewServer(other)
	defer srv.Close()
	got, err := tape.Play(t.Context(), strings.NewReader(text), tape.PlayOptions{URL: srv.URL, Speed: 1000})
	if err != nil || got.Requests != 28 || got.Same != 28 {
		t.Errorf("%+v, %v", got, err)
	}
	if len(other.orders) != 4 || len(other.accounts) != 5 || len(other.keys) != 4 {
		t.Errorf(
			"the other shop has %d orders, %d accounts, %d keys",
			len(other.orders),
			len(other.accounts),
			len(other.keys),
		)
	}
	other = newShop()
	other.broken = true
	srv2 := httptest.NewServer(other)
	defer srv2.Close()
	got, err = tape.Play(t.Context(), strings.NewReader(text), tape.PlayOptions{URL: srv2.URL, Speed: 1000})
	if err != nil || got.Different != 8 || got.Differences[0].Want != "200" || got.Differences[0].Got != "404" {
		t.Errorf("a shop that takes no orders: %+v, %v", got, err)
	}
}

func TestTheAdminsPasswordIsGiven(t *testing.T) {
	var out bytes.Buffer
	recorder, err := tape.NewRecorder(newShop(), &out)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(recorder)
	defer srv.Close()
	jar, _ := cookiejar.New(nil)
	person{t, &http.Client{Jar: jar}, srv.URL}.post("/login",
		url.Values{"username": {"admin"}, "password": {"admin password"}})
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(newShop())
	defer other.Close()
	for secret, same := range map[string]int{"admin password": 1, "wrong": 0} {
		got, err := tape.Play(t.Context(), strings.NewReader(out.String()), tape.PlayOptions{
			URL: other.URL, Secrets: map[string]string{"{{secret:1}}": secret},
		})
		if err != nil || got.Same != same {
			t.Errorf("%q: %+v, %v", secret, got, err)
		}
	}
}

// direct is a transport that calls a handler.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestRequestsComeInTheirOrderAndSpacing is scenario T.1.
func TestRequestsComeInTheirOrderAndSpacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		fmt.Fprintln(&text, `{"tape":1,"made":"2026-05-04T10:00:00Z"}`)
		want := []int{0, 40, 1000, 1001, 61_000}
		for i, at := range want {
			fmt.Fprintf(
				&text,
				`{"at_ms":%d,"session":"s%d","method":"GET","path":"/%d","status":401,"answer":"{}"}`+"\n",
				at,
				i%2,
				i,
			)
		}
		for _, speed := range []float64{1, 10} {
			s, begun := newShop(), time.Now()
			got, err := tape.Play(t.Context(), strings.NewReader(text.String()), tape.PlayOptions{
				URL: "http://shop", Speed: speed, Client: &http.Client{Transport: direct{s}},
			})
			if err != nil || got.Requests != len(want) {
				t.Fatalf("%+v, %v", got, err)
			}
			for i, at := range s.at {
				due := time.Duration(float64(want[i]) / speed * float64(time.Millisecond))
				if s.seen[i] != fmt.Sprintf("GET /%d", i) || at.Sub(begun) != due {
					t.Errorf(
						"at speed %v, %s came after %v, want request %d after %v",
						speed,
						s.seen[i],
						at.Sub(begun),
						i,
						due,
					)
				}
			}
		}
	})
}

func TestWhatIsNoTapeIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "the file is empty",
		"hello\n":              "not that of a tape",
		`{"tape":99}` + "\n":   "not that of a tape of version 1",
		`{"tape":1}` + "\nx\n": "line 2 cannot be read",
	} {
		if _, err := tape.Play(t.Context(), strings.NewReader(text), tape.PlayOptions{}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestWhatAPageShowsOnceIsNotOnTheTape: a new key, a code, a password that is typed twice.
func TestWhatAPageShowsOnceIsNotOnTheTape(t *testing.T) {
	var out bytes.Buffer
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<h1>New key</h1><code>rkp_abcdefgh_SECRET</code><p>"+uuid.NewString())
	})
	recorder, err := tape.NewRecorder(page, &out)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(recorder)
	defer srv.Close()
	res, err := http.PostForm(srv.URL+"/account/password", url.Values{
		"old_password": {"hush one"}, "new_password": {"hush two"}, "new_password_again": {"hush two"},
		"reset_token": {"hush three"}, "username": {"ada"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hush", "SECRET"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is on the tape: %s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "New key") || !strings.Contains(out.String(), "ada") {
		t.Errorf("the tape is %s", out.String())
	}
}
