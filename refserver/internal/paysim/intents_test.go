package paysim

import (
	"context"
	"testing"

	"github.com/stripe/stripe-go/v85"
)

var ctx = context.Background()

func TestCreateThenConfirmTakesTheMoneyOnce(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i, err := b.create(ctx, "c1", 1999, "", false)
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod || i.Amount != 1999 || i.AmountReceived != 0 ||
		i.Currency != "usd" || i.Metadata["order_id"] != "order-c1" || i.LatestCharge != nil || i.Livemode {
		t.Fatalf("created: %+v", i)
	}
	b.wantMoney(0, 0)
	i, err = b.confirm(ctx, "c1:confirm", i.ID, "pm_card_visa")
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != stripe.PaymentIntentStatusSucceeded || i.AmountReceived != 1999 || i.LatestCharge == nil ||
		i.PaymentMethod.ID != "pm_card_visa" {
		t.Fatalf("confirmed: %+v", i)
	}
	l := b.wantMoney(1, 0)
	want := Charge{
		ID: i.LatestCharge.ID, Order: "order-c1", AmountMinor: 1999, Currency: "USD", Digits: 2,
		At: l.Charges[0].At, PaymentIntent: i.ID,
	}
	if l.Charges[0] != want {
		t.Errorf("ledger has %+v, want %+v", l.Charges[0], want)
	}
	if l.Calls != 2 {
		t.Errorf("%d calls counted, want 2", l.Calls)
	}

	_, err = b.confirm(ctx, "again", i.ID, "pm_card_visa")
	e := b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodePaymentIntentUnexpectedState)
	if e.PaymentIntent == nil || e.PaymentIntent.Status != stripe.PaymentIntentStatusSucceeded {
		t.Errorf("the refusal does not show the intent: %+v", e.PaymentIntent)
	}
	_, err = b.client.V1PaymentIntents.Cancel(ctx, i.ID, nil)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodePaymentIntentUnexpectedState)
	b.wantMoney(1, 0)
}

func TestRetrieveShowsTheIntentAndExpandsItsCharge(t *testing.T) {
	b := start(t, Config{Seed: 1})
	made := b.paid("k", 500, "pm_card_mastercard")
	if _, err := b.refund(ctx, "r", made.ID, 200); err != nil {
		t.Fatal(err)
	}
	p := &stripe.PaymentIntentRetrieveParams{}
	p.AddExpand("latest_charge")
	i, err := b.client.V1PaymentIntents.Retrieve(ctx, made.ID, p)
	if err != nil {
		t.Fatal(err)
	}
	ch := i.LatestCharge
	if i.Status != stripe.PaymentIntentStatusSucceeded || ch.AmountCaptured != 500 || ch.AmountRefunded != 200 ||
		ch.Refunded || !ch.Paid || ch.PaymentMethodDetails.Card.Last4 != "4444" ||
		ch.Metadata["order_id"] != "order-k" {
		t.Errorf("got %+v with charge %+v", i, ch)
	}
	_, err = b.client.V1PaymentIntents.Retrieve(ctx, "pi_unknown", nil)
	b.wantError(err, 404, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeResourceMissing)
}

