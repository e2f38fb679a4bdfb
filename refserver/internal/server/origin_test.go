package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/returns"
)

// from sends the requests of somebody behind a trusted proxy.
func (u browser) from(address, request, path, body string) answer {
	u.t.Helper()
	kind := "application/x-www-form-urlencoded"
	if strings.HasPrefix(path, "/api/") {
		kind = "application/json"
	}
	return u.send("POST", path, kind, body, "X-Forwarded-For", address, "X-Request-ID", request)
}

func TestEveryChangeSaysWhereItCameFrom(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "TRUSTED_PROXIES=127.0.0.1", "PAYMENT_PROVIDER_TIMEOUT=4s")...)
		b.customer("ada")
		ada, boss := b.signInAs("ada", "correct horse"), b.signIn()
		const (
			home   = "203.0.113.7"
			office = "2001:db8::7"
		)
		ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, 200)
		ada.from(
			home,
			"ask-order",
			"/checkout",
			url.Values{
				"payment_method": {"Card"},
				"card_number":    {"4242424242424242"},
				"card_exp_date":  {"12/2099"},
				"card_type":      {"Visa"},
			}.Encode(),
		).want(t, 200)
		var mine struct {
			Orders []struct {
				ID    string `json:"id"`
				Items []struct {
					ID string `json:"sale_item_id"`
				} `json:"items"`
			} `json:"orders"`
		}
		if err := json.Unmarshal([]byte(ada.get("/api/orders").body), &mine); err != nil || len(mine.Orders) != 1 {
			t.Fatalf("%+v, %v", mine, err)
		}
		o := mine.Orders[0]
		ada.from(
			home,
			"ask-return",
			"/api/returns",
			fmt.Sprintf(
				`{"sale_id":%q,"reason":"DAMAGED","details":"broken","items":[{"sale_item_id":%q,"quantity":1}]}`, o.ID,
				o.Items[0].ID,
			),
		).want(t, 200)
		cases, _, err := b.Returns.Returns(t.Context(), returns.Query{OrderID: o.ID})
		if err != nil || len(cases) != 1 {
			t.Fatalf("%d cases, %v", len(cases), err)
		}
		id := cases[0].ID
		for _, step := range []struct{ action, fields string }{
			{"authorize", "decision=approve"}, {"receive", ""}, {"inspection", "result=APPROVED&inspected_by=kim"},
		} {
			boss.from(office, "do-"+step.action, "/admin/returns/"+id+"/"+step.action,
				step.fields).
				want(t, http.StatusFound)
		}
		// Nobody answers: a worker finishes what the request began.
		b.faults(paysim.Faults{Down: true})
		boss.from(office, "do-refund", "/admin/returns/"+id+"/refund", "")
		b.faults(paysim.Faults{})
		b.run()
		b.eventually("the refund by a worker", func() bool { return b.theCase(id).Status == returns.StatusRefunded })

		var all []event.Event
		for q := (outboxdb.Query{}); ; {
			page, err := b.Changes(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page.Events...)
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		host, err := os.Hostname()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, e := range all {
			switch f := e.Source; {
			case strings.HasSuffix(f.Address, "@"+host) && f.Request == "":
				seen["worker"]++
			case f.Address == home && strings.HasPrefix(f.Request, "ask-"),
				f.Address == office && strings.HasPrefix(f.Request, "do-"):
				seen[f.Request]++
			default:
				t.Errorf("%s by %+v came from %+v", e.Type, e.Actor, f)
			}
		}
		for _, want := range []string{
			"worker", "ask-order", "ask-return", "do-authorize", "do-receive", "do-inspection", "do-refund",
		} {
			if seen[want] == 0 {
				t.Errorf("nothing came from %s: %v", want, seen)
			}
		}

		// Staff see and find it, the customer sees nothing of it.
		boss.get("/admin/returns/"+id).want(t, 200, home, office, "do-inspe", "@"+host)
		if page := ada.get("/returns").want(t, 200).body; strings.Contains(page, home) ||
			strings.Contains(page, office) ||
			strings.Contains(page, host) {
			t.Error("a customer sees where changes come from")
		}
		found := boss.get("/admin/audit?address="+url.QueryEscape(office)).want(t, 200, "authorized the return").body
		if strings.Contains(found, "requested the return") {
			t.Error("changes from another address are shown")
		}
		found = boss.get("/admin/audit?request=ask-return").want(t, 200, "requested the return").body
		if strings.Contains(found, "placed the order") {
			t.Error("changes by another request are shown")
		}
		boss.get("/admin/audit?request=ask-nothing").want(t, 200, "No change matches")
	})
}
