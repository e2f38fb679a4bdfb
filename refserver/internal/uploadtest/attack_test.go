package uploadtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
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
	p           *process
	c           *http.Client
	order, line string
}

func (p *process) customer(name string) customer {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	c := customer{
		p: p,
		c: &http.Client{Jar: jar, Timeout: 3 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
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
		res, err := c.c.PostForm(p.url+f.path, f.form)
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
	res, err := c.c.Get(p.url + "/api/orders")
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

// send posts a body and returns the status; 0 for no answer.
func (c customer) send(path, kind string, body io.Reader) (status int, words string) {
	r, err := http.NewRequestWithContext(c.p.t.Context(), http.MethodPost, c.p.url+path, body)
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Content-Type", kind)
	res, err := c.c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(data)
}

// attack is what many send at a time.
type attack struct {
	name     string
	accounts int // that send it, in turn
	times    int
	send     func(c customer) (int, string)
	want     []int // how it may be answered
}

func attacks(t *testing.T) []attack {
	asForm := func(photos ...[]byte) func(customer) (int, string) {
		return func(c customer) (int, string) {
			kind, body := c.form(photos...)
			return c.send("/returns/request", kind, body)
		}
	}
	asJSON := func(photo []byte) func(customer) (int, string) {
		return func(c customer) (int, string) {
			kind, body := c.json(photo)
			return c.send("/api/returns", kind, body)
		}
	}
	// 302: taken; 413: over a limit; 429: too many of one account; 503: the
	// time of the request was up before its turn came.
	any := []int{302, 200, 400, 413, 429, 503}
	photo31 := append(progressive(64, 64, 1), make([]byte, 23<<20)...)
	form60 := make([][]byte, 6)
	for i := range form60 {
		form60[i] = append(progressive(64, 64, 1), make([]byte, 10<<20-1000)...)
	}
	return []attack{
		{
			"one progressive JPEG of 6324 x 6324, 50 at once",
			5,
			of(20, 50),
			asForm(progressive(6324, 6324, 1)),
			[]int{413, 429},
		},
		{
			"progressive 4:4:4 of 24 megapixels, within the budget",
			5,
			of(4, 30),
			asForm(progressive(6000, 4000, 1)),
			any,
		},
		{
			"two 16-bit PNGs of 6324 x 6324",
			4,
			of(2, 20),
			asForm(zeroPNG(t, 6324, 6324, 16, 0, 0), zeroPNG(t, 6324, 6324, 16, 2, 0)),
			any,
		},
		{
			"two progressive photos of 12 megapixels",
			4,
			of(4, 30),
			asForm(progressive(4000, 3000, 2), progressive(4000, 3000, 2)),
			any,
		},
		{"an interlaced PNG of 40 megapixels", 4, of(2, 12), asForm(zeroPNG(t, 6324, 6324, 8, 2, 1)), any},
		{
			"a gray PNG of 38 kB, 60 at a time of one account",
			1,
			of(6, 60),
			asForm(zeroPNG(t, 6324, 6324, 8, 0, 0)),
			any,
		},
		{"a GIF of 48 megapixels", 4, of(2, 12), asForm(zeroGIF(t, 8000, 6000)), any},
		{"31 MiB of base64 in JSON, 4 at once of one account", 1, 4, asJSON(photo31), any},
		{"31 MiB of base64 in JSON, of others' orders", 4, of(4, 16), func(c customer) (int, string) {
			c.order = "00000000-0000-7000-8000-000000000000"
			return asJSON(photo31)(c)
		}, []int{404}},
		{"8 forms of 60 MB", 8, 8, asForm(form60...), any},
		{"base64 outside of photos", 4, of(4, 16), func(c customer) (int, string) {
			return c.send(
				"/api/returns",
				"application/json",
				strings.NewReader(`{"details":"`+strings.Repeat("A", 31<<20)+`"}`),
			)
		}, []int{413}},
	}
}

// TestAttacksOnUploadsStayWithinTheMemory: the process of the shop never holds
// more than its container gives it, and honest customers go on.
func TestAttacksOnUploadsStayWithinTheMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel tells the memory of a process in /proc")
	}
	if testing.Short() {
		t.Skip("it decodes some hundred million pixels")
	}
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
			var wg sync.WaitGroup
			answers := make([]string, a.times)
			for i := range a.times {
				wg.Go(func() {
					status, words := a.send(accounts[i%a.accounts])
					answers[i] = fmt.Sprint(status)
					if !slices.Contains(a.want, status) {
						t.Errorf("answered %d: %.300s", status, words)
					}
				})
			}
			attacked := make(chan struct{})
			go func() { wg.Wait(); close(attacked) }()
			took := ada.beside(t, photo, attacked)
			<-attacked
			slices.Sort(answers)
			peak := p.peak()
			t.Logf(
				"peak %d MiB of %d; %v in %v; an honest photo of 12 megapixels beside it took %v",
				peak>>20,
				container>>20,
				count(answers),
				time.Since(begun).Round(time.Millisecond),
				took,
			)
			if peak > container {
				t.Errorf("the process held %d MiB", peak>>20)
			}
		})
	}
	if log := p.tail(); strings.Contains(log, "panic") {
		t.Errorf("it panicked:\n%s", log)
	}
}

// beside sends honest requests until the attack is over, at least one, and
// returns how long each took. None fails.
func (c customer) beside(t *testing.T, photo []byte, over <-chan struct{}) (took []time.Duration) {
	t.Helper()
	for range 5 {
		begun := time.Now()
		kind, body := c.form(photo)
		if status, words := c.send("/returns/request", kind, body); status != http.StatusFound {
			t.Errorf("an honest request is answered %d: %.1000s", status, words)
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

func count(answers []string) map[string]int {
	out := map[string]int{}
	for _, a := range answers {
		out[a]++
	}
	return out
}
