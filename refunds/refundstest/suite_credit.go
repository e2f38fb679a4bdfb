package refundstest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func (b *bench) credit(amount int64, ref string) (bool, error) {
	return b.store.Credit(b.ctx, refunds.CreditEntry{
		ID: newID(), CustomerID: "ann", Currency: "USD", Amount: amount, Ref: ref, Note: "a note", At: b.now,
		By: b.stamp().By,
	})
}

func (b *bench) creditIs(customer string, c money.Currency, want int64) {
	b.Helper()
	got, err := b.store.CreditBalance(b.ctx, customer, c)
	b.ok(err)
	b.equal("store credit", got, want)
	entries, err := b.store.CreditEntries(b.ctx, customer)
	b.ok(err)
	var sum int64
	for _, e := range entries {
		if e.Currency == c {
			sum += e.Amount
		}
	}
	b.equal("sum of the entries", sum, want)
}

func testCredit(b *bench) {
	b.creditIs("ann", "USD", 0)
	did, err := b.credit(500, "a")
	b.ok(err)
	b.equal("first", did, true)
	b.now = b.now.Add(time.Second)
	did, err = b.credit(500, "a")
	b.ok(err)
	b.equal("same ref again", did, false)
	did, err = b.credit(-200, "b")
	b.ok(err)
	b.equal("spent", did, true)
	_, err = b.credit(-301, "c")
	b.code(err, refunds.CodeCreditTooLow)
	b.creditIs("ann", "USD", 300)
	b.creditIs("ann", "KWD", 0)
	b.creditIs("bob", "USD", 0)
	entries, err := b.store.CreditEntries(b.ctx, "ann")
	b.ok(err)
	b.equal("entries", len(entries), 2)
	if len(entries) == 2 {
		b.equal("newest", []any{entries[0].Ref, entries[0].Amount, entries[0].At, entries[0].By,
			entries[0].Note}, []any{"b", int64(-200), b.now, b.stamp().By, "a note"})
	}
	// A refused entry leaves its ref free.
	_, err = b.credit(-300, "c")
	b.ok(err)
	b.creditIs("ann", "USD", 0)
	_, err = b.credit(0, "d")
	b.code(err, refunds.CodeInvalid)
}

func testCreditRace(b *bench) {
	_, err := b.credit(100, "grant")
	b.ok(err)
	var spent, refused atomic.Int64
	b.AtOnce(40, func(i int) {
		switch did, err := b.credit(-7, fmt.Sprint("spend-", i/2)); {
		case err == nil && did:
			spent.Add(1)
		case refunds.CodeOf(err) == refunds.CodeCreditTooLow:
			refused.Add(1)
		case err != nil:
			b.Error(err)
		}
	})
	b.equal("spent", spent.Load(), int64(14))
	b.creditIs("ann", "USD", 100-14*7)
}

func testStoreCredit(b *bench) {
	p := newPlan(3)
	p.method = payment.StoreCredit
	r := b.opened(p)
	b.creditIs("customer-1", "USD", 0)
	r, err := b.succeeded(r.ID)
	b.ok(err)
	b.creditIs("customer-1", "USD", r.Amount())
	entries, err := b.store.CreditEntries(b.ctx, "customer-1")
	b.ok(err)
	b.equal("entry", []any{entries[0].By.Name, entries[0].At, entries[0].Note}, []any{"Kim", b.now,
		"refund " + r.Attempt().ProviderID})
	b.update(r.ID, func(*refunds.Refund) error { return nil })
	b.creditIs("customer-1", "USD", r.Amount())
	b.update(r.ID, func(r *refunds.Refund) error {
		return r.Reverse(b.stamp(),
			refunds.ReverseParams{Code: "mistake"})
	})
	b.creditIs("customer-1", "USD", 0)
	b.holds(p, 0, 0)
}

func testStoreCreditSpent(b *bench) {
	p := newPlan(3)
	p.method = payment.StoreCredit
	r, err := b.succeeded(b.opened(p).ID)
	b.ok(err)
	_, err = b.store.Credit(b.ctx, refunds.CreditEntry{ID: newID(), CustomerID: "customer-1", Currency: "USD",
		Amount: -1, Ref: "spent", At: b.now})
	b.ok(err)
	_, err = b.change(r.ID, func(r *refunds.Refund) error { return r.Reverse(b.stamp(), refunds.ReverseParams{}) })
	b.code(err, refunds.CodeCreditTooLow)
	b.stored(r)
	b.holds(p, 0, r.Amount())
	b.creditIs("customer-1", "USD", r.Amount()-1)
}
