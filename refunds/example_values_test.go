package refunds_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// A restocking fee of 15 % of the price and a label of 4.99 are taken off.
func ExampleFeeRule() {
	r := lamps(1)
	r.Fees = []refunds.FeeRule{
		{Kind: refunds.RestockingFee, OrderLineID: "lamp", PercentBP: 1500},
		{Kind: refunds.ReturnShippingFee, Fixed: 499},
	}
	q := must(refunds.NewQuote(r, nil))
	for _, f := range q.Fees {
		fmt.Println(f.Kind, f.Amount)
	}
	fmt.Println(q.Gross, "-", q.FeesSum, "=", q.Amount)
	// Output:
	// restocking_fee 450
	// return_shipping_fee 499
	// 3000 - 949 = 2051
}

func ExampleQuote() {
	q := must(refunds.NewQuote(lamps(2), nil))
	fmt.Println(q.Currency, q.Amount, q.Lines[0].OrderLineID, q.Lines[0].Refunded.Price)
	// Output:
	// USD 6000 lamp 6000
}

// A fee that an override sets aside is money that the terms would have kept.
func ExampleQuote_Leakage() {
	r := lamps(1)
	r.Fees = []refunds.FeeRule{{Kind: refunds.ReturnShippingFee, Fixed: 499, Waived: true}}
	q := must(refunds.NewQuote(r, nil))
	fmt.Println(q.Amount, q.ByTerms, q.Leakage())
	// Output:
	// 3000 2501 499
}

func ExampleQuote_Part() {
	fmt.Println(must(refunds.NewQuote(lamps(1), nil)).Part())
	// Output:
	// false
}

// The provider carries whole units of 10 alone: what is less joins the next refund.
func ExampleNewQuoteOn() {
	tens := func(amount int64) int64 { return amount - amount%10 }
	r := refunds.QuoteRequest{Currency: "KWD", Lines: []refunds.QuoteRequestLine{
		{OrderLineID: "lamp", Bought: 3, Units: 1, Paid: money.Components{Price: 1_000}},
	}}
	q := must(refunds.NewQuoteOn(r, nil, refunds.Grid{Below: tens}))
	fmt.Println(q.Gross, "-", q.Carried, "=", q.Amount)
	// Output:
	// 333 - 3 = 330
}

// A third of what the order paid goes back, by each rule.
func ExampleSplit() {
	payments := []refunds.SplitPayment{
		{Method: payment.Card, Captured: 6_000, Available: 6_000},
		{Method: payment.StoreCredit, Captured: 3_000, Available: 3_000},
	}
	for _, rule := range refunds.SplitRules() {
		fmt.Println(rule, must(refunds.Split(rule, payments, 4_000)))
	}
	// Output:
	// proportional [2666 1334]
	// last_paid_first [1000 3000]
	// store_credit_first [1000 3000]
}

func ExampleBalance() {
	b := refunds.Balance{PaymentID: "payment-1", Currency: "USD", Captured: 9_000, Reserved: 3_000, Refunded: 2_000}
	fmt.Println(b.Available())
	// Output:
	// 4000
}

// What others gave back counts too.
func ExampleBalance_Available() {
	b := refunds.Balance{Currency: "USD", Captured: 9_000, Refunded: 2_000, Outside: 8_000}
	fmt.Println(b.Available())
	// Output:
	// 0
}

func ExampleBalance_Overpaid() {
	b := refunds.Balance{Currency: "USD", Captured: 9_000, Refunded: 2_000, Outside: 8_000}
	fmt.Println(b.Overpaid())
	// Output:
	// 1000
}

func ExampleBalance_Hold() {
	b := refunds.Balance{Holds: []refunds.HoldRecord{{Hold: payment.Hold{Ref: "dp_1", At: march1}}}}
	h, held := b.Hold()
	fmt.Println(h.Ref, held)
	// Output:
	// dp_1 true
}

func ExampleError() {
	payer := newExamplePayer()
	_, err := payer.Refund(exampleCtx, lampRefund("return-1", 4)) // three were bought
	var refusal *refunds.Error
	fmt.Println(errors.As(err, &refusal), refusal.Code, refusal.Field, refusal.Message)
	// Output:
	// true INVALID line lamp 4 units can't be given back; 3 were bought
}

