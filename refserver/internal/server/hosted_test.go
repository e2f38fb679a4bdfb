package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

var byPage = url.Values{"payment_method": {"Card"}}

// toPay is a shop where ada has ordered two keyboards and was sent to the page of
// the provider's, with what stock there was and how many charges.
type toPay struct {
	*bench
	ada             browser
	page            string
	order           orders.Order
	before, charges int
}

func openToPay(t *testing.T, settings ...string) *toPay {
	t.Helper()
	b := open(t, append(settings, "HOSTED_CHECKOUT=true")...)
	who := b.customer("ada")
	p := &toPay{bench: b, ada: b.signInAs("ada", "correct horse"), before: b.stock()}
	p.charges = len(b.Simulator.Ledger().Charges)
	p.ada.form("/add_to_cart", url.Values{"product_id": {"3"}, "quantity": {"2"}}).want(t, http.StatusOK)
	shop := p.ada.get("/").want(t, http.StatusOK, "You enter your card on our payment provider")
	if strings.Contains(shop.body, `name="card_number"`) {
		t.Error("the shop has a card form beside the provider's page")
	}
	p.page = p.ada.form("/checkout", checkoutForm(t, shop.body, byPage)).want(t, http.StatusSeeOther).
		header.Get("Location")
	list, _, err := b.Orders.Orders(t.Context(), orders.Query{CustomerID: who.ID})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d orders, %v", len(list), err)
	}
	p.order = list[0]
	if p.page != p.order.Payment.Page.URL || !strings.HasPrefix(p.page, b.PageOrigin()+"/") {
		t.Errorf("sent to %s, the page is %+v", p.page, p.order.Payment.Page)
	}
	return p
}

// pay sends the card of the page's form, and returns where the customer is sent.
func (p *toPay) pay(t *testing.T, card string, status int) string {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.PostForm(p.page, url.Values{"card_number": {card}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != status {
		t.Fatalf("the payment page answers %d, want %d", res.StatusCode, status)
	}
	return strings.TrimPrefix(res.Header.Get("Location"), p.Config.BaseURL())
}

// ends requires the state, the stock and the money of the order.
func (p *toPay) ends(t *testing.T, want orders.Status, stock, charges int) orders.Order {
	t.Helper()
	o, err := p.Orders.Order(t.Context(), p.order.ID)
	if err != nil {
		t.Fatal(err)
	}
	made := len(p.Simulator.Ledger().Charges) - p.charges
	if o.Status != want || p.stock()-p.before != stock || made != charges {
		t.Errorf("%s, stock %+d, %d charges; want %s, %+d, %d", o.Status, p.stock()-p.before, made, want, stock,
			charges)
	}
	return o
}

func TestAnOrderIsPaidOnTheProvidersPage(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		p := openToPay(t, settings...)
		at := "/orders/" + p.order.ID
		p.ada.get(at).want(t, http.StatusOK, "Waiting for payment", "Pay $", p.page, "Cancel order")
		// Another tab, with the cart that it still shows.
		form := url.Values{"payment_method": {"Card"}, "cart_id": {p.order.CartID}}
		if to := p.ada.form("/checkout", form).want(t, http.StatusSeeOther).header.Get("Location"); to != p.page {
			t.Errorf("the second tab is sent to %s, not %s", to, p.page)
		}
		p.ada.get(at+"/payment").want(t, http.StatusSeeOther)
		p.ends(t, orders.StatusQueued, -2, 0)

		p.pay(t, "4000000000000002", http.StatusPaymentRequired) // the customer may try another card there
		back := p.pay(t, "4242424242424242", http.StatusSeeOther)
		if back != at+"/payment" {
			t.Errorf("the customer comes back to %s", back)
		}
		p.customer("bob")
		bob := p.signInAs("bob", "correct horse")
		bob.get(back).want(t, http.StatusNotFound)
		p.ends(t, orders.StatusQueued, -2, 1)

		// Coming back in several tabs settles it once.
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { p.ada.get(back) })
		}
		wg.Wait()
		p.ada.get(back).want(t, http.StatusSeeOther)
		p.ada.get(at).want(t, http.StatusOK, "Receipt", "COMPLETED")
		o := p.ends(t, orders.StatusCompleted, -2, 1)
		if !strings.HasPrefix(o.Payment.ProviderID, "pi_") {
			t.Errorf("the payment is %q", o.Payment.ProviderID)
		}
		p.ada.form("/checkout", form).want(t, http.StatusOK, "Receipt")

		c := p.approved(o)
		_, r, err := p.Returns.Refund(t.Context(), c.ID, clerk, returns.RefundParams{Method: payment.Card})
		if err != nil || r.Status != refunds.StatusSucceeded {
			t.Errorf("the refund is %s, %v", r.Status, err)
		}
		if made := p.Simulator.Ledger().Refunds; len(made) != 1 || made[0].AmountMinor != r.Amount() {
			t.Errorf("refunds at the provider: %+v", made)
		}
	})
}

