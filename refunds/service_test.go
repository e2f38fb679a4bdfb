package refunds_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestEveryFaultOfTheFirstCallEndsInTheTruth(t *testing.T) {
	for _, c := range []struct {
		fault refundstest.Fault
		now   refunds.Status // what Refund answers
		sends int            // calls within Refund
		then  refunds.Status // after the worker
	}{
		{refundstest.FaultNone, refunds.StatusSucceeded, 1, refunds.StatusSucceeded},
		{refundstest.FaultLostBefore, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultLostAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultHangBefore, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultHangAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.Fault5xxBefore, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.Fault5xxAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		// Its replay says so; it is absent for the grace, and then a definite no.
		{refundstest.FaultStored5xx, refunds.StatusUnknown, 2, refunds.StatusFailed},
		{refundstest.FaultStored5xxAfter, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultConflict, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultRateLimit, refunds.StatusSucceeded, 2, refunds.StatusSucceeded},
		{refundstest.FaultNotSent, refunds.StatusSubmitted, 1, refunds.StatusSucceeded},
		{refundstest.FaultRefuse, refunds.StatusFailed, 1, refunds.StatusFailed},
		{refundstest.FaultPending, refunds.StatusPending, 1, refunds.StatusSucceeded},
		{refundstest.FaultRequiresAction, refunds.StatusRequiresAction, 1, refunds.StatusRequiresAction},
		{refundstest.FaultWrongAmount, refunds.StatusUnknown, 1, refunds.StatusUnknown},
		{refundstest.FaultKeyPruned, refunds.StatusSucceeded, 1, refunds.StatusSucceeded},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			inBubble(t, func(s *shop) {
				s.gateway.Script(refundstest.CallCreate, c.fault)
				r := s.refund(request(1, 2))
				s.is(r, c.now)
				s.equal("calls", s.gateway.Calls(refundstest.CallCreate), c.sends)
				s.equal("recorded calls", r.Attempt().Sent, c.sends)
				s.check()
				s.settle(24 * time.Hour)
				r = s.get(r.ID)
				s.is(r, c.then)
				s.equal("is for a person", r.Work.GaveUp, c.fault == refundstest.FaultWrongAmount)
				if c.then == refunds.StatusSucceeded || c.fault == refundstest.FaultWrongAmount {
					s.equal("paid out", s.gateway.PaidOut("pi_1"), int64(2000))
				}
				s.check()

				// Asking again never pays again; a failed one gets a new attempt and key.
				again := s.refund(request(1, 2))
				s.settle(time.Hour)
				if c.then == refunds.StatusFailed {
					s.is(again, refunds.StatusSucceeded)
					s.equal("attempts", len(again.Attempts), 2)
				} else {
					s.is(again, c.then)
					s.equal("attempts", len(again.Attempts), 1)
				}
				s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
				s.check()
			})
		})
	}
}

func TestAProviderThatIsDownIsTriedAtTheDistancesOfTheRules(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		start := time.Now()
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusUnknown)
		if waited := time.Since(start); waited > 2*time.Second {
			s.Errorf("the caller waited %s, more than Config.Wait", waited)
		}
		s.settle(22 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusUnknown)
		s.equal("is for a person", r.Work.GaveUp, false)

		events, err := s.Events(s.Context(), r.ID)
		if err != nil {
			s.Fatal(err)
		}
		var gaps []time.Duration
		last := r.CreatedAt
		for _, e := range events {
			if e.Type == refunds.EventUnknown {
				gaps = append(gaps, e.At.Sub(last).Round(time.Second/10))
				last = e.At
			}
		}
		h := time.Hour
		s.equal("distances", gaps, []time.Duration{
			1500 * time.Millisecond, 1600 * time.Millisecond, // after calls at 0, 0.1, 0.3, 0.7 and 1.5 s
			time.Second, 3 * time.Second, 9 * time.Second, 27 * time.Second, 81 * time.Second, 243 * time.Second, 729 * time.Second,
			2187 * time.Second, 6561 * time.Second, 19683 * time.Second, 6 * h, 6 * h,
		}[:len(gaps)])

		// Past the key's age, with look-ups that fail, a person sees it, and it
		// is still looked up. It is never failed by age.
		s.settle(40 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusUnknown)
		s.equal("is for a person", r.Work.GaveUp, true)
		sends := s.gateway.Calls(refundstest.CallCreate)
		s.settle(400 * time.Hour)
		s.equal("sends after the key's age", s.gateway.Calls(refundstest.CallCreate), sends)
		s.is(s.get(r.ID), refunds.StatusUnknown)
		s.check()
	})
}

