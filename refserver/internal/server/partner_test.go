package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/audit"
)

// partnerKey makes a partner with a key over the JSON interface.
func (u browser) partnerKey(name string) (id, key string) {
	u.t.Helper()
	var made struct{ Partner struct{ ID string } }
	a := u.json("/api/admin/partners", `{"name":"`+name+`"}`).want(u.t, http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		u.t.Fatal(err)
	}
	var got struct{ Key string }
	a = u.json("/api/admin/partners/"+made.Partner.ID+"/keys", "").want(u.t, http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Key == "" {
		u.t.Fatal(err, a.body)
	}
	return made.Partner.ID, got.Key
}

type progress struct {
	ID                                 string `json:"operation_id"`
	Percent                            int
	Done, Total                        int
	State                              string
	Accepted, Rejected, ProcessedItems int
}

func progressOf(t *testing.T, a answer) progress {
	t.Helper()
	var p progress
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatal(err, a.body)
	}
	return p
}

func TestAPartnerSendsFeeds(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		_, key := admin.partnerKey("North")
		_, other := admin.partnerKey("South")
		nobody := browser{b, http.DefaultClient}
		send := func(kind, feed string, header ...string) answer {
			return nobody.send(
				"POST",
				"/api/partner/ingest",
				kind,
				feed,
				append([]string{"X-API-Key", key}, header...)...)
		}
		partly := send("text/csv", "external_product_id,name,price,stock\na,<b>Lamp</b>,10.50,3\nb,Desk,free,1\n").
			want(
				t,
				200,
				`"accepted":1`,
				`"rejected":1`,
				`"row":2`,
				`"field":"price"`,
				`"status":"success"`,
				`"processed_items":2`,
				`"message":"Catalog ingest completed successfully"`,
			)
		admin.get("/admin/operations").want(t, 200, "1 row was refused")
		admin.get("/admin/operations/"+progressOf(t, partly).ID).want(t, 200, "1 row was refused.")
		send("application/json", `[{"id":"a","name":"<b>Lamp</b>","price":11,"stock":3}]`).want(t, 200, `"accepted":1`)
		send(
			"application/xml",
			`<products><product><id>x</id><name>Union</name><price>1</price><stock>1</stock></product></products>`,
		).
			want(t, 200, `"accepted":1`)
		if page := admin.get("/").want(t, 200, "&lt;b&gt;Lamp&lt;/b&gt;", "Union"); strings.Contains(
			page.body,
			"<b>Lamp",
		) {
			t.Error("a partner's name is markup on the page")
		}

		send("text/plain", "x").want(t, 415, `"code":"MEDIA_TYPE"`)
		send("text/csv", "\x1f\x8b", "Content-Encoding", "gzip").want(t, 415, `"code":"MEDIA_TYPE"`, "encoded as gzip")
		send("application/json", "[{").want(t, 400, "The feed cannot be taken in: the JSON ends too early.")
		send("text/csv", strings.Repeat("x", 10<<20+1)).want(t, 413, `"code":"TOO_LARGE"`)
		send(
			"text/csv",
			"id,name,price,stock\n",
			"Idempotency-Key",
			strings.Repeat("k", 201),
		).want(t, 400, "Idempotency-Key")
		one := send("text/csv", "id,name,price,stock\nk,Key,1,1\n", "Idempotency-Key", "k1").want(t, 200)
		again := send("text/csv", "id,name,price,stock\nk,Key,1,1\n", "Idempotency-Key", "k1").want(t, 200)
		if one.body != again.body {
			t.Errorf("under one key: %s and %s", one.body, again.body)
		}
		send("text/csv", "id,name,price,stock\n", "Idempotency-Key", "k1").want(t, 409, "IDEMPOTENCY_MISMATCH")

		refused := nobody.send("POST", "/api/partner/ingest", "text/csv", "", "X-API-Key", key+"x").want(t, 401).body
		for _, bad := range []string{"", "x", strings.ToLower(key), key[:len(key)-1] + "0"} {
			a := nobody.send("POST", "/api/partner/ingest", "text/csv", "", "X-API-Key", bad).want(t, 401)
			if a.body != refused {
				t.Errorf("a bad key is answered %s, another %s", a.body, refused)
			}
		}
		admin.send("POST", "/api/partner/ingest", "text/csv", "").want(t, 401)

		id := progressOf(t, one).ID
		nobody.send("GET", "/api/progress/"+id, "", "", "X-API-Key", key).
			want(t, 200, `"percent":100`, `"state":"done"`)
		nobody.send("GET", "/api/progress/"+id, "", "", "X-API-Key", other).want(t, 404)
		nobody.get("/api/progress/"+id).want(t, 401)
		admin.get("/api/progress/"+id).want(t, 200)
		b.customer("ada")
		b.signInAs("ada", "correct horse").get("/api/progress/"+id).want(t, 404)
	})
}

