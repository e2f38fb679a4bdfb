package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/server"
)

// surface is what can be sent to the shop: its routes, and the names of fields.
type surface struct {
	routes []string // METHOD PATH
	fields []string
}

// readSurface reads it from the source, so that a new route is sent to by itself.
func readSurface(tb testing.TB) surface {
	tb.Helper()
	route := regexp.MustCompile(`"((?:GET|POST|PUT|PATCH|DELETE) /[^"\s]*)"`)
	field := regexp.MustCompile(`(?:Form|Query\(\)|query|f|form)\.Get\("([a-z_]+)"\)|json:"([a-z_]+)[",]`)
	var s surface
	for _, dir := range []string{"web", "api"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range route.FindAllSubmatch(source, -1) {
				s.routes = append(s.routes, string(m[1]))
			}
			for _, m := range field.FindAllSubmatch(source, -1) {
				s.fields = append(s.fields, string(m[1])+string(m[2]))
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	s.routes = append(s.routes, "GET /admin/dashboard", "POST /webhooks/stripe")
	slices.Sort(s.routes)
	slices.Sort(s.fields)
	s.routes, s.fields = slices.Compact(s.routes), slices.Compact(s.fields)
	return s
}

// target is a shop to send anything to, as anybody.
type target struct {
	surface
	*app.App
	handler http.Handler
	cookies [3]string // of nobody, a customer and staff
	names   [3]string
	ids     []string
}

func newTarget(tb testing.TB) *target {
	tb.Helper()
	c, err := config.Load([]string{
		"DATA_DIR=" + tb.TempDir(), "STRIPE_WEBHOOK_SECRET=" + secret, "THROTTLING_MAX_RPS=1000000",
	}, "")
	if err != nil {
		tb.Fatal(err)
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := app.Open(tb.Context(), c, slog.New(slog.DiscardHandler), metrics, app.WithWeakHashes())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := testreq.Context(tb)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	h, err := server.New(s)
	if err != nil {
		tb.Fatal(err)
	}
	s.Health.SetStarted()
	x := &target{surface: readSurface(tb), App: s, handler: h, names: [3]string{"", "ada", c.SuperAdminUsername}}
	_, err = s.Auth.Register(tb.Context(), auth.Registration{
		Username: "ada", Email: "ada@example.com", Password: "correct horse"})
	if err != nil {
		tb.Fatal(err)
	}
	x.signIn(tb, 1)
	x.signIn(tb, 2)
	x.ids = []string{"3", "none", "%00", "%ff", "..%2f..%2fetc", strings.Repeat("9", 300), x.order(tb)}
	return x
}

// signIn gives somebody a session, again where a request has ended it.
func (x *target) signIn(tb testing.TB, who int) {
	tb.Helper()
	password := "correct horse"
	if who == 2 {
		password = string(x.Config.SuperAdminPassword)
	}
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{
		"username": {x.names[who]}, "password": {password}}.Encode()))
	r.RemoteAddr = "198.51.100.1:1" // another than that of what is sent
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if len(cookies) == 0 {
		tb.Fatalf("%s can't sign in: %d", x.names[who], w.Code)
	}
	x.cookies[who] = cookies[0].String()
}

// order buys something for the customer and returns the id of the order.
func (x *target) order(tb testing.TB) string {
	tb.Helper()
	const form = "application/x-www-form-urlencoded"
	x.send(tb, "POST", "/add_to_cart", 1, form, "product_id=2&quantity=5")
	x.send(tb, "POST", "/checkout", 1, form, "payment_method=Cash")
	var list struct {
		Orders []struct {
			ID string `json:"id"`
		} `json:"orders"`
	}
	body := x.send(tb, "GET", "/api/orders", 1, "", "").Body
	if err := json.Unmarshal(body.Bytes(), &list); err != nil || len(list.Orders) != 1 {
		tb.Fatalf("%v in %s", err, body)
	}
	return list.Orders[0].ID
}

func (x *target) send(tb testing.TB, method, path string, who int, kind, body string) *httptest.ResponseRecorder {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), method, path, strings.NewReader(body))
	if err != nil {
		tb.Skip(err) // no server would read it
	}
	r.RequestURI, r.Host, r.RemoteAddr = path, "127.0.0.1", "127.0.0.1:1"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Cookie", x.cookies[who])
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r)
	return w
}

