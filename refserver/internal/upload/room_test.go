package upload

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// crowd is a shop with room for 10 MiB of bodies, of 4 MiB each.
type crowd struct {
	*bench
	url string
}

const crowdBody = 4 << 20

func newCrowd(t *testing.T) *crowd {
	c := &crowd{bench: newBench(t, Config{
		Address: func(r *http.Request) (string, bool) { return r.Header.Get("From"), true },
	})}
	var err error
	if c.room, err = newRoom(10 << 20); err != nil {
		t.Fatal(err)
	}
	c.room.wait = 20 * time.Millisecond
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := c.Begin(w, r, r.Header.Get("Account"), false)
		defer func() { in.Close() }()
		if err == nil {
			err = in.ReadForm(nil)
		}
		p := problem.Problem{Status: http.StatusOK}
		if err != nil {
			p = problem.Of(err)
		}
		http.Error(w, p.Message, p.Status)
	}))
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

// sending is a body of which a part was sent.
type sending struct {
	rest   []byte
	to     *io.PipeWriter
	answer chan string
}

// begin sends the first bytes of a body.
func (c *crowd) begin(account, address string, first int) *sending {
	kind, body := form("photos/a.jpg", strings.Repeat("x", crowdBody))
	from, to := io.Pipe()
	s := &sending{rest: []byte(body), to: to, answer: make(chan string, 1)}
	c.t.Cleanup(func() { _ = to.Close() })
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url, from)
	if err != nil {
		c.t.Fatal(err)
	}
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Account", account)
	r.Header.Set("From", address)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			s.answer <- err.Error()
			return
		}
		defer res.Body.Close()
		words, _ := io.ReadAll(res.Body)
		s.answer <- fmt.Sprint(res.StatusCode, " ", string(words))
	}()
	s.send(first)
	return s
}

func (s *sending) send(n int) {
	_, _ = io.Copy(s.to, bytes.NewReader(s.rest[:n]))
	s.rest = s.rest[n:]
}

func (s *sending) finish() string {
	s.send(len(s.rest))
	_ = s.to.Close()
	return <-s.answer
}

// taken waits until so many bodies are taken in.
func (c *crowd) taken(n int) {
	c.t.Helper()
	testreq.Until(c.t, fmt.Sprint(n, " bodies to be taken in"), func() bool {
		c.room.mu.Lock()
		defer c.room.mu.Unlock()
		return len(c.room.taken) == n
	})
}

// TestSlowBodiesMakeRoom: five accounts that declared 200 MB each and sent next to nothing kept all
// others from sending photos.
func TestSlowBodiesMakeRoom(t *testing.T) {
	c := newCrowd(t)
	c.room.soon = 0
	slow := []*sending{c.begin("mallory", "1", 300<<10), c.begin("trudy", "2", 300<<10)}
	c.taken(2)
	if got := c.begin("ada", "3", 0).finish(); !strings.HasPrefix(got, "200") {
		t.Errorf("somebody honest is answered %s", got)
	}
	cut := 0
	for _, s := range slow {
		select {
		case got := <-s.answer:
			cut++
			if !strings.HasPrefix(got, "503") || !strings.Contains(got, "yours would have taken the longest") {
				t.Errorf("a slow one is answered %s", got)
			}
		default:
			if got := s.finish(); !strings.HasPrefix(got, "200") {
				t.Errorf("the other is answered %s", got)
			}
		}
	}
	if cut != 1 {
		t.Errorf("%d were cut off, 1 was enough", cut)
	}
}

// TestABodyThatIsThereSoonIsWaitedFor: most of both has come.
func TestABodyThatIsThereSoonIsWaitedFor(t *testing.T) {
	c := newCrowd(t)
	quick := []*sending{c.begin("bob", "1", 3<<20), c.begin("carol", "2", 3<<20)}
	c.taken(2)
	ada := c.begin("ada", "3", 0)
	for began := time.Now(); time.Since(began) < 2*c.room.wait; {
		c.room.makeRoom("3", crowdBody)
	}
	for _, s := range append(quick, ada) {
		if got := s.finish(); !strings.HasPrefix(got, "200") {
			t.Errorf("it is answered %s", got)
		}
	}
}

// TestAnAddressHasHalfOfTheRoom, however many accounts it has; a body of another address passes, and
// nobody is cut off for it.
func TestAnAddressHasHalfOfTheRoom(t *testing.T) {
	c := newCrowd(t)
	c.room.wait = time.Hour
	first := c.begin("mallory", "1", 300<<10)
	c.taken(1)
	second := c.begin("trudy", "1", 0)
	if got := c.begin("ada", "2", 0).finish(); !strings.HasPrefix(got, "200") {
		t.Errorf("another address is answered %s", got)
	}
	c.taken(1)
	for _, s := range []*sending{first, second} {
		if got := s.finish(); !strings.HasPrefix(got, "200") {
			t.Errorf("it is answered %s", got)
		}
	}
}
