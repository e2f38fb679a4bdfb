package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/returns"
)

// priced makes a product that sells in the currency, as staff do.
func (b *bench) priced(staff browser, name, price, currency string) (id int64) {
	b.t.Helper()
	var saved struct{ Product struct{ ID int64 } }
	a := staff.json("/api/admin/products", fmt.Sprintf(
		`{"name":%q,"price":%s,"currency":%q,"stock":10,"country_of_origin":"USA"}`, name, price, currency,
	)).want(b.t, http.StatusOK, `"price":`+price, `"currency":"`+strings.ToUpper(currency)+`"`)
	if err := json.Unmarshal([]byte(a.body), &saved); err != nil {
		b.t.Fatal(err)
	}
	return saved.Product.ID
}

// Products of several currencies sell in one shop, each in its own: it is priced, shown, charged and
// refunded in it, in the provider's unit, and what is refunded is shown in each.
func TestAShopSellsInSeveralCurrencies(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "OTHER_CURRENCIES=jpy,KWD,UGX")...)
		who, staff := b.customer("ada"), b.signIn()
		ada := b.signInAs("ada", "correct horse")
		before := len(b.Simulator.Ledger().Charges)
		for _, p := range []struct {
			name, price, currency string
			there                 int64 // two of it, in the provider's unit
		}{
			{"Tea", "1050", "jpy", 2_100}, {"Oil", "1.230", "KWD", 2_460}, {"Coffee", "5000", "ugx", 10_000_00},
		} {
			id := fmt.Sprint(b.priced(staff, p.name, p.price, p.currency))
			ada.form("/add_to_cart", url.Values{"product_id": {id}, "quantity": {"2"}}).want(t, http.StatusOK,
				`"currency":"`+strings.ToUpper(p.currency)+`"`)
			ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusBadRequest,
				"Keyboard is priced in USD", "CURRENCY_MISMATCH")
			page := ada.get("/").want(t, http.StatusOK, p.name)
			ada.form("/checkout", checkoutForm(t, page.body, visaCard)).want(t, http.StatusOK, "Receipt")
			o := b.newest(who)
			charged := b.Simulator.Ledger().Charges[before:]
			if c := charged[len(charged)-1]; c.AmountMinor != p.there || c.Currency != strings.ToUpper(p.currency) {
				t.Errorf("two %s at %s %s: charged %d %s, want %d",
					p.name, p.price, p.currency, c.AmountMinor, c.Currency, p.there)
			}
			one := b.approved(o)
			staff.json("/api/admin/returns/"+one.ID+"/refund", `{"method":"CARD"}`).want(t, http.StatusOK)
			refunded := b.Simulator.Ledger().Refunds
			if r := refunded[len(refunded)-1]; r.AmountMinor != p.there/2 || r.Currency != strings.ToUpper(p.currency) {
				t.Errorf("one of two %s: refunded %d %s, want %d", p.name, r.AmountMinor, r.Currency, p.there/2)
			}
		}
		ada.get("/").want(t, http.StatusOK, "¥1,050", "KWD", "UGX", "$")
		ada.get("/order-history").want(t, http.StatusOK, "¥2,100", "KWD", "UGX")
		staff.get("/admin/orders").want(t, http.StatusOK, "¥2,100", "KWD", "UGX")
		today := time.Now().UTC().Format(time.DateOnly)
		staff.get("/admin/reconciliation?from="+today+"&to="+today).want(t, http.StatusOK,
			"1050 JPY, 1.230 KWD, 5000 UGX")
		b.run()
		b.eventually("the dashboard that has each currency's refunds", func() bool {
			page := staff.get("/admin/dashboard").body
			return strings.Contains(page, "¥1,050") && strings.Contains(page, "KWD") && strings.Contains(page, "UGX")
		})
	})
}

