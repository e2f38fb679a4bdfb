package browsertest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/returns"
)

// widths are a small phone, a phone, a tablet, a laptop and a wide screen.
var widths = []int64{320, 390, 768, 1280, 2560}

var routePattern = regexp.MustCompile(`"GET (/[^"]*)"`)

// noPages are routes that answer no page.
var noPages = []string{
	"/static/",
	"/health",
	"/metrics",
	"/admin/metrics",
	"/photos/",
	"/charts/",
	"/stream",
	".csv",
	"/api/",
}

// pageRoutes returns the patterns of all pages, from the source of package web.
func pageRoutes(t *testing.T) []string {
	t.Helper()
	sources, err := filepath.Glob("../../web/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no source of package web: %v", err)
	}
	var out []string
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, found := range routePattern.FindAllStringSubmatch(string(text), -1) {
			route := found[1]
			if !slices.ContainsFunc(noPages, func(part string) bool { return strings.Contains(route, part) }) {
				out = append(out, route)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// furnished fills a shop with what pages can be full of, and returns the address of each route.
func furnished(t *testing.T, s *app.App) map[string]string {
	t.Helper()
	boss, err := s.Auth.UserByName(t.Context(), s.Config.SuperAdminUsername)
	if err != nil {
		t.Fatal(err)
	}
	who := event.Actor{Kind: event.ActorCustomer, ID: boss.ID, Name: boss.Username}
	clerk := event.Actor{Kind: event.ActorStaff, ID: "clerk", Name: "a-clerk-with-a-very-long-name-that-has-no-space"}
	if _, err := s.Orders.AddToCart(t.Context(), who.ID, 3, 2); err != nil {
		t.Fatal(err)
	}
	o, err := s.Orders.Checkout(
		t.Context(),
		orders.CheckoutRequest{Customer: who, Method: payment.Cash, Source: "test"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Orders.AddToCart(t.Context(), who.ID, 2, 3); err != nil {
		t.Fatal(err)
	}
	c, err := s.Returns.Create(t.Context(), who, returns.CreateParams{
		OrderID: o.ID, CustomerID: who.ID, Reason: returns.ReasonOther,
		Details: strings.Repeat("averylongwordwithoutanyspace", 12),
		Items:   []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.Returns.Authorize(t.Context(), c.ID, clerk, ""); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"/{$}":               "/",
		"/orders/{id}":       "/orders/" + o.ID,
		"/returns/{id}":      "/returns/" + c.ID,
		"/returns/{id}/slip": "/returns/" + c.ID + "/slip",
		"/returns/new": fmt.Sprintf(
			"/returns/new?sale_id=%s&reason=OTHER&quantity_%s=1",
			o.ID,
			o.Lines[0].ID,
		),
		"/admin/returns/{id}":   "/admin/returns/" + c.ID,
		"/admin/products/{id}":  "/admin/products/2",
		"/admin/features":       "/admin/features",
		"/admin/webhooks":       "/admin/webhooks",
		"/admin/webhooks/{id}":  "",
		"/admin/mail":           "/admin/mail",
		"/notifications":        "/notifications",
		"/notifications/stream": "",

		"/admin/operations":           "/admin/operations",
		"/admin/operations/{id}":      "", // of one that runs; the list shows the same
		"/admin/operations/{id}/file": "",
		"/admin/scenarios":            "/admin/scenarios",
		"/admin/scenarios/{id}":       "",
		"/orders/{id}/payment":        "", // it leads on
		"/store-credit":               "/store-credit",
		"/admin/partners":             "/admin/partners",
		"/admin/partners/{id}":        "",
		"/admin/search":               "/admin/search?q=keyboard",
		"/admin/returns/new":          "/admin/returns/new?order=" + o.Number,
		"/admin/flash-sales/{id}":     "",
		"/admin/flash-sales":          "/admin/flash-sales",
		"/admin/queue":                "/admin/queue",
		"/login":                      "/login",
		"/register":                   "/register",
		"/admin/reconciliation":       "/admin/reconciliation",
		"/admin/dashboard":            "/admin/dashboard",
		"/order-history":              "/order-history",
		"/admin/audit":                "/admin/audit",
		"/admin/orders":               "/admin/orders",
		"/admin/policy":               "/admin/policy",
		"/admin/products":             "/admin/products",
		"/admin/returns":              "/admin/returns",
		"/admin/users":                "/admin/users",
		"/cart":                       "/cart",
		"/account":                    "/account",
		"/account/confirm":            "/account/confirm",
		"/account/forgot":             "/account/forgot",
		"/account/reset":              "/account/reset?token=x",
		"/admin/audit/log":            "/admin/audit/log",
		"/admin/users/{id}":           "/admin/users/" + boss.ID,
		"/dev/mail":                   "/dev/mail",
		"/login/code":                 "/login/code",
		"/logout":                     "/logout",
		"/returns":                    "/returns",
	}
}

// No page scrolls sideways, from a small phone to a wide screen. SCREENSHOTS names a folder
// for pictures of all of them.
func TestNoPageScrollsSideways(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/browsertest/")
	s, base := serve(t)
	addresses := furnished(t, s)
	b := newBrowser(t).open(t, base, 1280, 800, "width")
	b.signIn(s.Config.SuperAdminUsername, string(s.Config.SuperAdminPassword))
	for _, route := range pageRoutes(t) {
		address, known := addresses[route]
		if !known {
			t.Errorf("%s: say in furnished what its address is", route)
			continue
		}
		if address == "" {
			continue
		}
		t.Run(strings.ReplaceAll(route, "/", "_"), func(t *testing.T) {
			res, err := chromedp.RunResponse(b.ctx, chromedp.Navigate(base+address))
			if err != nil || res.Status != http.StatusOK {
				t.Fatalf("GET %s: %+v, %v", address, res, err)
			}
			for _, width := range widths {
				b.run(chromedp.EmulateViewport(width, 900))
				b.until("true", fmt.Sprintf(`String(innerWidth === %d)`, width))
				wide := evaluate[int64](b, `document.documentElement.scrollWidth`)
				if wide > width {
					t.Errorf("%s is %d px wide on %d px: %s", address, wide, width, evaluate[string](b, sticksOut))
				}
				if os.Getenv("SCREENSHOTS") != "" && (width == 390 || width == 1280) {
					b.shot(
						fmt.Sprintf(
							"%s-%d",
							strings.NewReplacer("/", "_", "{", "", "}", "", "$", "").Replace(route),
							width,
						),
					)
				}
			}
		})
	}
}

// sticksOut names elements that are wider than the window, for messages.
const sticksOut = `[...document.querySelectorAll("body *")]
	.filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll, .desk-nav"))
	.slice(0, 5).map(e => e.tagName + "." + e.className + "#" + e.id).join(" ")`
