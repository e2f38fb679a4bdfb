package refunds_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// able is a gateway that states what it can do.
type able struct {
	payment.RefundGateway
	can payment.Capabilities
	t   *testing.T
}

func (g able) Capabilities() payment.Capabilities { return g.can }

func (g able) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if g.can.Find == payment.FindByMessage || g.can.Find == payment.FindByItsID && r.ProviderID == "" {
		g.t.Errorf("a provider that finds by %q was asked about %+v", g.can.Find, r)
	}
	return g.RefundGateway.FindRefund(ctx, r)
}

func capable(t *testing.T, can payment.Capabilities) func(*refunds.Config) {
	return func(c *refunds.Config) { c.Gateway = able{c.Gateway, can, t} }
}

func TestWhatTheProviderCantDoIsRefusedBeforeAnythingIsCommitted(t *testing.T) {
	tens := func(amount int64, c money.Currency) (int64, int64, bool) {
		return amount / 10 * 10, (amount + 9) / 10 * 10, c == "USD"
	}
	for _, c := range []struct {
		name   string
		can    payment.Capabilities
		change func(*refunds.Request)
		want   string // of the refusal; empty: it is paid
	}{
		{"in part", payment.Capabilities{WholeOnly: true}, nil, "as a whole only"},
		{"as a whole", payment.Capabilities{WholeOnly: true},
			func(r *refunds.Request) { r.Quote.Lines[0].Units = 3 }, ""},
		{"too small", payment.Capabilities{Smallest: func(money.Currency) int64 { return 1001 }}, nil,
			"10.01 USD or more"},
		{"just large enough", payment.Capabilities{Smallest: func(money.Currency) int64 { return 1000 }}, nil, ""},
		{"too old", payment.Capabilities{OldestPayment: 180 * 24 * time.Hour},
			func(r *refunds.Request) { r.Payments[0].PaidAt = time.Now().AddDate(0, 0, -181) }, "for 180 days"},
		{"of an age nobody knows", payment.Capabilities{OldestPayment: time.Hour}, nil, ""},
		{"on the grid", payment.Capabilities{Nearest: tens}, nil, ""},
		{"beside the grid", payment.Capabilities{Nearest: tens},
			func(r *refunds.Request) { r.Quote.Lines[0].Paid.Price = 2997 }, ""},
		{"captured beside the grid", payment.Capabilities{Nearest: tens},
			func(r *refunds.Request) { r.Payments[0].Captured, r.Quote.Lines[0].Paid.Price = 2997, 2997 },
			"9.90 USD and 10.00 USD"},
		{"in a currency it does not take", payment.Capabilities{Nearest: tens},
			func(r *refunds.Request) { r.Currency, r.Quote.Currency = "EUR", "EUR" }, "nothing back in EUR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				q := request(1, 1)
				if c.change != nil {
					c.change(&q)
				}
				r, err := s.Refund(s.Context(), q)
				if c.want == "" {
					if err != nil {
						s.Fatal(err)
					}
					s.is(r, refunds.StatusSucceeded)
					return
				}
				s.code(err, refunds.CodeMethod)
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(),
					"store_credit") {
					s.Errorf("error %v, want %q and what can be done instead", err, c.want)
				}
				s.equal("calls", s.gateway.Calls(refundstest.CallCreate), 0)
				q.Method = payment.StoreCredit
				s.is(s.refund(q), refunds.StatusSucceeded)
			}, capable(t, c.can))
		})
	}
}