func ExampleCodeOf() {
	payer := newExamplePayer()
	r := lampRefund("return-1", 1)
	r.Payments[0].Method = "Card" // payment methods are names as they are declared
	_, err := payer.Refund(exampleCtx, r)
	fmt.Println(refunds.CodeOf(err))
	// Output:
	// INVALID
}

func ExampleError_Error() {
	fmt.Println(&refunds.Error{Code: refunds.CodeInvalid, Field: "amount", Message: "It is -1; 1 or more is allowed."})
	// Output:
	// refunds: INVALID: amount: It is -1; 1 or more is allowed.
}

func ExampleError_Unwrap() {
	cause := errors.New("no such currency")
	fmt.Println(errors.Is(&refunds.Error{Code: refunds.CodeInvalid, Err: cause}, cause))
	// Output:
	// true
}

// Request.Expect holds a refund to the amount that the customer was shown.
func ExampleRequest() {
	payer := newExamplePayer()
	r, shown := lampRefund("return-1", 1), int64(3_500)
	r.Expect = &shown
	_, err := payer.Refund(exampleCtx, r)
	fmt.Println(refunds.CodeOf(err))
	shown = 3_000
	fmt.Println(must(payer.Refund(exampleCtx, r)).Status)
	// Output:
	// AMOUNT_CHANGED
	// succeeded
}

// metrics adds up what was paid; NopObserver has the methods that it leaves out.
type metrics struct {
	refunds.NopObserver
	paid int64
}

func (m *metrics) Completed(_ context.Context, r refunds.Refund) { m.paid += r.Amount() }

func ExampleObserver() {
	m := &metrics{} // its methods are called from many goroutines: a real one counts atomically
	payer := must(refunds.New(refunds.Config{
		Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}, Observer: m,
	}))
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(m.paid)
	// Output:
	// 3000
}

func ExampleCreditEntry_Validate() {
	fmt.Println(refunds.CreditEntry{ID: "e1", CustomerID: "ada", Currency: "USD", Ref: "goodwill-7"}.Validate())
	// Output:
	// refunds: INVALID: amount: it is 0; an entry adds or takes 1 minor unit or more
}

func ExampleEntryOf() {
	e := refunds.EntryOf(purchase.CreditMove{
		Ref: "order:order-2", CustomerID: "ada", Currency: "USD", Amount: -500, Note: "Order 2",
	}, onMarch5)
	fmt.Println(e.Ref, e.Amount, e.By.Name)
	// Output:
	// order:order-2 -500 Kim
}

func ExampleManualReference() {
	fmt.Println(refunds.ManualReference(payment.Cash, 42))
	// Output:
	// MANUAL-CAS-00042 <nil>
}

func ExampleOutsideID() {
	payer := newExamplePayer()
	id := payer.bank.RefundOutside("pi_1", 2_000, "USD")
	must(payer.SyncPayment(exampleCtx, "pi_1", provider))
	for _, e := range must(payer.Events(exampleCtx, refunds.OutsideID(id))) {
		fmt.Println(e.Type, e.Actor.Name)
	}
	// Output:
	// outside_money.booked bank
}

func ExampleFoldOutside() {
	payer := newExamplePayer()
	id := payer.bank.RefundOutside("pi_1", 2_000, "USD")
	must(payer.SyncPayment(exampleCtx, "pi_1", provider))
	o, err := refunds.FoldOutside(must(payer.Events(exampleCtx, refunds.OutsideID(id))))
	fmt.Println(o.Counted, o.State, err)
	// Output:
	// 2000 paid <nil>
}

func ExampleMatchStatuses() {
	for _, s := range refunds.MatchStatuses() {
		if !s.Differs() {
			fmt.Println(s)
		}
	}
	// Output:
	// matched
	// in_progress
	// outside
}

func ExampleMatchStatus_Differs() {
	fmt.Println(refunds.InProgress.Differs(), refunds.MissingLocally.Differs())
	// Output:
	// false true
}

func ExampleQuery_Normalize() {
	q := refunds.Query{PageSize: 5_000}.Normalize()
	fmt.Println(q.Page, q.PageSize)
	// Output:
	// 1 1000
}

func ExampleOutsideQuery_Normalize() {
	fmt.Println(refunds.OutsideQuery{}.Normalize().Limit)
	// Output:
	// 1000
}

// openLamp names the payment of the lamps, as the calls of a Store do.
func openLamp() refunds.OpenRequest {
	return refunds.OpenRequest{
		ClientReference: "return-1", OrderID: "order-1", PaymentID: "payment-1", Captured: 9_000, Currency: "USD",
	}
}

