package server_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
)

// The whole shop behind PgBouncer in transaction mode: it opens, sells, pays a
// return back, and its workers do what follows.
func TestTheShopWorksBehindAPooler(t *testing.T) {
	t.Parallel()
	direct := sqlstoretest.PostgresURL(t)
	b := open(t, "DATABASE_URL="+sqlstoretest.PooledURL(t, direct), "MIGRATION_URL="+direct)
	b.run()
	b.customer("ada")
	ada, boss := b.signInAs("ada", "correct horse"), b.signIn()
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, 200)
	ada.form("/checkout", url.Values{
		"payment_method": {"Card"}, "card_number": {"4242424242424242"}, "card_exp_date": {"12/2099"},
		"card_type": {"Visa"},
	}).want(t, 200)
	b.eventually("the order to be paid", func() bool {
		_, n, err := b.Orders.Orders(t.Context(), orders.Query{Status: []orders.Status{orders.StatusCompleted}})
		return err == nil && n == 2 // and that of the demo data
	})
	cases, _, err := b.Returns.Returns(t.Context(), returns.Query{})
	if err != nil || len(cases) != 1 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	id := cases[0].ID
	boss.form("/admin/returns/"+id+"/receive", nil).want(t, http.StatusFound)
	approved := url.Values{"result": {"APPROVED"}, "inspected_by": {"kim"}}
	boss.form("/admin/returns/"+id+"/inspection", approved).want(t, http.StatusFound)
	boss.form("/admin/returns/"+id+"/refund", nil).want(t, http.StatusFound)
	b.eventually("the refund", func() bool { return b.theCase(id).Status == returns.StatusRefunded })
	b.eventually("a probe that says that all is well", func() bool {
		status, word, database, _ := b.health("/health/ready")
		return status == http.StatusOK && word == "UP" && database == "UP"
	})
}