func TestAKeyThatIsTooOldAndWasNeverAnsweredGoesToAPerson(t *testing.T) {
	for _, paid := range []bool{true, false} {
		inBubble(t, func(s *shop) {
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
			r := s.refund(request(1, 1))
			s.settle(60 * time.Hour)
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
			r = s.get(r.ID)
			s.is(r, refunds.StatusUnknown)
			s.equal("is for a person", r.Work.GaveUp, true)
			s.equal("is queued", s.seen.queued, 1)
			queue, n, err := s.List(s.Context(), refunds.Query{NeedPerson: true})
			if err != nil || n != 1 || queue[0].ID != r.ID {
				s.Errorf("queue for a person: %v, %d, %v", queue, n, err)
			}
			b, err := s.store.Book(s.Context(), refunds.OpenRequest{PaymentID: "payment-1"})
			if err != nil || b.Balance.Reserved != 1000 {
				s.Errorf("it does not hold its amount: %+v, %v", b.Balance, err)
			}

			_, err = s.Resolve(s.Context(), r.ID, paid, "  ", kim, "")
			s.code(err, refunds.CodeInvalid)
			r, err = s.Resolve(s.Context(), r.ID, paid, "asked their support", kim, "re_x")
			if err != nil {
				s.Fatal(err)
			}
			if paid {
				s.is(r, refunds.StatusSucceeded)
				return
			}
			s.is(r, refunds.StatusFailed)
			_, err = s.Resolve(s.Context(), r.ID, paid, "again", kim, "")
			s.code(err, refunds.CodeTransition)
			s.is(s.refund(request(1, 1)), refunds.StatusSucceeded)
			s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
		})
	}
}

func TestAKeyThatTheProviderForgotEarlyIsNotPaidTwice(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostAfter, refundstest.FaultNotSent)
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusUnknown)
		s.gateway.PruneKeys()
		time.Sleep(2 * time.Second)
		s.settle(time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
	})
}

func TestARefusalAfterALostCallIsLookedUp(t *testing.T) {
	inBubble(t, func(s *shop) {
		// The key is forgotten at once, and the payment is refunded already.
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostAfter)
		forgetful := &forgetting{Gateway: s.gateway}
		svc, err := refunds.New(refunds.Config{Store: s.store, Gateway: forgetful})
		if err != nil {
			s.Fatal(err)
		}
		r, err := svc.Refund(s.Context(), request(1, 1))
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
	})
}

// forgetting refuses every call after the first, as a provider does that
// forgot the key and sees a payment that is refunded already.
type forgetting struct {
	*refundstest.Gateway
	called bool
}

func (f *forgetting) CreateRefund(ctx context.Context, r refunds.GatewayRequest) refunds.Answer {
	if !f.called {
		f.called = true
		return f.Gateway.CreateRefund(ctx, r)
	}
	return refunds.Answer{Outcome: refunds.OutcomeRefused, Code: "charge_already_refunded", HTTP: 400}
}