// TestARefusedKeyIsInTheAudit: with the reason, and never with the key. After too many, the
// address has to wait, while good keys pass from it.
func TestARefusedKeyIsInTheAudit(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		id, key := admin.partnerKey("North")
		wrong := key[:len(key)-1] + map[bool]string{true: "B", false: "A"}[key[len(key)-1] == 'A']
		south, revoked := admin.partnerKey("South")
		admin.form("/admin/partners/"+south+"/keys/"+revoked[4:12]+"/revoke", nil).want(t, 302)
		nobody := browser{b, http.DefaultClient}
		send := func(key string) answer {
			return nobody.send(
				"POST", "/api/partner/ingest", "text/csv", "id,name,price,stock\n", "X-API-Key", key,
			)
		}
		for _, bad := range []string{"", "x", "rkp_aaaaaaaa_" + strings.Repeat("A", 26), wrong, revoked} {
			send(bad).want(t, 401, `"code":"API_KEY"`)
		}
		nobody.get("/api/progress/none").want(t, 401, `"code":"SIGN_IN"`) // nobody showed a key
		page, err := b.Audit.Entries(t.Context(), audit.Query{Type: "key.refused", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range slices.Backward(page.Entries) {
			got = append(got, e.Details["reason"])
			if e.Address == "" || e.Request == "" || strings.Contains(fmt.Sprint(e), key[13:]) {
				t.Errorf("%+v", e)
			}
			if e.Details["reason"] == "wrong" && (e.SubjectID != id || e.Details["prefix"] != key[4:12]) {
				t.Errorf("%+v is of the partner %s", e, id)
			}
		}
		if want := "missing malformed unknown wrong revoked"; strings.Join(got, " ") != want {
			t.Errorf("the audit has %q, want %q", got, want)
		}
		refused := 0
		for range 60 {
			a := send(wrong)
			if a.status == 429 && a.header.Get("Retry-After") == "" {
				t.Error("it does not say when to come back")
			}
			if a.status != 401 {
				refused++
				a.want(t, 429, "Too many requests without a valid X-API-Key")
			}
		}
		if refused == 0 {
			t.Error("60 wrong keys from one address are looked at one by one")
		}
		send(key).want(t, 200)
	})
}

// TestALargeFeedIsTakenInBehindTheAnswer: its progress never goes back and ends at 100.
func TestALargeFeedIsTakenInBehindTheAnswer(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		b.run()
		admin := b.signIn()
		_, key := admin.partnerKey("North")
		before, err := b.Orders.Products(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var feed strings.Builder
		feed.WriteString("id,name,price,stock\n")
		for i := range 700 {
			fmt.Fprintf(&feed, "p%d,Product %d,1.%02d,1\n", i, i, i%100)
		}
		nobody := browser{b, http.DefaultClient}
		a := nobody.send("POST", "/api/partner/ingest", "text/csv", feed.String(), "X-API-Key", key).
			want(t, 202, `"success":true`)
		id, last := progressOf(t, a).ID, progress{}
		b.eventually("the end of the feed", func() bool {
			now := progressOf(t, admin.get("/api/progress/"+id).want(t, 200))
			if now.Percent < last.Percent || now.Done < last.Done {
				t.Errorf("the progress went from %+v to %+v", last, now)
			}
			last = now
			return now.State == "done"
		})
		if last.Accepted != 700 || last.Percent != 100 {
			t.Errorf("%+v", last)
		}
		products, err := b.Orders.Products(t.Context())
		if err != nil || len(products) != len(before)+700 {
			t.Errorf("the shop has %d products, %v", len(products), err)
		}
	})
}

