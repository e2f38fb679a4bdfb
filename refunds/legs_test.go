package refunds_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// shared is return n of units of one order, which paid 30.00 for 3: 20.00 by store
// credit and 10.00 by card.
func shared(n, units int) refunds.Request {
	r := request(n, units)
	r.OrderID = "order"
	r.Quote.Lines[0].OrderLineID = "line"
	r.Payments = []refunds.Payment{
		{ID: "credit", Method: payment.StoreCredit, Captured: 2000},
		{ID: "card", Method: payment.Card, ProviderID: "pi_1", Captured: 1000},
	}
	return r
}

// pay pays a refund over several payments.
func (s *shop) pay(r refunds.Request) refunds.Intent {
	s.Helper()
	in, err := s.Service.Refund(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	return in
}

// legs are the parts of a refund in short.
func legs(in refunds.Intent) []string {
	var out []string
	for _, r := range in.Legs {
		out = append(out, fmt.Sprintf("%s by %s: %d %s", r.PaymentID, r.Method, r.Amount(), r.Status))
	}
	return out
}

// gave is what a payment has reserved and refunded.
func (s *shop) gave(paymentID string) string {
	s.Helper()
	l, err := s.PaymentLedger(s.Context(), refunds.PaymentRef{OrderID: "order", PaymentID: paymentID})
	if err != nil {
		s.Fatal(err)
	}
	return fmt.Sprintf("%d reserved, %d refunded", l.Reserved, l.Refunded)
}

func (s *shop) review() []string {
	s.Helper()
	all, _, err := s.List(s.Context(), refunds.Query{NeedsReview: true})
	if err != nil {
		s.Fatal(err)
	}
	var out []string
	for _, r := range all {
		out = append(out, r.PaymentID)
	}
	return out
}

func TestARefundGoesBackTheWayEachPartWasPaid(t *testing.T) {
	inBubble(t, func(s *shop) {
		first := s.pay(shared(1, 1))
		s.equal("the first unit", legs(first),
			[]string{"credit by store_credit: 666 succeeded", "card by card: 334 succeeded"})
		s.equal("as a whole", []any{first.Status, first.Amount(), first.Method, first.ID, first.PaymentID},
			[]any{refunds.StatusSucceeded, int64(1000), payment.OriginalMethod, first.Legs[0].ID, ""})
		for _, leg := range first.Legs {
			s.equal("intent", leg.IntentID, first.ID)
		}
		again := s.pay(shared(1, 1))
		s.equal("requested again", legs(again), legs(first))
		s.pay(shared(2, 2))
		s.equal("credit", s.gave("credit"), "0 reserved, 2000 refunded")
		s.equal("card", s.gave("card"), "0 reserved, 1000 refunded")
		s.equal("refunds at the provider", len(s.gateway.Ledger()), 2)
		credit, err := s.CreditBalance(s.Context(), "ann", "USD")
		s.equal("store credit", []any{credit, err}, []any{int64(2000), nil})
		s.equal("a fourth unit", s.pay(shared(3, 1)).Amount(), int64(0))
		s.check()
	})
}

func TestTheMethodSaysHowEachPartIsPaidOut(t *testing.T) {
	for m, want := range map[payment.Method]any{
		payment.Card:        refunds.CodeMethod,
		payment.Cash:        []string{"credit by cash: 666 succeeded", "card by cash: 334 succeeded"},
		payment.StoreCredit: []string{"credit by store_credit: 666 succeeded", "card by store_credit: 334 succeeded"},
	} {
		t.Run(string(m), func(t *testing.T) {
			inBubble(t, func(s *shop) {
				r := shared(1, 1)
				r.Method = m
				in, err := s.Service.Refund(s.Context(), r)
				if code, refused := want.(refunds.Code); refused {
					s.code(err, code)
					s.equal("reserved", s.gave("card"), "0 reserved, 0 refunded")
				} else {
					s.equal("parts", legs(in), want)
					s.equal("method of the whole", in.Method, m)
				}
				s.check()
			})
		})
	}
}

func TestEachRuleSplits(t *testing.T) {
	for rule, want := range map[refunds.SplitRule][]string{
		refunds.SplitLastPaidFirst:    {"credit by store_credit: 1000 succeeded", "card by card: 1000 succeeded"},
		refunds.SplitStoreCreditFirst: {"credit by store_credit: 2000 succeeded"},
	} {
		t.Run(string(rule), func(t *testing.T) {
			inBubble(t, func(s *shop) {
				r := shared(1, 2)
				r.Split = rule
				s.equal("parts", legs(s.pay(r)), want)
				r = shared(2, 1)
				r.Split = rule
				s.pay(r)
				s.equal("credit", s.gave("credit"), "0 reserved, 2000 refunded")
				s.equal("card", s.gave("card"), "0 reserved, 1000 refunded")
				s.check()
			})
		})
	}
}

// One part fails: the others stand, it is in review, and it is tried again alone, by
// any method, once.
func TestAPartThatFailsIsTriedAgainAlone(t *testing.T) {
	for _, m := range []payment.Method{payment.OriginalMethod, payment.Card, payment.Cash, payment.StoreCredit} {
		t.Run(string(m), func(t *testing.T) {
			inBubble(t, func(s *shop) {
				s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
				in := s.pay(shared(1, 1))
				s.equal(
					"parts",
					legs(in),
					[]string{"credit by store_credit: 666 succeeded", "card by card: 334 failed"},
				)
				s.equal("the whole", []any{in.Status, in.Work.NeedsReview, len(in.Failed())},
					[]any{refunds.StatusPending, true, 1})
				s.equal("in review", s.review(), []string{"card"})
				s.equal("card", s.gave("card"), "0 reserved, 0 refunded")

				q, _, err := s.Preview(s.Context(), shared(1, 1))
				s.equal("what is yet to be paid", []any{q.Amount, err}, []any{int64(334), nil})
				r := shared(1, 1)
				r.Method, r.Expect = m, &q.Amount
				in = s.pay(r)
				by := m
				if m == payment.OriginalMethod {
					by = payment.Card
				}
				s.equal("parts in the end", legs(in),
					[]string{"credit by store_credit: 666 succeeded", fmt.Sprintf("card by %s: 334 succeeded", by)})
				s.equal("the whole in the end", []any{in.Status, in.Amount(), len(s.review())},
					[]any{refunds.StatusSucceeded, int64(1000), 0})
				s.equal("card in the end", s.gave("card"), "0 reserved, 334 refunded")
				s.equal("credit in the end", s.gave("credit"), "0 reserved, 666 refunded")
				s.check()
			})
		})
	}
}

func TestAllPartsFailAndAreTriedAgainTogether(t *testing.T) {
	inBubble(t, func(s *shop) {
		r := shared(1, 1)
		r.Payments[0].Method, r.Payments[0].ProviderID = payment.Card, "pi_0"
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse, refundstest.FaultRefuse)
		in := s.pay(r)
		s.equal("parts", legs(in), []string{"credit by card: 666 failed", "card by card: 334 failed"})
		s.equal("the whole", []any{in.Status, len(in.Failed()), len(s.review())}, []any{refunds.StatusFailed, 0, 0})
		r.Quote.Lines[0].Units, r.Method = 2, payment.Cash
		again := s.pay(r)
		s.equal(
			"parts in the end",
			legs(again),
			[]string{"credit by cash: 1333 succeeded", "card by cash: 667 succeeded"},
		)
		s.equal("intent", again.ID, in.ID)
		s.check()
	})
}

