//go:build linux

package uploadtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

// full reports whether all of each attack is to run.
func full() bool { return os.Getenv("UPLOAD_ATTACKS") == "full" }

// of is how many of an attack run: the second number where all of it is to.
func of(short, all int) int {
	if full() {
		return all
	}
	return short
}

// customer is somebody with an order of a thousand units.
type customer struct {
	p           *shop
	c           *http.Client
	order, line string
}

func (p *shop) customer(name string) customer {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	c := customer{
		p: p,
		c: &http.Client{
			Jar:     jar,
			Timeout: testreq.Patience(p.t),
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
	}
	for _, f := range []struct {
		path string
		form url.Values
	}{
		{"/register", url.Values{"username": {name}, "email": {name + "@example.com"},
			"password": {"correct horse battery"}}},
		{"/login", url.Values{"username": {name}, "password": {"correct horse battery"}}},
		{"/add_to_cart", url.Values{"product_id": {"2"}, "quantity": {"1000"}}},
		{"/checkout", url.Values{"payment_method": {"Cash"}}},
	} {
		res, err := c.c.PostForm(p.URL+f.path, f.form)
		if err != nil {
			p.t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode >= 400 {
			p.t.Fatalf("%s: %s %s", f.path, res.Status, body)
		}
	}
	var list struct {
		Orders []struct {
			ID    string
			Items []struct {
				ID string `json:"sale_item_id"`
			}
		}
	}
	res, err := c.c.Get(p.URL + "/api/orders")
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list.Orders) != 1 {
		p.t.Fatalf("%+v, %v", list, err)
	}
	c.order, c.line = list.Orders[0].ID, list.Orders[0].Items[0].ID
	return c
}

// answer is how a request was answered; status 0 is not at all.
type answer struct {
	status int
	words  string
}

func (a answer) String() string { return fmt.Sprintf("%d: %.600s", a.status, a.words) }

// send posts a body.
func (c customer) send(path string, b body) answer {
	r, err := http.NewRequestWithContext(c.p.t.Context(), http.MethodPost, c.p.URL+path, b.reader())
	if err != nil {
		return answer{0, err.Error()}
	}
	r.ContentLength = b.size
	r.Header.Set("Content-Type", b.kind)
	res, err := c.c.Do(r)
	if err != nil {
		return answer{0, err.Error()}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		data = fmt.Appendf(data, " (cut off: %v)", err)
	}
	return answer{res.StatusCode, string(data)}
}

// attack is what many send at a time.
type attack struct {
	name     string
	accounts int // that send it, in turn
	times    int
	send     func(c customer) answer
	want     []int // how it may be answered, beside slow
	// limit is how many of an attack may be done while one honest request is:
	// the honest one waits for those that came before it, and not for all.
	// 0: any number, where each is done in no time.
	limit int
}

// slow is how anybody may be answered on a machine that is too slow for what is
// sent: 408 and 503 say that the time of the request was up.
var slow = []int{http.StatusRequestTimeout, http.StatusServiceUnavailable}

func attacks(t *testing.T) []attack {
	asForm := func(photos ...[]byte) func(customer) answer {
		return func(c customer) answer { return c.send("/returns/request", c.form(photos...)) }
	}
	asJSON := func(photo []byte) func(customer) answer {
		return func(c customer) answer { return c.send("/api/returns", c.json(photo)) }
	}
	// 302: taken; 413: over a limit; 429: too many of one account.
	taken := []int{302, 413, 429}
	photo31 := inBase64(append(progressive(64, 64, 1), make([]byte, 23<<20)...))
	photo10 := append(progressive(64, 64, 1), make([]byte, 10<<20-1000)...)
	form60 := [][]byte{photo10, photo10, photo10, photo10, photo10, photo10}
	text31 := body{
		"application/json", [][]byte{[]byte(`{"details":"`), bytes.Repeat([]byte("A"), 31<<20), []byte(`"}`)}, -1,
	}
	objects := func(n int) body {
		text := `{"sale_id":"x","reason":"OTHER","items":[` + strings.Repeat("{},", n) + "{}]}"
		return body{"application/json", [][]byte{[]byte(text)}, int64(len(text))}
	}
	many, tooMany := objects(43_000), objects(340_000)
	return []attack{
		{"one progressive JPEG of 6324 x 6324, 50 at once", 5, of(20, 50), asForm(progressive(6324, 6324, 1)),
			[]int{413, 429}, 0},
		{"progressive 4:4:4 of 24 megapixels, within the budget", 5, of(4, 30), asForm(progressive(6000, 4000, 1)),
			taken, 12},
		{"two 16-bit PNGs of 6324 x 6324", 4, of(2, 20),
			asForm(zeroPNG(t, 6324, 6324, 16, 0, 0), zeroPNG(t, 6324, 6324, 16, 2, 0)), taken, 10},
		{"two progressive photos of 12 megapixels", 4, of(4, 30),
			asForm(progressive(4000, 3000, 2), progressive(4000, 3000, 2)), taken, 10},
		{"an interlaced PNG of 40 megapixels", 4, of(2, 12), asForm(zeroPNG(t, 6324, 6324, 8, 2, 1)), taken, 10},
		{"a gray PNG of 38 kB, 60 at a time of one account", 1, of(16, 60), asForm(zeroPNG(t, 6324, 6324, 8, 0, 0)),
			taken, 8},
		{"a GIF of 48 megapixels", 4, of(2, 12), asForm(zeroGIF(t, 8000, 6000)), taken, 10},
		{"31 MiB of base64 in JSON, 4 at once of one account", 1, 4, asJSON(photo31), []int{413, 429}, 0},
		{"31 MiB of base64 in JSON, of others' orders", 4, of(4, 16), func(c customer) answer {
			c.order = "00000000-0000-7000-8000-000000000000"
			return asJSON(photo31)(c)
		}, []int{404, 429}, 0},
		{"a JSON body of 128 KiB that holds 43,000 objects, 100 at once", 1, 100,
			func(c customer) answer { return c.send("/api/returns", many) }, []int{400, 429}, 0},
		{"a JSON body of 1 MiB that holds 340,000 objects, 60 at once", 1, 60,
			func(c customer) answer { return c.send("/api/returns/estimate", tooMany) }, []int{413}, 0},
		{"8 forms of 60 MB", 8, 8, asForm(form60...), taken, 0},
		{"base64 outside of photos", 4, of(4, 16),
			func(c customer) answer { return c.send("/api/returns", text31) }, []int{413, 429}, 0},
	}
}

// TestAttacksOnUploadsStayWithinTheMemory: the process of the shop never holds
// more than its container gives it, and honest customers go on.
func TestAttacksOnUploadsStayWithinTheMemory(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/uploadtest/", "UPLOAD_ATTACKS")
	p := launch(t)
	var accounts []customer
	for i := range 8 {
		accounts = append(accounts, p.customer(fmt.Sprintf("mallory%d", i)))
	}
	ada, photo := p.customer("ada"), honest(t)
	t.Logf("at rest %d MiB", p.peak()>>20)
	for _, a := range attacks(t) {
		t.Run(a.name, func(t *testing.T) {
			p.reset()
			begun := time.Now()
			answers, done, attacked := a.begin(accounts)
			took := ada.beside(t, photo, a.limit, done, attacked)
			<-attacked
			peak := p.peak()
			t.Logf("peak %d MiB of %d; %v in %v; an honest photo of 12 megapixels beside it took %v",
				peak>>20, container>>20, count(answers), time.Since(begun).Round(time.Millisecond), took)
			a.judge(t, answers)
			if peak > container {
				t.Errorf("the process held %d MiB", peak>>20)
			}
		})
	}
	if log := p.Tail(); strings.Contains(log, "panic") {
		t.Errorf("it panicked:\n%s", log)
	}
}

// begin starts an attack. done counts what was taken of it so far; answers are
// there when over is closed.
func (a attack) begin(accounts []customer) (answers []answer, done *atomic.Int64, over <-chan struct{}) {
	answers, done = make([]answer, a.times), new(atomic.Int64)
	var wg sync.WaitGroup
	for i := range a.times {
		wg.Go(func() {
			answers[i] = a.send(accounts[i%a.accounts])
			if answers[i].status == http.StatusFound {
				done.Add(1)
			}
		})
	}
	attacked := make(chan struct{})
	go func() { wg.Wait(); close(attacked) }()
	return answers, done, attacked
}

// judge holds the answers of an attack against what they may be. Where all say
// that the machine is slow, nothing was shown.
func (a attack) judge(t *testing.T, answers []answer) {
	t.Helper()
	wanted := 0
	for _, got := range answers {
		switch {
		case slices.Contains(a.want, got.status):
			wanted++
		case !slices.Contains(slow, got.status):
			t.Errorf("answered %v; want one of %v, or of %v on a slow machine", got, a.want, slow)
		}
	}
	if wanted == 0 {
		t.Errorf("none was answered with one of %v; the last %v", a.want, answers[len(answers)-1])
	}
}

// beside sends honest requests until the attack is over, at least one, and
// returns how long each took. Each is taken before more than so many of the
// attack are, if there is a limit, however slow the machine is: one whose time
// was up is sent again, as the answer asks for.
func (c customer) beside(t *testing.T, photo []byte, limit int, done *atomic.Int64, over <-chan struct{}) (
	took []time.Duration,
) {
	t.Helper()
	for range 5 {
		begun, before := time.Now(), done.Load()
		got := c.send("/returns/request", c.form(photo))
		for slices.Contains(slow, got.status) && time.Since(begun) < testreq.Patience(t) {
			t.Logf("an honest request is sent again after %v: %v", time.Since(begun).Round(time.Millisecond), got)
			got = c.send("/returns/request", c.form(photo))
		}
		if got.status != http.StatusFound {
			t.Errorf("an honest request is answered %v", got)
		}
		if passed := done.Load() - before; limit > 0 && passed > int64(limit) {
			t.Errorf("%d of the attack were done before one honest request, want %d at most", passed, limit)
		}
		took = append(took, time.Since(begun).Round(time.Millisecond))
		select {
		case <-over:
			return took
		default:
		}
	}
	return took
}

func count(answers []answer) map[int]int {
	out := map[int]int{}
	for _, a := range answers {
		out[a.status]++
	}
	return out
}