func TestStaffKeepPartnersOnPages(t *testing.T) {
	b := open(t)
	admin := b.signIn()
	admin.get("/admin/partners").want(t, 200, "There are no partners yet")
	admin.form("/admin/partners", url.Values{"name": {"North"}, "schedule": {"often"}}).
		want(t, 400, `value="North"`, `value="often"`, "1 to 44640")
	a := admin.form("/admin/partners",
		url.Values{"name": {"North"}, "feed_url": {"http://127.0.0.1:1/x"}, "token": {"open sesame"},
			"schedule": {"60"}}).want(t, 302)
	page := a.header.Get("Location")
	admin.get(page).want(t, 200, "There is no key yet", "A token is saved")
	made := admin.form(page+"/keys", url.Values{"expires_at": {"2099-12-31"}}).want(t, 200, "not shown again")
	key := regexp.MustCompile(`rkp_[a-z2-7]{8}_[A-Z2-7]{26}`).FindString(made.body)
	if key == "" {
		t.Fatalf("there is no key on %s", shorten(made.body))
	}
	again := admin.get(page).want(t, 200, key[:12])
	if strings.Contains(again.body, key) || strings.Contains(again.body, "open sesame") {
		t.Error("a key or a token is shown again")
	}
	admin.form(page+"/keys", url.Values{"expires_at": {"2001-01-01"}}).want(t, 400)
	nobody := browser{b, http.DefaultClient}
	nobody.send("POST", "/api/partner/ingest", "text/csv",
		"id,name,price,stock\na,Lamp,1,1\n,,,\n", "X-API-Key", key).want(t, 200)
	admin.get(page).want(t, 200, "2 of 2", "Row 2: name is missing")
	admin.form(page+"/keys/"+key[4:12]+"/revoke", nil).want(t, 302)
	nobody.send("POST", "/api/partner/ingest", "text/csv", "", "X-API-Key", key).want(t, 401)
	admin.form(page, url.Values{"name": {"North"}}).want(t, 302)
	admin.form(page+"/fetch", nil).want(t, 400, "no address")
	admin.get("/admin/partners/none").want(t, 404)
}

// TestAResellersOrderComesThroughAnAdapter is scenario I.1.
func TestAResellersOrderComesThroughAnAdapter(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		_, key := admin.partnerKey("North")
		_, other := admin.partnerKey("South")
		nobody := browser{b, http.DefaultClient}
		feed := "id,name,price,stock\np1,Lamp,10,5\np2,Desk,20,5\n"
		nobody.send("POST", "/api/partner/ingest", "text/csv", feed, "X-API-Key", key).want(t, 200)
		order := func(key, query, body string) answer {
			return nobody.json("/api/orders/external"+query, body, "X-API-Key", key)
		}
		plain := `{"order_number":"A-1","lines":[{"product":"p1","quantity":2},{"product":"p2","quantity":1}]}`
		first := order(key, "", plain).want(t, 200, `"status":"COMPLETED"`, `"total":42.00`)
		if again := order(key, "", plain).want(t, 200); again.body != first.body {
			t.Errorf("the same number again is %s, and was %s", again.body, first.body)
		}
		for _, changed := range []string{
			strings.Replace(plain, `"quantity":2`, `"quantity":3`, 1),
			`{"order_number":"A-1","lines":[{"product":"p1","quantity":2}]}`,
		} {
			order(key, "", changed).want(t, 409, `"code":"IDEMPOTENCY_MISMATCH"`, "with other lines")
		}
		order(key, "?adapter=marketplace", `{"ref":"M-1","basket":{"entries":[{"sku":"p2","qty":"3"}]}}`).
			want(t, 200, `"status":"COMPLETED"`)
		order(key, "?adapter=marketplace", `{"ref":"M-2","basket":{"entries":[{"sku":"p2","qty":"2"}]}}`).want(t, 409)
		order(other, "", plain).want(t, 400, "none of your feeds contains the product p1")
		order(key+"x", "", plain).want(t, 401)
		// What a refused request put into the cart of a number is not bought with the next.
		lamp, unknown := `{"product":"p1","quantity":1}`, `{"product":"p9","quantity":1}`
		desks := `{"product":"p2","quantity":9}`
		for _, second := range []string{unknown, desks} {
			if a := order(key, "", `{"order_number":"A-3","lines":[`+lamp+`,`+second+`]}`); a.status < 400 {
				t.Errorf("%s is answered %d", second, a.status)
			}
		}
		order(key, "", `{"order_number":"A-3","lines":[{"product":"p2","quantity":1}]}`).
			want(t, 200, `"status":"COMPLETED"`, `"total":21.00`)
		order(key, "?adapter=fax", plain).want(t, 400, `"field":"adapter"`, "plain or marketplace")
		line := func(quantity string) string { return `{"product":"p1","quantity":` + quantity + `}` }
		lines := func(all string) string { return `{"order_number":"A-2","lines":[` + all + `]}` }
		of := func(id string) string { return strings.Replace(lines(line("1")), "p1", id, 1) }
		for body, want := range map[string]string{
			`{`:                                "The order is not JSON",
			`{}`:                               "order number must have 1 to 100 characters",
			`{"order_number":"A-2"}`:           "An order has 1 to 100 lines",
			lines(line("0")):                   "The quantity of line 1 is 0",
			of(`a\u0000`):                      "The product of line 1 is",
			of(strings.Repeat("a", 201)):       "at most 200 characters",
			lines(line("1") + "," + line("1")): "a product of another line",
			lines(line(`"x"`)):                 "it must be a int",
			`{"order_number":5}`:               "order_number is a number; it must be a string",
		} {
			order(key, "", body).want(t, 400, want)
		}
	})
}