// A product keeps its currency: staff read and write its price in it, on the page and over JSON.
func TestThePriceOfAProductIsOfItsCurrency(t *testing.T) {
	t.Parallel()
	b := open(t, "OTHER_CURRENCIES=JPY")
	staff := b.signIn()
	tea := b.priced(staff, "Tea", "1050", "JPY")
	at := fmt.Sprint(tea)
	price := func(want int64) {
		t.Helper()
		p, err := b.Orders.Product(t.Context(), tea)
		if err != nil || p.Price != want || p.Currency != "JPY" {
			t.Fatalf("%d %s, %v; want %d JPY", p.Price, p.Currency, err, want)
		}
	}
	price(1050)
	staff.json("/api/admin/products/"+at, `{"price":1200}`).want(t, http.StatusOK, `"price":1200,`)
	price(1200)
	staff.json("/api/admin/products/"+at, `{"stock":7}`).want(t, http.StatusOK, `"price":1200,`)
	staff.json("/api/admin/products/"+at, `{"price":12.5}`).want(t, http.StatusBadRequest, "JPY", "0 decimals")
	staff.json("/api/admin/products/"+at, `{"price":12.5,"currency":"USD"}`).want(t, http.StatusBadRequest,
		"CURRENCY_MISMATCH", "Tea is priced in JPY")
	staff.json("/api/admin/products/999", `{"price":1}`).want(t, http.StatusNotFound)
	for _, code := range []string{"EUR", "yen"} {
		staff.json("/api/admin/products", `{"name":"Cake","price":1,"stock":1,"currency":"`+code+`"}`).
			want(t, http.StatusBadRequest, code)
	}
	price(1200)

	// The form shows the currency of a product, and offers the choice for a new one.
	staff.get("/admin/products/"+at).want(t, http.StatusOK, "List price (JPY)", `value="1200"`)
	form := url.Values{"name": {"Green tea"}, "price": {"1300"}, "stock": {"7"}, "stock_was": {"7"}}
	form.Set("currency", "JPY")
	staff.form("/admin/products/"+at, form).want(t, http.StatusFound)
	price(1300)
	staff.form("/admin/products/"+at, plus(form, "price", "1300.5")).want(t, http.StatusBadRequest,
		"List price (JPY)", "0 decimals")
	price(1300)
	staff.get("/admin/products").want(t, http.StatusOK, "<option selected>USD</option>", "<option>JPY</option>")
	made := plus(form, "name", "Cup", "price", "900.5")
	staff.form("/admin/products", made).want(t, http.StatusBadRequest, `<option selected="">JPY</option>`)
	staff.form("/admin/products", plus(made, "price", "900")).want(t, http.StatusFound)
	staff.get("/admin/products").want(t, http.StatusOK, "Cup", "¥900")
}

// An order in another currency than the shop's is refunded in its own: the amount that staff mean
// is read in it, a limit of the shop's currency lets nothing of it pass, and store credit is shown
// in each currency.
func TestACaseInAnotherCurrencyIsRefundedInIt(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT=100000, 50000 jpy", "OTHER_CURRENCIES=JPY")...)
		who, staff := b.customer("ada"), b.signIn()
		first := b.approved(b.buy(who, 1)) // in USD
		one := b.approved(b.buyOf(who, b.priced(staff, "Tea", "4000", "JPY"), 2))
		at := "/api/admin/returns/" + one.ID
		q, _, err := b.Returns.Quote(t.Context(), one.ID, returns.RefundParams{})
		if err != nil || q.Amount != 4000 || q.Currency != "JPY" {
			t.Fatal(q.Amount, q.Currency, err)
		}
		staff.json(at+"/refund", `{"method":"STORE_CREDIT","refund_amount_available":4000.5}`).
			want(t, 400, "JPY with at most 0 decimals")
		staff.json(at+"/refund", `{"method":"STORE_CREDIT","refund_amount_available":40}`).
			want(t, 412, "AMOUNT_CHANGED")
		staff.json(at+"/refund", `{"method":"STORE_CREDIT","refund_amount_available":4000}`).want(t, 200)
		staff.json("/api/admin/returns/"+first.ID+"/refund", `{"method":"STORE_CREDIT"}`).want(t, 200)
		ada := b.signInAs("ada", "correct horse")
		ada.get("/returns").want(t, 200, "¥4,000", "$", " and ")
		ada.get("/store-credit").want(t, 200, "¥4,000", "$")
		dollars := money.New(b.credit(who), "USD").Decimal()
		ada.get("/api/store-credit").want(t, 200, `"balance":`+dollars+`,"balances":[{"balance":`+dollars+
			`,"currency":"USD"},{"balance":4000,"currency":"JPY"}],"currency":"USD"`)
	})
}

// A limit that names no yen lets no refund in yen pass.
func TestARefundInACurrencyWithoutALimitWaits(t *testing.T) {
	t.Parallel()
	b := open(t, "APPROVAL_AMOUNT=100000", "OTHER_CURRENCIES=JPY")
	staff := b.signIn()
	c := b.approved(b.buyOf(b.customer("ada"), b.priced(staff, "Tea", "4000", "JPY"), 1))
	staff.json("/api/admin/returns/"+c.ID+"/refund", `{"method":"STORE_CREDIT"}`).
		want(t, 202, "no limit is set for JPY")
}