func TestDeclinesComeBackAsStripeTellsThem(t *testing.T) {
	for _, tc := range []struct {
		method  string
		code    stripe.ErrorCode
		decline stripe.DeclineCode
	}{
		{"pm_card_chargeDeclined", stripe.ErrorCodeCardDeclined, stripe.DeclineCodeGenericDecline},
		{"pm_card_visa_chargeDeclined", stripe.ErrorCodeCardDeclined, stripe.DeclineCodeGenericDecline},
		{"pm_card_chargeDeclinedInsufficientFunds", stripe.ErrorCodeCardDeclined, stripe.DeclineCodeInsufficientFunds},
		{"pm_card_visa_chargeDeclinedInsufficientFunds", stripe.ErrorCodeCardDeclined,
			stripe.DeclineCodeInsufficientFunds},
		{"pm_card_visa_chargeDeclinedStolenCard", stripe.ErrorCodeCardDeclined, stripe.DeclineCodeStolenCard},
		{"pm_card_visa_chargeDeclinedLostCard", stripe.ErrorCodeCardDeclined, stripe.DeclineCodeLostCard},
		{"pm_card_visa_chargeDeclinedVelocityLimitExceeded", stripe.ErrorCodeCardDeclined,
			stripe.DeclineCodeCardVelocityExceeded},
		{"pm_card_chargeDeclinedExpiredCard", stripe.ErrorCodeExpiredCard, stripe.DeclineCodeExpiredCard},
		{"pm_card_chargeDeclinedIncorrectCvc", stripe.ErrorCodeIncorrectCVC, stripe.DeclineCodeIncorrectCVC},
		{"pm_card_chargeDeclinedProcessingError", stripe.ErrorCodeProcessingError, stripe.DeclineCodeProcessingError},
		{"pm_card_chargeCustomerFail", stripe.ErrorCodeCardDeclined, stripe.DeclineCodeGenericDecline},
	} {
		t.Run(tc.method, func(t *testing.T) {
			b := start(t, Config{Seed: 1})
			i, err := b.create(ctx, "k", 100, tc.method, false)
			if err != nil || i.Status != stripe.PaymentIntentStatusRequiresConfirmation {
				t.Fatalf("created: %v, %v", i, err)
			}
			_, err = b.confirm(ctx, "k:confirm", i.ID, "")
			e := b.wantError(err, 402, stripe.ErrorTypeCard, tc.code)
			if e.DeclineCode != tc.decline || e.ChargeID == "" || e.PaymentIntent.ID != i.ID {
				t.Errorf("got %+v", e)
			}
			i, err = b.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil)
			if err != nil || i.Status != stripe.PaymentIntentStatusRequiresPaymentMethod ||
				i.LastPaymentError.DeclineCode != tc.decline || i.PaymentMethod != nil {
				t.Errorf("after the decline: %+v, %v", i, err)
			}
			b.wantMoney(0, 0)
			// Another card may be tried on the same intent.
			if i, err = b.confirm(ctx, "k:confirm2", i.ID, "pm_card_visa"); err != nil || i.LastPaymentError != nil {
				t.Errorf("second try: %+v, %v", i, err)
			}
			b.wantMoney(1, 0)
		})
	}
}

func TestAuthenticationIsAskedForOrDeclined(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i, err := b.create(ctx, "a", 100, "pm_card_authenticationRequired", true)
	if err != nil || i.Status != stripe.PaymentIntentStatusRequiresAction || i.NextAction == nil {
		t.Fatalf("got %+v, %v", i, err)
	}
	i, err = b.client.V1PaymentIntents.Cancel(ctx, i.ID, nil)
	if err != nil || i.Status != stripe.PaymentIntentStatusCanceled {
		t.Fatalf("cancel: %+v, %v", i, err)
	}
	p := &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(100), Currency: stripe.String("USD"), Confirm: stripe.Bool(true),
		PaymentMethod: stripe.String("pm_card_authenticationRequired"), OffSession: stripe.Bool(true),
	}
	_, err = b.client.V1PaymentIntents.Create(ctx, p)
	b.wantError(err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeAuthenticationRequired)
	b.wantMoney(0, 0)
}

func TestACanceledIntentIsNeverCharged(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i, err := b.create(ctx, "c", 100, "pm_card_visa", false)
	if err != nil {
		t.Fatal(err)
	}
	p := &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String("abandoned")}
	i, err = b.client.V1PaymentIntents.Cancel(ctx, i.ID, p)
	if err != nil || i.Status != stripe.PaymentIntentStatusCanceled || i.CanceledAt == 0 ||
		i.CancellationReason != "abandoned" {
		t.Fatalf("cancel: %+v, %v", i, err)
	}
	for _, try := range []func() error{
		func() error { _, err := b.confirm(ctx, "x", i.ID, "pm_card_visa"); return err },
		func() error { _, err := b.client.V1PaymentIntents.Cancel(ctx, i.ID, nil); return err },
	} {
		b.wantError(try(), 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodePaymentIntentUnexpectedState)
	}
	b.wantMoney(0, 0)
}

