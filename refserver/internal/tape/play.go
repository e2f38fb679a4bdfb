package tape

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// PlayOptions say how a tape is played.
type PlayOptions struct {
	URL string // of the shop
	// Speed is how much faster than recorded, 1 as recorded; 0 means 1.
	Speed float64
	// Secrets are values for names of secrets, such as "{{secret:1}}"; those that are not
	// named get values of the player's own.
	Secrets map[string]string
	// Client sends the requests; nil: one of its own. Its cookies and redirects are replaced.
	Client *http.Client
}

// Difference is an answer that is not as recorded.
type Difference struct {
	Line      int // of the tape
	Request   string
	Want, Got string
}

// Report is how playing went.
type Report struct {
	Requests    int
	Left        int // whose body is not on the tape: not sent
	Same        int
	Differences []Difference  // the first hundred
	Different   int           // all of them
	Late        time.Duration // how much later than its time the request that was latest was sent
	Took        time.Duration
}

const maxDifferences = 100

// Play sends the requests of a tape and compares the answers. It returns an error for a tape
// that cannot be read, and when ctx ends.
func Play(ctx context.Context, tape io.Reader, o PlayOptions) (Report, error) {
	if o.Speed <= 0 {
		o.Speed = 1
	}
	p := &player{
		o: o, ids: map[string]string{}, secrets: maps.Clone(o.Secrets), sessions: map[string]*session{},
		begun: time.Now(),
	}
	if p.secrets == nil {
		p.secrets = map[string]string{}
	}
	var all []numbered
	err := Read(tape, func(q Request) error {
		all = append(all, numbered{q, len(all) + 2})
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	// A line is written when its request is answered; played back, requests are in the order of sending.
	slices.SortStableFunc(all, func(a, b numbered) int { return int(a.AtMS - b.AtMS) })
	var wg sync.WaitGroup
	told := map[string]chan struct{}{} // by id or secret: closed when what it came with is answered
	for _, q := range all {
		s, done := p.session(q.Session), make(chan struct{})
		before := []chan struct{}{s.last}
		for _, name := range q.names() {
			before = append(before, told[name])
			if secretName.MatchString(name) {
				told[name] = done // a password is set before it is used
			}
		}
		s.last = done
		for _, name := range names.FindAllString(q.Reply, -1) {
			if told[name] == nil {
				told[name] = done
			}
		}
		wg.Go(func() {
			defer close(done)
			for _, b := range before {
				if b != nil {
					<-b
				}
			}
			p.play(ctx, s, q)
		})
	}
	wg.Wait()
	p.report.Took = time.Since(p.begun)
	slices.SortFunc(p.report.Differences, func(a, b Difference) int { return a.Line - b.Line })
	return p.report, ctx.Err()
}

type numbered struct {
	Request

	line int
}

// names are what a shop gives names to, and secrets, as they stand in a request or answer.
var names = regexp.MustCompile(ids.String() + "|" + secretName.String())

// names returns the ids and secrets that a request repeats.
func (q numbered) names() []string {
	text := q.Path + "\n" + q.Body
	for _, value := range q.Header {
		text += "\n" + value
	}
	found := names.FindAllString(text, -1)
	for i, name := range found {
		found[i] = unescape.Replace(name)
	}
	return found
}

// unescape turns the name of a secret in a form into the name.
var unescape = strings.NewReplacer("%7B", "{", "%7D", "}", "%3A", ":")

type session struct {
	client *http.Client
	last   chan struct{} // closed when the last request so far has been answered
}

type player struct {
	o        PlayOptions
	begun    time.Time
	sessions map[string]*session

	mu      sync.Mutex
	ids     map[string]string // what the tape has, to what this shop has
	secrets map[string]string
	report  Report
}

func (p *player) session(name string) *session {
	s := p.sessions[name]
	if s == nil {
		client := &http.Client{Timeout: time.Minute}
		if p.o.Client != nil {
			copied := *p.o.Client
			client = &copied
		}
		client.Jar, _ = cookiejar.New(nil) // it fails for bad options alone
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		s = &session{client: client}
		p.sessions[name] = s
	}
	return s
}

// play sends one request at its time.
func (p *player) play(ctx context.Context, s *session, q numbered) {
	at := p.begun.Add(time.Duration(float64(q.AtMS) / p.o.Speed * float64(time.Millisecond)))
	if resilience.Sleep(ctx, time.Until(at)) != nil {
		return
	}
	late := time.Since(at)
	status, text, err := 0, "", error(nil)
	if q.Left == "" {
		status, text, err = p.send(ctx, s.client, q.Request)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Requests++
	p.report.Late = max(p.report.Late, late)
	switch {
	case q.Left != "":
		p.report.Left++
		return
	case err != nil:
		p.differs(q, fmt.Sprint(q.Status), "no answer: "+reason(err))
		return
	case status != q.Status:
		p.differs(q, fmt.Sprint(q.Status), fmt.Sprint(status))
		return
	}
	p.learn(q.Reply, text)
	if want, got := shape(q.Reply), shape(text); want != got {
		p.differs(q, want, got)
		return
	}
	p.report.Same++
}

func reason(err error) string {
	var netErr interface{ Timeout() bool }
	if errors.As(err, &netErr) && netErr.Timeout() {
		return "it took too long"
	}
	return "the connection failed"
}

func (p *player) differs(q numbered, want, got string) {
	p.report.Different++
	if len(p.report.Differences) < maxDifferences {
		p.report.Differences = append(p.report.Differences, Difference{q.line, q.Method + " " + q.Path, want, got})
	}
}

// learn pairs the ids of two answers by their place.
func (p *player) learn(recorded, got string) {
	p.learnSecrets(recorded, got)
	was, is := ids.FindAllString(recorded, -1), ids.FindAllString(got, -1)
	if len(was) != len(is) {
		return
	}
	for i, id := range was {
		if _, ok := p.ids[id]; !ok {
			p.ids[id] = is[i]
		}
	}
}

// learnSecrets takes over what the shop itself made up and told once, such as a key.
func (p *player) learnSecrets(recorded, got string) {
	var was, is any
	if json.Unmarshal([]byte(recorded), &was) != nil || json.Unmarshal([]byte(got), &is) != nil {
		return
	}
	var walk func(was, is any)
	walk = func(was, is any) {
		switch was := was.(type) {
		case string:
			if value, ok := is.(string); ok && secretName.FindString(was) == was && was != "" {
				if _, known := p.secrets[was]; !known {
					p.secrets[was] = value
				}
			}
		case []any:
			other, _ := is.([]any)
			for i := range min(len(was), len(other)) {
				walk(was[i], other[i])
			}
		case map[string]any:
			other, _ := is.(map[string]any)
			for name := range was {
				walk(was[name], other[name])
			}
		}
	}
	walk(was, is)
}

var secretName = regexp.MustCompile(`\{\{secret:\d+\}\}|%7B%7Bsecret%3A\d+%7D%7D`)

// here turns what the tape has into what is sent: ids and secrets of this shop.
func (p *player) here(text string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text = ids.ReplaceAllStringFunc(text, func(id string) string {
		if is, ok := p.ids[id]; ok {
			return is
		}
		return id
	})
	return secretName.ReplaceAllStringFunc(text, func(name string) string {
		name = unescape.Replace(name)
		if value, ok := p.secrets[name]; ok {
			return value
		}
		return invented(name)
	})
}

// invented is the player's own value of a secret: the same each time, and a good password.
func invented(name string) string {
	sum := sha256.Sum256([]byte("tape " + name))
	return "played-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

func (p *player) send(ctx context.Context, c *http.Client, q Request) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, q.Method, strings.TrimSuffix(p.o.URL, "/")+p.here(q.Path),
		strings.NewReader(p.here(q.Body)))
	if err != nil {
		return 0, "", err
	}
	for name, value := range q.Header {
		r.Header.Set(name, p.here(value))
	}
	res, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	if isStream(res.Header) {
		return res.StatusCode, "", nil
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, string(data), err
}

// shape is what is compared of an answer: the fields of JSON with the kinds of their values,
// without what differs between two shops that do the same. Of a page it is the headings.
func shape(text string) string {
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		out, err := json.Marshal(shapeOf(value))
		if err == nil {
			return string(out)
		}
	}
	var out []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.TrimSpace(m[1]))
	}
	return strings.Join(out, "; ")
}

var heading = regexp.MustCompile(`<h1[^>]*>([^<]*)</h1>`)

// shapeOf keeps truth values and status words, of lists what their first element is like.
func shapeOf(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) <= 40 && v == strings.ToUpper(v) && !strings.ContainsAny(v, "0123456789") {
			return v
		}
		return "text"
	case float64:
		return "number"
	case []any:
		if len(v) == 0 {
			return []any{}
		}
		return []any{shapeOf(v[0])}
	case map[string]any:
		out := map[string]any{}
		for name := range maps.Keys(v) {
			out[name] = shapeOf(v[name])
		}
		return out
	}
	return v
}
