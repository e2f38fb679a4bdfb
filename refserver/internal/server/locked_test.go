package server_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
)

// TestALockedTableIsSaidToBeBusy is fault S21: a table that somebody has locked
// for longer than a statement may take was a 500 on each page that reads it.
// Everything else works.
func TestALockedTableIsSaidToBeBusy(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/server/")
	t.Parallel()
	address := apptest.PostgresURL(t)
	limits := "statement_timeout=1500&lock_timeout=700"
	if strings.Contains(address, "?") {
		limits = "&" + limits
	} else {
		limits = "?" + limits
	}
	b := open(t, "DATABASE_URL="+address+limits)
	b.customer("ada")
	ada, boss := b.signInAs("ada", "correct horse"), b.signIn()
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)

	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for table, requests := range map[string][]func() answer{
		"rk_products": {
			func() answer { return ada.get("/") },
			func() answer { return ada.get("/api/products") },
			func() answer { return boss.get("/admin/products") },
			func() answer { return ada.form("/add_to_cart", url.Values{"product_id": {"3"}}) },
			func() answer { return ada.form("/checkout", cash) },
		},
		"rk_orders": {
			func() answer { return ada.get("/order-history") },
			func() answer { return ada.get("/api/orders") },
			func() answer { return boss.get("/admin/orders?q=ada") },
			func() answer { return boss.get("/admin/dashboard") },
		},
		"rk_returns": {
			func() answer { return ada.get("/returns") },
			func() answer { return boss.get("/api/admin/returns") },
			func() answer { return boss.get("/admin/returns") },
		},
	} {
		t.Run(table, func(t *testing.T) {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			for i, request := range requests {
				a := request().want(t, http.StatusServiceUnavailable)
				if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
					t.Errorf("request %d: Retry-After is %q", i, a.header.Get("Retry-After"))
				}
			}
			b.visitor().get("/login").want(t, http.StatusOK)
			if status, word, database, _ := b.health("/health"); status != http.StatusOK || database != "UP" {
				t.Errorf("health is %d %s, the database %s", status, word, database)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			for _, request := range requests[:1] {
				request().want(t, http.StatusOK)
			}
		})
	}
}
