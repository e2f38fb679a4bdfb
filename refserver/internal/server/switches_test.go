package server_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/returns"
)

// turn switches a feature on or off.
func (u browser) turn(name feature.Name, action string) {
	u.t.Helper()
	u.json("/api/features/"+string(name)+"/toggle", `{"action":"`+action+`"}`).want(u.t, http.StatusOK)
}

// off are the words of a switch, as JSON and pages have them both.
func off(n feature.Name) string {
	d, _ := feature.Define(n)
	return d.Off
}

// refused checks that an answer is the refusal of a switch.
func (a answer) refused(t *testing.T, n feature.Name) {
	t.Helper()
	a.want(t, http.StatusForbidden, `"code":"FEATURE_OFF"`, off(n))
}

// photo is a small picture.
func photo(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// parts sends a form as a browser does that has a file input: without a photo
// there is an empty one.
func (u browser) parts(path string, fields url.Values, photo []byte) answer {
	u.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range fields {
		for _, v := range values {
			if err := w.WriteField(name, v); err != nil {
				u.t.Fatal(err)
			}
		}
	}
	name := "photo.png"
	if photo == nil {
		name = ""
	}
	file, err := w.CreateFormFile("photos", name)
	if err == nil {
		_, err = file.Write(photo)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		u.t.Fatal(err)
	}
	return u.send("POST", path, w.FormDataContentType(), body.String())
}

// returnForm asks for one unit of an order, as the form does.
func returnForm(o orders.Order) url.Values {
	return url.Values{
		"sale_id": {o.ID}, "reason": {"DAMAGED"}, "details": {"broken"}, "quantity_" + o.Lines[0].ID: {"1"},
	}
}

// returnJSON asks for one unit of an order; more is put into the object.
func returnJSON(o orders.Order, more string) string {
	return fmt.Sprintf(`{"sale_id":%q,"reason":"DAMAGED","details":"broken",`+
		`"items":[{"sale_item_id":%q,"quantity":1}]%s}`, o.ID, o.Lines[0].ID, more)
}

func TestReturnRequestsAreSwitchedOff(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		who := b.customer("ada")
		ada, o := b.signInAs("ada", "correct horse"), b.buy(who, 4)
		words := off(feature.Returns)
		estimate := "/returns/new?" + returnForm(o).Encode()
		ask := func(status int, texts ...string) {
			t.Helper()
			ada.json("/api/returns", returnJSON(o, "")).want(t, status, texts...)
		}
		ask(http.StatusOK, `"success":true`)
		open := b.caseOf(o)
		ada.get("/returns").want(t, http.StatusOK, "Continue to refund estimate")

		admin.turn(feature.Returns, "disable")
		ask(http.StatusForbidden, `"code":"FEATURE_OFF"`, words)
		ada.json("/api/returns/estimate", returnJSON(o, "")).refused(t, feature.Returns)
		ada.get("/api/returns/estimate?"+returnForm(o).Encode()).refused(t, feature.Returns)
		ada.get(estimate).want(t, http.StatusForbidden, words, "Your returns")
		ada.form("/returns/request", returnForm(o)).want(t, http.StatusForbidden, words)
		for _, a := range []answer{
			ada.get("/returns/new?sale_id=" + o.ID), ada.form("/returns/request", url.Values{"sale_id": {o.ID}}),
		} {
			if a.want(t, http.StatusForbidden, words); strings.Contains(a.body, "Choose a reason") {
				t.Error("a form that can't be sent is corrected")
			}
		}
		ada.parts("/returns/request", returnForm(o), photo(t)).want(t, http.StatusForbidden, words)
		page := ada.get("/returns").want(t, http.StatusOK, words)
		if strings.Contains(page.body, "Continue to refund estimate") {
			t.Error("the form is on the page while it would be refused")
		}
		// What is there goes its way, and staff file for customers.
		ada.get("/returns/"+open.ID).want(t, http.StatusOK)
		ada.json("/api/returns/"+open.ID+"/cancel", `{}`).want(t, http.StatusOK)
		filing := returnJSON(o, fmt.Sprintf(`,"customer_id":%q`, who.ID))
		admin.json("/api/admin/returns", filing).want(t, http.StatusOK, `"success":true`)

		admin.turn(feature.Returns, "enable")
		ada.get("/returns").want(t, http.StatusOK, "Continue to refund estimate")
		ada.get(estimate).want(t, http.StatusOK, "Estimated refund")
		ask(http.StatusOK, `"success":true`)
	})
}

