package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/api"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

// pixel is a PNG of one red pixel, in base64.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"

// bundle is the interface on a shop on SQLite, with an order of three units.
type bundle struct {
	*app.App
	t          *testing.T
	api        *api.API
	ada, staff auth.User
	order      orders.Order
}

func newBundle(t *testing.T) *bundle {
	t.Helper()
	s := apptest.Open(t, slog.LevelError, []string{"PAYMENT_PROVIDER_TIMEOUT=4s"})
	gate := access.New(access.Config{
		Owns:      func(context.Context, auth.User, access.Subject, string) (bool, error) { return false, nil },
		Record:    func(_ access.Route, _ access.Refuse, next http.Handler) http.Handler { return next },
		Refused:   func(access.Route, *http.Request, string) {},
		Confirmed: func(context.Context) bool { return true },
	})
	b := &bundle{App: s, t: t, api: api.New(api.Deps{
		Gate: gate,
		Endpoints: endpoint.New(endpoint.Deps{
			Orders: s.Orders, Returns: s.Returns, Refunds: s.Refunds, Auth: s.Auth, Levels: s.Figures, Log: s.Log,
			Currency: s.Config.Money(), Features: s.Features,
		}),
		Uploads: s.Uploads, Log: s.Log,
	})}
	var err error
	if b.staff, err = s.Auth.UserByName(t.Context(), s.Config.SuperAdminUsername); err != nil {
		t.Fatal(err)
	}
	ada := auth.Registration{Username: "ada", Email: "ada@example.com", Password: "correct horse"}
	if b.ada, err = s.Auth.Register(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	cart, err := s.Orders.SetCartQuantity(t.Context(), b.ada.ID, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.TokenFor("4242424242424242", "12/2099", "Visa")
	if err != nil {
		t.Fatal(err)
	}
	b.order, err = s.Orders.Checkout(t.Context(), orders.CheckoutRequest{
		Customer: event.Actor{
			Kind: event.ActorCustomer,
			ID:   b.ada.ID,
		}, CartID: cart.Cart.ID, Method: payment.Card, Token: token, Source: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// call sends a body (a GET where it is empty) and reads the answer.
func (b *bundle) call(u auth.User, path, body string) (int, map[string]any) {
	b.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, r.WithContext(auth.WithUser(b.t.Context(), u)))
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		b.t.Fatalf("%s: %v in %s", path, err, w.Body)
	}
	return w.Code, out
}

// body is a request for a return with a quantity as JSON.
func (b *bundle) body(quantity string) string {
	item := `{"sale_item_id":"` + b.order.Lines[0].ID + `","quantity":` + quantity + `}`
	return `{"sale_id":"` + b.order.ID + `","reason":"DAMAGED","details":"x","items":[` + item + `]}`
}

func (b *bundle) want(u auth.User, path, body string, status int, keys ...string) map[string]any {
	b.t.Helper()
	got, out := b.call(u, path, body)
	if got != status {
		b.t.Fatalf("%s %s: %d, want %d: %v", path, body, got, status, out)
	}
	for _, k := range keys {
		if _, ok := out[k]; !ok {
			b.t.Errorf("%s: no %q in %v", path, k, out)
		}
	}
	return out
}

func TestQuantitiesAreWholeNumbersOrRefusedInWords(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for quantity, code := range map[string]string{
		`"1"`: "INVALID", "0.5": "INVALID", "1.0": "INVALID", "1e30": "INVALID", "null": "INVALID", "[1]": "INVALID",
		"99999999999999999999": "INVALID", "-1": "QUANTITY_NOT_POSITIVE", "0": "QUANTITY_NOT_POSITIVE",
		"1000000000000": "QUANTITY_OVER_POLICY", "4": "QUANTITY_OVER_PURCHASED",
	} {
		out := b.want(b.ada, "/api/returns", b.body(quantity), http.StatusBadRequest, "message", "code")
		if out["success"] != false || out["code"] != code || len(out["message"].(string)) < 20 {
			t.Errorf("quantity %s: %v", quantity, out)
		}
		if _, judged := out["verdicts"]; judged != (code != "INVALID") {
			t.Errorf("quantity %s: verdicts %v", quantity, out["verdicts"])
		}
	}
	bored := strings.Replace(b.body("1"), "DAMAGED", "BORED", 1)
	out := b.want(b.ada, "/api/returns", bored, http.StatusBadRequest, "message", "verdicts")
	if out["code"] != "REASON_NOT_ALLOWED" {
		t.Errorf("a reason that is none: %v", out)
	}
	for name, body := range map[string]string{
		"an unknown field": `{"sale_id":"x","reason":"OTHER","item":[]}`,
		"a field twice":    `{"sale_id":"x","sale_id":"y"}`,
		"no order":         `{"reason":"OTHER"}`, "no reason": `{"sale_id":"x"}`, "no object": `[]`,
		"two objects": `{} {}`, "cut off": `{"sale_id":`,
		"photos that are no base64": strings.TrimSuffix(b.body("1"), "}") + `,"photos":["%%"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			b.want(b.ada, "/api/returns", body, http.StatusBadRequest, "message", "code", "field")
		})
	}
	if list := b.want(b.ada, "/api/returns", "", http.StatusOK, "total"); list["total"] != 0.0 {
		t.Errorf("something was made: %v", list)
	}
}

func TestAReturnHasTheShapeOfTheContractAllTheWay(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	body := strings.TrimSuffix(b.body("2"), "}") + `,"photos":["` + pixel + `"]}`
	out := b.want(b.ada, "/api/returns", body, http.StatusOK, "success", "message", "return")
	c := out["return"].(map[string]any)
	for _, k := range []string{
		"id", "sale_id", "customer_id", "status", "reason", "details", "rma_number", "created_at", "updated_at",
		"items", "photos", "shipment", "inspection", "refund",
	} {
		if _, ok := c[k]; !ok {
			t.Errorf("no %q in %v", k, c)
		}
	}
	if c["status"] != "PENDING_AUTHORIZATION" || c["shipment"] != nil || c["refund"] != nil ||
		len(c["photos"].([]any)) != 1 {
		t.Errorf("%v", c)
	}
	id, line := c["id"].(string), b.order.Lines[0].ID
	at := "/api/admin/returns/" + id
	b.want(b.ada, at, "", http.StatusForbidden)
	b.want(b.staff, "/api/returns/"+id, "", http.StatusNotFound)
	b.want(b.staff, "/api/admin/returns/nothing", "", http.StatusNotFound)
	b.want(b.staff, at+"/refund", "{}", http.StatusConflict, "code", "message")
	b.want(b.staff, at+"/authorize", "{}", http.StatusBadRequest)
	b.want(b.staff, at+"/authorize", `{"approve":true,"decision_notes":"ok"}`, http.StatusOK)
	b.want(b.staff, at+"/authorize", `{"approve":true}`, http.StatusConflict)
	b.want(b.staff, at+"/shipment", `{"carrier":"UPS","tracking_number":"1Z"}`, http.StatusOK)
	b.want(b.staff, at+"/receive", `{"lines":[{"sale_item_id":"`+line+`","received":-1}]}`, http.StatusBadRequest)
	b.want(b.staff, at+"/receive", `{"lines":[{"sale_item_id":"`+line+`","received":2}]}`, http.StatusOK)
	b.want(b.staff, at+"/inspection", `{"result":"PARTIALLY_APPROVED","inspected_by":"eve"}`, http.StatusBadRequest)
	b.want(
		b.staff,
		at+"/inspection",
		`{"result":"APPROVED","inspected_by":"eve","lines":[{"sale_item_id":"`+line+
			`","disposition":"restock","condition":"OPENED"}]}`,
		http.StatusOK,
	)
	paid := b.want(b.staff, at+"/refund", `{"method":"ORIGINAL_METHOD"}`, http.StatusOK)["return"].(map[string]any)
	refund := paid["refund"].(map[string]any)
	want := b.order.Lines[0].Paid.Share(2, 3).Total()
	if paid["status"] != "REFUNDED" || refund["status"] != "COMPLETED" || refund["method"] != "CARD" ||
		int64(refund["amount"].(float64)*100+0.5) != want {
		t.Errorf("want %d: %v", want, paid)
	}
	b.want(b.ada, "/api/returns/"+id+"/cancel", "{}", http.StatusConflict)
}

func TestARefundNobodyCanTellYetIsPending(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	filed := b.want(
		b.staff,
		"/api/admin/returns",
		strings.TrimSuffix(b.body("1"), "}")+`,"customer_id":"`+b.ada.ID+`"}`,
		http.StatusOK,
	)
	at := "/api/admin/returns/" + filed["return"].(map[string]any)["id"].(string)
	b.want(b.staff, at+"/authorize", `{"approve":true}`, http.StatusOK)
	b.want(b.staff, at+"/receive", "{}", http.StatusOK)
	b.want(b.staff, at+"/inspection", `{"result":"APPROVED","inspected_by":"eve"}`, http.StatusOK)
	if err := b.Simulator.SetFaults(paysim.Faults{Down: true}); err != nil {
		t.Fatal(err)
	}
	out := b.want(b.staff, at+"/refund", "{}", http.StatusAccepted, "message", "return")
	if out["success"] != false || out["pending"] != true {
		t.Errorf("%v", out)
	}
}
