package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestStaffSwitchFeatures(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		who := b.customer("ada")
		ada, nobody := b.signInAs("ada", "correct horse"), browser{b, http.DefaultClient}
		toggle := func(name, body string) answer { return admin.json("/api/features/"+name+"/toggle", body) }

		admin.get("/api/features").want(t, 200, `"name":"registration"`, `"mode":"on"`, `"version":0`)
		if a := ada.get("/api/features").want(t, 200, `"name":"returns"`, `"enabled":true`); a.body == "" ||
			len(a.body) > 2000 {
			t.Errorf("a customer is shown %s", a.body)
		}
		nobody.get("/api/features").want(t, 401)
		ada.json("/api/features/returns/toggle", `{"action":"disable"}`).want(t, 403)
		toggle("other", `{"action":"disable"}`).want(t, 404)
		toggle("registration", `{"action":"stop"}`).want(t, 400, `"field":"action"`)
		toggle("returns", `{"action":"rollout","rollout_percentage":101}`).want(t, 400, `"field":"rollout_percentage"`)
		toggle(
			"returns",
			`{"action":"rollout","rollout_percentage":0,"users":["super_admin"]}`,
		).want(t, 200, `"mode":"rollout"`, `"version":1`)
		ada.get("/api/features").want(t, 200, `"name":"returns","label":"Return requests","enabled":false`)
		toggle("returns", `{"action":"rollout","rollout_percentage":0,"users":["ada","nobody at all"]}`).
			want(t, 400, `"field":"users"`, `There is no account \"nobody at all\"`)
		toggle("returns", `{"action":"rollout","rollout_percentage":0,"users":["ADA","`+who.ID+`"]}`).
			want(t, 200, `"users":["`+who.ID+`"]`)
		ada.get("/api/features").want(t, 200, `"name":"returns","label":"Return requests","enabled":true`)
		toggle("returns", `{"action":"disable"}`).want(t, 200)

		toggle("registration", `{"action":"disable"}`).want(t, 200, `"enabled":false`)
		nobody.get("/register").want(t, 403, "We are not opening new accounts at the moment")
		nobody.form("/register",
			url.Values{"username": {"bob"}, "email": {"b@example.com"}, "password": {"correct horse"}}).
			want(t, 403, "We are not opening new accounts at the moment")
		if page := nobody.get("/login").want(t, 200); strings.Contains(page.body, "/register") {
			t.Error("the page to sign in leads to a registration that is off")
		}
		toggle("registration", `{"action":"enable"}`).want(t, 200)
		nobody.get("/register").want(t, 200)
		nobody.get("/login").want(t, 200, `href="/register"`)

		_, key := admin.partnerKey("North")
		toggle("partner_ingest", `{"action":"disable"}`).want(t, 200)
		send := func() answer {
			return nobody.send("POST", "/api/partner/ingest", "text/csv", "id,name,price,stock\n", "X-API-Key", key)
		}
		send().want(t, 403, `"code":"FEATURE_OFF"`, "We are not accepting feeds at the moment")
		admin.get("/admin/partners").want(t, 200, "Partner feeds: switched off for everyone.")
		toggle("partner_ingest", `{"action":"enable"}`).want(t, 200)
		send().want(t, 200)
	})
}

func TestStaffSwitchFeaturesOnThePage(t *testing.T) {
	b := open(t)
	admin := b.signIn()
	b.customer("ada")
	admin.get("/admin/features").want(t, 200, "Return requests", `name="version" value="0"`, "Percentage of users")
	set := func(name string, f url.Values) answer { return admin.form("/admin/features/"+name, f) }
	set(
		"returns",
		url.Values{"mode": {"rollout"}, "percentage": {"half"}, "users": {"ada\nsuper_admin"}, "version": {"0"}},
	).
		want(t, 400, "it must be a whole number from 0 to 100", "ada\nsuper_admin")
	set(
		"returns",
		url.Values{"mode": {"rollout"}, "percentage": {"5"}, "users": {"ada\nbob"}, "version": {"0"}},
	).
		want(t, 400, "There is no account &#34;bob&#34;", "ada\nbob")
	set(
		"returns",
		url.Values{"mode": {"rollout"}, "percentage": {"25"}, "users": {"Ada\nsuper_admin"}, "version": {"0"}},
	).want(t, 302)
	admin.get("/admin/features").want(t, 200, "25 % of users", "ada\nsuper_admin", "by super_admin", "saved")
	set("returns", url.Values{"mode": {"off"}, "version": {"0"}}).want(t, 409, "Somebody else changed this switch")
	set("returns", url.Values{"mode": {"off"}, "version": {"1"}}).want(t, 302)
	set("nothing", url.Values{"mode": {"off"}}).want(t, 404)
}
