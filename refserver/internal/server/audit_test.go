package server_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/audit"
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
	file := ada.get("/admin/audit/log.csv?type=account").want(t, 200)
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(rows) < 6 || rows[0][0] != "day" || len(rows[1][14]) != 64 {
		t.Errorf("the export: %v, %v", rows, err)
	}
	b.customer("bob")
	b.signInAs("bob", "correct horse").get("/admin/audit/log.csv").want(t, http.StatusForbidden)
}

func TestAPolicyAndAFlashSaleAreInTheAudit(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin := b.signIn()
	admin.form("/admin/policy", url.Values{
		"enabled": {"1"}, "window_days": {"14"}, "max_quantity": {"5"}, "photos_required": {"0"}, "max_photos": {"3"},
		"photo_types": {"jpeg"}, "restock_at": {"refund"}, "refund_from": {"approved"}, "note": {"shorter"},
		"reasons_choice": {"all"}, "photos_required_for_choice": {"all"}, "methods_choice": {"all"},
	}).want(t, http.StatusFound)
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