func TestAProviderWithoutLookUps(t *testing.T) {
	can := payment.Capabilities{Find: payment.FindByMessage}
	message := func(s *shop, r refunds.Refund, o payment.Outcome) (refunds.Refund, error) {
		return s.HandleWebhook(s.Context(), kim, payment.WebhookEvent{
			RefundID: r.ID, AttemptID: r.Attempt().ID, ProviderID: "re_1", Amount: r.Amount(), Currency: "USD",
			Outcome: o,
		})
	}
	t.Run("down for 5 s it is sent again under its key", func(t *testing.T) {
		inBubble(t, func(s *shop) {
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
			r := s.refund(request(1, 1))
			s.is(r, refunds.StatusUnknown)
			s.settle(5 * time.Second)
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultPending)
			s.settle(time.Minute)
			s.is(s.get(r.ID), refunds.StatusPending)
			s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
			s.gateway.Settle("re_1", "succeeded")
			r, err := message(s, r, payment.OutcomeDone)
			if err != nil {
				s.Fatal(err)
			}
			s.is(r, refunds.StatusSucceeded)
			s.equal("attempts", len(r.Attempts), 1)
			s.check()
		}, capable(t, can))
	})
	t.Run("pending without a message for 10 days is shown once", func(t *testing.T) {
		inBubble(t, func(s *shop) {
			s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
			r := s.refund(request(1, 1))
			s.settle(10*24*time.Hour - time.Hour)
			s.equal("is shown before", s.get(r.ID).Work.NeedsReview, false)
			s.settle(60 * 24 * time.Hour)
			r = s.get(r.ID)
			s.is(r, refunds.StatusPending)
			s.equal("is shown", r.Work.NeedsReview, true)
			s.equal("times it was shown", s.seen.queued, 1)
			s.equal("events", r.Version, 5) // created, submitted, pending, pending, review
			s.gateway.Settle("re_1", "failed")
			r, err := message(s, r, payment.OutcomeDeclined)
			if err != nil {
				s.Fatal(err)
			}
			s.is(r, refunds.StatusFailed)
			s.check()
		}, capable(t, can))
	})
	t.Run("never answered and with an old key it is shown", func(t *testing.T) {
		inBubble(t, func(s *shop) {
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
			r := s.refund(request(1, 1))
			s.settle(48 * time.Hour)
			r = s.get(r.ID)
			s.is(r, refunds.StatusUnknown)
			s.equal("is shown", r.Work.NeedsReview, true)
			sent := r.Attempt().Sent
			s.settle(48 * time.Hour)
			s.equal("refunds at the provider", len(s.gateway.Ledger()), 0)
			again := s.get(r.ID)
			s.equal("sends after that", again.Attempt().Sent, sent)
		}, capable(t, can))
	})
	t.Run("a message during the call comes again", func(t *testing.T) {
		inBubble(t, func(s *shop) {
			s.gateway.Script(refundstest.CallCreate, refundstest.FaultHangAfter)
			done := make(chan refunds.Refund)
			go func() {
				r, err := s.Refund(s.Context(), request(1, 1))
				if err != nil {
					s.Error(err)
				}
				done <- r
			}()
			time.Sleep(time.Second)
			r, err := s.ByClientReference(s.Context(), "return-1")
			if err != nil {
				s.Fatal(err)
			}
			if _, err := message(s, r, payment.OutcomeDone); err == nil {
				s.Error("the message was taken, and nothing was recorded")
			}
			r = <-done
			if r, err = message(s, r, payment.OutcomeDone); err != nil {
				s.Fatal(err)
			}
			s.is(r, refunds.StatusSucceeded)
			s.check()
		}, capable(t, can))
	})
	t.Run("by its own id it is asked once that is known", func(t *testing.T) {
		inBubble(t, func(s *shop) {
			s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostBefore, refundstest.FaultPending)
			r := s.refund(request(1, 1))
			s.settle(time.Hour)
			s.is(s.get(r.ID), refunds.StatusSucceeded)
			s.check()
		}, capable(t, payment.Capabilities{Find: payment.FindByItsID}))
	})
}

// An answer about another refund settles none, and is shown.
func TestAnAnswerAboutSomethingElseIsShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer payment.Result
		why    string
	}{
		{"another currency", payment.Result{Outcome: payment.OutcomeDone, ProviderID: "re_9", Amount: 1000,
			Currency: "EUR"}, "in EUR"},
		{"another amount", payment.Result{Outcome: payment.OutcomeDone, ProviderID: "re_9", Amount: 100_000,
			Currency: "USD"}, "100000 minor units"},
		{"the id of another refund", payment.Result{Outcome: payment.OutcomeDone, ProviderID: "re_1",
			Amount: 1000, Currency: "USD"}, "the id of refund"},
	} {
		t.Run(c.name, func(t *testing.T) {
			strange := false
			inBubble(t, func(s *shop) {
				s.is(s.refund(request(1, 1)), refunds.StatusSucceeded) // re_1
				strange = true
				r := s.refund(request(2, 1))
				s.is(r, refunds.StatusUnknown)
				s.equal("is shown", r.Work.NeedsReview, true)
				if !strings.Contains(r.Work.LastError, c.why) {
					s.Errorf("why is %q, want %q", r.Work.LastError, c.why)
				}
				_, b, err := s.Preview(s.Context(), request(2, 1))
				if err != nil || b.Reserved != 1000 {
					s.Errorf("balance %+v, %v", b, err)
				}
			}, func(cfg *refunds.Config) {
				g := cfg.Gateway.(*refundstest.Gateway)
				cfg.Gateway = scripted{Gateway: g, create: func(r payment.RefundRequest) payment.Result {
					if strange {
						return c.answer
					}
					return g.CreateRefund(t.Context(), r)
				}}
			})
		})
	}
}
