package web_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// routesIn are the patterns that the sources of a package register, with their
// doors: what nobody registered can't be open.
func routesIn(t *testing.T, dir, receiver string) map[string]string {
	t.Helper()
	call := regexp.MustCompile(`\b` + receiver + `\.(\w+)\("((?:GET|POST|PUT|DELETE) [^"]+)"`)
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(data), -1) {
			out[m[2]] = m[1]
		}
	}
	return out
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

func TestNoDoorOfStaffIsOpenToACustomer(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	customer, nobody := b.customer("ada"), b.nobody()
	pages, jsons := routesIn(t, ".", "s"), routesIn(t, "../api", "a")
	if len(pages) < 35 || len(jsons) < 15 {
		t.Fatalf("%d pages and %d of the JSON interface were found; the search is broken", len(pages), len(jsons))
	}
	for pattern, door := range pages {
		method, path, _ := strings.Cut(pattern, " ")
		path = wildcard.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "x")
		if strings.HasPrefix(path, "/admin") || door == "staff" {
			customer.do(method, path, "", nil).want(http.StatusForbidden)
		}
		switch door {
		case "staff", "member", "use", "photos":
			if r := nobody.do(method, path, "", nil).want(http.StatusFound); r.Header.Get("Location") != "/login" {
				t.Errorf("%s leads who is not signed in to %s", pattern, r.Header.Get("Location"))
			}
		case "script":
			nobody.do(method, path, "", nil).want(http.StatusUnauthorized)
		case "public", "guarded": // the webhook is signed
		default:
			t.Errorf("%s has the door %s, which this test does not know", pattern, door)
		}
	}
	for pattern, door := range jsons {
		method, path, _ := strings.Cut(pattern, " ")
		path = wildcard.ReplaceAllString(path, "x")
		switch door {
		case "use", "photos":
		case "open", "keyed": // judges by itself who asks: a partner's key
			code := `"code":"API_KEY"`
			if method == http.MethodGet { // the progress of an operation, which who is signed in may ask for too
				code = `"code":"SIGN_IN"`
			}
			nobody.do(method, path, "", nil).want(http.StatusUnauthorized, code)
			continue
		default:
			t.Errorf("%s has the door %s", pattern, door)
		}
		if strings.HasPrefix(path, "/api/admin") {
			customer.do(method, path, "", nil).want(http.StatusForbidden, `"code":"FORBIDDEN"`)
		}
		nobody.do(method, path, "", nil).want(http.StatusUnauthorized, `"code":"SIGN_IN"`)
	}
}

func TestEveryAnswerTellsTheBrowserWhatItNeedNotAllow(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for _, path := range []string{"/login", "/", "/nothing", "/api/orders", "/static/app.css", "/health"} {
		h := b.nobody().get(path).Header
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
			!strings.Contains(csp, "frame-ancestors 'none'") ||
			strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" ||
			h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestCookiesAreForThisSiteAloneAndNotForScripts(t *testing.T) {
	t.Parallel()
	for public, secure := range map[string]bool{"http://localhost:5000": false, "https://shop.example": true} {
		b := newBundle(t, "PUBLIC_URL="+public)
		r := b.nobody().form("/login", "username", b.Config.SuperAdminUsername, "password",
			string(b.Config.SuperAdminPassword)).
			want(http.StatusFound)
		found := false
		for _, c := range r.Cookies() {
			if c.Name == b.Auth.CookieName() {
				found = true
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != secure {
					t.Errorf("%s: %v", public, c)
				}
			}
		}
		if !found {
			t.Errorf("%s: no session cookie in %v", public, r.Cookies())
		}
	}
}

func TestASessionThatEndedIsWorthNothing(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	base, err := url.Parse(b.base)
	if err != nil {
		t.Fatal(err)
	}
	stolen := ada.c.Jar.Cookies(base)
	thief := b.nobody()
	thief.c.Jar.SetCookies(base, stolen)
	thief.get("/order-history").want(http.StatusOK)
	ada.form("/logout").want(http.StatusFound)
	thief.get("/order-history").want(http.StatusFound)
	thief.get("/api/orders").want(http.StatusUnauthorized)
	forger := b.nobody()
	forged := &http.Cookie{Name: b.Auth.CookieName(), Value: strings.Repeat("A", 43), Path: "/"}
	forger.c.Jar.SetCookies(base, []*http.Cookie{forged})
	forger.get("/order-history").want(http.StatusFound)
}

func TestAPostFromAnotherSiteIsRefusedAndAScriptsIsNot(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		for _, path := range []string{"/returns/request", "/api/returns", "/logout"} {
			ada.do(http.MethodPost, path, "application/x-www-form-urlencoded",
				strings.NewReader("a=b"), header...).
				want(http.StatusForbidden)
		}
	}
	ada.do(http.MethodPost, "/api/returns", "application/json", strings.NewReader("{}"),
		"Sec-Fetch-Site", "cross-site").want(http.StatusForbidden, `{"code":"CROSS_SITE"`) // a program reads JSON
	ada.get("/order-history", "Sec-Fetch-Site", "cross-site").want(http.StatusOK)
	ada.form("/cancel_sale").want(http.StatusFound)
}

func TestWhatIsTooLargeIsRefusedInWords(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	const head = "--x\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"a.jpg\"\r\n\r\n"
	huge := io.MultiReader(
		strings.NewReader(head),
		io.LimitReader(zeros{}, 100<<20),
		strings.NewReader("\r\n--x--\r\n"),
	)
	ada.do(http.MethodPost, "/returns/request", "multipart/form-data; boundary=x",
		huge).
		want(http.StatusRequestEntityTooLarge, "Photo 1 (a.jpg) is larger than 10 MB")
	ada.do(http.MethodPost, "/api/returns", "application/json",
		io.LimitReader(zeros{}, 33<<20)).
		want(http.StatusRequestEntityTooLarge, "TOO_LARGE")
	ada.do(http.MethodPost, "/add_to_cart", "application/x-www-form-urlencoded",
		io.LimitReader(zeros{}, 2<<20)).
		want(http.StatusRequestEntityTooLarge)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}