// caseOf is the newest return of an order.
func (b *bench) caseOf(o orders.Order) returns.Return {
	b.t.Helper()
	list, _, err := b.Returns.Returns(b.t.Context(), returns.Query{CustomerID: o.CustomerID, PageSize: 1})
	if err != nil || len(list) == 0 {
		b.t.Fatalf("%d returns, %v", len(list), err)
	}
	return list[0]
}

func TestPhotosAreSwitchedOff(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		o := b.buy(b.customer("ada"), 5)
		ada := b.signInAs("ada", "correct horse")
		picture := photo(t)
		with := `,"photos":["` + base64.StdEncoding.EncodeToString(picture) + `"]`
		const input = `type="file"`
		estimate, words := "/returns/new?"+returnForm(o).Encode(), off(feature.Photos)

		ada.get(estimate).want(t, http.StatusOK, input)
		ada.json("/api/returns", returnJSON(o, with)).want(t, http.StatusOK)

		admin.turn(feature.Photos, "disable")
		ada.json("/api/returns", returnJSON(o, with)).refused(t, feature.Photos)
		ada.parts("/returns/request", returnForm(o), picture).want(t, http.StatusForbidden, words)
		page := ada.get(estimate).want(t, http.StatusOK, "Photos cannot be added at the moment.")
		if strings.Contains(page.body, input) {
			t.Error("the form takes photos while they are refused")
		}
		// A form from before, with no photo chosen.
		ada.parts("/returns/request", returnForm(o), nil).want(t, http.StatusFound)
		c := b.caseOf(o)
		if len(c.Evidence) > 0 {
			t.Errorf("the return has %d photos", len(c.Evidence))
		}
		if _, err := b.Returns.RequestInfo(t.Context(), c.ID, clerk, "What is broken?"); err != nil {
			t.Fatal(err)
		}
		answerForm := url.Values{"details": {"the key A"}}
		path := "/returns/" + c.ID
		if page := ada.get(path).want(t, http.StatusOK, "Your answer"); strings.Contains(page.body, input) {
			t.Error("the form of an answer takes photos while they are refused")
		}
		ada.parts(path+"/info", answerForm, picture).want(t, http.StatusForbidden, words)
		ada.json("/api/returns/"+c.ID+"/info", `{"details":"the key A"`+with+`}`).refused(t, feature.Photos)

		admin.turn(feature.Photos, "enable")
		ada.get(path).want(t, http.StatusOK, input)
		ada.parts(path+"/info", answerForm, picture).want(t, http.StatusFound)
		if c := b.theCase(c.ID); len(c.Evidence) != 1 {
			t.Errorf("the return has %d photos", len(c.Evidence))
		}
	})
}

func TestStoreCreditIsSwitchedOff(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		who := b.customer("ada")
		ada, o := b.signInAs("ada", "correct horse"), b.buy(who, 4)
		c, other := b.approved(o), b.approved(o)
		const option, credit = `<option value="store_credit"`, `{"method":"store_credit"}`
		page, refund := "/admin/returns/"+c.ID, "/api/admin/returns/"+c.ID+"/refund"
		admin.get(page).want(t, http.StatusOK, option)
		admin.json("/api/admin/returns/"+other.ID+"/refund", credit).want(t, http.StatusOK)

		admin.turn(feature.StoreCredit, "disable")
		admin.json(refund, credit).refused(t, feature.StoreCredit)
		ada.get("/store-credit").want(t, http.StatusOK, "cannot be used at the moment")
		admin.form(page+"/refund", url.Values{"method": {"store_credit"}}).
			want(t, http.StatusForbidden, off(feature.StoreCredit))
		if now := b.theCase(c.ID); now.Status != returns.StatusApproved {
			t.Errorf("the return is %s", now.Status)
		}
		if strings.Contains(admin.get(page).want(t, http.StatusOK).body, option) {
			t.Error("store credit is offered while it is refused")
		}
		estimate := ada.json("/api/returns/estimate", returnJSON(o, "")).want(t, http.StatusOK, `"CARD"`)
		if strings.Contains(estimate.body, "STORE_CREDIT") {
			t.Errorf("the estimate offers store credit: %s", estimate.body)
		}
		// What was given as store credit is not asked for anew.
		admin.json("/api/admin/returns/"+other.ID+"/refund", credit).want(t, http.StatusOK)

		// It is the customer for whom it is on, and not who refunds.
		admin.json("/api/features/store_credit/toggle",
			fmt.Sprintf(`{"action":"rollout","rollout_percentage":0,"users":[%q]}`, who.ID)).want(t, http.StatusOK)
		admin.get(page).want(t, http.StatusOK, option)
		admin.turn(feature.StoreCredit, "disable")
		admin.turn(feature.StoreCredit, "enable")
		ada.json("/api/returns/estimate", returnJSON(o, "")).want(t, http.StatusOK, `"STORE_CREDIT"`)
		admin.json(refund, credit).want(t, http.StatusOK)
	})
}

