package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// TestTheDashboardIsLive shows the dashboard on light and dark screens and on
// a phone, and has it follow an order without a reload.
func TestTheDashboardIsLive(t *testing.T) {
	browser := newBrowser(t)
	s, base := serve(t)
	// Streams end before the server waits for what is open.
	t.Cleanup(s.Health.SetDraining)
	now := time.Now().UTC()
	seedtest.Filling{
		Tag:       "h",
		Orders:    3000,
		Returns:   600,
		Customers: 40,
		From:      now.AddDate(0, 0, -120),
		Span:      120 * 24 * time.Hour,
	}.Fill(t, s.DB.Writer())
	b := browser.open(t, base, 1280, 900, "dashboard")
	b.signIn(s.Config.SuperAdminUsername, string(s.Config.SuperAdminPassword))
	count(t, s)
	b.visit("/admin/dashboard")
	b.until("live", `document.getElementById("live-state").textContent`)
	evaluate[bool](b, `document.querySelector("#chart-days details").open = true`)
	before := evaluate[string](b, `document.querySelector("#figures .figure").textContent`)
	b.shot("light")
	buyOne(t, s)
	count(t, s)
	b.until("true", `String(document.querySelector("#figures .figure").textContent !== `+"`"+before+"`)")
	if !evaluate[bool](b, `document.querySelector("#chart-days details").open`) {
		t.Error("a table that was opened is shut by an update")
	}
	b.scheme("dark")
	b.visit("/admin/dashboard")
	b.until("true", loaded)
	b.shot("dark")
	b.scheme("light")
	b.run(chromedp.EmulateViewport(390, 844))
	b.visit("/admin/dashboard")
	b.until("true", loaded)
	b.shot("phone")
	b.keepsLetters(320, 390, 600, 768, 1024, 1280, 1600, 2560)
	b.run(chromedp.EmulateViewport(794, 1123)) // A4
	b.media("print", "light")
	b.visit("/admin/dashboard")
	b.until("true", loaded)
	if evaluate[bool](b, `[...document.querySelectorAll("form, button, .top")].some(e => e.offsetHeight > 0)`) {
		t.Error("what only a screen can use is printed")
	}
	b.shot("print")
}

// keepsLetters has each chart shown as large as it was drawn, so that its letters have one
// size, in windows of these widths.
func (b *tab) keepsLetters(widths ...int64) {
	b.t.Helper()
	for _, width := range widths {
		b.run(chromedp.EmulateViewport(width, 900))
		b.visit("/admin/dashboard")
		b.until("true", loaded)
		if scaled := evaluate[string](b, scaledCharts); scaled != "" {
			b.t.Errorf("at %d px charts are scaled: %s", width, scaled)
		}
	}
}

// scaledCharts names the charts that are not shown as large as they were drawn.
const scaledCharts = `[...document.querySelectorAll("img.chart")].filter(i => i.clientWidth !== i.naturalWidth)
	.map(i => i.currentSrc.split("/").pop().split("?")[0] + " " + i.naturalWidth + " as " + i.clientWidth).join(", ")`

// loaded says whether each chart on the page is drawn.
const loaded = `String([...document.querySelectorAll("img.chart")].length > 0 &&
	[...document.querySelectorAll("img.chart")].every(i => i.complete && i.naturalWidth > 0))`

func (b *tab) scheme(name string) { b.t.Helper(); b.media("screen", name) }

func (b *tab) media(kind, scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media:    kind,
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// until waits for a script to return the words.
func (b *tab) until(want, script string) {
	b.t.Helper()
	got := ""
	deadline := time.Now().Add(testreq.Patience(b.t))
	for ; time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = evaluate[string](b, script); strings.Contains(got, want) {
			return
		}
	}
	b.shot("missing")
	b.t.Fatalf("%s is %q, want %q", script, got, want)
}

// count brings the KPIs up to date, as the workers do every few seconds.
func count(t *testing.T, s *app.App) {
	t.Helper()
	if err := s.CountNow(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func buyOne(t *testing.T, s *app.App) {
	t.Helper()
	u, err := s.Auth.Register(
		t.Context(),
		auth.Registration{Username: "bea", Email: "bea@example.com", Password: "correct horse battery"},
	)
	if err != nil {
		t.Fatal(err)
	}
	cart, err := s.Orders.SetCartQuantity(t.Context(), u.ID, product, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Orders.Checkout(t.Context(), orders.CheckoutRequest{
		Customer: event.Actor{
			Kind: event.ActorCustomer,
			ID:   u.ID,
			Name: u.Username,
		}, CartID: cart.Cart.ID, Method: payment.Cash, Source: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
}