// What a part that failed is owed is left to it by the other returns of the order.
func TestAPartThatFailedIsLeftWhatItIsOwed(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
		s.pay(shared(1, 1))
		s.equal("the rest of the order", legs(s.pay(shared(2, 2))),
			[]string{"credit by store_credit: 1334 succeeded", "card by card: 666 succeeded"})
		s.equal("the part", legs(s.pay(shared(1, 1))),
			[]string{"credit by store_credit: 666 succeeded", "card by card: 334 succeeded"})
		s.equal("card", s.gave("card"), "0 reserved, 1000 refunded")
		s.check()
	})
}

// The bank sends one part back: a refund of that part alone waits for a method.
func TestAPartThatIsReversedIsPaidAgainAlone(t *testing.T) {
	inBubble(t, func(s *shop) {
		in := s.pay(shared(1, 1))
		card := in.Legs[1]
		if !s.gateway.Settle(card.Attempt().ProviderID, "failed") {
			s.Fatal("the provider does not have it")
		}
		if _, err := s.Check(s.Context(), card.ID, kim); err != nil {
			s.Fatal(err)
		}
		in, err := s.Service.ByClientReference(s.Context(), in.ClientReference)
		s.equal("parts", []any{legs(in), err},
			[]any{[]string{"credit by store_credit: 666 succeeded", "card by store_credit: 334 created"}, nil})
		s.equal("it waits", []any{in.HoldRef, in.OnHold(), in.ID == in.Legs[1].ID, in.Legs[1].IntentID == in.ID},
			[]any{refunds.AwaitingMethod, true, true, true})
		s.equal("in review", s.review(), []string{"card"})
		r := shared(1, 1)
		r.Method = payment.Cash
		in = s.pay(r)
		s.equal("parts in the end", legs(in),
			[]string{"credit by store_credit: 666 succeeded", "card by cash: 334 succeeded"})
		s.equal("the whole", []any{in.Status, in.Amount()}, []any{refunds.StatusSucceeded, int64(1000)})
		s.check()
	})
}