func TestAnOutageLongerThanTheKeyLivesLosesNothing(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNotSent)
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusSubmitted)
		s.settle(48 * time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusSubmitted)
		s.equal("was certainly never sent", r.Attempt().FirstSentAt.IsZero(), true)
		s.equal("is for a person", r.Work.GaveUp, false)
		if r.Version > 2*48*60*3 {
			s.Errorf("two days of outage made %d events", r.Version)
		}
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
		s.settle(2 * time.Minute)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.check()
	})
}

func TestAnOutageCostsOneProbeAndNotTheQueue(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNotSent)
		for i := range 30 {
			s.refund(request(i, 1))
		}
		time.Sleep(time.Minute)
		calls := s.gateway.Calls(refundstest.CallCreate)
		s.pursue()
		s.equal("calls of one round", s.gateway.Calls(refundstest.CallCreate)-calls, 2)
	}, func(c *refunds.Config) { c.Parallel = 2 })
}

func TestManualMethodsNeverCallTheProvider(t *testing.T) {
	inBubble(t, func(s *shop) {
		for i, c := range []struct {
			method    refunds.Method
			paidBy    orders.PaymentMethod
			want      refunds.Method
			reference string
		}{
			{refunds.Cash, orders.PayCard, refunds.Cash, "MANUAL-CAS-00001"},
			{refunds.StoreCredit, orders.PayCard, refunds.StoreCredit, "MANUAL-STO-00001"},
			{refunds.OriginalMethod, orders.PayCash, refunds.Cash, "MANUAL-CAS-00002"},
			{"", orders.PayCash, refunds.Cash, "MANUAL-CAS-00003"},
			{refunds.StoreCredit, orders.PayCash, refunds.StoreCredit, "MANUAL-STO-00002"},
		} {
			q := request(i, 1)
			q.Method, q.PaymentMethod = c.method, c.paidBy
			r := s.refund(q)
			s.is(r, refunds.StatusSucceeded)
			s.equal("method", r.Method, c.want)
			s.equal("reference", r.Attempt().ProviderReference, c.reference)
			s.equal("paid by", r.Attempt().PaidBy, kim)
			s.equal("again", s.refund(q), r)
			found, err := s.ByProviderReference(s.Context(), c.reference)
			if err != nil || found.ID != r.ID {
				s.Errorf("by its reference: %v, %v", found, err)
			}
		}
		s.equal("calls", s.gateway.Calls(refundstest.CallCreate)+s.gateway.Calls(refundstest.CallFind), 0)
		credit, err := s.CreditBalance(s.Context(), "ann", "USD")
		if err != nil || credit != 2000 {
			s.Errorf("store credit %d, %v", credit, err)
		}
		s.equal("completed", s.seen.completed, 5)
		s.check()
	})
}

func TestARefundOfNothingSucceedsWithoutACall(t *testing.T) {
	inBubble(t, func(s *shop) {
		q := request(1, 1)
		q.Quote.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, Fixed: 5000}}
		r := s.refund(q)
		s.is(r, refunds.StatusSucceeded)
		s.equal("amount", r.Amount(), int64(0))
		s.equal("calls", s.gateway.Calls(refundstest.CallCreate), 0)
		s.equal("completed", s.seen.completed, 1)
		s.refund(q)
		s.equal("completed after asking again", s.seen.completed, 1)

		q = request(2, 1)
		q.Quote.Lines[0].Paid, q.Method, q.Captured = refunds.Components{}, refunds.StoreCredit, 0
		s.is(s.refund(q), refunds.StatusSucceeded)
		s.check()
	})
}

