package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

// TestPayingOnTheProvidersPageInABrowser walks through a checkout whose card is
// entered on the provider's page: paid after a decline, left, expired, and paid by a
// customer who does not come back.
func TestPayingOnTheProvidersPageInABrowser(t *testing.T) {
	browser := newBrowser(t)
	provider, err := paysim.New(paysim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	pages, err := provider.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	settings := []string{
		"PAYMENT_PROVIDER_URL=" + pages, "HOSTED_CHECKOUT=true", "DATA_DIR=" + t.TempDir(),
		"PUBLIC_URL=http://" + srv.Listener.Addr().String(), "STRIPE_WEBHOOK_SECRET=whsec_test",
	}
	s, base := serveAt(t, srv, settings...)
	w := &hostedWalk{App: s, tab: browser.open(t, base, 390, 844, "hosted"), pages: pages, provider: provider}
	w.charges, w.start = len(provider.Ledger().Charges), stock(t, s)
	w.register()
	for _, part := range []struct {
		name string
		walk func(*hostedWalk)
	}{
		{"paid after a decline", (*hostedWalk).declinedThenPaid},
		{"left", (*hostedWalk).left},
		{"expired", (*hostedWalk).expired},
		{"the customer does not come back", (*hostedWalk).gone},
	} {
		t.Run(part.name, func(t *testing.T) { w.t = t; part.walk(w) })
	}
}

// hostedWalk is a customer in front of the shop.
type hostedWalk struct {
	*app.App
	*tab
	pages    string
	provider *paysim.Simulator

	start, charges int // the stock, and how many charges there are
}

func (w *hostedWalk) register() {
	w.visit("/register")
	w.fill("#username", "ada")
	w.fill("#email", "ada@example.com")
	w.fill("#password", "correct horse battery")
	w.submit(`form[action="/register"]`)
	w.signIn("ada", "correct horse battery")
}

// order puts a keyboard into the cart, unless there is one, and orders it by card.
// The browser is on the provider's page then.
func (w *hostedWalk) order(fill bool) orders.Order {
	w.t.Helper()
	w.visit("/")
	if fill {
		w.fill(fmt.Sprintf("#q%d", product), "1")
		w.submit(fmt.Sprintf(`form:has(#q%d)`, product))
	}
	w.click(`input[value="Card"]`)
	w.see("You enter your card on our payment provider's page")
	w.shot("cart")
	w.submit("#checkout")
	w.see("This page is the payment simulator's")
	w.shot("provider")
	list, _, err := w.Orders.Orders(w.t.Context(), orders.Query{PageSize: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	return list[0]
}

func (w *hostedWalk) card(number string) {
	w.t.Helper()
	w.fill("#card_number", number)
	w.next(chromedp.Click(chromedp.CSS("form button")))
}

// ends requires how the order ended, and what it did to money and stock.
func (w *hostedWalk) ends(o orders.Order, want orders.Status, money, units int) {
	w.t.Helper()
	now, err := w.Orders.Order(w.t.Context(), o.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	charges := len(w.provider.Ledger().Charges)
	left := stock(w.t, w.App)
	if now.Status != want || charges-w.charges != money || left-w.start != units {
		w.t.Errorf("%s, %d charges, stock %+d; want %s, %d, %+d", now.Status, charges-w.charges, left-w.start, want,
			money, units)
	}
	w.charges, w.start = charges, left
}

func (w *hostedWalk) declinedThenPaid() {
	o := w.order(true)
	w.card("4000000000000002")
	w.see("declined")
	w.card("4242424242424242")
	w.see("Receipt")
	w.see("COMPLETED")
	w.shot("receipt")
	w.ends(o, orders.StatusCompleted, 1, -1)
}

func (w *hostedWalk) left() {
	o := w.order(true)
	w.next(chromedp.Click(chromedp.CSS(".cancel a")))
	w.see("Waiting for payment")
	w.see("Your order is not paid yet")
	w.shot("waiting")
	w.next(chromedp.Click(chromedp.CSS("#pay"))) // and back to the provider's page
	w.see("This page is the payment simulator's")
	w.next(chromedp.Click(chromedp.CSS(".cancel a")))
	w.click("details.confirm summary")
	w.submit("details.confirm form")
	w.see("The order is canceled. Nothing was charged.")
	w.see("Your cart is kept")
	w.shot("canceled")
	w.ends(o, orders.StatusCanceled, 0, 0)
}

func (w *hostedWalk) expired() {
	o := w.order(false) // the cart was kept
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost,
		w.pages+"/v1/checkout/sessions/"+o.Payment.Page.ProviderID+"/expire", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.SetBasicAuth(w.Config.StripeKey(), "")
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		w.t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	w.card("4242424242424242")
	w.see("This payment page has expired")
	w.next(chromedp.Click(chromedp.CSS(".cancel a")))
	w.see("This order was not paid and is canceled")
	w.ends(o, orders.StatusCanceled, 0, 0)
}

// gone closes the tab after the payment: the worker of the shop finds it.
func (w *hostedWalk) gone() {
	o := w.order(false)
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}).PostForm(o.Payment.Page.URL, map[string][]string{"card_number": {"4242424242424242"}})
	if err != nil || res.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	if _, err := w.Orders.Expedite(w.t.Context(), o.ID); err != nil { // a minute later
		w.t.Fatal(err)
	}
	testreq.UntilEvery(w.t, 10*time.Millisecond, "the worker settles it", func() bool {
		n, err := w.Orders.ChargeDue(w.t.Context(), 10)
		return err == nil && n == 0
	})
	w.visit("/orders/" + o.ID)
	w.see("Receipt")
	w.ends(o, orders.StatusCompleted, 1, -1)
}
