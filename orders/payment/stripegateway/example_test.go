package stripegateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
)

// api stands in for Stripe and gives every call one answer.
func api(status int, body string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
}

func ExampleNew() {
	server := api(200, `{"id":"re_1","object":"refund","amount":500,"currency":"usd","status":"succeeded"}`)
	defer server.Close()
	gateway, err := stripegateway.New(stripegateway.Config{Key: "sk_test_123", URL: server.URL})
	if err != nil {
		panic(err)
	}
	r := gateway.CreateRefund(context.Background(), payment.RefundRequest{
		Key: "refund-1", PaymentProviderID: "pi_1", Amount: 500, Currency: "USD", AttemptID: "a-1",
	})
	fmt.Println(r.Outcome, r.ProviderID, money.New(r.Amount, r.Currency))
	// Output: done re_1 5.00 USD
}

func ExampleConfig_Validate() {
	fmt.Println(stripegateway.Config{}.Validate())
	// Output: stripegateway: Config.Key is empty; it must be a secret API key, such as sk_test_123
}

// A charge beyond Stripe's largest amount says so, with the limit.
func ExampleGateway_CreatePayment() {
	server := api(400, `{"error":{"type":"invalid_request_error","code":"amount_too_large","message":"no"}}`)
	defer server.Close()
	gateway, err := stripegateway.New(stripegateway.Config{Key: "sk_test_123", URL: server.URL})
	if err != nil {
		panic(err)
	}
	r := gateway.CreatePayment(context.Background(), payment.ChargeRequest{
		Key: "order-1", Amount: 100_000_000, Currency: "USD", Token: "pm_card_visa",
	})
	fmt.Println(r.Outcome, r.Failure, money.New(r.Limit, "USD"))
	// Output: refused amount_too_large 999999.99 USD
}

// Stripe carries three-decimal currencies with a last digit of 0.
func ExampleGateway_Capabilities() {
	gateway, err := stripegateway.New(stripegateway.Config{Key: "sk_test_123"})
	if err != nil {
		panic(err)
	}
	below, above, ok := gateway.Capabilities().Nearest(1234, "KWD")
	fmt.Println(money.New(below, "KWD"), money.New(above, "KWD"), ok)
	// Output: 1.230 KWD 1.240 KWD true
}

func ExampleRefundFailure() {
	fmt.Println(stripegateway.RefundFailure("charge_for_pending_refund_disputed"))
	// Output: disputed
}

func ExampleParseEvent() {
	body := []byte(`{"id":"evt_1","object":"event","type":"charge.dispute.created","created":1767225600,` +
		`"data":{"object":{"id":"dp_1","object":"dispute","amount":1999,"currency":"usd",` +
		`"status":"needs_response","reason":"fraudulent","payment_intent":"pi_1"}}}`)
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
		Payload: body, Secret: "whsec_1", Timestamp: time.Now(),
	})
	e, err := stripegateway.ParseEvent(body, signed.Header, "whsec_1", 0)
	fmt.Println(e.Kind, e.PaymentReference, money.New(e.Amount, e.Currency), err)
	_, err = stripegateway.ParseEvent(body, signed.Header, "whsec_of_another", 0)
	fmt.Println(errors.Is(err, stripegateway.ErrSignature))
	// Output:
	// dispute pi_1 19.99 USD <nil>
	// true
}
