package refundstest

import (
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// testRules saves what no refund can be, however it was made.
func testRules(b *bench) {
	wrong := map[string]func(r *refunds.Refund){
		"no method": func(r *refunds.Refund) { r.Method, r.Attempt().Method = "", "" },
		"the original method": func(r *refunds.Refund) {
			r.Method,
				r.Attempt().Method = payment.OriginalMethod, payment.OriginalMethod
		},
		"a method in capitals":  func(r *refunds.Refund) { r.Method, r.Attempt().Method = "CARD", "CARD" },
		"two methods":           func(r *refunds.Refund) { r.Method = "ideal" },
		"a provider and no key": func(r *refunds.Refund) { r.Attempt().Key = "" },
		"cash with a key":       func(r *refunds.Refund) { r.Method, r.Attempt().Method = payment.Cash, payment.Cash },
		"no status":             func(r *refunds.Refund) { r.Status, r.Attempt().Status = "", "" },
		"a status nobody knows": func(r *refunds.Refund) { r.Status, r.Attempt().Status = "paid", "paid" },
		"no currency":           func(r *refunds.Refund) { r.Quote.Currency = "" },
		"less than nothing":     func(r *refunds.Refund) { r.Quote.Amount, r.Attempt().Amount = -1, -1 },
		"two amounts":           func(r *refunds.Refund) { r.Attempt().Amount++ },
	}
	for name, spoil := range wrong {
		p := newPlan(1)
		_, err := b.openBy(p.open(), func(s refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
			r, err := b.decide(p)(s, current)
			if err == nil {
				spoil(r)
			}
			return r, err
		})
		if err == nil {
			b.Errorf("a refund with %s was opened", name)
		}
		_, err = b.byReference(p.reference)
		b.missing("a refund with "+name, err)

		r := b.opened(newPlan(1))
		_, err = b.change(r.ID, func(r *refunds.Refund) error {
			if err := r.Submit(b.stamp()); err != nil {
				return err
			}
			spoil(r)
			return nil
		})
		if err == nil {
			b.Errorf("a refund was changed to one with %s", name)
		}
		b.stored(r)
	}
	p := newPlan(1)
	p.method = "ideal" // a name of the shop's own
	r := b.opened(p)
	b.equal("method", r.Method, p.method)
	b.stored(b.answer(r.ID, payment.OutcomeDone))
	attempts, err := b.store.ProviderAttempts(b.ctx, refunds.AttemptQuery{IDs: []string{r.Attempt().ID}})
	b.ok(err)
	b.equal("attempts through the provider", len(attempts), 1)
}