func TestRefundRefusals(t *testing.T) {
	change := func(f func(*refunds.Request)) refunds.Request {
		r := request(1, 1)
		f(&r)
		return r
	}
	for _, c := range []struct {
		name string
		r    refunds.Request
		code refunds.Code
		want string
	}{
		{"no reference", change(func(r *refunds.Request) { r.Reference = "" }), refunds.CodeInvalid, "reference"},
		{"no customer", change(func(r *refunds.Request) { r.Customer = "" }), refunds.CodeInvalid, "customer"},
		{"no text", change(func(r *refunds.Request) { r.OrderID = "a\x00b" }), refunds.CodeInvalid, "order_id"},
		{"no currency", change(func(r *refunds.Request) { r.Currency = "usd" }), refunds.CodeInvalid, "currency"},
		{"another currency", change(func(r *refunds.Request) { r.Quote.Currency = "EUR" }), refunds.CodeInvalid, "EUR"},
		{"no such method", change(func(r *refunds.Request) { r.Method = "gold" }), refunds.CodeMethod, `"gold"`},
		{"card for cash", change(func(r *refunds.Request) { r.Method, r.PaymentMethod = refunds.Card, orders.PayCash }), refunds.CodeMethod, "not paid by card"},
		{"card without a payment", change(func(r *refunds.Request) { r.PaymentReference = "" }), refunds.CodeMethod, "payment_reference"},
		{"not by the terms", change(func(r *refunds.Request) {
			r.Method, r.Allowed = refunds.Cash, []refunds.Method{refunds.StoreCredit, refunds.OriginalMethod}
		}),
			refunds.CodeMethod, "allowed: store_credit, original_method"},
		{"no lines", change(func(r *refunds.Request) { r.Quote.Lines = nil }), refunds.CodeNothingToRefund, "no units"},
		{"too many units", change(func(r *refunds.Request) { r.Quote.Lines[0].Units = 4 }), refunds.CodeInvalid, "3 of 3 bought are left"},
		{"more than was captured", change(func(r *refunds.Request) { r.Captured = 999 }), refunds.CodeBalance, "10.00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				_, err := s.Refund(s.Context(), c.r)
				if refunds.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
					s.Errorf("error %v, want %s with %q", err, c.code, c.want)
				}
				if _, n, err := s.List(s.Context(), refunds.Query{}); n != 0 || err != nil {
					s.Errorf("%d refunds were made, %v", n, err)
				}
				s.equal("calls", s.gateway.Calls(refundstest.CallCreate), 0)
			})
		})
	}
	inBubble(t, func(s *shop) {
		for _, allowed := range [][]refunds.Method{{refunds.OriginalMethod}, {refunds.Card}, nil} {
			q := request(len(allowed)*10+1, 1)
			q.Allowed = allowed
			s.is(s.refund(q), refunds.StatusSucceeded)
		}
	})
}

func TestAFailedRefundLeavesTheBalanceFreeAndIsTriedByAnotherMethod(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
		r := s.refund(request(1, 2))
		s.is(r, refunds.StatusFailed)
		s.equal("failure", r.Attempt().FailureCode, "charge_disputed")
		s.equal("failed", s.seen.failed, 1)
		_, balance, err := s.Preview(s.Context(), request(1, 2))
		if err != nil || balance.Available() != 3000 {
			s.Errorf("balance %+v, %v", balance, err)
		}
		// Without lines it quotes what the failed attempt did.
		q := request(1, 2)
		q.Method, q.Quote = refunds.StoreCredit, refunds.QuoteRequest{}
		again := s.refund(q)
		s.is(again, refunds.StatusSucceeded)
		s.equal("amount", again.Amount(), int64(2000))
		s.equal("id", again.ID, r.ID)
		if again.Attempts[0].Status != refunds.StatusFailed || again.Attempts[1].Number != 2 {
			s.Errorf("attempts %+v", again.Attempts)
		}
		s.check()
	})
}

func TestANewAttemptQuotesAgain(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
		line := refunds.QuoteRequestLine{OrderLineID: "line-1", Bought: 3, Units: 1, Paid: refunds.Components{Price: 1000}}
		first, second := request(1, 1), request(1, 1)
		first.Quote.Lines, second.Quote.Lines = []refunds.QuoteRequestLine{line}, []refunds.QuoteRequestLine{line}
		second.Reference = "return-1b"
		s.equal("first", s.refund(first).Amount(), int64(333))
		s.equal("second, while the first has failed", s.refund(second).Amount(), int64(333))
		again := s.refund(first)
		s.is(again, refunds.StatusSucceeded)
		s.equal("first again, after the second", again.Amount(), int64(333))
		third := second
		third.Reference = "return-1c"
		s.equal("third", s.refund(third).Amount(), int64(334))
		s.check()
	})
}

