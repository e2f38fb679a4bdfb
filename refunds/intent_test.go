package refunds_test

import (
	"context"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// part is one refund of a decision that comes to whole; 0: it has no other parts.
func part(paymentID string, amount, whole int64, s refunds.Status) refunds.Refund {
	return refunds.Refund{
		ID: paymentID, PaymentID: paymentID, Method: payment.Card, Status: s,
		Quote: refunds.Quote{Currency: "USD", Amount: amount, Whole: whole},
	}
}

func TestWhatPartsThatWereTakenBackComeTo(t *testing.T) {
	const failed, reversed, succeeded = refunds.StatusFailed, refunds.StatusReversed, refunds.StatusSucceeded
	for _, c := range []struct {
		name       string
		legs       []refunds.Refund
		want       refunds.Status
		amount     int64
		parts, bad int
	}{
		{"one, reversed", []refunds.Refund{part("a", 9, 0, reversed)}, reversed, 9, 1, 0},
		{"all", []refunds.Refund{part("a", 6, 9, reversed), part("b", 3, 9, reversed)}, reversed, 9, 2, 0},
		{"one, and the other failed", []refunds.Refund{part("a", 6, 9, reversed), part("b", 3, 9, failed)},
			reversed, 9, 2, 0},
		{"all failed", []refunds.Refund{part("a", 6, 9, failed), part("b", 3, 9, failed)}, failed, 9, 2, 0},
		{"one, and the other stands", []refunds.Refund{part("a", 6, 9, reversed), part("b", 3, 9, succeeded)},
			refunds.StatusPending, 9, 2, 1},
		{"one, and another payment gave all since", []refunds.Refund{part("a", 6, 9, reversed),
			part("b", 9, 0, succeeded)}, succeeded, 9, 1, 0},
		{"one, and others gave its part since", []refunds.Refund{part("a", 4, 9, reversed),
			part("b", 5, 9, succeeded), part("c", 4, 9, succeeded)}, succeeded, 9, 2, 0},
		{"one, and nothing is left of it", []refunds.Refund{part("a", 6, 9, reversed), part("b", 3, 9, succeeded),
			part("c", 0, 3, succeeded)}, succeeded, 3, 2, 0},
		{"all that replaces one failed", []refunds.Refund{part("a", 6, 9, reversed), part("b", 9, 0, failed)},
			failed, 9, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := refunds.NewIntent(c.legs)
			if in.Status != c.want || in.Amount() != c.amount || len(in.Legs) != c.parts || len(in.Failed()) != c.bad {
				t.Errorf("%s of %d in %d parts, %d of them failed; want %s of %d in %d, %d", in.Status, in.Amount(),
					len(in.Legs), len(in.Failed()), c.want, c.amount, c.parts, c.bad)
			}
		})
	}
}

// ofThree is return n of units of one order, which paid 30.00 for 3: 10.00 each by store
// credit and by two cards.
func ofThree(n, units int) refunds.Request {
	r := shared(n, units)
	r.Payments = []refunds.Payment{
		{ID: "credit", Method: payment.StoreCredit, Captured: 1000},
		{ID: "card", Method: payment.Card, ProviderID: "pi_1", Captured: 1000},
		{ID: "other", Method: payment.Card, ProviderID: "pi_2", Captured: 1000},
	}
	return r
}

// cards finds the payments of ofThree by what the provider calls them.
type cards map[string]string

func (c cards) PaymentByProviderID(_ context.Context, id string) (refunds.PaymentRef, error) {
	if c[id] == "" {
		return refunds.PaymentRef{}, refunds.ErrNotFound
	}
	return refunds.PaymentRef{OrderID: "order", PaymentID: c[id], ProviderID: id, Captured: 1000, Currency: "USD"}, nil
}

func withLists(c *refunds.Config) {
	lists := c.Gateway.(*refundstest.Gateway).Lists()
	c.Payments, c.RefundLister, c.History = cards{"pi_1": "card", "pi_2": "other"}, lists, lists
}