func ExampleNewChange() {
	r := at()
	c, err := refunds.NewChange(refunds.Balance{PaymentID: "payment-1", Currency: "USD", Captured: 9_000}, nil, r)
	fmt.Println(c.Effects.Reserved, c.Effects.Balance.Available(), len(c.Events), err)
	_, err = refunds.NewChange(refunds.Balance{PaymentID: "payment-1", Currency: "USD", Captured: 2_000}, nil, r)
	fmt.Println(refunds.CodeOf(err))
	// Output:
	// 3000 6000 1 <nil>
	// BALANCE
}

func ExampleChange_Empty() {
	r := at()
	b := refunds.Balance{PaymentID: "payment-1", Currency: "USD", Captured: 9_000, Reserved: 3_000}
	before := r.Clone()
	fmt.Println(must(refunds.NewChange(b, &before, &before)).Empty())
	// Output:
	// true
}

func ExampleOpeningOne() {
	store := refundstest.NewStore()
	opened, err := store.Open(exampleCtx, []refunds.OpenRequest{openLamp()}, refunds.OpeningOne(openLamp(),
		func(p refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
			if current != nil {
				return current, nil // there is one
			}
			return at(), nil // p.Refunded says what was given back before
		}))
	fmt.Println(opened[0].Status, err)
	// Output:
	// created <nil>
}

func ExampleOpening() {
	store, requests := refundstest.NewStore(), []refunds.OpenRequest{openLamp()}
	opened, err := store.Open(exampleCtx, requests, refunds.Opening(requests,
		func(s refunds.OpenState, current []*refunds.Refund) ([]*refunds.Refund, error) {
			fmt.Println(s.Payments[0].Balance.Available(), current[0] == nil)
			return []*refunds.Refund{at()}, nil
		}))
	fmt.Println(len(opened), err)
	// Output:
	// 9000 true
	// 1 <nil>
}

func ExampleChanging() {
	payer := newExamplePayer()
	r := must(payer.Request(exampleCtx, lampRefund("return-1", 1)))
	changed, err := payer.store.Update(exampleCtx, r.ID, refunds.Changing(func(r *refunds.Refund) error {
		return r.Hold(onMarch5, "fraud-7", "The address is unknown.")
	}))
	fmt.Println(changed.HoldRef, err)
	// Output:
	// fraud-7 <nil>
}

func ExampleChangingPayment() {
	payer := newExamplePayer()
	_, err := payer.store.UpdatePayment(exampleCtx, openLamp(), refunds.ChangingPayment(
		func(b *refunds.Balance, open []*refunds.Refund) error {
			b.Holds = append(b.Holds, refunds.HoldRecord{Hold: payment.Hold{Ref: "dp_1", At: march1}, By: provider})
			return nil
		}))
	fmt.Println(must(payer.Holds(exampleCtx, "order-1", "payment-1"))[0].Ref, err)
	// Output:
	// dp_1 <nil>
}

func ExampleBooking() {
	payer := newExamplePayer()
	paid := payment.ProviderRefund{ // a row of the provider's list
		ProviderID: "re_9", PaymentProviderID: "pi_1", Amount: 2_000, Currency: "USD",
		Outcome: payment.OutcomeDone, Status: "succeeded", CreatedAt: march1.Add(time.Hour),
	}
	of := must(examplePayments{}.PaymentByProviderID(exampleCtx, "pi_1"))
	c, err := payer.store.Book(exampleCtx, openLamp(), "re_9", refunds.Booking(onMarch5, of, paid))
	fmt.Println(c.After.Counted, c.Balance.Available(), c.Empty(), err)
	// Output:
	// 2000 7000 false <nil>
}

func ExampleOutsideChange_Empty() {
	payer := newExamplePayer()
	paid := payment.ProviderRefund{
		ProviderID: "re_9", PaymentProviderID: "pi_1", Amount: 2_000, Currency: "USD",
		Outcome: payment.OutcomeDone, Status: "succeeded", CreatedAt: march1.Add(time.Hour),
	}
	of := must(examplePayments{}.PaymentByProviderID(exampleCtx, "pi_1"))
	for range 2 { // seen again, nothing is new
		c := must(payer.store.Book(exampleCtx, openLamp(), "re_9", refunds.Booking(onMarch5, of, paid)))
		fmt.Println(c.Empty())
	}
	// Output:
	// false
	// true
}
