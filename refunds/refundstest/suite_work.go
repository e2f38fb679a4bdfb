package refundstest

import (
	"fmt"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

const lease = 10 * time.Second

func (b *bench) claim(token string, limit int) []refunds.Refund {
	b.Helper()
	got, err := b.store.Claim(b.ctx, b.now, lease, token, limit)
	b.ok(err)
	return got
}

func testClaim(b *bench) {
	var ids []string
	for i := range 5 {
		r := b.opened(newPlan(1))
		// In the opposite order, and not all of them due.
		r = b.update(r.ID, func(r *refunds.Refund) error {
			r.Work.NextAt = b.now.Add(time.Duration(2-i) * time.Minute)
			return nil
		})
		ids = append(ids, r.ID)
	}
	b.answer(ids[4], payment.OutcomeDone)
	b.equal("claimed with a limit of none", len(b.claim("t0", 0)), 0)
	got := b.claim("t1", 10)
	b.equal("claimed", len(got), 2)
	if len(got) == 2 {
		b.equal("order", []string{got[0].ID, got[1].ID}, []string{ids[3], ids[2]})
		b.equal("lease", []any{got[0].CheckLease("t1"), got[0].Work.LeaseUntil}, []any{nil, b.now.Add(lease)})
		b.stored(got[0])
	}
	b.equal("claimed again", len(b.claim("t2", 10)), 0)
	b.now = b.now.Add(lease)
	b.equal("claimed after the lease", len(b.claim("t3", 1)), 1)
	b.update(got[0].ID, func(r *refunds.Refund) error { r.Lease("t5", b.now.Add(time.Hour)); return nil })
	b.equal("claimed though a clock that was set back since has leased it", len(b.claim("t6", 1)), 1)
	b.now = b.now.Add(2 * time.Minute)
	b.equal("claimed when due", len(b.claim("t4", 10)), 4)
}

// A clock that is set back by an hour leaves refunds due an hour ahead.
func testClaimClockSetBack(b *bench) {
	r := b.opened(newPlan(1))
	b.now = b.now.Add(time.Hour)
	b.answer(r.ID, payment.OutcomeUnknown)
	r = b.update(r.ID, func(r *refunds.Refund) error {
		r.Work.NextAt = b.now.Add(time.Minute)
		return nil
	})
	b.now = r.UpdatedAt.Add(-refunds.LeaseHorizon)
	b.equal("within what clocks may differ", len(b.claim("t1", 10)), 0)
	b.now = r.UpdatedAt.Add(-time.Hour)
	b.equal("an hour back", len(b.claim("t2", 10)), 1)
	b.equal("not twice", len(b.claim("t3", 10)), 0)
}

func testClaimRace(b *bench) {
	for range 60 {
		b.opened(newPlan(1))
	}
	var mu sync.Mutex
	owners := map[string]string{}
	b.AtOnce(8, func(i int) {
		token := fmt.Sprint("token-", i)
		for {
			got, err := b.store.Claim(b.ctx, b.now, lease, token, 3)
			if err != nil {
				b.Error(err)
			}
			if len(got) == 0 {
				return
			}
			mu.Lock()
			for _, r := range got {
				if other, ok := owners[r.ID]; ok {
					b.Errorf("refund %s is claimed by %s and %s", r.ID, other, token)
				}
				owners[r.ID] = token
			}
			mu.Unlock()
		}
	})
	b.equal("claimed", len(owners)+len(b.claim("rest", 100)), 60)
}

func testFencing(b *bench) {
	r := b.opened(newPlan(1))
	b.claim("slow", 1)
	b.now = b.now.Add(lease + time.Second)
	b.claim("fast", 1)
	finish := func(token string) error {
		_, err := b.change(r.ID, func(r *refunds.Refund) error {
			if err := r.CheckLease(token); err != nil {
				return err
			}
			if err := r.Submit(b.stamp()); err != nil {
				return err
			}
			return r.RecordResult(b.stamp(),
				refunds.AttemptUpdate{Result: payment.Result{Outcome: payment.OutcomeDone, ProviderID: token}})
		})
		return err
	}
	b.code(finish("slow"), refunds.CodeLeaseLost)
	b.ok(finish("fast"))
	b.code(finish("fast"), refunds.CodeLeaseLost)
	got, err := b.store.Refund(b.ctx, r.ID)
	b.ok(err)
	b.equal("who finished it", got.Attempt().ProviderID, "fast")
	b.equal("work", got.Work, payment.Work{})
}

func testClaimAgainstUpdate(b *bench) {
	for range 20 {
		r := b.opened(newPlan(1))
		var claimed []refunds.Refund
		b.AtOnce(2, func(i int) {
			if i == 0 {
				got, err := b.store.Claim(b.ctx, b.now, lease, "worker", 1)
				if err != nil {
					b.Error(err)
				}
				claimed = got
				return
			}
			if _, err := b.change(r.ID, func(r *refunds.Refund) error { return r.Submit(b.stamp()) }); err != nil {
				b.Error(err)
			}
		})
		claimed = append(claimed, b.claim("worker", 1)...) // skipped while it was locked
		b.equal("claimed", len(claimed), 1)
		got, err := b.store.Refund(b.ctx, r.ID)
		b.ok(err)
		b.equal("lease and status", []any{got.CheckLease("worker"), got.Status}, []any{nil, refunds.StatusSubmitted})
	}
}

func testFold(b *bench) {
	p := newPlan(3)
	check := b.folds
	id := b.opened(p).ID
	check(id)
	for _, o := range []payment.Outcome{payment.OutcomeNoEffect, payment.OutcomeUnknown, payment.OutcomePending,
		payment.OutcomeDeclined} {
		b.now = b.now.Add(time.Second)
		if o == payment.OutcomeUnknown {
			b.update(id, func(r *refunds.Refund) error { return r.Submit(b.stamp()) })
			check(id)
		}
		b.answer(id, o)
		check(id)
	}
	p.method = payment.StoreCredit
	b.opened(p)
	check(id)
	_, err := b.succeeded(id)
	b.ok(err)
	check(id)
	b.update(id, func(r *refunds.Refund) error {
		return r.Reverse(b.stamp(), refunds.ReverseParams{Code: "mistake", Reason: "entered twice"})
	})
	check(id)

	id = b.opened(newPlan(1)).ID
	b.update(id, func(r *refunds.Refund) error {
		if err := r.Submit(b.stamp()); err != nil {
			return err
		}
		return r.RecordResult(
			b.stamp(),
			refunds.AttemptUpdate{
				Result:       payment.Result{Outcome: payment.OutcomeUnknown},
				ReviewReason: "the outcome is unknown",
				Doubt:        true,
			},
		)
	})
	check(id)
	b.update(id, func(r *refunds.Refund) error {
		return r.Resolve(b.stamp(), refunds.ResolveParams{Reason: "their support says no"})
	})
	check(id)
}

func testManualReferences(b *bench) {
	var mu sync.Mutex
	seen := map[string]bool{}
	b.AtOnce(60, func(i int) {
		m := payment.Cash
		if i%2 == 0 {
			m = payment.StoreCredit
		}
		ref, err := b.store.NextManualReference(b.ctx, m)
		if err != nil {
			b.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if seen[ref] {
			b.Errorf("%s was given twice", ref)
		}
		seen[ref] = true
	})
	for _, want := range []string{"MANUAL-CAS-00001", "MANUAL-CAS-00030", "MANUAL-STO-00001", "MANUAL-STO-00030"} {
		if !seen[want] {
			b.Errorf("%s was left out", want)
		}
	}
	_, err := b.store.NextManualReference(b.ctx, payment.Card)
	b.code(err, refunds.CodeMethod)
}

func testListPages(b *bench) {
	var ids []string
	for range 7 {
		b.now = b.now.Add(time.Minute)
		ids = append([]string{b.opened(newPlan(1)).ID}, ids...)
	}
	var got []string
	for page := 1; page <= 4; page++ {
		some, n, err := b.store.List(b.ctx, refunds.Query{Page: page, PageSize: 3})
		b.ok(err)
		b.equal("total", n, 7)
		for _, r := range some {
			got = append(got, r.ID)
			b.stored(r)
		}
	}
	b.equal("refunds over all pages", got, ids)
}

func testListFilters(b *bench) {
	p := newPlan(1)
	start := b.now
	created := b.opened(p)
	b.now = b.now.Add(time.Hour)
	done := b.answer(b.opened(p.other()).ID, payment.OutcomeDone)
	b.now = b.now.Add(time.Hour)
	stuck := b.opened(newPlan(1))
	b.update(stuck.ID, func(r *refunds.Refund) error {
		if err := r.Submit(b.stamp()); err != nil {
			return err
		}
		return r.RecordResult(
			b.stamp(),
			refunds.AttemptUpdate{
				Result:       payment.Result{Outcome: payment.OutcomeUnknown},
				ReviewReason: "the outcome is unknown",
			},
		)
	})
	for _, c := range []struct {
		name string
		q    refunds.Query
		want []string
	}{
		{"all", refunds.Query{}, []string{stuck.ID, done.ID, created.ID}},
		{"by order", refunds.Query{OrderID: p.order}, []string{done.ID, created.ID}},
		{"by status", refunds.Query{Status: []refunds.Status{refunds.StatusSucceeded, refunds.StatusUnknown}},
			[]string{stuck.ID, done.ID}},
		{"in the review queue", refunds.Query{NeedsReview: true}, []string{stuck.ID}},
		{"by time", refunds.Query{From: start.Add(time.Hour), To: start.Add(2 * time.Hour)}, []string{done.ID}},
		{"none", refunds.Query{OrderID: "nobody's"}, nil},
	} {
		got, n, err := b.store.List(b.ctx, c.q)
		b.ok(err)
		var ids []string
		for _, r := range got {
			ids = append(ids, r.ID)
		}
		b.equal(c.name, ids, c.want)
		b.equal(c.name+": total", n, len(c.want))
	}
}

func testByReference(b *bench) {
	p, q := newPlan(1), newPlan(2)
	first, second := b.opened(p), b.answer(b.opened(q).ID, payment.OutcomeDeclined)
	got, err := b.store.ByClientReferences(b.ctx, []string{p.reference, "nobody's", q.reference, p.reference})
	b.ok(err)
	b.equal("refunds by reference", got, map[string][]refunds.Refund{p.reference: {first}, q.reference: {second}})
	got, err = b.store.ByClientReferences(b.ctx, nil)
	b.ok(err)
	b.equal("refunds of no reference", got, map[string][]refunds.Refund{})

	pending := b.answer(first.ID, payment.OutcomePending)
	found, err := b.store.ByProviderID(b.ctx, "re_"+pending.Attempt().ID)
	b.ok(err)
	b.equal("refund by the provider's reference", found, pending)

	// The money of an attempt that failed may come back under its id yet.
	again := b.answer(b.opened(q).ID, payment.OutcomePending)
	for _, a := range again.Attempts {
		found, err = b.store.ByProviderID(b.ctx, a.ProviderID)
		b.ok(err)
		b.equal(fmt.Sprintf("refund by the provider's id of attempt %d", a.Number), found, again)
	}
}
