package browsertest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/server"
)

// serve opens a shop with these settings and serves its pages.
func serve(t *testing.T, settings ...string) (*app.App, string) {
	t.Helper()
	return serveAt(t, httptest.NewUnstartedServer(nil), settings...)
}

// serveAt is serve with a server whose address is known before.
func serveAt(t *testing.T, srv *httptest.Server, settings ...string) (*app.App, string) {
	t.Helper()
	s := apptest.Open(t, slog.LevelWarn, append([]string{"PAYMENT_PROVIDER_TIMEOUT=4s"}, settings...))
	pages, err := server.New(s)
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = pages
	srv.Start()
	t.Cleanup(srv.Close)
	s.Health.SetStarted()
	return s, srv.URL
}

// browser is how a headless Chromium is started.
type browser struct {
	options []chromedp.ExecAllocatorOption
}

// newBrowser finds Chromium, or ends the test.
func newBrowser(t *testing.T) browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		const reason = "Chromium is not installed; on Debian: apt-get install chromium"
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return browser{append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true),
	)}
}

// tab is one page of the browser.
type tab struct {
	t         *testing.T
	ctx       context.Context
	base      string
	name      string // of the screenshots
	shots     string
	nextShots int
}

// open starts a Chromium with a profile of its own: a second one on the profile of another ends
// at once, in favor of that.
func (b browser) open(t *testing.T, base string, width, height int64, name string) *tab {
	t.Helper()
	allocator, release := chromedp.NewExecAllocator(
		t.Context(), append(slices.Clone(b.options), chromedp.UserDataDir(t.TempDir()))...,
	)
	t.Cleanup(release)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	shots := os.Getenv("SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	} else if err := os.MkdirAll(shots, 0o755); err != nil {
		t.Fatal(err)
	}
	out := &tab{t: t, ctx: ctx, base: base, name: name, shots: shots}
	out.run(chromedp.EmulateViewport(width, height)) // the first step starts the browser, and must not time out
	ctx, cancelTime := context.WithTimeout(ctx, testreq.Patience(t))
	t.Cleanup(cancelTime)
	out.ctx = ctx
	return out
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("%v on\n%s", err, b.text())
	}
}

// evaluate runs a script in the page.
func evaluate[T any](b *tab, script string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, options...))
	if err != nil {
		b.t.Fatalf("%v on\n%s", err, b.text())
	}
	return out
}

// text is what the page says, for messages.
func (b *tab) text() string {
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return out
}

func (b *tab) visit(path string) {
	b.t.Helper()
	res, err := chromedp.RunResponse(b.ctx, chromedp.Navigate(b.base+path))
	if err != nil || res.Status != http.StatusOK {
		b.t.Fatalf("GET %s: %+v, %v\n%s", path, res, err, b.text())
	}
}

func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.run(chromedp.SetValue(chromedp.CSS(selector), text))
}

func (b *tab) choose(selector, value string) { b.t.Helper(); b.fill(selector, value) }

func (b *tab) click(selector string) {
	b.t.Helper()
	b.run(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) upload(selector, file string) {
	b.t.Helper()
	b.run(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{file}))
}

// submit presses the button of a form, and waits for the next page.
func (b *tab) submit(form string) {
	b.t.Helper()
	b.next(chromedp.Click(chromedp.CSS(form + ` button[type="submit"]`)))
}

// press presses the button with the words.
func (b *tab) press(words string) {
	b.t.Helper()
	b.next(chromedp.Click(chromedp.Search(fmt.Sprintf(`//main//button[normalize-space(text())=%q]`, words))))
}

func (b *tab) next(action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, action); err != nil {
		b.t.Fatalf("%v on\n%s", err, b.text())
	}
}

func (b *tab) signIn(name, password string) {
	b.t.Helper()
	b.visit("/login")
	b.fill("#username", name)
	b.fill("#password", password)
	b.submit(`form[action="/login"]`)
	b.see("Shop")
}

func (b *tab) signOut() {
	b.t.Helper()
	b.submit(`form[action="/logout"]`)
	b.see("Sign in")
}

// see requires the words on the page.
func (b *tab) see(words string) {
	b.t.Helper()
	if text := b.text(); !strings.Contains(text, words) {
		b.shot("missing")
		b.t.Fatalf("%q is not on the page:\n%s", words, text)
	}
}

// photo requires that the page shows the image.
func (b *tab) photo(path string) {
	b.t.Helper()
	width := evaluate[int](
		b,
		fmt.Sprintf(
			`(async () => { const i = document.querySelector('img[src=%q]'); if (!i) return 0; i.loading = `+
				`"eager"; await i.decode(); return i.naturalWidth })()`,
			path,
		),
		chromedp.EvalAwaitPromise,
	)
	if width == 0 {
		b.t.Errorf("the photo %s is not shown", path)
	}
}

// shot keeps a picture of the whole page, and requires that the page does not
// scroll sideways and holds the headings and labels that a screen reader needs.
func (b *tab) shot(what string) {
	b.t.Helper()
	for _, f := range evaluate[[]string](b, checks) {
		b.t.Errorf("%s: %s", what, f)
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	b.nextShots++
	name := filepath.Join(b.shots, fmt.Sprintf("%s-%02d-%s.png", b.name, b.nextShots, what))
	if err := os.WriteFile(name, picture, 0o644); err != nil {
		b.t.Error(err)
	}
}

// checks are what every page must have.
const checks = `(() => {
  const faults = [];
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) faults.push("the page scrolls sideways by " + wide + " px");
  const headings = document.querySelectorAll("h1").length;
  if (headings !== 1) faults.push("it has " + headings + " main headings");
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!e.labels.length && !e.getAttribute("aria-label")) faults.push("no label: " + e.outerHTML);
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push("the id " + id + " is there twice");
  for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
    for (const id of (e.getAttribute("aria-describedby") || e.getAttribute("aria-labelledby")).split(" "))
      if (!ids.includes(id)) faults.push("nothing has the id " + id);
  for (const e of document.querySelectorAll("img:not([alt])")) faults.push("no alternative text: " + e.src);
  if (document.querySelector("script:not([src]), [style], [onclick]"))
    faults.push("it holds a script or a style of its own");
  return [...new Set(faults)];
})()`

func shown(minor int64, c money.Currency) string { return money.New(minor, c).Format("en") }
