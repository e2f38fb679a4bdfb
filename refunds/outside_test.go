package refunds_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/resilience"
)

// payments are those of request: payment-N is pi_N.
type payments struct{}

func (payments) PaymentByProviderID(_ context.Context, id string) (refunds.PaymentRef, error) {
	n, ours := strings.CutPrefix(id, "pi_")
	if !ours {
		return refunds.PaymentRef{}, refunds.ErrNotFound
	}
	return refunds.PaymentRef{OrderID: "order-" + n, PaymentID: "payment-" + n, ProviderID: id, Captured: 3000,
		Currency: "USD"}, nil
}

// inOutsideBubble is inBubble with a provider whose lists are read.
func inOutsideBubble(t *testing.T, f func(s *shop), change ...func(*refunds.Config)) {
	t.Helper()
	inBubble(t, func(s *shop) {
		s.gateway.Capture("pi_1", 3000)
		f(s)
	}, append(change, func(c *refunds.Config) {
		c.Payments = payments{}
		lists := c.Gateway.(*refundstest.Gateway).Lists()
		if c.RefundLister == nil {
			c.RefundLister, c.History = lists, lists
		}
	})...)
}

// told delivers the provider's message about a refund.
func (s *shop) told(id string) {
	s.Helper()
	for _, p := range s.gateway.Ledger() {
		if p.Reference != id {
			continue
		}
		_, err := s.HandleWebhook(s.Context(), bank, payment.WebhookEvent{
			ProviderID: id, PaymentProviderID: p.Request.PaymentProviderID, AttemptID: p.Request.AttemptID,
			RefundID: p.Request.RefundID, Amount: 1, Outcome: payment.OutcomeDone, // none of it is believed
		})
		if err != nil && refunds.CodeOf(err) != refunds.CodeContradiction {
			s.Error(err)
		}
	}
}

func (s *shop) ledger(n int) refunds.PaymentLedger {
	s.Helper()
	p, err := payments{}.PaymentByProviderID(s.Context(), fmt.Sprint("pi_", n))
	if err != nil {
		s.Fatal(err)
	}
	l, err := s.PaymentLedger(s.Context(), p)
	if err != nil {
		s.Fatal(err)
	}
	return l
}

// counts checks reserved, refunded, outside, available and overpaid of payment 1.
func (s *shop) counts(want ...int64) {
	s.Helper()
	l := s.ledger(1)
	s.equal("reserved, refunded, outside, available, overpaid",
		[]int64{l.Reserved, l.Refunded, l.Outside, l.Available(), l.Overpaid()}, want)
	for _, o := range l.OutsideMoney {
		events, err := s.Events(s.Context(), refunds.OutsideID(o.ProviderID))
		if err != nil {
			s.Fatal(err)
		}
		folded, err := refunds.FoldOutside(events)
		if err != nil || folded != o {
			s.Errorf("events fold to %+v, %v\nstored is   %+v", folded, err, o)
		}
	}
}

func (s *shop) sweep() {
	s.Helper()
	if done, err := s.SweepDue(s.Context()); err != nil || !done {
		s.Errorf("sweep is done: %v, %v", done, err)
	}
}

func TestMoneyRefundedAtTheProviderIsNotPaidAgain(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprint("told by a message: ", told), func(t *testing.T) {
			inOutsideBubble(t, func(s *shop) {
				id := s.gateway.RefundOutside("pi_1", 3000, "USD")
				q := request(1, 3)
				if told {
					s.told(id)
				} else {
					r := s.refund(q) // the provider declines, and it is found out why
					s.is(r, refunds.StatusUnknown)
					s.equal("needs review", r.Work.NeedsReview, true)
					if !strings.Contains(r.Work.LastError, "given back outside of this shop") {
						s.Errorf("last error is %q", r.Work.LastError)
					}
					s.settle(100 * time.Hour)
					s.is(s.get(r.ID), refunds.StatusUnknown)
					_, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Reason: "refunded on their " +
						"pages"})
					if err != nil {
						s.Fatal(err)
					}
				}
				for _, method := range []payment.Method{payment.Card, payment.StoreCredit, payment.Cash} {
					q.Method = method
					_, err := s.Refund(s.Context(), q)
					s.code(err, refunds.CodeBalance)
					if err == nil || !strings.Contains(err.Error(), "30.00 USD was given back outside of this shop") {
						s.Errorf("%s: error %v", method, err)
					}
				}
				s.counts(0, 0, 3000, 0, 0)
				s.check()
			})
		})
	}
}

func TestACodeThatSaysRefundedAlreadyNeedsReviewWithoutLists(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Capture("pi_1", 3000)
		s.gateway.RefundOutside("pi_1", 3000, "USD")
		r := s.refund(request(1, 1))
		s.is(r, refunds.StatusUnknown)
		if !r.Work.NeedsReview || !strings.Contains(r.Work.LastError, "refunded already, and not by this shop") {
			s.Errorf("review %v: %q", r.Work.NeedsReview, r.Work.LastError)
		}
	})
}

