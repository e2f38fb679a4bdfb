package guard_test

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/payment/guard"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/resilience"
)

// The provider is down: after two failures nothing is sent any more, and what was
// not sent certainly has no effect.
func ExampleCharges() {
	provider := &orderstest.Gateway{}
	provider.Always(orderstest.CallCreate, orderstest.Fault5xx)
	breaker, err := resilience.New(resilience.Config{Name: "payments", ConsecutiveFailures: 2})
	if err != nil {
		panic(err)
	}
	gateway := guard.Charges(provider, breaker)
	for i := range 4 {
		r := gateway.CreatePayment(context.Background(), payment.ChargeRequest{
			Key: fmt.Sprint("order-", i), Amount: 1999, Currency: "USD",
		})
		fmt.Println(r.Outcome, r.Code)
	}
	fmt.Println(provider.Calls(orderstest.CallCreate), "calls were sent")
	// Output:
	// unknown api_error
	// unknown api_error
	// nothing_happened breaker_open
	// nothing_happened breaker_open
	// 2 calls were sent
}

// A look-up that the breaker refuses is unknown, and never absent.
func ExampleRefunds() {
	breaker, err := resilience.New(resilience.Config{Name: "payments"})
	if err != nil {
		panic(err)
	}
	gateway := guard.Refunds(&refundstest.Gateway{}, breaker)
	request := payment.RefundRequest{
		Key: "k", PaymentProviderID: "pi_1", Amount: 500, Currency: "USD", RefundID: "r-1", AttemptID: "a-1",
	}
	fmt.Println(gateway.FindRefund(context.Background(), request).Outcome)
	breaker.ForceOpen(time.Time{})
	fmt.Println(gateway.FindRefund(context.Background(), request).Outcome)
	fmt.Println(gateway.CreateRefund(context.Background(), request).Outcome)
	// Output:
	// absent
	// unknown
	// nothing_happened
}

// A provider whose list of refunds is a service apart from its payments.
func ExampleList() {
	var statements payment.RefundLister // such as a reader of the bank's statements
	breaker, err := resilience.New(resilience.Config{Name: "bank statements"})
	if err != nil {
		panic(err)
	}
	lister := guard.List(statements, breaker)
	fmt.Println(lister == nil) // the guard of nothing is nothing
	// Output: true
}