func TestMalformedRequestsAreRefusedWithTheirParameter(t *testing.T) {
	b := start(t, Config{Seed: 1})
	const ok = "amount=100&currency=usd"
	form := map[string]string{"Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded"}
	for _, tc := range []struct{ name, method, path, body, want string }{
		{"no amount", "POST", "/v1/payment_intents", "currency=usd", `"param":"amount"`},
		{"zero", "POST", "/v1/payment_intents", "amount=0&currency=usd", `"param":"amount"`},
		{"negative", "POST", "/v1/payment_intents", "amount=-5&currency=usd", `"param":"amount"`},
		{"fraction", "POST", "/v1/payment_intents", "amount=0.5&currency=usd", `"param":"amount"`},
		{"nine digits", "POST", "/v1/payment_intents", "amount=100000000&currency=usd", `"amount_too_large"`},
		{"beyond int64", "POST", "/v1/payment_intents", "amount=99999999999999999999&currency=usd", `"param":"amount"`},
		{"no currency", "POST", "/v1/payment_intents", "amount=100", `"param":"currency"`},
		{"bad currency", "POST", "/v1/payment_intents", "amount=100&currency=us1", `"param":"currency"`},
		{"unknown currency", "POST", "/v1/payment_intents", "amount=100&currency=xyz", "currently supports these"},
		{"twice", "POST", "/v1/payment_intents", ok + "&amount=200", `"param":"amount"`},
		{"unknown parameter", "POST", "/v1/payment_intents", ok + "&ammount=3", `"param":"ammount"`},
		{"unknown method", "POST", "/v1/payment_intents", ok + "&payment_method=pm_nope", `"param":"payment_method"`},
		{"manual capture", "POST", "/v1/payment_intents", ok + "&capture_method=manual", `"param":"capture_method"`},
		{"bad boolean", "POST", "/v1/payment_intents", ok + "&confirm=yes", `"param":"confirm"`},
		{"confirm without a method", "POST", "/v1/payment_intents", ok + "&confirm=true", "missing a payment method"},
		{"bad escape", "POST", "/v1/payment_intents", ok + "&x=%zz", "well-formed"},
		{"not UTF-8", "POST", "/v1/payment_intents", ok + "&description=%ff", "UTF-8"},
		{"NUL", "POST", "/v1/payment_intents", ok + "&description=%00", "NUL"},
		{"metadata not a map", "POST", "/v1/payment_intents", ok + "&metadata[]=1", `"param":"metadata"`},
		{"nested metadata", "POST", "/v1/payment_intents", ok + "&metadata[a][b]=1", `"param":"metadata"`},
		{"unknown expansion", "POST", "/v1/payment_intents", ok + "&expand[]=customer", `"param":"expand"`},
		{"parameters in the URL", "POST", "/v1/payment_intents?" + ok, "", "belong in its body"},
		{"refund of nothing", "POST", "/v1/refunds", "amount=1", `"param":"payment_intent"`},
		{"bad reason", "POST", "/v1/refunds", "payment_intent=pi_1&reason=angry", `"param":"reason"`},
		{"unknown payment", "POST", "/v1/refunds", "payment_intent=pi_1", `"resource_missing"`},
		{"limit 0", "GET", "/v1/refunds?limit=0", "", `"param":"limit"`},
		{"limit 101", "GET", "/v1/refunds?limit=101", "", `"param":"limit"`},
		{"both cursors", "GET", "/v1/refunds?starting_after=a&ending_before=b", "", `"parameters_exclusive"`},
		{"unknown cursor", "GET", "/v1/refunds?starting_after=re_1", "", `"param":"starting_after"`},
		{"bad time", "GET", "/v1/payment_intents?created[gte]=today", "", `"param":"created[gte]"`},
		{"filter of another list", "GET", "/v1/payment_intents?payment_intent=pi_1", "", `"parameter_unknown"`},
		{"no such refund", "GET", "/v1/refunds/re_1", "", `"resource_missing"`},
		{"unknown path", "GET", "/v1/customers", "", "Unrecognized request URL"},
		{"unknown verb", "DELETE", "/v1/refunds", "", "Unrecognized request URL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body, _ := b.send(tc.method, tc.path, tc.body, form)
			if status != 400 && status != 404 {
				t.Errorf("status %d, want 400 or 404", status)
			}
			if !contains(body, tc.want) || !contains(body, `"invalid_request_error"`) {
				t.Errorf("answer %s does not hold %s", body, tc.want)
			}
		})
	}
	status, _, _ := b.send("POST", "/v1/payment_intents", ok, map[string]string{"Content-Type": form["Content-Type"]})
	if status != 401 {
		t.Errorf("without a key: status %d, want 401", status)
	}
	asJSON := map[string]string{"Authorization": "Bearer x", "Content-Type": "application/json"}
	status, _, _ = b.send("POST", "/v1/payment_intents", `{"amount":100}`, asJSON)
	if status != 400 {
		t.Errorf("JSON body: status %d, want 400", status)
	}
	status, _, _ = b.send("POST", "/v1/payment_intents", ok+"&description="+string(make([]byte, maxBody)), form)
	if status != 413 {
		t.Errorf("large body: status %d, want 413", status)
	}
	b.wantMoney(0, 0)
}