func TestOutsideMoneyIsBookedOnceHoweverOftenItIsTold(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		id := s.gateway.RefundOutside("pi_1", 1000, "USD")
		for range 10 {
			s.told(id)
		}
		s.sweep()
		s.counts(0, 0, 1000, 2000, 0)
		events, err := s.Events(s.Context(), refunds.OutsideID(id))
		s.equal("events", []any{len(events), err}, []any{1, nil})
		s.gateway.Settle(id, "failed")
		s.counts(0, 0, 1000, 2000, 0) // nothing was looked up yet
		s.told(id)
		s.told(id)
		s.counts(0, 0, 0, 3000, 0)
		s.is(s.refund(request(1, 3)), refunds.StatusSucceeded)
	})
}

func TestAnOlderLookUpDoesNotBringOutsideMoneyBack(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		ref, _ := payments{}.PaymentByProviderID(s.Context(), "pi_1")
		l := payment.ProviderRefund{ProviderID: "re_x", PaymentProviderID: "pi_1", Amount: 1000, Currency: "USD"}
		for _, o := range []payment.Outcome{
			payment.OutcomeDeclined, payment.OutcomePending, payment.OutcomeDone, payment.OutcomeUnknown,
		} {
			l.Outcome = o
			stamp := event.Stamp{At: time.Now(), By: bank}
			open := refunds.OpenRequest{OrderID: ref.OrderID, PaymentID: ref.PaymentID, Captured: 3000, Currency: "USD"}
			_, err := s.store.Book(s.Context(), open, "re_x", refunds.Booking(stamp, ref, l))
			if err != nil {
				s.Fatal(err)
			}
			s.counts(0, 0, 0, 3000, 0)
		}
	})
}

func TestARefundThatNoLongerFitsIsNotSent(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		s.hold(dispute(1, "dp_1")) // so that it waits unsent
		q := request(1, 2)
		q.Method = payment.StoreCredit
		r := s.refund(q)
		id := s.gateway.RefundOutside("pi_1", 2000, "USD")
		s.told(id)
		s.release(dispute(1, "dp_1"))
		s.settle(time.Hour)
		r = s.get(r.ID)
		s.is(r, refunds.StatusCreated)
		s.equal("on hold for", []any{r.HoldRef, r.Work.NeedsReview}, []any{refunds.PaidOutside, true})
		if m := r.HoldMessage(); !strings.Contains(m, "given back outside") {
			s.Errorf("message is %q", m)
		}
		s.counts(2000, 0, 2000, 0, 0)

		s.gateway.Settle(id, "failed")
		s.told(id)
		s.settle(time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.counts(0, 2000, 0, 1000, 0)
		s.check()
	})
}

func TestARefundThatFitsAgainIsReleased(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		first := s.refund(request(1, 1))
		s.hold(dispute(1, "dp_1"))
		q := request(1, 2)
		q.ClientReference, q.Method = "return-2", payment.Cash
		second := s.refund(q)
		s.told(s.gateway.RefundOutside("pi_1", 500, "USD"))
		s.release(dispute(1, "dp_1"))
		s.equal("on hold for", s.get(second.ID).HoldRef, refunds.PaidOutside)
		s.gateway.Settle(first.Attempt().ProviderID, "failed")
		s.told(first.Attempt().ProviderID)
		s.settle(time.Hour)
		s.is(s.get(second.ID), refunds.StatusSucceeded)
		s.check()
	})
}

func TestOverpaidIsShown(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		q := request(1, 2)
		q.Method = payment.Cash
		s.is(s.refund(q), refunds.StatusSucceeded)
		s.told(s.gateway.RefundOutside("pi_1", 3000, "USD"))
		s.counts(0, 2000, 3000, 0, 2000)
	})
}

func TestADisputeIsLookedUpWhateverIsToldOfIt(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		d := payment.ProviderDispute{ProviderID: "dp_1", PaymentProviderID: "pi_1", Amount: 3000, Currency: "USD",
			State: payment.DisputeOpen, Status: "needs_response", Reason: "fraudulent", Withdrawn: 3000}
		sync := func() {
			s.Helper()
			s.gateway.Dispute(d)
			if _, err := s.SyncPayment(s.Context(), "pi_1", bank); err != nil {
				s.Fatal(err)
			}
		}
		sync()
		r := s.refund(request(1, 2))
		s.equal("on hold for", r.HoldRef, "dp_1")
		s.counts(2000, 0, 0, 1000, 0)

		d.State, d.Status = payment.DisputeLost, "lost"
		sync()
		s.counts(2000, 0, 3000, 0, 0)
		s.release(dispute(1, "dp_1"))
		s.settle(time.Hour)
		s.equal("on hold for", s.get(r.ID).HoldRef, refunds.PaidOutside)

		d.State, d.Status, d.Withdrawn = payment.DisputeWon, "won", 0
		sync()
		s.settle(time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.counts(0, 2000, 0, 1000, 0)
		s.check()
	})
}

