package upload

import (
	"bytes"
	crand "crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// bench is a receiver with a directory for its files.
type bench struct {
	*Receiver
	t   testing.TB
	dir string
}

func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	t.Cleanup(func() {
		if left, err := filepath.Glob(filepath.Join(b.dir, "*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	if c.Temp == nil {
		c.Temp = func() (*os.File, error) { return os.CreateTemp(b.dir, "photos") }
	}
	var err error
	if b.Receiver, err = New(c); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) begin(kind, body string, json bool) *Intake {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/returns/request", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	in, err := b.Begin(httptest.NewRecorder(), r, crand.Text(), json)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(in.Close)
	return in
}

func contents(t testing.TB, in *Intake) (out []string) {
	t.Helper()
	for _, p := range in.Photos {
		data, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Name+"="+string(data))
	}
	return out
}

// form is a form of parts: fields as name, value, and photos as "photos/name".
func form(pairs ...string) (kind, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		name, file, isFile := strings.Cut(pairs[i], "/")
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q", name))
		if isFile {
			header.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", name, file))
		}
		part, err := w.CreatePart(header)
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(part, pairs[i+1])
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

func TestAFormIsTakenIn(t *testing.T) {
	b := newBench(t, Config{})
	kind, body := form(
		"sale_id",
		"1",
		"photos/a.jpg",
		"first",
		"photos/b.jpg",
		"",
		"photos/",
		"",
		"other/x",
		"passed over",
		"details",
		"behind",
	)
	in := b.begin(kind, body, false)
	asked := 0
	err := in.ReadForm(func(f url.Values) error {
		asked++
		if f.Get("sale_id") != "1" || f.Has("details") {
			t.Errorf("judged by %v", f)
		}
		return nil
	})
	if err != nil || asked != 1 {
		t.Fatalf("%v, judged %d times", err, asked)
	}
	if got := fmt.Sprint(contents(t, in)); got != "[a.jpg=first b.jpg=]" {
		t.Errorf("photos %s", got)
	}
	if in.Form.Encode() != "details=behind&sale_id=1" {
		t.Errorf("fields %s", in.Form.Encode())
	}
	if _, ok := in.Request().Context().Deadline(); !ok {
		t.Error("there is no end to the work")
	}

	plain := b.begin("application/x-www-form-urlencoded", "sale_id=2&details=x", false)
	if err := plain.ReadForm(nil); err != nil || plain.Form.Get("sale_id") != "2" {
		t.Errorf("%v, %v", plain.Form, err)
	}
}

func TestTheSameFormHasTheSameSumHoweverItIsParted(t *testing.T) {
	b := newBench(t, Config{})
	sum := func(pairs ...string) string {
		kind, body := form(pairs...)
		in := b.begin(kind, body, false)
		if err := in.ReadForm(nil); err != nil {
			t.Fatal(err)
		}
		return string(in.Sum())
	}
	first := sum("sale_id", "1", "photos/a.jpg", "x")
	if sum("sale_id", "1", "photos/a.jpg", "x") != first {
		t.Error("the same form has another sum")
	}
	for _, other := range [][]string{{"sale_id", "2", "photos/a.jpg", "x"}, {"sale_id", "1", "photos/a.jpg", "y"},
		{"sale_id", "1"}} {
		if sum(other...) == first {
			t.Errorf("%v has the same sum", other)
		}
	}
}

func TestWhatIsJudgedBadlyIsKeptNowhere(t *testing.T) {
	files := 0
	b := newBench(t, Config{Temp: func() (*os.File, error) { files++; return nil, errors.New("no file") }})
	no := problem.Invalid("quantity", "no")
	kind, body := form("sale_id", "1", "photos/a.jpg", strings.Repeat("x", 1<<20))
	in := b.begin(kind, body, false)
	if err := in.ReadForm(func(url.Values) error { return no }); !errors.Is(err, no) || in.Form.Get("sale_id") != "1" {
		t.Errorf("%v, fields %v", err, in.Form)
	}
	in = b.begin("application/json", `{"sale_id":"1","photos":["AAAA"]}`, true)
	if _, err := in.ReadJSON(func([]byte) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	if n, err := in.r.Body.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the body was not read to its end: %d, %v", n, err)
	}
	if files > 0 {
		t.Error("a file was made")
	}
	in = b.begin(kind, body, false)
	if p := problem.Of(in.ReadForm(nil)); p.Status != http.StatusServiceUnavailable || !p.Internal ||
		!strings.Contains(p.Message, "can't be stored") {
		t.Errorf("where nothing can be stored: %+v", p)
	}
}

func TestWhatIsTooLargeIsRefusedInWords(t *testing.T) {
	b := newBench(t, Config{PhotoBytes: 1000})
	large := strings.Repeat("x", 1001)
	kind, body := form("photos/a.jpg", "small", "photos/b.jpg", large)
	if p := problem.Of(b.begin(kind, body, false).ReadForm(nil)); p.Status != 413 ||
		!strings.Contains(p.Message, "Photo 2 (b.jpg) is larger") {
		t.Errorf("a photo: %+v", p)
	}
	_, err := b.begin("application/json", `{"photos":["`+base64.StdEncoding.EncodeToString([]byte(large))+`"]}`, true).
		ReadJSON(nil)
	if p := problem.Of(err); p.Status != 413 || !strings.Contains(p.Message, "Photo 1 (photos[0]) is larger") {
		t.Errorf("a photo in JSON: %+v", p)
	}
	kind, body = form("details", strings.Repeat("x", maxFields+1))
	if p := problem.Of(b.begin(kind, body, false).ReadForm(nil)); p.Status != 413 {
		t.Errorf("a field: %+v", p)
	}
	if _, err := b.begin("application/json", `{"details":"`+strings.Repeat("x", maxFields)+`"}`,
		true).ReadJSON(nil); problem.Of(err).Status != 413 {
		t.Errorf("text in JSON: %v", err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", io.LimitReader(zeros{}, 64<<20))
	r.ContentLength = 1 << 40
	in, err := b.Begin(httptest.NewRecorder(), r, "ada", false)
	defer func() { in.Close() }()
	if p := problem.Of(err); p.Status != 413 || !strings.Contains(p.Message, "Send fewer or smaller photos") {
		t.Errorf("a body that says so: %+v", p)
	}
	many := make([]string, 0, 2*maxFiles+2)
	for range maxFiles + 1 {
		many = append(many, "photos/a", "x")
	}
	kind, body = form(many...)
	if p := problem.Of(b.begin(kind, body, false).ReadForm(nil)); p.Status != 400 ||
		!strings.Contains(p.Message, "more than 100 photos") {
		t.Errorf("files: %+v", p)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestPhotosInJSONAreTakenIn(t *testing.T) {
	b := newBench(t, Config{})
	data := make([]byte, 100_000)
	rand.New(rand.NewSource(1)).Read(data)
	text := base64.StdEncoding.EncodeToString(data)
	for _, c := range []struct{ name, body, rest, before string }{
		{"at the end", `{"sale_id":"1","photos":["` + text + `","QUJD"]}`, `{"sale_id":"1","photos":["0","1"]}`,
			`{"sale_id":"1","photos":[]}`},
		{"before the rest", ` { "photos" : [ "` + text + `" , "QUJD" ] , "a":{"photos":["x"]} } `,
			` { "photos" : [ "0" , "1" ] , "a":{"photos":["x"]} } `, ` { "photos" : [ ]}`},
		{"with escapes", `{"photos":["` + strings.NewReplacer("/", `\/`, "+", `\u002b`).Replace(text) +
			`","QU\nJD"]}`, `{"photos":["0","1"]}`, `{"photos":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := b.begin("application/json", c.body, true)
			before := ""
			rest, err := in.ReadJSON(func(object []byte) error { before += string(object); return nil })
			if err != nil || string(rest) != c.rest || before != c.before {
				t.Fatalf("%v: rest %s, before %s", err, rest, before)
			}
			if got := contents(t, in); !slices.Equal(got, []string{"photos[0]=" + string(data), "photos[1]=ABC"}) {
				t.Errorf("photos are others: %d", len(got))
			}
		})
	}
}

func TestPhotosThatAreNoneAreRefused(t *testing.T) {
	b := newBench(t, Config{})
	for name, c := range map[string]struct{ body, field string }{
		"no base64":              {`{"photos":["QUJD","%%"]}`, "photos[1]"},
		"cut base64":             {`{"photos":["QUJ"]}`, "photos[0]"},
		"something behind it":    {`{"photos":["QUI=QUJD"]}`, "photos[0]"},
		"nothing":                {`{"photos":[""]}`, "photos[0]"},
		"a strange escape":       {`{"photos":["QU\tJD"]}`, "photos[0]"},
		"no ASCII":               {`{"photos":["QUé="]}`, "photos[0]"},
		"a string never ended":   {`{"photos":["QUJD`, "body"},
		"an escape never ended":  {`{"photos":["QUJD\u00`, "body"},
		"another string unended": {`{"details":"x`, "body"},
	} {
		_, err := b.begin("application/json", c.body, true).ReadJSON(nil)
		if p := problem.Of(err); p.Status != http.StatusBadRequest || p.Field != c.field || p.Message == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestAnAccountSendsOneLargeBodyAtATime(t *testing.T) {
	b := newBench(t, Config{})
	begin := func(account string) (*Intake, error) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
		r.ContentLength = 60 << 20
		return b.Begin(httptest.NewRecorder(), r, account, false)
	}
	first, err := begin("ada")
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		in  *Intake
		err error
	}
	results := make(chan result)
	for range 5 {
		go func() {
			in, err := begin("ada")
			results <- result{in, err}
		}()
	}
	for range 3 { // two of them wait
		r := <-results
		if p := problem.Of(r.err); p.Status != http.StatusTooManyRequests || p.RetryAfter <= 0 {
			t.Errorf("one more: %+v", p)
		}
		r.in.Close()
	}
	other, err := begin("bob")
	if err != nil {
		t.Errorf("somebody else: %v", err)
	}
	other.Close()
	first.Close()
	for range 2 {
		r := <-results
		if r.err != nil {
			t.Errorf("one that waited: %v", r.err)
		}
		r.in.Close()
	}
}

func TestWhoTricklesIsGivenUp(t *testing.T) {
	b := newBench(t, Config{Patience: Pace{Idle: 50 * time.Millisecond, Grace: time.Hour}})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := b.Begin(w, r, "ada", false)
		defer func() { in.Close() }()
		if err == nil {
			err = in.ReadForm(nil)
		}
		p := problem.Of(err)
		http.Error(w, p.Message, p.Status)
	}))
	defer srv.Close()
	kind, _ := form()
	body, stop := io.Pipe()
	defer stop.Close()
	res, err := http.Post(srv.URL, kind, body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if words, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusRequestTimeout ||
		!strings.Contains(string(words), "too slowly") {
		t.Errorf("%s: %s", res.Status, words)
	}
}

// TestOnlyTheClientsTimeCounts: the rate is that of the client, whatever time
// the shop takes between two pieces, such as to write them to a slow disk.
func TestOnlyTheClientsTimeCounts(t *testing.T) {
	for _, c := range []struct {
		name         string
		client, ours time.Duration // for each thousand bytes
		want         int           // status, 0 for none
	}{
		{"a quick client and a slow disk", time.Millisecond, time.Minute, 0},
		{"a client at just the rate", time.Second, 0, 0},
		{"a slow client", 2 * time.Second, 0, http.StatusRequestTimeout},
		{"a slow client and a slow disk", 2 * time.Second, time.Minute, http.StatusRequestTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodPost, "/", slowly{c.client})
				p := newPaced(httptest.NewRecorder(), r, Pace{Grace: time.Second, Rate: 1000}.withDefaults())
				var err error
				for range 20 {
					if _, err = p.Read(make([]byte, 1000)); err != nil {
						break
					}
					time.Sleep(c.ours)
				}
				if got := problem.Of(err).Status; err == nil && c.want != 0 || err != nil && got != c.want {
					t.Errorf("%v, want status %d", err, c.want)
				}
			})
		})
	}
}

// slowly is a body without end of which each read takes a while.
type slowly struct{ took time.Duration }

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.took)
	return len(p), nil
}

// FuzzForm and FuzzJSON: whatever is sent is read or refused in words, and
// nothing is left behind.
func FuzzForm(f *testing.F) {
	f.Add("--x\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"a\"\r\n\r\nabc\r\n--x--\r\n")
	f.Add("--x\r\nContent-Disposition: form-data; name=\"sale_id\"\r\n\r\n1\r\n--x--\r\n")
	b := newBench(f, Config{PhotoBytes: 1 << 10})
	f.Fuzz(func(t *testing.T, body string) {
		b := &bench{Receiver: b.Receiver, t: t, dir: b.dir}
		in := b.begin("multipart/form-data; boundary=x", body, false)
		inWords(t, in.ReadForm(nil))
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"photos":["QUJD","A\/=="]}`, `{"a":[{"photos":["x"]}],"photos":[1]}`,
		`{"photos":["`, `[]`, `{"\"":"\\"}`} {
		f.Add(s)
	}
	b := newBench(f, Config{PhotoBytes: 1 << 10})
	f.Fuzz(func(t *testing.T, body string) {
		b := &bench{Receiver: b.Receiver, t: t, dir: b.dir}
		in := b.begin("application/json", body, true)
		rest, err := in.ReadJSON(nil)
		inWords(t, err)
		if err == nil && len(in.Photos) == 0 && string(rest) != body {
			t.Errorf("%q became %q", body, rest)
		}
	})
}

func inWords(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if p := problem.Of(err); p.Status < 400 || p.Status >= 500 || p.Message == "" {
		t.Errorf("%+v", p)
	}
}
