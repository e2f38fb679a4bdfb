package refunds_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refunds"
)

// SyncPayment finds what somebody refunded on the provider's own pages.
func ExampleService_SyncPayment() {
	payer := newExamplePayer()
	payer.bank.RefundOutside("pi_1", 4_000, "USD")
	for _, o := range must(payer.SyncPayment(exampleCtx, "pi_1", provider)) {
		fmt.Println(o.Kind, o.Counted, o.State)
	}
	_, balance, err := payer.Preview(exampleCtx, lampRefund("return-1", 1))
	fmt.Println("left:", balance.Available(), err)
	// Output:
	// refund 4000 paid
	// left: 5000 <nil>
}

func ExampleService_OutsideMoney() {
	payer := newExamplePayer()
	payer.bank.RefundOutside("pi_1", 4_000, "USD")
	must(payer.SyncPayment(exampleCtx, "pi_1", provider))
	for _, o := range must(payer.OutsideMoney(exampleCtx, "order-1")) {
		fmt.Println(o.ProviderID, o.Amount)
	}
	// Output:
	// re_1 4000
}

func ExampleService_PaymentLedger() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	payer.bank.RefundOutside("pi_1", 2_000, "USD")
	must(payer.SyncPayment(exampleCtx, "pi_1", provider))
	l := must(payer.PaymentLedger(exampleCtx, must(examplePayments{}.PaymentByProviderID(exampleCtx, "pi_1"))))
	fmt.Println("captured", l.Captured, "refunded", l.Refunded, "by others", l.Outside, "left", l.Available())
	// Output:
	// captured 9000 refunded 3000 by others 2000 left 4000
}

// paidLess is a payer who paid a return 20.00 less, because others had given that back, and
// whose bank has got it back since.
func paidLess() *examplePayer {
	payer := newExamplePayer()
	theirs := payer.bank.RefundOutside("pi_1", 8_000, "USD")
	must(payer.SyncPayment(exampleCtx, "pi_1", provider))
	r := lampRefund("return-1", 1)
	r.LessOutside = true
	fmt.Println("paid", must(payer.Refund(exampleCtx, r)).Amount())
	payer.bank.Settle(theirs, "failed")
	must(payer.SyncPayment(exampleCtx, "pi_1", provider))
	return payer
}

// PayRest pays what a refund left, once.
func ExampleService_PayRest() {
	payer := paidLess()
	owed := int64(2_000)
	rest := refunds.RestParams{OrderID: "order-1", PaymentID: "payment-1", Expect: &owed, By: staff}
	paid := must(payer.PayRest(exampleCtx, rest))
	fmt.Println(paid.Method, paid.Amount(), paid.Status)
	_, err := payer.PayRest(exampleCtx, rest)
	fmt.Println(refunds.CodeOf(err))
	// Output:
	// paid 1000
	// store_credit 2000 succeeded
	// NOTHING_TO_REFUND
}

// RestsOf finds what PayRest paid among the refunds of the order.
func ExampleRestsOf() {
	payer := paidLess()
	must(payer.PayRest(exampleCtx, refunds.RestParams{OrderID: "order-1", PaymentID: "payment-1", By: staff}))
	all := must(payer.ByOrder(exampleCtx, "order-1"))
	for _, r := range refunds.RestsOf(all, "payment-1") {
		fmt.Println("one of", len(all), "refunds pays a rest of", r.Amount())
	}
	// Output:
	// paid 1000
	// one of 2 refunds pays a rest of 2000
}

// ByOrder returns the newest refund first.
func ExampleService_ByOrder() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	payer.now = payer.now.Add(time.Minute)
	must(payer.Refund(exampleCtx, lampRefund("return-2", 2)))
	for _, r := range must(payer.ByOrder(exampleCtx, "order-1")) {
		fmt.Println(r.ClientReference, r.Amount())
	}
	// Output:
	// return-2 6000
	// return-1 3000
}

// PayCarried pays it by itself, once nothing more of the order can be refunded.
func ExampleService_PayCarried() {
	payer := paidLess()
	over := func(_ context.Context, orderID string) (bool, error) { return orderID == "order-1", nil }
	fmt.Println(must(payer.PayCarried(exampleCtx, staff, over)), must(payer.PayCarried(exampleCtx, staff, over)))
	// Output:
	// paid 1000
	// 1 0
}

// SweepDue finds what no message told of.
func ExampleService_SweepDue() {
	payer := newExamplePayer()
	payer.bank.RefundOutside("pi_1", 2_000, "USD")
	payer.now = payer.now.AddDate(0, 0, 1)
	for done := false; !done; payer.now = payer.now.Add(time.Minute) {
		done = must(payer.SweepDue(exampleCtx))
	}
	fmt.Println(len(must(payer.OutsideMoney(exampleCtx, "order-1"))))
	// Output:
	// 1
}

func ExampleService_Reconcile() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	payer.bank.RefundOutside("pi_1", 2_000, "USD") // the provider has one that we never requested
	report := must(payer.Reconcile(exampleCtx, march1, march1.AddDate(0, 0, 1)))
	fmt.Println(report.Totals.Count[refunds.Matched], "matched")
	for _, row := range report.Rows {
		fmt.Println(row.Match, row.ProviderID, row.ProviderAmount)
	}
	// Output:
	// 1 matched
	// missing_here re_2 2000
}

func ExampleService_CompareCSV() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	var file strings.Builder
	totals, err := payer.CompareCSV(exampleCtx, &file, march1, march1.AddDate(0, 0, 1))
	rows := must(csv.NewReader(strings.NewReader(file.String())).ReadAll())
	fmt.Println(rows[0][0], rows[0][7], rows[0][8])
	fmt.Println(rows[1][0], rows[1][7], rows[1][8])
	fmt.Println(totals.Count[refunds.AmountDiffers], err)
	// Output:
	// finding amount currency
	// matched 30.00 USD
	// 0 <nil>
}