func TestFlashSalesAreSwitchedOff(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		staff := b.signIn()
		b.customer("ada")
		ada := b.signInAs("ada", "correct horse")
		staff.form("/admin/flash-sales", plan("cap", "")).want(t, http.StatusFound)
		id := ada.get("/api/flash-sales").sale(t, http.StatusOK).Sales[0].ID
		reserve := func() answer { return ada.json("/api/flash-sales/"+id+"/reserve", `{"quantity":1}`) }
		add := func(price string) {
			t.Helper()
			ada.form("/add_to_cart", url.Values{"product_id": {"3"}, "quantity": {"1"}}).
				want(t, http.StatusOK, `"discounted_unit_price":`+price)
		}
		reserve().want(t, http.StatusOK)
		add("59.99")

		staff.turn(feature.FlashSales, "disable")
		reserve().refused(t, feature.FlashSales)
		if s := ada.get("/api/flash-sales").sale(t, http.StatusOK).Sales; len(s) > 0 {
			t.Errorf("on while they are off: %+v", s)
		}
		for _, path := range []string{"/", "/api/products"} {
			if page := ada.get(path).want(t, http.StatusOK, "79.99"); strings.Contains(page.body, "59.99") {
				t.Errorf("%s shows the price of the sale", path)
			}
		}
		staff.get("/admin/flash-sales").want(t, http.StatusOK, "Keyboard", "25 %",
			"Flash sales: switched off for everyone. Until it is on again, products sell at their regular price.")
		ada.form("/checkout", url.Values{"payment_method": {"Cash"}}).want(t, http.StatusOK, "Receipt", "79.99")

		staff.turn(feature.FlashSales, "enable")
		ada.get("/").want(t, http.StatusOK, "59.99")
		add("59.99")
		reserve().want(t, http.StatusOK)
		ada.form("/checkout", url.Values{"payment_method": {"Cash"}}).want(t, http.StatusOK, "Receipt", "59.99")
	})
}

// A switch that is turned at one shop counts at the others on its database.
func TestASwitchCountsAtAllShopsOfADatabase(t *testing.T) {
	t.Parallel()
	settings := "DATABASE_URL=" + apptest.PostgresURL(t)
	one, two := open(t, settings), open(t, settings)
	one.run()
	two.run()
	who := one.customer("ada")
	admin, ada, o := one.signIn(), two.signInAs("ada", "correct horse"), one.buy(who, 1)
	admin.form("/admin/flash-sales", plan("cap", "")).want(t, http.StatusFound)
	for _, step := range []struct {
		action  string
		status  int
		price   string
		notSeen string
	}{
		{"disable", http.StatusForbidden, "79.99", "59.99"},
		{"enable", http.StatusOK, "59.99", "no such price"},
	} {
		admin.turn(feature.Returns, step.action)
		admin.turn(feature.FlashSales, step.action)
		two.eventually("the other shop to "+step.action+" returns", func() bool {
			return ada.json("/api/returns/estimate", returnJSON(o, "")).status == step.status
		})
		two.eventually("the other shop to "+step.action+" flash sales", func() bool {
			body := ada.get("/").body
			return strings.Contains(body, step.price) && !strings.Contains(body, step.notSeen)
		})
	}
}