func TestWhoAsksWhileItIsOpenBringsTheNextTryToNow(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostAfter)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		r := s.refund(request(1, 1))
		s.settle(5 * time.Hour)
		s.is(s.get(r.ID), refunds.StatusUnknown)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
		again := s.refund(request(1, 1))
		s.is(again, refunds.StatusSucceeded)
		s.equal("id", again.ID, r.ID)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
	})
}

func TestTwoAtOnceAreOneRefund(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultHangAfter)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				r, err := s.Refund(s.Context(), request(1, 1))
				if err != nil || r.Status == refunds.StatusFailed {
					s.Errorf("%s, %v", r.Status, err)
				}
			})
		}
		wg.Wait()
		s.settle(time.Minute)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
		s.check()
	})
}

func TestACallerThatGoesAwayLosesNothing(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultHangBefore)
		ctx, cancel := context.WithTimeout(s.Context(), 100*time.Millisecond)
		defer cancel()
		r, err := s.Refund(ctx, request(1, 1))
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusUnknown)
		s.is(s.get(r.ID), refunds.StatusUnknown)
		s.settle(time.Minute)
		s.is(s.get(r.ID), refunds.StatusSucceeded)

		cancel()
		if _, err := s.Refund(ctx, request(2, 1)); !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("error %v, want that of the context", err)
		}
	})
}

func TestAProcessThatWasStoppedOverwritesNothing(t *testing.T) {
	inBubble(t, func(s *shop) {
		stopped := &stopping{Gateway: s.gateway, meanwhile: func() {
			time.Sleep(11 * time.Second) // longer than its lease
			s.pursue()
		}}
		slow, err := refunds.New(refunds.Config{Store: s.store, Gateway: stopped})
		if err != nil {
			s.Fatal(err)
		}
		r, err := slow.Refund(s.Context(), request(1, 1))
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusSucceeded) // as the other has found out
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
		s.check()
	})
}

// stopping loses the answer of the first call and sleeps past its lease.
type stopping struct {
	*refundstest.Gateway
	meanwhile func()
}

func (g *stopping) CreateRefund(ctx context.Context, r refunds.GatewayRequest) refunds.Answer {
	g.Gateway.CreateRefund(ctx, r)
	if f := g.meanwhile; f != nil {
		g.meanwhile = nil
		f()
	}
	return refunds.Answer{Outcome: refunds.OutcomeRefused, Code: "a lie that must not be kept"}
}

func TestALeaseIsRenewedWhileCallsAreSlow(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultHangBefore)
		r := s.refund(request(1, 1)) // 30 s of calls under leases of 10 s
		s.is(r, refunds.StatusUnknown)
		if sent := r.Attempt().Sent; sent < 5 {
			s.Errorf("%d calls", sent)
		}
	}, func(c *refunds.Config) {
		c.CallTimeout, c.Wait, c.RetryFor = 5*time.Second, 30*time.Second, 30*time.Second
	})
}

