package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestEveryLineOfAChangeNamesItsRequest: what the log says of an order, a return and a refund carries the id,
// the path, the method and the user of the request that made it; how a refund is paid is refund_method.
func TestEveryLineOfAChangeNamesItsRequest(t *testing.T) {
	t.Parallel()
	var log buffer
	r := openReplica(t, &log)
	b := &bench{App: r.s, t: t, url: r.srv.URL}
	who := b.customer("ada")
	ada, boss := b.signInAs("ada", "correct horse"), b.signIn()
	super, err := b.Auth.UserByName(t.Context(), "super_admin")
	if err != nil {
		t.Fatal(err)
	}
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	type step struct{ path, user string }
	steps := map[string]step{}
	send := func(u browser, id, user, path, body string, status int) {
		t.Helper()
		kind := "application/json"
		if strings.HasPrefix(path, "/checkout") {
			kind = "application/x-www-form-urlencoded"
		}
		steps[id] = step{path: path, user: user}
		u.send("POST", path, kind, body, "X-Request-ID", id).want(t, status)
	}
	send(ada, "trace-order", who.ID, "/checkout",
		"payment_method=Card&card_number=4242424242424242&card_exp_date=12/2099&card_type=Visa", http.StatusOK)
	var mine struct {
		Orders []struct {
			ID    string
			Items []struct {
				ID string `json:"sale_item_id"`
			}
		}
	}
	if err := json.Unmarshal([]byte(ada.get("/api/orders").body), &mine); err != nil || len(mine.Orders) != 1 {
		t.Fatalf("%+v, %v", mine, err)
	}
	send(ada, "trace-return", who.ID, "/api/returns", fmt.Sprintf(
		`{"sale_id":%q,"reason":"DAMAGED","details":"broken","items":[{"sale_item_id":%q,"quantity":1}]}`,
		mine.Orders[0].ID, mine.Orders[0].Items[0].ID,
	), http.StatusOK)
	var filed struct{ Returns []struct{ ID string } }
	if err := json.Unmarshal([]byte(ada.get("/api/returns").body), &filed); err != nil || len(filed.Returns) != 1 {
		t.Fatalf("%+v, %v", filed, err)
	}
	desk := "/api/admin/returns/" + filed.Returns[0].ID
	send(boss, "trace-authorize", super.ID, desk+"/authorize", `{"approve":true}`, http.StatusOK)
	send(boss, "trace-receive", super.ID, desk+"/receive", `{}`, http.StatusOK)
	send(boss, "trace-inspect", super.ID, desk+"/inspection",
		`{"result":"APPROVED","inspected_by":"kim"}`, http.StatusOK)
	send(boss, "trace-refund", super.ID, desk+"/refund", `{"method":"CARD"}`, http.StatusOK)

	business, filedID := map[string]bool{"orders": true, "returns": true, "refunds": true}, filed.Returns[0].ID
	seen, methods := map[string]int{}, map[any]int{}
	for line := range strings.Lines(log.String()) {
		var said map[string]any
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		id, _ := said["request_id"].(string)
		of, traced := steps[id]
		logger, _ := said["logger"].(string)
		if business[logger] && !traced && strings.Contains(line, filedID) {
			t.Errorf("a line of no request: %s", line)
		}
		if !traced {
			continue
		}
		if business[logger] {
			seen[id]++
		}
		if said["path"] != of.path || said["method"] != http.MethodPost || said["user_id"] != of.user {
			t.Errorf("want %s of %s: %s", of.path, of.user, line)
		}
		if m, ok := said["refund_method"]; ok {
			methods[m]++
		}
	}
	for id := range steps {
		if seen[id] == 0 {
			t.Errorf("no line of what %s changed", id)
		}
	}
	if len(methods) != 1 || methods["card"] == 0 {
		t.Errorf("refund_method is %v", methods)
	}
}
