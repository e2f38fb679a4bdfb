package payment_test

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// The zero value of a failure falls back on what the outcome says.
func ExampleResult_Why() {
	for _, r := range []payment.Result{
		{Outcome: payment.OutcomeDeclined, Failure: payment.CardExpired},
		{Outcome: payment.OutcomeDeclined, Code: "a code that the adapter does not know"},
		{Outcome: payment.OutcomeUnknown},
		{Outcome: payment.OutcomeDone},
	} {
		fmt.Printf("%s: %q\n", r.Outcome, r.Why())
	}
	// Output:
	// refused: "card_expired"
	// refused: "unrecognized"
	// unknown: "not_yet_known"
	// done: ""
}

func ExampleFailure_Advice() {
	fmt.Println(payment.InsufficientFunds.Advice())
	fmt.Println(payment.WrongDetails.Advice())
	fmt.Println(payment.ProviderBalance.Advice())
	fmt.Println(payment.NotYetKnown.Advice())
	// Output:
	// use_other
	// correct_details
	// fill_balance
	// wait
}

// A table of words for people has a row for each of these.
func ExampleFailures() {
	fmt.Println(len(payment.Failures()), payment.Failures()[0])
	// Output: 24 already_refunded
}

func ExampleOutcome_Effective() {
	for _, o := range []payment.Outcome{payment.OutcomePending, payment.OutcomeDeclined, payment.OutcomeUnknown} {
		fmt.Println(o, o.Effective())
	}
	// Output:
	// pending true
	// refused false
	// unknown false
}

func ExampleMethod_Manual() {
	fmt.Println(payment.Cash.Manual(), payment.Card.Manual())
	// Output: true false
}

func ExampleMethod_Valid() {
	fmt.Println(payment.Method("paypal").Valid(), payment.Method("Pay Pal").Valid(), payment.OriginalMethod.Valid())
	// Output: true false false
}

// wholeOnly is a provider that refunds a payment whole, or not at all.
type wholeOnly struct{ payment.RefundGateway }

func (wholeOnly) Capabilities() payment.Capabilities {
	return payment.Capabilities{
		Find: payment.FindByItsID, WholeOnly: true, OldestPayment: 180 * 24 * time.Hour,
		Smallest: func(money.Currency) int64 { return 100 },
	}
}

func ExampleCapabilitiesOf() {
	c := payment.CapabilitiesOf(wholeOnly{})
	fmt.Println(c.Find, c.WholeOnly, c.Smallest("EUR"))
	// Output: provider_id true 100
}

func ExampleHold_Active() {
	h := payment.Hold{Ref: "dp_1", Reason: "fraudulent", At: time.Now()}
	fmt.Println(h.Active())
	h.ReleasedAt, h.ReleaseReason = time.Now(), "won"
	fmt.Println(h.Active())
	// Output:
	// true
	// false
}

// A worker finishes only while its token still matches.
func ExampleWork_LeasedBy() {
	var w payment.Work
	w.Lease("worker 1", time.Now().Add(10*time.Second))
	fmt.Println(w.LeasedBy("worker 1"))
	w.Lease("worker 2", time.Now().Add(20*time.Second)) // it took over when the lease had run out
	fmt.Println(w.LeasedBy("worker 1"), w.LeasedBy("worker 2"), w.LeasedBy(""))
	// Output:
	// true
	// false true false
}

// vouchers is a provider of gift vouchers with two calls.
type vouchers struct{ book map[string]int64 }

func (v vouchers) CreateRefund(_ context.Context, r payment.RefundRequest) payment.Result {
	if _, paid := v.book[r.Key]; !paid {
		v.book[r.Key] = r.Amount
	}
	return payment.Result{Outcome: payment.OutcomeDone, ProviderID: "voucher-" + r.Key, Amount: v.book[r.Key]}
}

func (v vouchers) FindRefund(_ context.Context, r payment.RefundRequest) payment.Result {
	if amount, paid := v.book[r.Key]; paid {
		return payment.Result{Outcome: payment.OutcomeDone, ProviderID: "voucher-" + r.Key, Amount: amount}
	}
	return payment.Result{Outcome: payment.OutcomeAbsent} // all there is was read
}

// A gateway pays once per key, and says of each call what is certain.
func ExampleRefundGateway() {
	ctx, g := context.Background(), vouchers{map[string]int64{}}
	r := payment.RefundRequest{Key: "k-1", Amount: 500, Currency: "EUR"}
	fmt.Println(g.FindRefund(ctx, r).Outcome)
	fmt.Println(g.CreateRefund(ctx, r).ProviderID, g.CreateRefund(ctx, r).ProviderID, len(g.book))
	fmt.Println(g.FindRefund(ctx, r).Outcome)
	// Output:
	// absent
	// voucher-k-1 voucher-k-1 1
	// done
}