// A gift balance that was given back can't be given back again, whoever asks and how,
// also when it was spent meanwhile; what was spent can't be withdrawn.
func TestStoreCreditIsGivenBackOnceForWhatItPaid(t *testing.T) {
	inBubble(t, func(s *shop) {
		in := s.pay(shared(1, 3))
		spent, err := s.SpendCredit(s.Context(), refunds.CreditChange{CustomerID: "ann", Currency: "USD", Amount: 1500,
			Ref: "order-2", By: kim})
		s.equal("spent", []any{spent, err}, []any{true, nil})
		for i, r := range []refunds.Request{shared(1, 3), shared(2, 3), shared(3, 1)} {
			r.Method = payment.StoreCredit
			again, err := s.Service.Refund(s.Context(), r)
			if err != nil || i > 0 && again.Amount() != 0 {
				s.Errorf("request %d: %v, %v", i, legs(again), err)
			}
		}
		left, err := s.CreditBalance(s.Context(), "ann", "USD")
		s.equal("store credit", []any{left, err}, []any{int64(500), nil})
		s.equal("credit", s.gave("credit"), "0 reserved, 2000 refunded")
		_, err = s.Reverse(s.Context(), in.Legs[0].ID, kim, refunds.ReverseParams{Reason: "a mistake"})
		s.code(err, refunds.CodeCreditTooLow)
	})
}

func TestPartsOnHoldAndMoneyOfOthers(t *testing.T) {
	t.Run("a dispute holds its payment's part alone", func(t *testing.T) {
		inBubble(t, func(s *shop) {
			h := refunds.HoldRequest{
				OrderID:   "order",
				PaymentID: "card",
				Captured:  1000,
				Currency:  "USD",
				Ref:       "dp_1",
				By:        kim,
			}
			if _, err := s.Hold(s.Context(), h); err != nil {
				s.Fatal(err)
			}
			in := s.pay(shared(1, 1))
			s.equal("parts", legs(in), []string{"credit by store_credit: 666 succeeded", "card by card: 334 created"})
			s.equal("on hold", []any{in.OnHold(), in.HoldRef, s.review()}, []any{true, "dp_1", []string{"card"}})
			if _, err := s.Release(s.Context(), h); err != nil {
				s.Fatal(err)
			}
			s.settle(0)
			in, _ = s.Service.ByClientReference(s.Context(), in.ClientReference)
			s.equal("after the release", in.Status, refunds.StatusSucceeded)
			s.check()
		})
	})
	t.Run("the worker carries a part on whose answer was lost", func(t *testing.T) {
		inBubble(t, func(s *shop) {
			s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostAfter)
			s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
			in := s.pay(shared(1, 1))
			s.equal("parts", legs(in), []string{"credit by store_credit: 666 succeeded", "card by card: 334 unknown"})
			s.equal("the whole", in.Status, refunds.StatusUnknown)
			s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
			s.settle(1 << 40)
			in, _ = s.Service.ByClientReference(s.Context(), in.ClientReference)
			s.equal("in the end", in.Status, refunds.StatusSucceeded)
			s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
			s.check()
		})
	})
}

