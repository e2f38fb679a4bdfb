package server_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// checkoutForm is the form of the storefront as a browser sends it.
func checkoutForm(t *testing.T, page string, fields url.Values) url.Values {
	t.Helper()
	_, form, ok := strings.Cut(page, `action="/checkout"`)
	if !ok {
		t.Fatalf("there is no checkout form in %s", shorten(page))
	}
	form, _, _ = strings.Cut(form, "</form>")
	fields = plus(fields)
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		fields.Set(m[1], m[2])
	}
	return fields
}

// reprice changes the keyboard as staff do.
func (b *bench) reprice(change func(*orders.Product)) {
	b.t.Helper()
	_, err := b.Orders.SaveProduct(
		b.t.Context(),
		keyboard,
		event.System("test"),
		func(p *orders.Product) error {
			change(p)
			return nil
		},
	)
	if err != nil {
		b.t.Fatal(err)
	}
}

var visaCard = url.Values{
	"payment_method": {"Card"},
	"card_number":    {"4242424242424242"},
	"card_exp_date":  {"12/2099"},
	"card_type":      {"Visa"},
}

func TestNobodyIsChargedMoreThanThePageSaid(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.customer("ada")
		ada := b.signInAs("ada", "correct horse")
		ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
		charges := len(b.Simulator.Ledger().Charges)

		page := ada.get("/").want(t, http.StatusOK)
		form := checkoutForm(t, page.body, visaCard)
		before := form.Get("total")
		if before == "" || form.Get("currency") != "USD" {
			t.Fatalf("the form holds %v", form)
		}
		b.reprice(func(p *orders.Product) { p.Price += 1500 })
		changed := ada.form("/checkout", form, "Idempotency-Key", "k1").
			want(t, http.StatusConflict, "PRICE_CHANGED", "$"+before, "Nothing was ordered", "Place order for")
		if n := len(b.Simulator.Ledger().Charges); n != charges {
			t.Errorf("%d charges", n-charges)
		}
		var answer struct {
			Code     string      `json:"code"`
			OldTotal json.Number `json:"old_total"`
			NewTotal json.Number `json:"new_total"`
		}
		told := ada.form("/checkout", form, "Idempotency-Key", "k2", "Accept", "application/json").
			want(t, http.StatusConflict)
		if err := json.Unmarshal([]byte(told.body), &answer); err != nil || answer.Code != "PRICE_CHANGED" ||
			answer.OldTotal.String() != before {
			t.Errorf("%s: %+v, %v", told.body, answer, err)
		}
		// The page asks again with the new total; the key is as good as new.
		form = checkoutForm(t, changed.body, visaCard)
		if form.Get("total") != answer.NewTotal.String() {
			t.Errorf("the page shows %s, the cart costs %s", form.Get("total"), answer.NewTotal)
		}
		ada.form("/checkout", form, "Idempotency-Key", "k3").want(t, http.StatusOK, "Receipt", answer.NewTotal.String())

		// A lower price is charged as it is now, and a script may say nothing.
		ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
		form = checkoutForm(t, ada.get("/").body, visaCard)
		b.reprice(func(p *orders.Product) { p.Price -= 1500 })
		ada.form("/checkout", form).want(t, http.StatusOK, "Receipt", before)
		ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
		b.reprice(func(p *orders.Product) { p.Price += 100 })
		ada.form("/checkout", url.Values{"payment_method": {"Cash"}}).want(t, http.StatusOK, "Receipt")
	})
}

func TestACheckoutRefusesATotalThatIsNone(t *testing.T) {
	b := open(t)
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	for _, c := range []struct{ total, currency, says string }{
		{"abc", "", "Total is"},
		{"1.234", "", "at most 2 decimals"},
		{"-1", "", "Total is"},
		{"1", "dollars", "Currency is"},
		{"1.5", "JPY", "at most 0 decimals"},
	} {
		ada.form("/checkout",
			url.Values{"payment_method": {"Cash"}, "total": {c.total}, "currency": {c.currency}}).
			want(t, http.StatusBadRequest, c.says)
	}
	ada.form("/checkout",
		url.Values{"payment_method": {"Cash"}, "total": {"100000"}, "currency": {"JPY"}}).
		want(t, http.StatusConflict, "PRICE_CHANGED")
}

// A cart that can't be ordered is on the page, with what is wrong and a way out.
func TestACartWithAProblemTakesNoPageAway(t *testing.T) {
	b := open(t)
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}, "quantity": {"4"}}).want(t, http.StatusOK)
	b.reprice(func(p *orders.Product) { p.Stock = 2 })
	page := ada.get("/").want(t, http.StatusOK, "4 of Keyboard requested, 2 in stock", "set it to 0 to remove")
	if strings.Contains(page.body, `action="/checkout"`) {
		t.Error("the page offers to buy it")
	}
	ada.form("/checkout", url.Values{"payment_method": {"Cash"}}).want(t, http.StatusConflict, "2 in stock")
	ada.form("/set_cart_quantity", url.Values{"product_id": {"3"}, "quantity": {"2"}}).want(t, http.StatusOK)
	ada.get("/").want(t, http.StatusOK, `action="/checkout"`)
}