var kinds = []string{
	"application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/csv", "",
}

// hostile are values of fields.
var hostile = []string{
	"1", "0", "-1", "9223372036854775807", "9223372036854775808", "1e400", "NaN", "", "\x00", "\xff",
	"<script>alert(1)</script>", "' OR 1=1 --", strings.Repeat("9", 400), "9999-12-31", "0000-00-00", "../../etc/passwd",
}

// bodies are what a route is sent to begin with: each field with the value.
func (s surface) bodies(value string) map[string]string {
	form, object := url.Values{}, map[string]any{}
	var parts strings.Builder
	for _, name := range s.fields {
		form.Set(name, value)
		object[name] = value
		fmt.Fprintf(&parts, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", name, value)
	}
	text, err := json.Marshal(object)
	if err != nil {
		text = nil // texts can always be encoded
	}
	return map[string]string{kinds[0]: form.Encode(), kinds[1]: string(text), kinds[2]: parts.String() + "--x--\r\n"}
}

// FuzzRoutes sends anything to each form and each route of the JSON interface,
// as anybody: it is answered in words, and never with an error of ours.
func FuzzRoutes(f *testing.F) {
	s := readSurface(f)
	if len(s.routes) < 60 || len(s.fields) < 40 {
		f.Fatalf("only %d routes and %d fields were found", len(s.routes), len(s.fields))
	}
	for i, route := range s.routes {
		for j, value := range hostile {
			if j%4 != i%4 {
				continue // each route meets a quarter of them, and the fuzzer the rest
			}
			bodies := s.bodies(value)
			kind := kinds[0]
			if strings.Contains(route, "/api/") {
				kind = kinds[1]
			}
			if strings.HasPrefix(route, "GET") {
				f.Add(uint16(i), uint8(2), uint8(j), "", bodies[kinds[0]], "")
				continue
			}
			f.Add(uint16(i), uint8(1+j%2), uint8(j), kind, "", bodies[kind])
		}
		for j := range 12 { // one field alone, so that none is refused for another
			one := url.Values{s.fields[(i*7+j*13)%len(s.fields)]: {hostile[(i+j)%len(hostile)]}}.Encode()
			f.Add(uint16(i), uint8(1+i%2), uint8(j), kinds[0], one, one)
		}
		f.Add(uint16(i), uint8(0), uint8(i), kinds[2], "page=-1", s.bodies("1")[kinds[2]])
		f.Add(uint16(i), uint8(2), uint8(6), kinds[1], "from=2026-02-30&to=x", `{"items":[{"quantity":1e999}],"a":[[[[{}]]]]}`)
	}
	x := newTarget(f)
	placeholder := regexp.MustCompile(`\{[^}]*\}`)
	f.Fuzz(func(t *testing.T, route uint16, who, id uint8, kind, query, body string) {
		method, path, _ := strings.Cut(x.routes[int(route)%len(x.routes)], " ")
		if strings.HasSuffix(path, "/stream") {
			t.Skip("it goes on until the client leaves")
		}
		path = placeholder.ReplaceAllString(path, x.ids[int(id)%len(x.ids)])
		if query != "" {
			path += "?" + query
		}
		w := x.send(t, method, path, int(who)%3, kind, body)
		if w.Code >= http.StatusInternalServerError || w.Code < 200 {
			t.Errorf("%s %q of %q with %s %.300q is answered %d: %s", method, path, x.names[int(who)%3], kind, body,
				w.Code, shorten(w.Body.String()))
		}
		if strings.Contains(w.Body.String(), "<script>alert(1)") && strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s %s shows markup that was sent: %s", method, path, shorten(w.Body.String()))
		}
		if who%3 != 0 && (strings.HasSuffix(path, "/logout") || strings.HasSuffix(path, "/login")) {
			x.signIn(t, int(who)%3)
		}
	})
}