// Two parts failed, and others gave so much of one payment back meanwhile that its part
// does not fit any more: the other payment gives more. What is shown is what is opened.
func TestPartsAreSplitAnewWhereAPaymentHasTooLittleLeft(t *testing.T) {
	for _, outside := range []int64{0, 500} {
		inBubble(t, func(s *shop) {
			s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse, refundstest.FaultRefuse)
			r := ofThree(1, 2)
			r.Quote.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, Fixed: 200}}
			s.equal("parts", legs(s.pay(r)), []string{"credit by store_credit: 600 succeeded",
				"card by card: 600 failed", "other by card: 600 failed"})
			want := []string{"credit by store_credit: 600 succeeded", "card by card: 600 succeeded",
				"other by card: 600 succeeded"}
			if outside > 0 {
				s.gateway.Capture("pi_1", 1000)
				s.gateway.RefundOutside("pi_1", outside, "USD")
				if _, err := s.SyncPayment(s.Context(), "pi_1", event.System("test")); err != nil {
					t.Fatal(err)
				}
				want[1], want[2] = "card by card: 500 succeeded", "other by card: 700 succeeded"
			}
			shown, _, err := s.Preview(s.Context(), r)
			s.equal("shown", []any{shown.Amount, err}, []any{int64(1200), nil})
			in := s.pay(r)
			s.equal("parts in the end", legs(in), want)
			again := refunds.NewIntent(in.Legs[1:]).Quote
			s.equal("lines and fees", []any{again.Lines, again.Fees, again.Gross, again.ByTerms},
				[]any{shown.Lines, shown.Fees, shown.Gross, shown.ByTerms})
			whole, _, err := s.Preview(s.Context(), r)
			s.equal("shown when all is paid", []any{whole.Amount, whole.Lines, whole.FeesSum, err},
				[]any{in.Amount(), in.Quote.Lines, int64(200), nil})
			s.check()
		}, withLists)
	}
}

// A part was taken back, and others gave the rest of its payment back: nothing is left
// to pay, and the refund ends.
func TestAPartThatWasTakenBackEndsWhereNothingIsLeftOfItsPayment(t *testing.T) {
	inBubble(t, func(s *shop) {
		s.gateway.Capture("pi_1", 1000)
		in := s.pay(shared(1, 1))
		s.gateway.RefundOutside("pi_1", 666, "USD")
		if !s.gateway.Settle(in.Legs[1].Attempt().ProviderID, "failed") {
			t.Fatal("the provider does not have it")
		}
		s.gateway.RefundOutside("pi_1", 334, "USD")
		if _, err := s.SyncPayment(s.Context(), "pi_1", event.System("test")); err != nil {
			t.Fatal(err)
		}
		r := shared(1, 1)
		r.LessOutside = true
		in = s.pay(r)
		s.equal("in the end", []any{in.Status, in.Amount(), len(s.review())},
			[]any{refunds.StatusSucceeded, int64(666), 0})
		s.check()
	}, withLists)
}

// One payment gave all of the refund back, off its grid of tens by the fee and the lines
// alone. Of several payments nothing is carried over, when it was taken back neither.
func TestWhatWasTakenBackCarriesNothingWhereSeveralPaymentsPaid(t *testing.T) {
	inBubble(t, func(s *shop) {
		r := shared(1, 1)
		r.Split = refunds.SplitLastPaidFirst
		r.Quote.Lines[0].Paid.Price = 2097
		r.Quote.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, Fixed: 129}}
		in := s.pay(r)
		s.equal("paid", legs(in), []string{"card by card: 570 succeeded"})
		if _, err := s.Reverse(s.Context(), in.Legs[0].ID, kim, refunds.ReverseParams{Reason: "returned"}); err != nil {
			t.Fatal(err)
		}
		in, err := s.Service.ByClientReference(s.Context(), r.ClientReference)
		s.equal("offered", []any{in.Amount(), in.Quote.FeesSum, in.Quote.Carried, in.HoldRef, err},
			[]any{int64(570), int64(129), int64(0), refunds.AwaitingMethod, nil})
	}, onTens(t))
}
