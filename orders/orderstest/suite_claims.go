package orderstest

import (
	"fmt"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
)

// claim lists the ids of what a claim at the instant gets.
func (b *bench) claim(now time.Time, token string, limit int) []string {
	b.Helper()
	claimed, err := b.store.Claim(b.ctx, now, 10*time.Second, token, limit)
	b.ok(err)
	var ids []string
	for _, o := range claimed {
		ids = append(ids, o.ID)
		b.equal("lease", []any{o.Payment.Work.LeaseToken, o.Payment.Work.LeaseUntil},
			[]any{token, now.Add(10 * time.Second)})
		stored, err := b.store.Order(b.ctx, o.ID)
		b.ok(err)
		b.equal("claimed order", o, stored)
	}
	return ids
}

func testClaim(b *bench) {
	p := b.product("Mouse", 100)
	var ids []string
	for i := range 5 {
		ids = append(ids, b.bought(customer(i), p.ID, 1).ID)
	}
	b.equal("nothing is due before its time", b.claim(b.now.Add(-time.Microsecond), "w", 9), []string(nil))
	// The first is due later, the second needs review, the third is done.
	b.update(ids[0], func(o *orders.Order) error {
		return o.ChargeAttempted(b.stamp(),
			orders.ChargeResult{Outcome: payment.OutcomeUnknown, NextAt: b.now.Add(time.Minute)})
	})
	b.update(ids[1], func(o *orders.Order) error {
		return o.ChargeAttempted(b.stamp(),
			orders.ChargeResult{Outcome: payment.OutcomeUnknown, NextAt: b.now, NeedsReview: true})
	})
	b.update(ids[2], func(o *orders.Order) error { return o.Complete(b.stamp(), "pi_1") })
	b.equal("limited", b.claim(b.now, "w1", 1), ids[3:4])
	b.equal("the rest", b.claim(b.now, "w2", 9), ids[4:])
	b.equal("leased", b.claim(b.now.Add(9*time.Second), "w3", 9), []string(nil))
	b.equal("the lease ran out", b.claim(b.now.Add(10*time.Second), "w4", 1), ids[3:4])
	b.equal("limit 0", b.claim(b.now.Add(time.Hour), "w5", 0), []string(nil))
	b.equal("all due, oldest first", b.claim(b.now.Add(time.Hour), "w6", 9), []string{ids[0], ids[3], ids[4]})
	for _, id := range ids {
		b.folded(id)
	}
}

// A clock that is set back by an hour leaves work due, and leased, an hour ahead.
func testClaimClockSetBack(b *bench) {
	p := b.product("Mouse", 100)
	due, leased := b.bought(customer(0), p.ID, 1).ID, b.bought(customer(1), p.ID, 1).ID
	b.update(due, func(o *orders.Order) error {
		return o.ChargeAttempted(b.stamp(),
			orders.ChargeResult{Outcome: payment.OutcomeUnknown, NextAt: b.now.Add(time.Minute)})
	})
	b.equal("leased by the clock of before", b.claim(b.now, "w1", 9), []string{leased})
	b.equal("as far ahead as any wait", b.claim(b.now.Add(time.Minute-orders.Horizon), "w2", 9), []string(nil))
	b.equal("an hour back", b.claim(b.now.Add(-time.Hour), "w3", 9), []string{due, leased})
	b.equal("not twice", b.claim(b.now.Add(-time.Hour), "w4", 9), []string(nil))
}