func TestWhatCannotBeKeptOfTheProvidersWordsIsNotBooked(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		s.gateway.Dispute(payment.ProviderDispute{ProviderID: strings.Repeat("d", 256), PaymentProviderID: "pi_1",
			Amount: 500, Currency: "USD", State: payment.DisputeLost, Withdrawn: 500})
		s.gateway.Dispute(payment.ProviderDispute{ProviderID: "dp_1", PaymentProviderID: "pi_1", Amount: 500,
			Currency: "USD", State: payment.DisputeLost, Withdrawn: 500, Reason: strings.Repeat("\x00", 5000)})
		_, err := s.SyncPayment(s.Context(), "pi_1", bank)
		s.code(err, refunds.CodeInvalid)
		s.counts(0, 0, 500, 2500, 0) // the other one is booked
	})
}

func TestRunIsTheWholeWorker(t *testing.T) {
	var mu sync.Mutex
	var runs []resilience.WorkerRun
	inOutsideBubble(t, func(s *shop) {
		s.gateway.SetClock(time.Now)
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultLostBefore)
		ctx, stop := context.WithCancel(s.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Service.Run(ctx) }()
		q := request(1, 1)
		r := s.refund(q)
		s.gateway.RefundOutside("pi_1", 1000, "USD")
		time.Sleep(7 * time.Hour)
		s.is(s.get(r.ID), refunds.StatusSucceeded)
		s.counts(0, 1000, 1000, 1000, 0)
		stop()
		<-ended
		jobs := map[string]int{}
		for _, w := range runs {
			if jobs[w.Job] += w.Done; w.Err != nil {
				s.Errorf("%s: %v", w.Job, w.Err)
			}
		}
		s.equal("rounds of the sweep", jobs[refunds.JobSweep], 2)
	}, func(c *refunds.Config) {
		c.Wait = time.Nanosecond
		c.Worked = func(_ context.Context, w resilience.WorkerRun) {
			mu.Lock()
			defer mu.Unlock()
			runs = append(runs, w)
		}
	})
}

// What we start never exceeds what was paid, whatever others do at the same
// time, in any order of messages and look-ups.
func TestWhatWeStartStaysWithinWhatWasPaid(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inOutsideBubble(t, func(s *shop) {
				s.gateway.SetClock(time.Now)
				s.gateway.Capture("pi_1", 3000)
				random := rand.New(rand.NewPCG(seed, 1))
				booked := int64(0) // given by others and looked up
				for range 40 {
					before := s.ledger(1)
					switch random.IntN(6) {
					case 0, 1:
						q := request(1, 1)
						q.ClientReference = fmt.Sprint("return-", random.IntN(4))
						q.Method = []payment.Method{payment.Card, payment.StoreCredit, payment.Cash}[random.IntN(3)]
						_, err := s.Refund(s.Context(), q)
						after := s.ledger(1)
						grown := after.Reserved + after.Refunded - before.Reserved - before.Refunded
						if grown > before.Available() && err == nil {
							s.Errorf("%d was started, and %d was available", grown, before.Available())
						}
					case 2:
						s.gateway.RefundOutside("pi_1", int64(1+random.IntN(1500)), "USD")
					case 3:
						if l := s.gateway.Ledger(); len(l) > 0 {
							s.told(l[random.IntN(len(l))].Reference)
						}
					case 4:
						if l := s.gateway.Ledger(); len(l) > 0 && random.IntN(3) == 0 {
							s.gateway.Settle(l[random.IntN(len(l))].Reference, "failed")
						}
					case 5:
						s.settle(time.Minute)
					}
				}
				if _, err := s.SyncPayment(s.Context(), "pi_1", bank); err != nil &&
					refunds.CodeOf(err) != refunds.CodeContradiction {
					s.Fatal(err)
				}
				for _, p := range s.gateway.Ledger() {
					if p.Request.AttemptID == "" && p.Status != "failed" {
						booked += p.Request.Amount
					}
				}
				s.equal("outside", s.ledger(1).Outside, booked)
				if l := s.ledger(1); l.Reserved+l.Refunded > l.Captured {
					s.Errorf("I1: %d reserved and %d refunded of %d", l.Reserved, l.Refunded, l.Captured)
				}
			})
		})
	}
}

func TestAComparisonSaysOfABookedRefundThatOthersMadeIt(t *testing.T) {
	inOutsideBubble(t, func(s *shop) {
		start := time.Now()
		id := s.gateway.RefundOutside("pi_1", 700, "USD")
		found := func(want refunds.MatchStatus) refunds.Match {
			s.Helper()
			time.Sleep(time.Second)
			got, totals := s.compare(start, time.Now())
			s.equal("compared as "+string(want), []int{len(got[want]), totals.Count[want]}, []int{1, 1})
			if len(got[want]) == 0 {
				return refunds.Match{}
			}
			return got[want][0]
		}
		s.equal("not booked", found(refunds.MissingLocally).ProviderID, id)
		s.told(id)
		m := found(refunds.MadeOutside)
		s.equal("booked", []any{m.ProviderID, m.OrderID != "", m.Amount, m.ProviderAmount, m.Match.Differs()},
			[]any{id, true, int64(700), int64(700), false})
		s.gateway.Settle(id, "failed")
		s.equal("it came back, and nobody has said so", found(refunds.StateDiffers).ProviderID, id)
		s.told(id)
		s.equal("said", found(refunds.MadeOutside).ProviderID, id)
	})
}
