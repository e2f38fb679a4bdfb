package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
)

const formMoment = "2006-01-02T15:04"

// saleAnswer is what the JSON interface says of flash sales.
type saleAnswer struct {
	Sales []struct {
		ID        string      `json:"id"`
		ProductID int64       `json:"product_id"`
		Price     json.Number `json:"price"`
		Original  json.Number `json:"original_price"`
		EndsAt    time.Time   `json:"ends_at"`
		Remaining *int        `json:"remaining"`
	} `json:"flash_sales"`
	ReservationID string    `json:"reservation_id"`
	ExpiresAt     time.Time `json:"expires_at"`
	Success       bool      `json:"success"`
	Message       string    `json:"message"`
	Code          string    `json:"code"`
	Available     *int      `json:"available"`
}

func (a answer) sale(t *testing.T, status int) saleAnswer {
	t.Helper()
	a.want(t, status)
	var out saleAnswer
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return out
}

// plan is the form of a sale of keyboards, 79.99 each, that is on.
func plan(more ...string) url.Values {
	now := time.Now().UTC()
	v := url.Values{
		"product_id": {"3"}, "percent": {"25"}, "cap": {"5"}, "cap_per_customer": {"3"},
		"starts": {now.Add(-time.Minute).Format(formMoment)}, "ends": {now.Add(time.Hour).Format(formMoment)},
	}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

func TestAFlashSaleFromThePlanToTheReceipt(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		staff := b.signIn()
		b.customer("ada")
		b.customer("bob")
		ada, bob := b.signInAs("ada", "correct horse"), b.signInAs("bob", "correct horse")

		staff.get("/admin/flash-sales").want(t, http.StatusOK, "There are no flash sales yet", `name="percent"`)
		staff.form("/admin/flash-sales", plan()).want(t, http.StatusFound)
		staff.get("/admin/flash-sales").want(t, http.StatusOK, "Keyboard", "25 %", ">active<")

		list := ada.get("/api/flash-sales").sale(t, http.StatusOK)
		if len(list.Sales) != 1 || list.Sales[0].ProductID != keyboard || list.Sales[0].Price != "59.99" ||
			list.Sales[0].Original != "79.99" ||
			*list.Sales[0].Remaining != 5 {
			t.Fatalf("on now: %+v", list.Sales)
		}
		id := list.Sales[0].ID
		ada.get("/api/products").want(t, http.StatusOK, `"flash_sale":{"id":"`+id+`"`, `"flash_sale":null`)
		ada.get("/").want(
			t, http.StatusOK, "flash sale, 25 % off", "59.99",
			"<s class=\"muted\"><span class=\"sr\">instead of </span>$79.99</s>", "5 units left at this price",
		)

		// Reserved units are off the stock and count against the caps.
		held := ada.json("/api/flash-sales/"+id+"/reserve", `{"quantity": 3}`).sale(t, http.StatusOK)
		if !held.Success || held.ReservationID == "" || time.Until(held.ExpiresAt) < 5*time.Minute ||
			!strings.Contains(held.Message, "3 units are held") {
			t.Errorf("reserved: %+v", held)
		}
		again := ada.json("/api/flash-sales/"+id+"/reserve", `{"quantity": 2}`).sale(t, http.StatusOK)
		if again.ReservationID != held.ReservationID || !again.ExpiresAt.Equal(held.ExpiresAt) {
			t.Errorf("asked again: %+v, before %+v", again, held)
		}
		over := ada.json("/api/flash-sales/"+id+"/reserve", `{"quantity": 4}`).sale(t, http.StatusConflict)
		if over.Success || over.Code != string(orders.CodeSaleLimit) || over.Available == nil || *over.Available != 3 {
			t.Errorf("over the customer's cap: %+v", over)
		}
		for body, status := range map[string]int{
			`{}`: 400, `{"quantity": 0}`: 400, `{"quantity": -1}`: 400, `{"quantity": "two"}`: 400, `{"units": 2}`: 400,
		} {
			if a := bob.json("/api/flash-sales/"+id+"/reserve", body); a.status != status {
				t.Errorf("reserve %s: %d %s", body, a.status, a.body)
			}
		}
		bob.json("/api/flash-sales/nonsense/reserve", `{"quantity": 1}`).want(t, http.StatusNotFound)
		bob.form("/add_to_cart", url.Values{"product_id": {"3"}, "quantity": {"4"}}).
			want(t, http.StatusOK, `"subtotal":259.96`, `"sale_quantity":3`,
				`"unit_price_beyond_sale":79.99`)
		bob.get("/").want(t, http.StatusOK, "3 × $59.99 in the flash sale, the others $79.99 each", `name="total"`)

		// The reservation is used by the checkout, at the sale's price.
		stock := b.stock()
		ada.form("/add_to_cart", url.Values{"product_id": {"3"}, "quantity": {"2"}}).
			want(t, http.StatusOK, `"discounted_unit_price":59.99`)
		ada.form("/checkout", url.Values{"payment_method": {"Cash"}}).want(t, http.StatusOK, "Receipt", "119.98")
		if b.stock() != stock {
			t.Errorf("stock %d after the order, %d before: the reservation had taken its units", b.stock(), stock)
		}
		if r, err := b.Orders.Reservation(t.Context(), held.ReservationID); err != nil ||
			r.Status != orders.ReservationUsed {
			t.Errorf("reservation %s, %v", r.Status, err)
		}

		// Changed, and ended: the price is the old one at once.
		staff.get("/admin/flash-sales/"+id).want(t, http.StatusOK, "2 units sold", `value="25.00"`)
		staff.form("/admin/flash-sales/"+id, plan("cap", "1", "starts", list.started(b))).
			want(t, http.StatusBadRequest, "1 is less than the 2 units sold and held")
		staff.form("/admin/flash-sales/"+id, plan("percent", "50", "starts", list.started(b))).want(t, http.StatusFound)
		if s := bob.get("/api/flash-sales").sale(t, http.StatusOK).Sales; len(s) != 1 ||
			s[0].Price != "39.99" && s[0].Price != "40.00" {
			t.Errorf("after the change: %+v", s)
		}
		left := bob.json("/api/flash-sales/"+id+"/reserve", `{"quantity": 3}`).sale(t, http.StatusOK)
		staff.form("/admin/flash-sales/"+id+"/end", nil).want(t, http.StatusFound)
		if s := bob.get("/api/flash-sales").sale(t, http.StatusOK).Sales; len(s) != 0 {
			t.Errorf("after the end: %+v", s)
		}
		bob.json("/api/flash-sales/"+id+"/reserve", `{"quantity": 1}`).
			want(t, http.StatusConflict, string(orders.CodeSaleNotActive))
		staff.get("/admin/flash-sales").want(t, http.StatusOK, ">ended<")
		staff.form("/admin/flash-sales/"+id, plan()).want(t, http.StatusConflict, "This sale has ended")

		// The worker gives the units back that nobody can use any more.
		b.run()
		b.eventually("the reservation to expire", func() bool {
			r, err := b.Orders.Reservation(t.Context(), left.ReservationID)
			return err == nil && r.Status == orders.ReservationExpired
		})
		if b.stock() != stock {
			t.Errorf("stock %d after the reservation expired, want %d", b.stock(), stock)
		}
	})
}