func testClaimPriority(b *bench) {
	p := b.product("Mouse", 100)
	var ids []string
	for i, priority := range []int{0, 9, 3, 9} {
		id := b.cart(customer(i), orders.CartItem{ProductID: p.ID, Quantity: 1})
		o, _, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: customer(i), CartID: id},
			func(pl orders.Placement) (*orders.Order, error) {
				lines, err := orders.Price([]orders.Item{{Product: pl.Products[p.ID], Quantity: 1}}, orders.Rules{})
				if err != nil {
					return nil, err
				}
				lines[0].ID = newID()
				return orders.NewOrder(orders.Params{
					ID: newID(), CustomerID: customer(i), CartID: id, Currency: "USD", Lines: lines, PaymentID: newID(),
					Method: payment.Card, Token: TokenPays, Priority: priority,
				}, b.stamp())
			})
		b.ok(err)
		b.equal("priority", o.Payment.Priority, priority)
		b.folded(o.ID)
		ids = append(ids, o.ID)
	}
	b.equal("the first two", b.claim(b.now, "w1", 2), []string{ids[1], ids[3]})
	b.equal("the rest", b.claim(b.now, "w2", 9), []string{ids[2], ids[0]})
}

func testClaimRace(b *bench) {
	p := b.product("Mouse", 100)
	const n = 30
	for i := range n {
		b.bought(customer(i), p.ID, 1)
	}
	var mu sync.Mutex
	got := map[string]int{}
	b.AtOnce(6, func(i int) {
		for range 3 * n {
			claimed, err := b.store.Claim(b.ctx, b.now, time.Minute, fmt.Sprintf("worker-%d", i), 4)
			if err != nil {
				b.Error(err)
				return
			}
			if len(claimed) > 4 {
				b.Errorf("%d claimed, want at most 4", len(claimed))
			}
			mu.Lock()
			for _, o := range claimed {
				got[o.ID]++
			}
			all := len(got) == n
			mu.Unlock()
			if all {
				return
			}
		}
	})
	b.equal("payments claimed", len(got), n)
	for id, times := range got {
		if times != 1 {
			b.Errorf("order %s was claimed %d times", id, times)
		}
	}
}

func testFencing(b *bench) {
	p := b.product("Mouse", 100)
	o := b.bought("ann", p.ID, 1)
	b.equal("first worker", b.claim(b.now, "slow", 1), []string{o.ID})
	b.equal("second worker", b.claim(b.now.Add(time.Minute), "quick", 1), []string{o.ID})
	finish := func(token string) error {
		_, err := b.store.Update(b.ctx, o.ID, func(o *orders.Order) error {
			if !o.Payment.Work.LeasedBy(token) {
				return &orders.Error{Code: orders.CodeLeaseLost, Message: token + " does not hold the lease"}
			}
			return o.Complete(b.stamp(), "pi_"+token)
		})
		return err
	}
	b.code(finish("slow"), orders.CodeLeaseLost)
	b.ok(finish("quick"))
	b.code(finish("slow"), orders.CodeLeaseLost)
	b.code(finish("quick"), orders.CodeLeaseLost)
	stored, err := b.store.Order(b.ctx, o.ID)
	b.ok(err)
	b.equal("reference", stored.Payment.ProviderID, "pi_quick")
}

func testClaimAgainstUpdate(b *bench) {
	p := b.product("Mouse", 100)
	o := b.bought("ann", p.ID, 1)
	for round := range 20 {
		now, token := b.now.Add(time.Duration(round)*time.Minute), fmt.Sprintf("w%d", round)
		var claimed []orders.Order
		b.AtOnce(2, func(i int) {
			var err error
			if i == 0 {
				claimed, err = b.store.Claim(b.ctx, now, 30*time.Second, token, 1)
			} else {
				_, err = b.store.Update(b.ctx, o.ID, func(o *orders.Order) error {
					if o.Payment.Work.LeasedBy(token) {
						return nil // the claim came first
					}
					return o.ChargeAttempted(b.stamp(),
						orders.ChargeResult{Outcome: payment.OutcomeNoEffect, NextAt: b.now})
				})
			}
			if err != nil {
				b.Error(err)
			}
		})
		stored, err := b.store.Order(b.ctx, o.ID)
		b.ok(err)
		if len(claimed) == 1 && !stored.Payment.Work.LeasedBy(token) {
			b.Fatalf("round %d: the claim was given and then overwritten", round)
		}
	}
}