func TestPartsAreRefusedBeforeAnythingIsCommitted(t *testing.T) {
	for name, spoil := range map[string]func(*refunds.Request){
		"a payment twice":                 func(r *refunds.Request) { r.Payments[1].ID = "credit" },
		"a payment without an id":         func(r *refunds.Request) { r.Payments[1].ID = "" },
		"a rule that is none":             func(r *refunds.Request) { r.Split = "some" },
		"a part of another payment":       func(r *refunds.Request) { r.PaymentID = "cash" },
		"a part of what was not refunded": func(r *refunds.Request) { r.PaymentID = "card" },
		"a payment below nothing":         func(r *refunds.Request) { r.Payments[0].Captured = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				r := shared(1, 1)
				spoil(&r)
				_, err := s.Service.Refund(s.Context(), r)
				s.code(err, refunds.CodeInvalid)
				_, n, err := s.List(s.Context(), refunds.Query{})
				s.equal("refunds", []any{n, err}, []any{0, nil})
			})
		})
	}
}

// Fees and every line go into the parts, and their sum is the quote.
func TestThePartsOfAQuoteSumToIt(t *testing.T) {
	inBubble(t, func(s *shop) {
		r := shared(1, 2)
		r.Quote.Lines = append(r.Quote.Lines, refunds.QuoteRequestLine{OrderLineID: "other", Bought: 2, Units: 1,
			Paid: money.Components{Price: 500, Duty: 33, Shipping: 7}})
		r.Payments[0].Captured += 540
		r.Quote.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, PercentBP: 1000}}
		want, _, err := s.Preview(s.Context(), r)
		if err != nil {
			s.Fatal(err)
		}
		in := s.pay(r)
		got := in.Quote
		s.equal("sums", []int64{got.Gross, got.FeesSum, got.Amount, got.ByTerms},
			[]int64{want.Gross, want.FeesSum, want.Amount, want.ByTerms})
		s.equal("lines", got.Lines, want.Lines)
		s.equal("fees", got.Fees, want.Fees)
		for _, leg := range in.Legs {
			q := leg.Quote
			if q.Gross-q.FeesSum != q.Amount || q.Whole != want.Amount ||
				slices.ContainsFunc(q.Lines, func(l refunds.QuoteLine) bool { return l.Refunded.Total() < 0 }) {
				s.Errorf("part %+v", q)
			}
		}
		s.check()
	})
}

// The part of the card failed and is tried again; the answer was lost, and the same
// request is sent once more.
func TestARetryOfAPartIsAnsweredTwice(t *testing.T) {
	for _, named := range []string{"", "card"} {
		t.Run("the part that is named: "+named, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
				s.pay(shared(1, 1))
				r, amount := shared(1, 1), int64(334)
				r.PaymentID, r.Expect = named, &amount
				time.Sleep(time.Second)
				first := s.pay(r)
				s.equal("paid", legs(first),
					[]string{"credit by store_credit: 666 succeeded", "card by card: 334 succeeded"})
				s.equal("sent twice", legs(s.pay(r)), legs(first))
				amount = 1000
				s.equal("all of it", legs(s.pay(r)), legs(first))
				amount = 335
				_, err := s.Service.Refund(s.Context(), r)
				s.code(err, refunds.CodeAmountChanged)
				s.equal("refunds at the provider", len(s.gateway.Ledger()), 1)
				s.check()
			})
		})
	}
}

// Staff take the part of store credit back. Until it is paid again the other returns of
// the order leave it what it is of, and it stands in the review queue.
func TestAPartThatWasTakenBackCountsUntilItIsReplaced(t *testing.T) {
	inBubble(t, func(s *shop) {
		in := s.pay(shared(1, 1))
		_, err := s.Reverse(s.Context(), in.Legs[0].ID, kim, refunds.ReverseParams{Reason: "a mistake"})
		if err != nil {
			s.Fatal(err)
		}
		in, err = s.Service.ByClientReference(s.Context(), in.ClientReference)
		s.equal("reversed", []any{legs(in), in.Status, err}, []any{[]string{
			"credit by store_credit: 666 reversed", "card by card: 334 succeeded"}, refunds.StatusPending, nil})
		s.equal("in review", s.review(), []string{"credit"})
		r := shared(1, 1)
		r.PaymentID = "card"
		s.equal("the part that stands is requested", s.pay(r).Status, refunds.StatusPending)
		s.equal("the rest of the order", legs(s.pay(shared(2, 2))),
			[]string{"credit by store_credit: 1334 succeeded", "card by card: 666 succeeded"})
		s.equal("the part", legs(s.pay(shared(1, 1))),
			[]string{"credit by store_credit: 666 succeeded", "card by card: 334 succeeded"})
		s.equal("in review in the end", len(s.review()), 0)
		s.equal("credit", s.gave("credit"), "0 reserved, 2000 refunded")
		s.check()
	})
}