func TestCheckFollowsTheProvider(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRequiresAction)
		webhook := refunds.Actor{Kind: orders.ActorProvider}
		check := func(id string) (refunds.Refund, error) { return s.Check(s.Context(), id, webhook) }
		r := s.refund(request(1, 2))
		s.gateway.Settle("re_1", "succeeded")
		r, err := check(r.ID)
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusSucceeded)

		// The provider takes it back: balance and units are free, and a new
		// refund of the same return may be made.
		s.gateway.Settle("re_1", "failed")
		r, err = check(r.ID)
		if err != nil {
			s.Fatal(err)
		}
		s.is(r, refunds.StatusReversed)
		s.equal("reversed", s.seen.reversed, 1)
		if r, err = check(r.ID); err != nil || r.Status != refunds.StatusReversed {
			s.Errorf("again: %s, %v", r.Status, err)
		}
		second := s.refund(request(1, 3))
		s.is(second, refunds.StatusSucceeded)
		s.equal("amount", second.Amount(), int64(3000))
		if second.ID == r.ID {
			s.Error("the reversed refund was used again")
		}
		s.check()

		_, err = s.Reverse(s.Context(), second.ID, "re_1", "", "", webhook)
		s.code(err, refunds.CodeInvalid)

		// A failed refund that the provider paid after all is an alarm.
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
		third := s.refund(request(3, 1))
		s.gateway.Settle("re_3", "failed")
		if third, err = check(third.ID); err != nil || third.Status != refunds.StatusFailed {
			s.Errorf("third: %s, %v", third.Status, err)
		}
		s.gateway.Settle("re_3", "succeeded")
		third, err = check(third.ID)
		s.code(err, refunds.CodeContradiction)
		s.is(third, refunds.StatusFailed)
	})
}

func TestStoreCreditOfTheService(t *testing.T) {
	inBubble(t, func(s *shop) {
		change := refunds.CreditChange{CustomerID: "bob", Currency: "USD", Amount: 500, Ref: "goodwill-1", By: kim}
		for i := range 2 {
			did, err := s.GrantCredit(s.Context(), change)
			if err != nil || did != (i == 0) {
				s.Errorf("grant %d: %v, %v", i, did, err)
			}
		}
		change.Ref, change.Amount = "order-1", 501
		_, err := s.SpendCredit(s.Context(), change)
		s.code(err, refunds.CodeCreditTooLow)
		change.Amount = 500
		if did, err := s.SpendCredit(s.Context(), change); err != nil || !did {
			s.Errorf("spend: %v, %v", did, err)
		}
		for _, amount := range []int64{0, -1} {
			change.Amount = amount
			_, err := s.GrantCredit(s.Context(), change)
			s.code(err, refunds.CodeInvalid)
			_, err = s.SpendCredit(s.Context(), change)
			s.code(err, refunds.CodeInvalid)
		}
		entries, err := s.CreditEntries(s.Context(), "bob")
		if err != nil || len(entries) != 2 {
			s.Errorf("entries %v, %v", entries, err)
		}
	})
}

func TestConfigIsValidated(t *testing.T) {
	good := func() refunds.Config {
		return refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}}
	}
	for field, spoil := range map[string]func(*refunds.Config){
		"Store":        func(c *refunds.Config) { c.Store = nil },
		"Gateway":      func(c *refunds.Config) { c.Gateway = nil },
		"CallTimeout":  func(c *refunds.Config) { c.CallTimeout = 6 * time.Second },
		"Lease":        func(c *refunds.Config) { c.Lease = 11 * time.Second },
		"Wait":         func(c *refunds.Config) { c.Wait = -1 },
		"FirstRetry":   func(c *refunds.Config) { c.FirstRetry = -1 },
		"LookupMax":    func(c *refunds.Config) { c.LookupMax = time.Millisecond },
		"AbsenceGrace": func(c *refunds.Config) { c.AbsenceGrace = -1 },
		"KeyMaxAge":    func(c *refunds.Config) { c.KeyMaxAge = -1 },
		"Parallel":     func(c *refunds.Config) { c.Parallel = -1 },
	} {
		c := good()
		spoil(&c)
		_, err := refunds.New(c)
		var e *refunds.Error
		if !errors.As(err, &e) || e.Field != "Config."+field {
			t.Errorf("%s: error %v does not name the field", field, err)
		}
	}
	if _, err := refunds.New(good()); err != nil {
		t.Error(err)
	}
}