// The price of a sale that is used up is not shown, and the product still sells.
func TestAUsedUpFlashSaleSellsAtTheRegularPrice(t *testing.T) {
	b := open(t)
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	_, err := b.Orders.CreateFlashSale(t.Context(), event.System("test"), orders.FlashSaleParams{
		ProductID: keyboard, Starts: time.Now().Add(-time.Minute), Ends: time.Now().Add(time.Hour), PercentBP: 2500,
		Cap: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	ada.get("/").want(t, http.StatusOK, "1 unit left at this price; more sell at the regular price")
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	ada.form("/checkout",
		checkoutForm(t, ada.get("/").body, url.Values{"payment_method": {"Cash"}})).want(t, http.StatusOK, "59.99")
	ada.get("/").want(t, http.StatusOK, "sold out at the sale price; sells at the regular price", "$79.99")
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK, `"discounted_unit_price":79.99`)
	ada.form("/checkout",
		checkoutForm(t, ada.get("/").body, url.Values{"payment_method": {"Cash"}})).want(t, http.StatusOK, "79.99")
}

// A double click on a form that creates something creates one.
func TestADoubleClickOnANewProductIsOneProduct(t *testing.T) {
	b := open(t)
	staff := b.signIn()
	before, err := b.Orders.Products(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	page := staff.get("/admin/products").want(t, http.StatusOK)
	_, form, _ := strings.Cut(page.body, `method="post" novalidate action="/admin/products"`)
	form, _, _ = strings.Cut(form, "</form>")
	fields := url.Values{
		"name":             {"Cable"},
		"price":            {"4.99"},
		"stock":            {"10"},
		"discount_percent": {"0"},
		"shipping_weight":  {"0"},
	}
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		fields.Set(m[1], m[2])
	}
	for range 2 {
		staff.form("/admin/products", fields).want(t, http.StatusFound)
	}
	for range 2 {
		staff.json("/api/admin/products", `{"name":"Plug","price":1.5,"stock":3}`,
			"Idempotency-Key", "p-1").
			want(t, http.StatusOK, "Plug")
	}
	after, err := b.Orders.Products(t.Context())
	if err != nil || len(after) != len(before)+2 {
		t.Errorf("%d products were made, %v", len(after)-len(before), err)
	}
	sale := plan()
	page = staff.get("/admin/flash-sales").want(t, http.StatusOK)
	_, form, _ = strings.Cut(page.body, `action="/admin/flash-sales"`)
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		sale.Set(m[1], m[2])
	}
	for range 2 {
		staff.form("/admin/flash-sales", sale).want(t, http.StatusFound)
	}
}

// Started in another currency, the shop says what to do, and does not start.
func TestAnotherCurrencyIsRefusedAtTheStart(t *testing.T) {
	dir := "DATA_DIR=" + t.TempDir()
	start := func(currency, others string, while ...func(*app.App) error) error {
		c, err := config.Load([]string{dir, "CURRENCY=" + currency, "OTHER_CURRENCIES=" + others}, "")
		if err != nil {
			return err
		}
		metrics, err := observability.NewMetrics(observability.MetricsConfig{})
		if err != nil {
			return err
		}
		s, err := app.Open(t.Context(), c, testlog.New(t, slog.LevelWarn, metrics), metrics, app.WithWeakHashes())
		if err != nil {
			return err
		}
		for _, do := range while {
			if err := do(s); err != nil {
				t.Error(err)
			}
		}
		return s.Close(t.Context())
	}
	refused := func(currency, others string, says ...string) {
		t.Helper()
		err := start(currency, others)
		for _, s := range says {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("started in %s and %q, or without %q: %v", currency, others, s, err)
			}
		}
	}
	if err := start("USD", ""); err != nil {
		t.Fatal(err)
	}
	refused("EUR", "", "CURRENCY", "set CURRENCY=USD", "add USD to OTHER_CURRENCIES")
	refused("EUR", "JPY", "set CURRENCY=USD")
	if err := start("EUR", "USD"); err != nil {
		t.Errorf("started in euros, on data in dollars that sell too: %v", err)
	}
	if err := start("USD", "JPY", func(s *app.App) error {
		_, err := s.Orders.SaveProduct(t.Context(), 0, event.System("test"), func(p *orders.Product) error {
			p.Name, p.Price, p.Currency = "Tea", 1050, "JPY"
			return nil
		})
		return err
	}); err != nil {
		t.Errorf("started in dollars again: %v", err)
	}
	refused("USD", "", `"Tea"`, "add JPY to OTHER_CURRENCIES")
}