// started is when the first sale of the list began, as its form shows it.
func (a saleAnswer) started(b *bench) string {
	b.t.Helper()
	f, err := b.Orders.FlashSale(b.t.Context(), a.Sales[0].ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return f.Starts.UTC().Format(formMoment)
}

func TestAFlashSaleThatCantBeIsRefusedInWordsAndTheFormIsKept(t *testing.T) {
	t.Parallel()
	b := open(t)
	staff := b.signIn()
	staff.form("/admin/flash-sales", plan()).want(t, http.StatusFound)
	past := time.Now().UTC().Add(-time.Hour)
	for name, c := range map[string]struct {
		form   url.Values
		status int
		says   string
	}{
		"no number for a discount": {plan("percent", "a lot"), 400, "a number from 0.01 to 100"},
		"no discount":              {plan("percent", "0"), 400, "a number from 0.01 to 100"},
		"more than everything off": {plan("percent", "100.01"), 400, "a number from 0.01 to 100"},
		"a start that is no day":   {plan("starts", "tomorrow"), 400, "Starts is &#34;tomorrow&#34;"},
		"an end before the start":  {plan("ends", past.Format(formMoment)), 400, "is past"},
		"a cap below nothing":      {plan("cap", "-1"), 400, "a whole number of units"},
		"a product that isn't":     {plan("product_id", "999"), 400, "Choose a product."},
		"a product of no number":   {plan("product_id", "mouse"), 400, "must be the number of a product"},
		"another one meanwhile":    {plan("percent", "33.3"), 409, "has a flash sale from"},
	} {
		a := staff.form("/admin/flash-sales", c.form)
		a.want(t, c.status, c.says, "New flash sale", `value="`+url.PathEscape(c.form.Get("cap"))+`"`)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	staff.form("/admin/flash-sales/nonsense", plan()).want(t, http.StatusNotFound)
	staff.form("/admin/flash-sales/nonsense/end", nil).want(t, http.StatusNotFound)
	staff.get("/admin/flash-sales/nonsense").want(t, http.StatusNotFound)
}
