package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
)

// grant adds store credit to a customer's.
func (b *bench) grant(who event.Actor, minor int64, ref string) {
	b.t.Helper()
	_, err := b.Refunds.GrantCredit(b.t.Context(), refunds.CreditChange{
		CustomerID: who.ID, Currency: "USD", Amount: minor, Ref: ref, Note: "Goodwill", By: clerk,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// credit is a customer's store credit, which is the sum of its entries.
func (b *bench) credit(who event.Actor) int64 {
	b.t.Helper()
	have, err := b.Refunds.CreditBalance(b.t.Context(), who.ID, "USD")
	if err != nil {
		b.t.Fatal(err)
	}
	entries, err := b.Refunds.CreditEntries(b.t.Context(), who.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	var sum int64
	for _, e := range entries {
		if e.Currency == "USD" {
			sum += e.Amount
		}
	}
	if sum != have || have < 0 {
		b.t.Errorf("the balance of %s is %d, the entries sum to %d", who.Name, have, sum)
	}
	return have
}

// newest is the newest order of a customer.
func (b *bench) newest(who event.Actor) orders.Order {
	b.t.Helper()
	list, _, err := b.Orders.Orders(b.t.Context(), orders.Query{CustomerID: who.ID, PageSize: 1})
	if err != nil || len(list) == 0 {
		b.t.Fatal(len(list), err)
	}
	return list[0]
}

// plus is fields and some more.
func plus(fields url.Values, more ...string) url.Values {
	out := maps.Clone(fields)
	for i := 0; i+1 < len(more); i += 2 {
		out.Set(more[i], more[i+1])
	}
	return out
}

func usd(minor int64) string { return money.New(minor, "USD").Format("en") }

// TestStoreCreditIsSpentAtCheckout: a refund becomes store credit, which pays a
// part of one order, comes back from one that is declined and from one that is
// canceled, and pays all of another.
func TestStoreCreditIsSpentAtCheckout(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		who := b.customer("ada")
		ada := b.signInAs("ada", "correct horse")
		add := func() { ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK) }
		add()
		if page := ada.get("/cart").body; strings.Contains(page, "store credit") {
			t.Error("a customer without store credit is offered to use it")
		}
		bought := b.buy(who, 1)
		unit := bought.Total()
		c := b.approved(bought)
		b.signIn().json("/api/admin/returns/"+c.ID+"/refund", `{"method":"store_credit"}`).want(t, http.StatusOK)
		if have := b.credit(who); have != unit {
			t.Fatalf("the refund of %d gave %d of store credit", unit, have)
		}
		ada.get("/store-credit").want(t, http.StatusOK, usd(unit), "Refund MANUAL-STO-")
		charges := len(b.Simulator.Ledger().Charges)

		// Two units: the store credit pays one of them.
		add()
		add()
		page := ada.get("/cart").want(t, http.StatusOK, "Use "+usd(unit)+" of store credit", "The rest, "+usd(unit))
		form := checkoutForm(t, page.body, plus(visaCard, "store_credit", money.New(unit, "USD").Decimal()))
		declined := plus(form, "card_number", "4000000000000002")
		ada.form("/checkout", declined, "Idempotency-Key", "k1").want(t, http.StatusPaymentRequired, "checked")
		if have := b.credit(who); have != unit {
			t.Errorf("%d of store credit after a decline", have)
		}
		parts := []string{"Receipt", "Store credit " + usd(unit), "Card " + usd(unit), usd(2 * unit)}
		first := ada.form("/checkout", form, "Idempotency-Key", "k2").want(t, http.StatusOK, parts...)
		again := ada.form("/checkout", form, "Idempotency-Key", "k2").want(t, http.StatusOK)
		o := b.newest(who)
		if !strings.Contains(first.body, o.Number) || !strings.Contains(again.body, o.Number) {
			t.Errorf("the receipts are not of %s", o.Number)
		}
		ledger := b.Simulator.Ledger().Charges[charges:]
		if len(ledger) != 1 || ledger[0].AmountMinor != unit || b.credit(who) != 0 {
			t.Errorf("charged %+v, %d of store credit left", ledger, b.credit(who))
		}
		ada.get("/orders/"+o.ID).want(t, http.StatusOK, parts...)
		ada.get("/order-history").want(t, http.StatusOK, parts[1:]...)
		ada.get("/api/orders").want(t, http.StatusOK, `"payments":[{"method":"STORE_CREDIT","amount":`,
			`{"method":"CARD","amount":`)
		ada.get("/store-credit").want(t, http.StatusOK, `<a href="/orders/`+o.ID+`">Order `+o.Number, usd(-unit))

		// A queued order holds it, and gives it back when it is canceled.
		b.grant(who, 500, "gift-1")
		b.faults(paysim.Faults{Down: true})
		add()
		ada.form("/checkout", plus(visaCard, "store_credit", "all")).want(t, http.StatusOK, "queued for retry",
			"reserved your store credit")
		queued := b.newest(who)
		if queued.Credit.Amount != 500 || b.credit(who) != 0 {
			t.Errorf("the queued order holds %d, %d are left", queued.Credit.Amount, b.credit(who))
		}
		ada.form("/orders/"+queued.ID+"/cancel", nil).want(t, http.StatusFound)
		ada.get("/orders/"+queued.ID).want(t, http.StatusOK, "Your store credit of $5.00 is available again")
		if b.credit(who) != 500 {
			t.Errorf("%d of store credit after the cancel", b.credit(who))
		}

		// It pays a whole order while the provider is down.
		b.grant(who, 10*unit, "gift-2")
		form = checkoutForm(t, ada.get("/").want(t, http.StatusOK, "It covers the whole order").body, url.Values{})
		ada.form("/checkout", plus(form, "store_credit", form.Get("total"))).want(t, http.StatusOK, "Receipt")
		if o := b.newest(who); o.Payment.Method != payment.StoreCredit || b.credit(who) != 500+9*unit {
			t.Errorf("paid by %s, %d left", o.Payment.Method, b.credit(who))
		}
		var got struct {
			Balance json.Number
			Total   int
			Entries []struct {
				Balance json.Number
				Sale    string `json:"sale_id"`
			}
		}
		answered := ada.get("/api/store-credit").want(t, http.StatusOK)
		if err := json.Unmarshal([]byte(answered.body), &got); err != nil || got.Total != len(got.Entries) ||
			got.Entries[0].Balance != got.Balance || got.Entries[0].Sale != b.newest(who).ID {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestStoreCreditThatCantPayIsRefusedInWords(t *testing.T) {
	t.Parallel()
	b := open(t)
	who := b.customer("ada")
	b.grant(who, 1000, "gift")
	ada := b.signInAs("ada", "correct horse")
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	cash, noNumber := url.Values{"payment_method": {"Cash"}}, url.Values{"payment_method": {"Card"}}
	low := "Your store credit can pay $10.00 of this order. Nothing was ordered."
	for _, c := range []struct {
		name   string
		form   url.Values
		status int
		says   []string
	}{
		{"more than there is", plus(cash, "store_credit", "10.01"), 409, []string{low, "CREDIT_TOO_LOW"}},
		{"all there is, and no method for the rest", url.Values{"store_credit": {"all"}}, 409, []string{low}},
		{"no number", plus(cash, "store_credit", "ten"), 400,
			[]string{"Store credit is", "it must be all, or a number"}},
		{"too many decimals", plus(cash, "store_credit", "1.001"), 400, []string{"at most 2 decimals"}},
		{"a negative amount", plus(cash, "store_credit", "-1"), 400, []string{"it must be all, or a number"}},
		{"another currency", plus(cash, "store_credit", "1", "currency", "EUR"), 400, nil},
		{"a card without a number", plus(noNumber, "store_credit", "all"), 400, []string{"card number"}},
		{"no method, and nothing of it", url.Values{"store_credit": {"0"}}, 400, []string{"payment_method"}},
	} {
		ada.form("/checkout", c.form).want(t, c.status, c.says...)
		if b.credit(who) != 1000 {
			t.Fatalf("%s took store credit", c.name)
		}
	}
	told := ada.form("/checkout", plus(cash, "store_credit", "10.01"), "Accept", "application/json")
	told.want(t, http.StatusConflict, `"code":"CREDIT_TOO_LOW"`, `"store_credit":10.00`)

	// 40 cents would be left to the card, which can be charged 50 or more.
	total := b.total(who)
	b.grant(who, total, "gift-2")
	ada.form("/checkout", plus(visaCard, "store_credit", money.New(total-40, "USD").Decimal())).
		want(t, http.StatusOK, "Store credit "+usd(total-50), "Card $0.50")

	// The whole order is below that.
	b.reprice(func(p *orders.Product) { p.Price, p.ShippingWeight, p.CountryOfOrigin = 40, 0, "USA" })
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	small := plus(visaCard, "store_credit", "0.10")
	ada.form("/checkout", small).want(t, http.StatusBadRequest, "The nearest amount that can be is $0.50.",
		"AMOUNT_NOT_CHARGEABLE")
	ada.form("/checkout", small, "Accept", "application/json").want(t, http.StatusBadRequest, `"nearest":[0.50]`)

	// Nobody spends it while it is off, and the page does not offer it.
	b.signIn().turn(feature.StoreCredit, "disable")
	have := b.credit(who)
	ada.form("/checkout", plus(cash, "store_credit", "all")).want(t, http.StatusForbidden, off(feature.StoreCredit))
	if page := ada.get("/cart").body; strings.Contains(page, `name="store_credit"`) || b.credit(who) != have {
		t.Error("store credit is offered while it is off")
	}
	ada.form("/checkout", cash).want(t, http.StatusOK, "Receipt")
}

// total is what the customer's cart costs.
func (b *bench) total(who event.Actor) int64 {
	b.t.Helper()
	cart, err := b.Orders.Cart(b.t.Context(), who.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return cart.Total
}

// TestTwoTabsSpendStoreCreditOnce: two carts of one customer, each of which the
// store credit could pay, are ordered at the same time; PAIRS of them.
func TestTwoTabsSpendStoreCreditOnce(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		twoTabs(t, int(testreq.Number(t, "PAIRS", 2)), settings...)
	})
}

func twoTabs(t *testing.T, pairs int, settings ...string) {
	b := open(t, append(settings, "THROTTLING_MAX_RPS=10000")...)
	who := b.customer("ada")
	tabs := []browser{b.signInAs("ada", "correct horse"), b.signInAs("ada", "correct horse")}
	b.faults(paysim.Faults{Down: true})
	var given, spent int64
	for pair := range pairs {
		carts := b.twoCarts(who)
		total := b.total(who)
		b.grant(who, total, "gift-"+carts[0])
		given += total
		exact := url.Values{"store_credit": {money.New(total, "USD").Decimal()}}
		answers := make([]answer, 2)
		var both sync.WaitGroup
		for i, tab := range tabs {
			both.Go(func() { answers[i] = tab.form("/checkout", plus(exact, "cart_id", carts[i])) })
		}
		both.Wait()
		paid := 0
		for _, a := range answers {
			if a.status == http.StatusOK {
				paid++
				spent += total
				continue
			}
			a.want(t, http.StatusConflict, "Your store credit can pay $0.00 of this order.")
		}
		if left := b.credit(who); paid != 1 || left != given-spent {
			t.Fatalf("pair %d: %d were paid; %d left of %d given and %d spent", pair, paid, left, given, spent)
		}
		tabs[0].form("/cancel_sale", nil).want(t, http.StatusFound)
	}
}

// twoCarts makes two carts of a customer that can be ordered: that of a canceled
// order, and the one that was filled before it was canceled. The provider is down.
func (b *bench) twoCarts(who event.Actor) []string {
	b.t.Helper()
	o := b.buy(who, 1)
	cart, err := b.Orders.SetCartQuantity(b.t.Context(), who.ID, keyboard, 1)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.Orders.Cancel(b.t.Context(), o.ID, who, "for two carts"); err != nil {
		b.t.Fatal(err)
	}
	return []string{o.CartID, cart.Cart.ID}
}
