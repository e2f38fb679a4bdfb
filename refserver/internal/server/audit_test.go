package server_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
)

// entries are what the audit has of a type, oldest first.
func (b *bench) entries(kind string) []audit.Entry {
	b.t.Helper()
	page, err := b.Audit.Entries(b.t.Context(), audit.Query{Type: kind, Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	var list []audit.Entry
	for i := len(page.Entries) - 1; i >= 0; i-- {
		list = append(list, page.Entries[i])
	}
	return list
}

// refusals are the requests that the audit says somebody was refused for a reason.
func (b *bench) refusals(name, reason string) (list []audit.Entry) {
	b.t.Helper()
	for _, e := range b.entries("request.refused") {
		if e.ActorName == name && e.Details["reason"] == reason {
			list = append(list, e)
		}
	}
	return list
}

// Who tried what they may not do left nothing behind.
func TestWhatTheTableOfPermissionsRefusesIsInTheAudit(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.customer("ada")
	ada, auditor := b.signInAs("ada", "correct horse"), b.withRole("aud", auth.Auditor)
	want := map[string]int{}
	for _, row := range access.Routes() {
		if access.Has(auth.Customer, row.Needs) {
			continue
		}
		if status, _ := ada.call(t, row.Pattern); status != http.StatusForbidden {
			t.Errorf("%s: %d", row.Pattern, status)
		}
		if !strings.HasPrefix(row.Pattern, "GET ") {
			want[row.Pattern]++
		}
	}
	for _, e := range b.refusals("ada", "FORBIDDEN") {
		want[e.Details["route"]]--
		if e.Address == "" || e.Request == "" || e.ActorRole != string(auth.Customer) {
			t.Errorf("it does not say who: %+v", e)
		}
	}
	for route, missing := range want {
		if missing != 0 {
			t.Errorf("%s: %d entries are missing", route, missing)
		}
	}
	auditor.form("/orders/4711/cancel", nil).want(t, http.StatusForbidden)
	if list := b.refusals("aud", "FORBIDDEN"); len(list) != 1 || list[0].SubjectKind != "order" ||
		list[0].SubjectID != "4711" {
		t.Errorf("the entries of an order: %+v", list)
	}
	auditor.form("/orders/47%00%ff11/cancel", nil).want(t, http.StatusForbidden) // no database keeps it so
	if list := b.refusals("aud", "FORBIDDEN"); len(list) != 2 || list[1].SubjectID != "4711" {
		t.Errorf("the entries of an order that can't be: %+v", list)
	}
	admin := b.signIn()
	b.age(16 * time.Minute) // since the password was entered
	admin.form("/admin/users/4711/lock", nil).want(t, http.StatusForbidden)
	if list := b.refusals("super_admin", "REAUTHENTICATE"); len(list) != 1 || list[0].SubjectKind != "account" {
		t.Errorf("the entries of an account: %+v", list)
	}
	admin.get("/admin/audit/log?q=REAUTHENTICATE").want(t, http.StatusOK, "request.refused")
}

func TestThePriceThatWasChangedAndChangedBackIsInTheAudit(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		admin.json("/api/admin/products/1", `{"price":1.00}`).want(t, 200)
		admin.json("/api/admin/products/1", `{"price":1050.00}`, "X-Request-ID", "trace-me-1").want(t, 200)
		list := b.entries("product.changed")
		if len(list) != 2 {
			t.Fatalf("%d changes: %+v", len(list), list)
		}
		for i, want := range []string{"105000 -> 100", "100 -> 105000"} {
			e := list[i]
			if e.Details["Price"] != want || e.ActorName != "super_admin" || e.SubjectID != "1" || e.Address == "" {
				t.Errorf("entry %d is %+v", i, e)
			}
		}
		if list[1].Request != "trace-me-1" {
			t.Errorf("the request is %q", list[1].Request)
		}
		admin.json("/api/admin/products", `{"name":"Lamp","price":5,"stock":1}`).want(t, 200)
		if list := b.entries("product.created"); len(list) != 1 || list[0].SubjectName != "Lamp" {
			t.Errorf("the new product: %+v", list)
		}
		if list := b.entries("product.change_requested"); len(list) != 3 {
			t.Errorf("%d changes were requested", len(list))
		}
		if _, err := b.Audit.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestSignInsRolesSettingsAndExportsAreInTheAudit(t *testing.T) {
	t.Parallel()
	b := open(t, "LOW_STOCK_THRESHOLD=7")
	admin, who := b.signIn(), b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	ada.form("/login", url.Values{"username": {"ada"}, "password": {"wrong horse"}}).want(t, 200)
	ada.form("/login", url.Values{"username": {"no one, but a secret"}, "password": {"x"}}).want(t, 200)
	ada.form("/login", url.Values{"username": {"my-secret-word"}, "password": {"x"}}).want(t, 200)
	admin.form("/admin/users", url.Values{"user_id": {who.ID}, "role": {"auditor"}}).want(t, http.StatusFound)
	ada.get("/admin/reconciliation.csv?from=2026-01-01&to=2026-01-02")
	for _, tc := range []struct {
		kind, actor, subject, detail, want string
		count                              int
	}{
		{"account.registered", "", "ada", "", "", 1},
		{"account.signed_in", "ada", "ada", "", "", 1},
		{"account.sign_in_failed", "ada", "ada", "name", "ada", 1},
		{"account.role_changed", "super_admin", "ada", "to", "auditor", 1},
		{"settings.used", "the shop", "", "LOW_STOCK_THRESHOLD", "7", 1},
		{"export.made", "ada", "", "route", "GET /admin/reconciliation.csv", 1},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			found := 0
			for _, e := range b.entries(tc.kind) {
				named := tc.actor == "" || e.ActorName == tc.actor
				if named && (tc.subject == "" || e.SubjectName == tc.subject) && e.Details[tc.detail] == tc.want {
					found++
				}
			}
			if found != tc.count {
				t.Errorf("%d entries, want %d: %+v", found, tc.count, b.entries(tc.kind))
			}
		})
	}
	ada.get("/admin/audit/log?who=super_admin").want(t, 200, "account.role_changed", "to: auditor")
	if a := ada.get("/admin/audit/log"); strings.Contains(a.body, "but a secret") ||
		strings.Contains(a.body, "secret-word") || strings.Contains(a.body, "horse") {
		t.Error("what was typed into the name or password is in the audit")
	}
	rows, err := csv.NewReader(strings.NewReader(b.exported(ada, "/admin/audit/log/export?type=account"))).ReadAll()
	if err != nil || len(rows) < 6 || rows[0][0] != "day" || len(rows[1][14]) != 64 {
		t.Errorf("the export: %v, %v", rows, err)
	}
	b.customer("bob")
	b.signInAs("bob", "correct horse").form("/admin/audit/log/export", nil).want(t, http.StatusForbidden)
}

func TestAPolicyAndAFlashSaleAreInTheAudit(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin := b.signIn()
	admin.form("/admin/policy", policyForm).want(t, http.StatusFound)
	list := b.entries("policy.changed")
	if len(list) != 1 || list[0].Details["Version"] != "1 -> 2" || list[0].ActorName != "super_admin" {
		t.Errorf("the policy: %+v", list)
	}
	admin.form("/admin/flash-sales", nil).want(t, http.StatusBadRequest)
	if n := len(b.entries("flash_sale.change_requested")); n != 1 {
		t.Errorf("%d requests to change a flash sale", n)
	}
	if n := len(b.entries("flash_sale.created")); n != 0 {
		t.Errorf("a flash sale that was refused is in the audit")
	}
}

func TestPartnersAndTheirKeysAreInTheAudit(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin := b.signIn()
	id, key := admin.partnerKey("North")
	prefix := key[4:12]
	page := "/api/admin/partners/" + id
	admin.json(page, `{"name":"North","feed_url":"https://north.example/feed.csv"}`).want(t, http.StatusOK)
	admin.json(page,
		`{"name":"North","feed_url":"https://north.example/feed.csv","token":"new"}`).want(t, http.StatusOK)
	admin.json(page+"/keys", `{"expires_at":"2001-01-01T00:00:00Z"}`).want(t, http.StatusBadRequest)
	admin.json(page+"/keys", `{"expires_at":"2099-12-31"}`).want(t, http.StatusBadRequest, `"field":"expires_at"`,
		"an instant such as")
	admin.json(page+"/keys/"+prefix+"/revoke", "").want(t, http.StatusOK)
	admin.json(page+"/keys/none/revoke", "").want(t, http.StatusNotFound)
	for _, tc := range []struct {
		kind, subject, name, detail, want string
	}{
		{"partner.created", id, "North", "Name", `"North"`},
		{"partner.changed", id, "North", "FeedURL", `"" -> "https://north.example/feed.csv"`},
		{"partner.changed", id, "North", "HasToken", "false -> true"},
		{"key.created", prefix, "North", "ExpiresAt", `"0001-01-01T00:00:00Z"`},
		{"key.created", prefix, "North", "path id", id},
		{"key.change_refused", "", "", "status", "400"},
		{"key.change_refused", "none", "", "status", "404"},
		{"key.change_requested", prefix, "", "path prefix", prefix},
		{"key.changed", prefix, "North", "path id", id},
	} {
		found := false
		for _, e := range b.entries(tc.kind) {
			found = found || e.SubjectID == tc.subject && e.SubjectName == tc.name && e.Details[tc.detail] == tc.want &&
				e.ActorName == "super_admin"
		}
		if !found {
			t.Errorf("no %s of %q with %s %s: %+v", tc.kind, tc.subject, tc.detail, tc.want, b.entries(tc.kind))
		}
	}
	if list := b.entries("key.changed"); len(list) != 1 || !strings.Contains(list[0].Details["RevokedAt"], " -> ") {
		t.Errorf("the key that was revoked: %+v", list)
	}
}

func TestWhatAPartnersFeedChangesIsInTheAudit(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		id, key := b.signIn().partnerKey("North")
		nobody := browser{b, http.DefaultClient}
		for _, row := range []string{"p1,Lamp,10,5", "p1,Lamp,12,5", "p1,Lamp,12,9"} { // the stock alone is no entry
			nobody.send("POST", "/api/partner/ingest", "text/csv", "id,name,price,stock\n"+row+"\np2,Desk,20,5\n",
				"X-API-Key", key).want(t, http.StatusOK)
		}
		changed, created := b.entries("product.changed"), b.entries("product.created")
		if len(changed) != 1 || changed[0].Details["Price"] != "1000 -> 1200" || len(changed[0].Details) != 1 ||
			changed[0].SubjectName != "Lamp" || changed[0].ActorID != "partner:"+id || changed[0].ActorName != "North" {
			t.Errorf("the price that was changed: %+v", changed)
		}
		if len(created) != 2 || created[0].Details["Price"] != "1000" || created[0].ActorRole != "partner" {
			t.Errorf("the new products: %+v", created)
		}
		if _, err := b.Audit.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What others change meanwhile is not recorded under the name of who saves something else.
func TestAChangeIsRecordedOnceAndUnderTheNameOfWhoMadeIt(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.withRole("other", auth.Admin)
	admins := []browser{b.signIn(), b.signInAs("other", "correct horse")}
	const rounds = 20
	var all sync.WaitGroup
	for i, u := range admins {
		all.Go(func() {
			for n := range rounds {
				u.json(fmt.Sprintf("/api/admin/products/%d", i+1), fmt.Sprintf(`{"price":%d}`, n+7)).want(t, 200)
				u.json("/api/admin/products",
					fmt.Sprintf(`{"name":"Lamp %d %d","price":5,"stock":1}`, i, n)).want(t, 200)
			}
		})
	}
	all.Wait()
	changed, created := b.entries("product.changed"), b.entries("product.created")
	if len(changed) != 2*rounds || len(created) != 2*rounds {
		t.Errorf("%d changes and %d new products, want %d of each", len(changed), len(created), 2*rounds)
	}
	for _, e := range changed {
		if want := map[string]string{"1": "super_admin", "2": "other"}[e.SubjectID]; e.ActorName != want {
			t.Errorf("the change of product %s by %s is recorded as by %s", e.SubjectID, want, e.ActorName)
		}
	}
	for _, e := range created {
		want := map[bool]string{true: "super_admin", false: "other"}[strings.HasPrefix(e.SubjectName, "Lamp 0")]
		if e.ActorName != want {
			t.Errorf("%s by %s is recorded as by %s", e.SubjectName, want, e.ActorName)
		}
	}
}
