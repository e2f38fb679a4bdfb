package refunds_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// attempt is a refund of one lamp by the method.
func attempt(id string, m payment.Method) refunds.AttemptParams {
	p := refunds.AttemptParams{ID: id, Method: m, Request: lamps(1), Quote: must(refunds.NewQuote(lamps(1), nil))}
	if m.Manual() {
		p.PaidBy = staff
	} else {
		p.PaymentProviderID = "pi_1"
	}
	return p
}

// at is the refund of a lamp by card after some steps.
func at(steps ...func(*refunds.Refund) error) *refunds.Refund {
	r := must(refunds.NewRefund(refunds.Params{
		ID: "refund-1", ClientReference: "return-1", OrderID: "order-1", PaymentID: "payment-1", Customer: "ada",
		Attempt: attempt("attempt-1", payment.Card),
	}, onMarch5))
	for _, step := range steps {
		must(0, step(r))
	}
	return r
}

func submit(r *refunds.Refund) error { return r.Submit(onMarch5) }

// answer records how a call of the provider ended.
func answer(o payment.Outcome) func(*refunds.Refund) error {
	return func(r *refunds.Refund) error {
		return r.RecordResult(onMarch5, refunds.AttemptUpdate{
			Result: payment.Result{Outcome: o, ProviderID: "re_1", Amount: 3_000, Currency: "USD"}, Calls: 1, Tries: 1,
		})
	}
}

func disputed(r *refunds.Refund) error { return r.Hold(onMarch5, "dp_1", "disputed") }

func ExampleNewRefund() {
	r, err := refunds.NewRefund(refunds.Params{
		ID: "refund-1", ClientReference: "return-1", OrderID: "order-1", PaymentID: "payment-1", Customer: "ada",
		Attempt: attempt("attempt-1", payment.Card),
	}, onMarch5)
	fmt.Println(r.Status, r.Amount(), r.Attempt().Number, err)
	// Output:
	// created 3000 1 <nil>
}

// A refund changes by its methods, each of which checks the state and records an event.
func ExampleRefund() {
	r := at(submit, answer(payment.OutcomeDone))
	fmt.Println(r.Status, r.Attempt().ProviderID, r.Version)
	fmt.Println(r.Submit(onMarch5))
	// Output:
	// succeeded re_1 3
	// refunds: TRANSITION: status: refund refund-1 is succeeded and can't be submitted
}

// Events are the refund: folded they give what is stored.
func ExampleFold() {
	r := at(submit, answer(payment.OutcomeDone))
	folded, err := refunds.Fold(r.PendingEvents())
	fmt.Println(folded.Status, folded.Version, err)
	// Output:
	// succeeded 3 <nil>
}

func ExampleRefund_Amount() {
	fmt.Println(at().Amount())
	// Output:
	// 3000
}

func ExampleRefund_Attempt() {
	a := at(submit).Attempt()
	fmt.Println(a.Number, a.Method, a.Amount, a.Status)
	// Output:
	// 1 card 3000 submitted
}

// Submit is committed before the call: its instant is what the age of the key counts from.
func ExampleRefund_Submit() {
	r := at()
	fmt.Println(r.Submit(onMarch5), r.Status, r.Attempt().FirstSentAt.Format("2 Jan 15:04"))
	// Output:
	// <nil> submitted 5 Mar 09:00
}

// What is not known stays open: it is looked up, and never sent under another key.
func ExampleRefund_RecordResult() {
	r := at(submit)
	err := r.RecordResult(onMarch5, refunds.AttemptUpdate{
		Result: payment.Result{Outcome: payment.OutcomeUnknown, Message: "connection reset"},
		Calls:  1, Tries: 1, Doubt: true,
		NextAt: onMarch5.At.Add(time.Second),
	})
	fmt.Println(r.Status, r.Status.Open(), r.Work.NextAt.Sub(onMarch5.At), err)
	// Output:
	// unknown true 1s <nil>
}

// Succeed is for what takes no provider.
func ExampleRefund_Succeed() {
	r := must(refunds.NewRefund(refunds.Params{
		ID: "refund-1", ClientReference: "return-1", OrderID: "order-1", PaymentID: "payment-1", Customer: "ada",
		Attempt: attempt("attempt-1", payment.Cash),
	}, onMarch5))
	must(0, r.Submit(onMarch5))
	fmt.Println(r.Succeed(onMarch5, "MANUAL-CAS-00042"), r.Status, r.Attempt().PaidBy.Name)
	// Output:
	// <nil> succeeded Kim
}

// Retry begins another attempt after a definite no, here by another method.
func ExampleRefund_Retry() {
	r := at(submit, answer(payment.OutcomeDeclined))
	fmt.Println(r.Status)
	err := r.Retry(attempt("attempt-2", payment.StoreCredit), onMarch5)
	fmt.Println(r.Status, r.Attempt().Number, r.Method, err)
	// Output:
	// failed
	// submitted 2 store_credit <nil>
}

func ExampleRefund_Reverse() {
	r := at(submit, answer(payment.OutcomeDone))
	err := r.Reverse(onMarch5, refunds.ReverseParams{ProviderID: "re_1", Reason: "The account is closed."})
	fmt.Println(r.Status, r.Status.CountsAgainstCaptured(), err)
	// Output:
	// reversed false <nil>
}

