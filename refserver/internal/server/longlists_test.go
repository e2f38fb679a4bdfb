package server_test

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

// longPage is the most bytes of a page of a list, however long the list is.
const longPage = 200 << 10

// numbered writes the rows of a table with the numbers from..to: each of fields is a column and what it
// is, where i is the number and now the instant.
func (b *bench) numbered(table string, from, to int, fields ...string) {
	b.t.Helper()
	var columns, values []string
	for i := 0; i+1 < len(fields); i += 2 {
		columns, values = append(columns, fields[i]), append(values, fields[i+1])
	}
	now, end := sqldb.At(time.Now()), sqldb.At(time.Now().Add(time.Hour))
	q := fmt.Sprintf(
		"WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) "+
			"INSERT INTO ?(rk)%s (%s) SELECT %s FROM n",
		from, to, table, strings.Join(columns, ", "), strings.Join(values, ", "),
	)
	q = strings.ReplaceAll(strings.ReplaceAll(q, ":now", "?0"), ":end", "?1")
	if b.DB.Dialect() == sqlstore.Postgres {
		q = strings.ReplaceAll(q, "?0", "CAST(?0 AS TIMESTAMPTZ)")
		q = strings.ReplaceAll(q, "?1", "CAST(?1 AS TIMESTAMPTZ)")
	}
	if _, err := b.DB.Writer().NewRaw(q, now, end).Exec(b.t.Context()); err != nil {
		b.t.Fatalf("%s: %v", table, err)
	}
}

// lengthen writes rows with the numbers from..to into all that pages list.
func (b *bench) lengthen(admin, subscriber string, from, to int) {
	quoted := "'" + admin + "'"
	b.numbered("products", from, to,
		"name", "'Part No. ' || i", "category", "'Spares'", "price_minor", "100", "currency", "'USD'", "stock", "1",
		"final_sale", "FALSE", "discount_bp", "0", "shipping_weight", "0", "country_of_origin", "'USA'",
		"requires_shipping", "TRUE", "created_at", ":now", "updated_at", ":now", "search", "'part no. ' || i")
	b.numbered("flash_sales", from, min(to, from+5000),
		"id", "'sale-' || i", "product_id", "1", "starts", ":now", "ends", ":end", "percent_bp", "100", "cap", "0",
		"cap_per_customer", "0", "sold", "0", "held", "0", "closed", "FALSE", "created_at", ":now",
		"updated_at", ":now", "version", "1")
	b.numbered("auth_users", from, to,
		"id", "'u-' || i", "username", "'user' || i", "username_key", "'user' || i",
		"email", "'u' || i || '@x.example'",
		"password_hash", "''", "role", "'customer'", "super", "FALSE", "created_at", ":now", "updated_at", ":now",
		"factor_secret", "''", "factor_on", "FALSE", "factor_step", "0", "codes_tried", "0", "generation", "0",
		"role_by", "''")
	b.numbered("auth_sessions", from, to,
		"token_hash", "'t-' || i", "user_id", quoted, "generation",
		"(SELECT generation FROM ?(rk)auth_users WHERE id = "+quoted+")", "data", "''", "expires_at", ":end",
		"seen_at", ":now")
	b.numbered("partners", from, to,
		"id", "'p-' || i", "name", "'Partner ' || i", "name_key", "'partner ' || i", "currency", "'USD'",
		"feed_url", "''", "schedule", "''", "lease_token", "''", "last_error", "''", "created_at", ":now")
	b.numbered("partner_keys", from, to,
		"prefix", "'key' || i", "partner_id", "'p-' || i", "hash", "''", "created_at", ":now")
	b.numbered("webhook_deliveries", from, to,
		"endpoint_id", "'"+subscriber+"'", "event_id", "'e-' || i", "stream", "'orders'", "aggregate_id", "'o'",
		"seq", "i", "type", "'order.completed'", "event_at", ":now", "created_at", ":now", "next_at", ":now",
		"attempts", "9", "lease_token", "''", "last_status", "500", "last_answer", "''", "last_error", "'no'",
		"dead_at", ":now")
	b.numbered("mails", from, to,
		"id", "'m-' || i", "key", "'m-' || i", "user_id", quoted, "address", "''", "kind", "'refunded'",
		"content", "'{}'", "created_at", ":now", "next_at", ":now", "attempts", "9", "lease_token", "''",
		"last_error", "'no'", "dead_at", ":now")
	b.numbered("notices", from, to,
		"id", "'n-' || i", "user_id", quoted, "event_id", "'n-' || i", "kind", "'low_stock'", "title", "'Low ' || i",
		"body", "'Few are left.'", "href", "'/'", "at", ":now", "changed_at", ":now")
	b.numbered("operations", from, to,
		"id", "'op-' || i", "kind", "'partner_feed'", "title", "'Feed ' || i", "owner_id", quoted,
		"request_hash", "''", "params", "'{}'", "result", "'{}'", "position", "''", "state", "'done'", "done", "1",
		"total", "1", "percent", "100", "message", "''", "failures", "0", "parts", "0", "started_at", ":now",
		"finished_at", ":now", "lease_until", ":now", "lease_token", "''")
}

