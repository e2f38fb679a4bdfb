package server_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// TestPagesOverALongHistory asks for the pages of a shop with a long past,
// over HTTP:
//
//	HISTORY_ORDERS=1000000 go test -run PagesOverALongHistory -v -timeout 60m ./refserver/internal/server/
//
// writes so many orders and a tenth as many returns over three years, and
// fails where the 95th percentile of a page is 50 ms or more. Without the
// variable the orders are few, and times are only printed.
func TestPagesOverALongHistory(t *testing.T) {
	n, timed := 2000, os.Getenv("HISTORY_ORDERS")
	if timed != "" {
		var err error
		if n, err = strconv.Atoi(timed); err != nil || n < 2000 {
			t.Fatalf("HISTORY_ORDERS=%q; a whole number from 2000 on is allowed", timed)
		}
	}
	test := func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		start := time.Now()
		const years = 3
		now := time.Now()
		seedtest.Filling{
			Tag: "h", Orders: n, Returns: n / 10, Customers: max(10, n/200), From: now.AddDate(-years, 0, 0).UTC(), Span: now.Sub(now.AddDate(-years, 0, 0)),
		}.Fill(t, b.DB.Writer())
		ada := b.customer("ada")
		err := b.DB.Tx(t.Context(), "give ada a history", func(ctx context.Context, tx bun.IDB) error {
			for _, table := range []string{"orders", "returns", "refunds"} {
				if _, err := tx.ExecContext(ctx, "UPDATE ?(rk)"+table+" SET customer_id = ? WHERE customer_id = 'c-2'", ada.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		upkeep := "ANALYZE" // as the database does by itself, in time
		if b.DB.Dialect() == sqlstore.Postgres {
			upkeep = "VACUUM (ANALYZE)"
		}
		if _, err := b.DB.Writer().ExecContext(t.Context(), upkeep); err != nil {
			t.Fatal(err)
		}
		if err := b.CountNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d orders written and counted in %v", n, time.Since(start).Round(time.Second))

		boss, customer := b.signIn(), b.signInAs("ada", "correct horse")
		for _, page := range []struct {
			name string
			who  browser
			path func(i int) string
			want string
		}{
			{"order history", customer, func(i int) string { return fmt.Sprintf("/order-history?page=%d", 1+i%5) }, "ORD-h-"},
			{"order history of a status", customer, func(int) string { return "/order-history?status=COMPLETED" }, "ORD-h-"},
			{"order history by text", customer, func(int) string { return "/order-history?q=thing" }, "ORD-h-"},
			{"orders as JSON", customer, func(int) string { return "/api/orders" }, "ORD-h-"},
			{"own returns", customer, func(int) string { return "/returns" }, "RMA-h-"},
			{"own returns as JSON", customer, func(int) string { return "/api/returns" }, "RMA-h-"},
			{"returns", boss, func(i int) string { return fmt.Sprintf("/admin/returns?page=%d", 1+i%5) }, "RMA-h-"},
			{"returns of a status", boss, func(int) string { return "/admin/returns?status=REFUNDED" }, "RMA-h-"},
			{"returns as JSON", boss, func(int) string { return "/api/admin/returns" }, "RMA-h-"},
			{"orders of all", boss, func(i int) string { return fmt.Sprintf("/admin/orders?page=%d", 1+i%5) }, "ORD-h-"},
			{"orders that wait", boss, func(int) string { return "/admin/orders?status=QUEUED" }, "No order"},
			{"queue for a person", boss, func(int) string { return "/admin/queue" }, "<h1>"},
			{"audit", boss, func(int) string { return "/admin/audit" }, "h-"},
			{"dashboard", boss, func(i int) string { return "/admin/dashboard?" + quarterBack(now, i%9) }, "chart-days"},
			{"dashboard in a zone off the hour", boss, func(i int) string { return "/admin/dashboard?zone=Asia/Kathmandu&" + quarterBack(now, i%9) }, "chart-days"},
			{"chart of days", boss, func(i int) string { return "/admin/dashboard/charts/days?" + quarterBack(now, i%9) }, "<svg"},
			{"chart of reasons", boss, func(i int) string { return "/admin/dashboard/charts/reasons?" + quarterBack(now, i%9) }, "<svg"},
			{"chart of stages", boss, func(i int) string { return "/admin/dashboard/charts/cycle?" + quarterBack(now, i%9) }, "<svg"},
			{"chart of money", boss, func(i int) string { return "/admin/dashboard/charts/paid?" + quarterBack(now, i%9) }, "<svg"},
		} {
			times := 200
			if timed == "" {
				times = 10
			}
			took := make([]time.Duration, times)
			for i := range took {
				begun := time.Now()
				a := page.who.get(page.path(i))
				took[i] = time.Since(begun)
				if i == 0 {
					a.want(t, http.StatusOK, page.want)
				}
			}
			first := took[0]
			slices.Sort(took)
			p95 := took[times*95/100-1]
			t.Logf(
				"%-34s first %8v  median %8v  p95 %8v",
				page.name,
				first.Round(10*time.Microsecond),
				took[times/2].Round(10*time.Microsecond),
				p95.Round(10*time.Microsecond),
			)
			if timed != "" && p95 >= 50*time.Millisecond {
				t.Errorf("%s: the 95th percentile is %v, want less than 50ms", page.name, p95)
			}
		}
	}
	each(t, test)
}

// quarterBack names the quarter so many before that of an instant.
func quarterBack(now time.Time, back int) string {
	at := time.Date(now.Year(), now.Month()-time.Month(3*back), 1, 0, 0, 0, 0, time.UTC)
	return fmt.Sprintf("quarter=%d-Q%d", at.Year(), (int(at.Month())-1)/3+1)
}