func ExampleRefund_Hold() {
	r := at()
	fmt.Println(r.Hold(onMarch5, "dp_1", "disputed"), r.HoldRef, r.Work.NeedsReview)
	// Output:
	// <nil> dp_1 true
}

func ExampleRefund_Release() {
	r := at(disputed)
	fmt.Println(r.Release(onMarch5, "won"), r.OnHold(), r.Work.NextAt.Equal(onMarch5.At))
	// Output:
	// <nil> false true
}

// What may have been sent is on hold too, and still followed.
func ExampleRefund_OnHold() {
	fmt.Println(at(disputed).OnHold(), at(submit, disputed).OnHold())
	// Output:
	// true false
}

func ExampleRefund_HoldMessage() {
	why, _, _ := strings.Cut(at(disputed).HoldMessage(), ". ")
	fmt.Println(why)
	// Output:
	// The refund of 30.00 USD is on hold, because the payment is disputed (dp_1)
}

func ExampleRefund_Resolve() {
	r := at(disputed)
	err := r.Resolve(onMarch5, refunds.ResolveParams{Reason: "The dispute was lost."})
	fmt.Println(r.Status, err)
	// Output:
	// failed <nil>
}

// A worker that was stopped and comes back finds that its lease is not the row's.
func ExampleRefund_CheckLease() {
	r := at()
	r.Lease("worker-1", onMarch5.At.Add(10*time.Second))
	r.Lease("worker-2", onMarch5.At.Add(20*time.Second))
	fmt.Println(r.CheckLease("worker-2"), refunds.CodeOf(r.CheckLease("worker-1")))
	// Output:
	// <nil> LEASE_LOST
}

func ExampleRefund_Lease() {
	r := at()
	r.Lease("worker-1", onMarch5.At.Add(10*time.Second))
	fmt.Println(r.Work.LeaseToken, r.Work.LeaseUntil.Sub(onMarch5.At))
	// Output:
	// worker-1 10s
}

func ExampleRefund_Leased() {
	r := at()
	r.Lease("worker-1", onMarch5.At.Add(10*time.Second))
	fmt.Println(r.Leased(onMarch5.At), r.Leased(onMarch5.At.Add(11*time.Second)))
	// Output:
	// true false
}

func ExampleRefund_PendingEvents() {
	for _, e := range at(submit).PendingEvents() {
		fmt.Println(e.Seq, e.Type)
	}
	// Output:
	// 1 refund.created
	// 2 refund.submitted
}

// Clone is what a store keeps and what it hands out.
func ExampleRefund_Clone() {
	r := at(submit)
	c := r.Clone()
	c.Attempts[0].Number = 7
	fmt.Println(r.Attempts[0].Number, len(r.PendingEvents()), len(c.PendingEvents()))
	// Output:
	// 1 2 0
}

func ExampleStatus() {
	for _, s := range []refunds.Status{refunds.StatusUnknown, refunds.StatusSucceeded, refunds.StatusFailed} {
		fmt.Println(s, "open:", s.Open(), "counts:", s.CountsAgainstCaptured())
	}
	// Output:
	// unknown open: true counts: true
	// succeeded open: false counts: true
	// failed open: false counts: false
}

func ExampleStatus_Open() {
	fmt.Println(refunds.StatusPending.Open(), refunds.StatusReversed.Open())
	// Output:
	// true false
}

func ExampleStatus_CountsAgainstCaptured() {
	fmt.Println(refunds.StatusCreated.CountsAgainstCaptured(), refunds.StatusFailed.CountsAgainstCaptured())
	// Output:
	// true false
}

// ProviderCalls shows staff what the provider said, word for word.
func ExampleProviderCalls() {
	payer := newExamplePayer()
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	for _, c := range must(refunds.ProviderCalls(must(payer.Events(exampleCtx, r.ID)), 10)) {
		fmt.Println(c.Attempt, c.Kind, c.Outcome, c.ProviderID, c.Amount)
	}
	// Output:
	// 1 create done re_1 3000
}

// An order that was paid by card and by store credit gets two refunds: one decision.
func ExampleIntent() {
	payer := newExamplePayer()
	r := lampRefund("return-1", 1)
	r.Payments = []refunds.Payment{
		{ID: "payment-1", Method: payment.Card, ProviderID: "pi_1", Captured: 6_000},
		{ID: "payment-2", Method: payment.StoreCredit, Captured: 3_000},
	}
	intent := must(payer.Refund(exampleCtx, r))
	fmt.Println(intent.Status, intent.Amount())
	for _, leg := range intent.Legs {
		fmt.Println(leg.Method, leg.Amount())
	}
	// Output:
	// succeeded 3000
	// card 2000
	// store_credit 1000
}

func ExampleNewIntent() {
	fmt.Println(refunds.NewIntent([]refunds.Refund{*at(submit)}).Status, refunds.NewIntent(nil).Status == "")
	// Output:
	// submitted true
}

func ExampleIntent_Failed() {
	intent := refunds.NewIntent([]refunds.Refund{*at(submit, answer(payment.OutcomeDeclined))})
	fmt.Println(intent.Status, len(intent.Failed())) // it failed as a whole: no part of it stands
	// Output:
	// failed 0
}
