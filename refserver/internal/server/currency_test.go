package server_test

import (
	"fmt"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/returns"
)

// inYen makes the order one in JPY, as a shop has that takes orders of other programs in.
func (b *bench) inYen(o orders.Order) orders.Order {
	b.t.Helper()
	_, err := b.DB.Writer().NewRaw("UPDATE ?(rk)orders SET currency = 'JPY' WHERE id = ?", o.ID).Exec(b.t.Context())
	if err == nil {
		o, err = b.Orders.Order(b.t.Context(), o.ID)
	}
	if err != nil || o.Currency != "JPY" {
		b.t.Fatal(o.Currency, err)
	}
	return o
}

// An order in another currency than the shop's is refunded in its own: the amount that staff mean
// is read in it, a limit of the shop's currency lets nothing of it pass, and store credit is shown
// in each currency.
func TestACaseInAnotherCurrencyIsRefundedInIt(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, append(settings, "APPROVAL_AMOUNT=100000, 50000 jpy")...)
		who := b.customer("ada")
		first := b.approved(b.buy(who, 1)) // in USD
		o := b.inYen(b.buy(who, 2))
		one, staff := b.approved(o), b.signIn()
		at := "/api/admin/returns/" + one.ID
		q, _, err := b.Returns.Quote(t.Context(), one.ID, returns.RefundParams{})
		if err != nil || q.Amount < 1000 || q.Amount > 50000 {
			t.Fatal(q.Amount, err)
		}
		staff.json(at+"/refund", fmt.Sprintf(`{"method":"STORE_CREDIT","refund_amount_available":%d.5}`, q.Amount)).
			want(t, 400, "JPY with at most 0 decimals")
		staff.json(at+"/refund", fmt.Sprintf(`{"method":"STORE_CREDIT","refund_amount_available":%d}`, q.Amount/100)).
			want(t, 412, "AMOUNT_CHANGED")
		staff.json(at+"/refund", fmt.Sprintf(`{"method":"STORE_CREDIT","refund_amount_available":%d}`, q.Amount)).
			want(t, 200)
		staff.json("/api/admin/returns/"+first.ID+"/refund", `{"method":"STORE_CREDIT"}`).want(t, 200)
		b.signInAs("ada", "correct horse").get("/returns").want(t, 200, "¥", "$", " and ")
	})
}

// A limit that names no yen lets no refund in yen pass.
func TestARefundInACurrencyWithoutALimitWaits(t *testing.T) {
	t.Parallel()
	b := open(t, "APPROVAL_AMOUNT=100000")
	c := b.approved(b.inYen(b.buy(b.customer("ada"), 1)))
	b.signIn().json("/api/admin/returns/"+c.ID+"/refund", `{"method":"STORE_CREDIT"}`).
		want(t, 202, "no limit is set for JPY")
}