func TestTheProvidersMessageSettlesAPaymentPage(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		p := openToPay(t, settings...)
		p.run()
		p.pay(t, "4242424242424242", http.StatusSeeOther)
		p.eventually("the order is completed", func() bool {
			o, err := p.Orders.Order(t.Context(), p.order.ID)
			return err == nil && o.Status == orders.StatusCompleted
		})
		p.ends(t, orders.StatusCompleted, -2, 1)
	})
}

func TestAPaymentPageThatIsLeft(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		p := openToPay(t, settings...)
		at := "/orders/" + p.order.ID
		p.ada.form(at+"/cancel", nil).want(t, http.StatusFound)
		p.ada.get(at).want(t, http.StatusOK, "CANCELLED", "Your cart is kept", `href="/cart"`)
		p.ends(t, orders.StatusCanceled, 0, 0)
		p.pay(t, "4242424242424242", http.StatusGone)
		p.ada.get(at+"/payment").want(t, http.StatusSeeOther)
		p.ends(t, orders.StatusCanceled, 0, 0)
		if shop := p.ada.get("/"); !strings.Contains(shop.body, "Place order for") {
			t.Error("the cart is gone")
		}
	})
}

func TestAPaymentPageThatExpires(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		p := openToPay(t, settings...)
		expire, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.PageOrigin()+"/v1/checkout/sessions/"+
			p.order.Payment.Page.ProviderID+"/expire", nil)
		if err != nil {
			t.Fatal(err)
		}
		expire.SetBasicAuth(p.Config.StripeKey(), "")
		res, err := http.DefaultClient.Do(expire)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", res, err)
		}
		res.Body.Close()
		p.ends(t, orders.StatusQueued, -2, 0)
		p.ada.get("/orders/"+p.order.ID+"/payment").want(t, http.StatusSeeOther)
		p.ends(t, orders.StatusCanceled, 0, 0)
	})
}

// TestWithALiveKeyCardsGoToTheProvidersPage: against a simulator, which takes a live
// key as Stripe does, and moves no money.
func TestWithALiveKeyCardsGoToTheProvidersPage(t *testing.T) {
	t.Parallel()
	provider, err := paysim.New(paysim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	at, err := provider.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, "STRIPE_SECRET_KEY=sk_live_1", "PAYMENT_PROVIDER_URL="+at, "PAYMENT_PROVIDER_TIMEOUT=4s",
		"SUPER_ADMIN_PASSWORD=a password of our own", "SECRET_KEY=a secret key of our own, and long enough for anybody")
	if _, err := b.Orders.SaveProduct(t.Context(), 0, clerk, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Lamp", 4_000, 5
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	ada.form("/add_to_cart", url.Values{"product_id": {"1"}}).want(t, http.StatusOK)
	shop := ada.get("/").want(t, http.StatusOK)
	if csp := shop.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+at+";") {
		t.Errorf("a browser does not follow to the provider's page: %s", csp)
	}
	ada.form("/checkout", visaCard).want(t, http.StatusBadRequest, "This shop does not accept card numbers")
	page := ada.form("/checkout", checkoutForm(t, shop.body, byPage)).want(t, http.StatusSeeOther).header.Get(
		"Location",
	)
	if !strings.HasPrefix(page, at+"/c/pay/cs_live_") {
		t.Fatalf("sent to %s", page)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.PostForm(page, url.Values{"card_number": {"4242424242424242"}})
	if err != nil || res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	back := strings.TrimPrefix(res.Header.Get("Location"), b.Config.BaseURL())
	ada.get(back).want(t, http.StatusSeeOther)
	ada.get(strings.TrimSuffix(back, "/payment")).want(t, http.StatusOK, "Receipt")
	if charges := provider.Ledger().Charges; len(charges) != 1 {
		t.Errorf("charges %+v", charges)
	}
}