// TestListsOfManyRowsStayPages: no page of a list grows with the list, nor does what the database is
// asked for it.
func TestListsOfManyRowsStayPages(t *testing.T) {
	const few, many = 150, 3000
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		admin := b.signIn()
		boss, err := b.Auth.UserByName(t.Context(), b.Config.SuperAdminUsername)
		if err != nil {
			t.Fatal(err)
		}
		to, _, err := b.EventsOut.Add(t.Context(), webhook.Params{URL: "https://93.184.216.34/"}, time.Now())
		if err == nil {
			_, err = b.EventsOut.Disable(t.Context(), to.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		subscriber := to.ID
		fill := func(tag string, from, to int) {
			b.lengthen(boss.ID, subscriber, from, to)
			now := time.Now().UTC()
			seedtest.Filling{
				Tag: tag, Orders: to - from, Returns: (to - from) / 2, Customers: 20,
				From: now.AddDate(-1, 0, 0), Span: 364 * 24 * time.Hour,
			}.Fill(t, b.DB.Writer())
			for _, q := range []string{
				"UPDATE ?(rk)payments SET needs_review = TRUE WHERE order_id LIKE 'o-l%'",
				"UPDATE ?(rk)orders SET customer_id = ? WHERE customer_id = 'c-2'",
				"UPDATE ?(rk)returns SET customer_id = ? WHERE customer_id = 'c-2'",
			} {
				if _, err := b.DB.Writer().NewRaw(q, boss.ID).Exec(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		pages := []string{
			"/", "/?q=part", "/admin/products", "/admin/products?stock=low&q=part", "/admin/flash-sales",
			"/admin/flash-sales?q=part", "/admin/users", "/admin/partners", "/admin/webhooks",
			"/admin/webhooks/" + subscriber, "/admin/mail", "/notifications", "/admin/operations", "/admin/audit",
			"/admin/audit/log", "/admin/returns", "/admin/orders", "/admin/queue", "/admin/policy",
			"/admin/reconciliation", "/admin/features", "/admin/search?q=part", "/account", "/order-history",
			"/returns",
			"/admin/scenarios",
		}
		log := statements.Watch(b.DB)
		cost := func() map[string][2]int {
			out := map[string][2]int{}
			for _, page := range pages {
				admin.get(page).want(t, http.StatusOK) // what is counted for a while is counted
				size, fewest := 0, math.MaxInt         // the workers ask too, now and then
				for range 3 {
					log.Take()
					a := admin.get(page)
					sent, _ := log.Take()
					size, fewest = len(a.body), min(fewest, len(sent))
				}
				out[page] = [2]int{size, fewest}
			}
			return out
		}
		fill("la", 1001, 1000+few)
		short := cost()
		fill("lb", 1001+few, 1000+many)
		long := cost()
		endsAtTheLastPage(t, admin, subscriber)
		for _, page := range pages {
			t.Logf("%-36s %7d bytes, %2d statements; then %7d, %2d",
				page, short[page][0], short[page][1], long[page][0], long[page][1])
			if long[page][0] > longPage {
				t.Errorf("%s has %d bytes", page, long[page][0])
			}
			if long[page][1] > short[page][1]+1 { // a full page is counted
				t.Errorf("%s asks %d times, and %d times of a few rows", page, long[page][1], short[page][1])
			}
		}
	})
}

// endsAtTheLastPage requires that every list that has pages answers a page beyond the last one with
// the last one, where something is listed and nothing comes after.
func endsAtTheLastPage(t *testing.T, admin browser, subscriber string) {
	t.Helper()
	for _, list := range []string{
		"/?page=", "/order-history?page=", "/returns?page=", "/returns?page=1&cases=", "/notifications?page=",
		"/notifications?unread=true&page=", "/admin/products?stock=low&page=", "/admin/flash-sales?page=",
		"/admin/users?q=user&page=", "/admin/partners?page=", "/admin/webhooks/" + subscriber + "?state=dead&page=",
		"/admin/mail?state=dead&page=", "/admin/returns?page=", "/admin/orders?q=l&page=",
	} {
		last, err := url.Parse(admin.get(list+"999").want(t, http.StatusSeeOther).header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		asked, err := url.Parse(list)
		if err != nil {
			t.Fatal(err)
		}
		for field, values := range asked.Query() {
			if values[0] != "" && last.Query().Get(field) != values[0] {
				t.Errorf("%s leads to %s", list, last)
			}
		}
		a := admin.get(last.String()).want(t, http.StatusOK, `rel="prev"`)
		two := asked.Path == "/returns" // lists on one page, and the other one is at its first
		if last.Path != asked.Path || strings.Contains(a.body, `rel="next"`) && !two {
			t.Errorf("%s999 leads to %s, which is not its last page", list, last)
		}
	}
	first := regexp.MustCompile(`page=1(&|$)`)
	for _, list := range []string{
		"/admin/users?q=nobody&page=", "/admin/mail?state=sent&page=", "/store-credit?page=",
	} {
		if to := admin.get(list+"7").want(t, http.StatusSeeOther).header.Get("Location"); !first.MatchString(to) {
			t.Errorf("a page of the empty list %s is at %q", list, to)
		}
	}
}
