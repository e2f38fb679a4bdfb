package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/returns"
)

// hookReceiver keeps what was sent to it, by webhook-id.
type hookReceiver struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]hookMessage
}

type hookMessage struct {
	Type string
	Data map[string]map[string]any
}

func receiveHooks(t *testing.T) *hookReceiver {
	h := &hookReceiver{seen: map[string]hookMessage{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m hookMessage
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil || !strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") {
			t.Errorf("a message that is none: %s, %v", body, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen[r.Header.Get("webhook-id")] = m
	}))
	t.Cleanup(h.Close)
	return h
}

// of is the object of the message of a type, of the customer.
func (h *hookReceiver) of(typ, customer string) map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.seen {
		object, _, _ := strings.Cut(typ, ".")
		if m.Type == typ && m.Data[object]["customer_id"] == customer {
			return m.Data[object]
		}
	}
	return nil
}

type madeHook struct {
	Secret  string
	Webhook struct {
		ID     string
		Events []string
	}
}

// TestEventsOfAShopAreSentToWebhooks: of orders, returns and refunds in the words of the
// contract, also those from before there was a webhook.
func TestEventsOfAShopAreSentToWebhooks(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "WEBHOOK_PRIVATE_ADDRESSES=true")...)
		b.run()
		who, admin, h := b.customer("ada"), b.signIn(), receiveHooks(t)
		o := b.buy(who, 1)
		day := time.Now().UTC().Format(time.DateOnly)
		a := admin.json("/api/admin/webhooks", fmt.Sprintf(`{"url":%q,"since":%q}`, h.URL, day)).want(t, 200, "whsec_")
		var made madeHook
		if err := json.Unmarshal([]byte(a.body), &made); err != nil || len(made.Webhook.Events) != 18 {
			t.Fatal(err, a.body)
		}
		c := b.approved(o)
		byCard := returns.RefundParams{Method: payment.Card}
		if _, _, err := b.Returns.Refund(t.Context(), c.ID, clerk, byCard); err != nil {
			t.Fatal(err)
		}
		for _, typ := range []string{
			"order.completed", "return.requested", "return.authorized", "return.received", "return.inspected",
			"return.refunded", "refund.created", "refund.completed",
		} {
			b.eventually(typ+" arrives", func() bool { return h.of(typ, who.ID) != nil })
		}
		if got := h.of("order.completed", who.ID); got["status"] != "COMPLETED" {
			t.Errorf("the order is %v", got)
		}
		if got := h.of("return.authorized", who.ID); got["status"] != "AUTHORIZED" ||
			got["rma_number"] != b.theCase(c.ID).RMA ||
			got["sale_id"] != o.ID ||
			got["customer_id"] != who.ID {
			t.Errorf("the return is %v", got)
		}
		if got := h.of("refund.completed", who.ID); got["status"] != "COMPLETED" || got["method"] != "CARD" ||
			got["return_id"] != c.ID || got["processed_at"] == nil {
			t.Errorf("the refund is %v", got)
		}
		var list answer
		b.eventually("its result is listed", func() bool {
			list = admin.get("/api/admin/webhooks/"+made.Webhook.ID+"/deliveries?state=delivered").want(t, 200)
			return strings.Contains(list.body, "refund.completed")
		})
		if strings.Contains(list.body, made.Secret) ||
			strings.Contains(admin.get("/api/admin/webhooks").body, "whsec_") {
			t.Error("the secret is shown again")
		}
		admin.get("/metrics").want(t, 200, `webhook_attempts_total{result="delivered"}`)
	})
}

// TestWebhooksAreManagedByAdminsWhoEnteredTheirPassword: on pages and over JSON, recorded in
// the audit, without the secret.
func TestWebhooksAreManagedByAdminsWhoEnteredTheirPassword(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin, support := b.signIn(), b.withRole("sue", auth.Support)
	support.json("/api/admin/webhooks", `{"url":"https://example.com"}`).want(t, 403)
	support.get("/admin/webhooks").want(t, 403)
	admin.get("/admin/webhooks").want(t, 200, "There are no webhooks yet", "order.completed")
	admin.form("/admin/webhooks", url.Values{"url": {"https://10.0.0.1/"}, "events": {"order.completed"}}).
		want(t, 400, "private network", `value="https://10.0.0.1/"`)
	admin.form("/admin/webhooks", url.Values{"url": {"https://example.com/x"}}).
		want(t, 400, "Choose at least one event")
	admin.json("/api/admin/webhooks",
		`{"url":"https://example.com","events":["order.paid"]}`).want(t, 400, "order.paid")
	page := admin.form("/admin/webhooks", url.Values{
		"url": {"https://example.com/x"}, "events": {"order.completed", "refund.failed"},
	}).want(t, 200, "whsec_", "Copy it to the receiver now")
	id := regexp.MustCompile(`/admin/webhooks/([0-9a-f-]{36})/rotate`).FindStringSubmatch(page.body)
	if id == nil {
		t.Fatal(shorten(page.body))
	}
	one := "/api/admin/webhooks/" + id[1]
	admin.get("/admin/webhooks").want(t, 200, "https://example.com/x")
	admin.get(one).want(t, 200, `"events":["order.completed","refund.failed"]`)
	admin.json(one, `{"url":"https://example.com/y","events":["order.queued"]}`).want(t, 200, "https://example.com/y")
	admin.json(one+"/rotate", "").want(t, 200, "whsec_", "24 hours")
	// A second click, or a second person, takes nothing away from the receiver.
	admin.json(one+"/rotate", "").want(t, 409, `"code":"TWO_SECRETS"`, "within the last 24 hours")
	admin.json(one+"/rotate", `{"end_old":true}`).want(t, 200, "whsec_")
	admin.get("/admin/webhooks/"+id[1]).want(t, 200, "signs too until")
	admin.json(one+"/ping", "").want(t, 200)
	admin.get(one+"/deliveries").want(t, 200, "webhook.ping", `"state":"waiting"`)
	admin.json(one+"/replay", `{"since":"2999-01-01"}`).want(t, 400, "since")
	admin.json(one+"/replay", `{"since":"2026-01-01"}`).want(t, 200)
	admin.json(one+"/disable", "").want(t, 200)
	admin.json(one+"/ping", "").want(t, 400, "disabled")
	admin.json(one+"/enable", "").want(t, 200)
	admin.json(one+"/resend", "").want(t, 404)
	b.age(16 * time.Minute)
	admin.json(one+"/rotate", "").want(t, 403, "REAUTHENTICATE")
	admin.json(one+"/delete", "").want(t, 403, "REAUTHENTICATE")
	admin.form("/account/confirm", url.Values{"password": {"super_admin_92587"}}).want(t, http.StatusFound)
	admin.json(one+"/delete", "").want(t, 200)
	admin.get(one).want(t, 404)
	kinds := map[string]int{}
	for _, e := range b.entries("webhook") {
		kinds[e.Type]++
		for name, value := range e.Details {
			if strings.Contains(value, "whsec_") {
				t.Errorf("%s of %s holds a secret", name, e.Type)
			}
		}
	}
	if kinds["webhook.created"] != 1 || kinds["webhook.changed"] < 3 || kinds["webhook.change_refused"] == 0 {
		t.Errorf("the audit has %v", kinds)
	}
}
