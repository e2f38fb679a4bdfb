package returnstest

import (
	"fmt"
	"math"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// amounts calls f with amounts that a float does not carry, and smallest ones.
func amounts(f func(what string, c money.Currency, amount int64)) {
	for _, c := range []money.Currency{"USD", "JPY", "KWD"} {
		for _, amount := range []int64{1, 57, 1<<53 + 1, math.MaxInt64 - 2} {
			f(fmt.Sprintf("%d minor units of %s: ", amount, c), c, amount)
		}
	}
}

// testAmounts files returns of purchases of such amounts. A return keeps none of them but the
// sizes of its photos, and the numbers of its verdict.
func testAmounts(b *bench) {
	amounts(func(what string, c money.Currency, amount int64) {
		o := b.order("ann", 3)
		o.Currency, o.Lines[0].Paid = c, purchase.Paid(c, money.Components{Price: amount})
		o.Payments[0].Captured = amount
		r, err := b.create(b.ctx, o, func(claims returns.Claims) (*returns.Return, error) {
			ask := returns.Request{CustomerID: o.CustomerID, Reason: returns.ReasonDamaged, Photos: []string{"jpeg"},
				Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}}}
			p := returns.Params{
				ID: newID(), OrderID: o.OrderID, CustomerID: o.CustomerID, TermsID: b.terms, Reason: ask.Reason,
				Evidence: []returns.Evidence{{ID: newID(), Path: "2026/05/x.jpg", ContentType: "image/jpeg",
					Bytes: amount, Width: 3, Height: 4, UploadedAt: b.now}},
				Lines: []returns.Line{{ID: newID(), OrderLineID: o.Lines[0].ID, ProductID: "sku", Name: "Mouse",
					Category: "Hardware", Quantity: 1}},
				Verdict: returns.Evaluate(returns.Terms{ID: b.terms, Policy: policy()}, o, claims, ask, b.now),
			}
			return returns.NewReturn(b.stamp(), p)
		})
		b.ok(err)
		b.equal(what+"size of the photo", r.Evidence[0].Bytes, amount)
		b.stored(r)
		b.equal(what+"claims", b.claims(o), []int{1})
	})
}

// testTermsAmounts publishes fees of such amounts.
func testTermsAmounts(b *bench) {
	amounts(func(what string, c money.Currency, amount int64) {
		p := policy()
		p.Currency = c
		p.RestockingFees = []returns.FeeRule{{Fixed: amount}, {Reason: returns.ReasonOther, PercentBP: 1}}
		p.ReturnShippingFees = []returns.FeeRule{{PercentBP: 9_999, Fixed: amount}}
		published := b.publish(p)
		b.equal(what+"policy", published.Policy, p)
		for _, id := range []string{published.ID, ""} {
			got, err := b.store.Terms(b.ctx, id)
			b.ok(err)
			b.equal(what+"terms "+id, got, published)
		}
		all, err := b.store.AllTerms(b.ctx)
		b.ok(err)
		b.equal(what+"latest of all terms", all[0], published)
	})
}
