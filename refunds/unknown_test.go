package refunds_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// scripted is a gateway of two functions; without Find, that of the fake one.
type scripted struct {
	*refundstest.Gateway
	create, find func(payment.RefundRequest) payment.Result
}

func (g scripted) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if g.create == nil {
		return g.Gateway.CreateRefund(ctx, r)
	}
	return g.create(r)
}

func (g scripted) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if g.find == nil {
		return g.Gateway.FindRefund(ctx, r)
	}
	return g.find(r)
}

func TestAnOutcomeNobodyKnowsIsUnknown(t *testing.T) {
	for _, outcome := range []payment.Outcome{"", "maybe", "DONE"} {
		var g scripted
		inBubble(t, func(s *shop) {
			r := s.refund(request(1, 1))
			s.is(r, refunds.StatusUnknown)
		}, func(c *refunds.Config) {
			g = scripted{Gateway: &refundstest.Gateway{},
				create: func(payment.RefundRequest) payment.Result { return payment.Result{Outcome: outcome} }}
			c.Gateway = g
		})
	}
}

func TestAbsenceIsANoOnlyAfterTheGrace(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultStored5xx)
		r := s.refund(request(1, 1))
		s.settle(59 * time.Minute)
		r = s.get(r.ID)
		s.is(r, refunds.StatusUnknown)
		s.equal("stored error", r.Attempt().StoredError, true)
		sends := s.gateway.Calls(refundstest.CallCreate)
		time.Sleep(2 * time.Minute)
		s.settle(time.Minute)
		r = s.get(r.ID)
		s.is(r, refunds.StatusFailed)
		s.equal("failure", r.Attempt().FailureCode, refunds.FailureAbsent)
		s.equal("sends after the stored error", s.gateway.Calls(refundstest.CallCreate), sends)
	})
}

func TestAListThatLagsIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g := &refundstest.Gateway{}
		lagging := scripted{Gateway: g, find: func(r payment.RefundRequest) payment.Result {
			if time.Since(start) < 40*time.Minute {
				return payment.Result{Outcome: payment.OutcomeAbsent, HTTP: 200}
			}
			return g.FindRefund(context.Background(), r)
		}}
		s := newShop(t, func(c *refunds.Config) { c.Gateway = lagging })
		s.gateway = g
		g.Script(refundstest.CallCreate, refundstest.FaultStored5xxAfter)
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusUnknown)
		s.settle(3 * time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(g.Ledger()), 1)
		s.check()
	})
}

func TestAPendingRefundThatVanishesGoesToAPerson(t *testing.T) {
	inBubble(t, func(s *shop) {
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusPending)
		s.settle(5 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusPending)
		s.equal("needs review", r.Work.NeedsReview, true)
		s.equal("reference", r.Attempt().ProviderID, "re_gone")
	}, func(c *refunds.Config) {
		c.Gateway = scripted{
			create: func(payment.RefundRequest) payment.Result {
				return payment.Result{Outcome: payment.OutcomePending, ProviderID: "re_gone", HTTP: 200}
			},
			find: func(payment.RefundRequest) payment.Result {
				return payment.Result{Outcome: payment.OutcomeAbsent, HTTP: 200}
			},
		}
	})
}

func TestAPendingRefundIsFollowedForAsLongAsItTakes(t *testing.T) {
	asked := 0
	inBubble(t, func(s *shop) {
		r := s.refund(request(1, 1))
		s.settle(30 * 24 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusPending)
		s.equal("needs review", r.Work.NeedsReview, false)
		if asked < 100 || asked > 150 {
			s.Errorf("it was looked up %d times in 30 days", asked)
		}
	}, func(c *refunds.Config) {
		pending := payment.Result{Outcome: payment.OutcomePending, ProviderID: "re_1", HTTP: 200}
		c.Gateway = scripted{
			create: func(payment.RefundRequest) payment.Result { return pending },
			find: func(payment.RefundRequest) payment.Result {
				asked++
				return pending
			},
		}
	})
}

func TestWhoeverComesSecondWaitsForNobodyAndCallsNobody(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultHangAfter)
		first := make(chan refunds.Refund)
		go func() {
			r, err := s.Refund(s.Context(), request(1, 1))
			if err != nil {
				s.Error(err)
			}
			first <- r
		}()
		synctest.Wait() // it hangs in its call
		start := time.Now()
		second := s.refund(request(1, 1))
		s.is(second, refunds.StatusSubmitted)
		s.equal("time that the second took", time.Since(start), time.Duration(0))
		s.equal("calls", s.gateway.Calls(refundstest.CallCreate)+s.gateway.Calls(refundstest.CallFind), 1)
		s.equal("claimed by the worker", s.pursue(), 0)
		s.is(<-first, refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
	}, patientFor(500*time.Millisecond))
}

func TestStepsThatWereReversedLeaveNoNegativeOnes(t *testing.T) {
	// 3 minor units over 6: the steps are 0,1,0,1,0,1. The smaller ones were
	// reversed, so what is held is ahead of the law.
	line := refunds.QuoteRequestLine{OrderLineID: "a", Bought: 6, Units: 1, Paid: money.Components{Price: 3,
		Duty: 3, Shipping: 3}}
	held := money.Components{Price: 3, Duty: 3, Shipping: 3}
	for before := 3; before < 6; before++ {
		q, err := refunds.NewQuote(refunds.QuoteRequest{Currency: "JPY", Lines: []refunds.QuoteRequestLine{line}},
			map[string]refunds.Refunded{"a": {Units: before, Components: held}})
		if err != nil || q.Amount != 0 || q.Lines[0].Refunded != (money.Components{}) {
			t.Errorf("after %d units: %+v, %v", before, q, err)
		}
	}
}

// pausing stops the process after a store write has returned.
type pausing struct {
	refunds.Store
	open, update func()
}

func (p *pausing) Open(
	ctx context.Context, r []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) ([]refunds.Refund, error) {
	got, err := p.Store.Open(ctx, r, decide)
	if p.open != nil {
		p.open()
	}
	return got, err
}

func (p *pausing) Update(ctx context.Context, id string, change func(refunds.Balance,
	refunds.Refund) (refunds.Change, error)) (refunds.Refund, error) {
	got, err := p.Store.Update(ctx, id, change)
	if p.update != nil {
		p.update()
	}
	return got, err
}

func TestAProcessStoppedBeforeItsCallMakesNoneAfterItsLease(t *testing.T) {
	for name, taken := range map[string]bool{"another has taken over": true, "nobody has": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				stale := &refundstest.Gateway{}
				stop := func() {
					time.Sleep(11 * time.Second)
					if taken {
						s.pursue()
					}
				}
				p := &pausing{Store: s.store, update: stop}
				if taken {
					p.open, p.update = stop, nil
				} else {
					// Its lease is renewed before the call, and then it is stopped.
					p.open = func() { time.Sleep(9 * time.Second) }
				}
				slow, err := refunds.New(refunds.Config{Store: p, Gateway: stale})
				if err != nil {
					s.Fatal(err)
				}
				r, err := slow.Refund(s.Context(), request(1, 1))
				if err != nil {
					s.Fatal(err)
				}
				s.equal("calls", stale.Calls(refundstest.CallCreate), 0)
				s.settle(time.Hour)
				s.is(s.get(r.ID), refunds.StatusSucceeded)
			})
		})
	}
}
