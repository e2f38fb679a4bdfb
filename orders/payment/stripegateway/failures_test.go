package stripegateway

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// declineCodes is the list of https://docs.stripe.com/declines/codes, of cards.
const declineCodes = `authentication_required authentication_not_handled mobile_device_authentication_required
	approve_with_id call_issuer card_not_supported card_velocity_exceeded
	currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card fraudulent generic_decline
	incorrect_address incorrect_number incorrect_cvc incorrect_pin incorrect_zip insufficient_funds
	invalid_account invalid_amount
	invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin issuer_not_available lost_card
	merchant_blacklist new_account_information_available no_action_taken not_permitted offline_pin_required
	online_or_offline_pin_required pickup_card pin_try_exceeded processing_error reenter_transaction restricted_card
	revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed stolen_card
	stop_payment_order testmode_decline transaction_not_allowed try_again_later withdrawal_count_limit_exceeded`

// localDeclineCodes is the list of the same page of local payment methods, such as iDEAL: both
// what the code can be and the reason of the outcome.
const localDeclineCodes = `card_already_activated compliance_violation expired_payment_information
	invalid_authorization invalid_billing_agreement invalid_business_account invalid_customer_account
	invalid_payment_information invalid_track_data lost_or_stolen_card partner_action_not_supported
	partner_duplicate_transaction partner_expired_card partner_generic_decline partner_high_risk_customer
	partner_insufficient_funds partner_invalid_amount partner_invalid_currency partner_payment_not_found
	partner_processing_error payment_disputed payment_limit_exceeded recurring_not_supported_by_bank`

// refundReasons is the list of https://docs.stripe.com/refunds#failed-refunds.
const refundReasons = `charge_for_pending_refund_disputed declined expired_or_canceled_card insufficient_funds
	lost_or_stolen_card merchant_request unknown`

// published reads the codes of a type from the source of Stripe's library.
func published(t *testing.T, file, kind string, least int) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/stripe/stripe-go/v85").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), file))
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, m := range regexp.MustCompile(`\b`+kind+`\s+= "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		codes = append(codes, m[1])
	}
	if len(codes) < least {
		t.Fatalf("%d codes of type %s in %s; it had %d", len(codes), kind, file, least)
	}
	return codes
}

func TestEveryCodeThatStripePublishesIsMapped(t *testing.T) {
	charge := slices.Concat(
		published(t, "error.go", "DeclineCode", 47), published(t, "error.go", "ErrorCode", 186),
		published(t, "error.go", "ErrorType", 6), strings.Fields(declineCodes), strings.Fields(localDeclineCodes),
		[]string{string(rateLimitError)})
	for _, code := range charge {
		if _, ok := chargeFailures[code]; !ok {
			t.Errorf("%s is mapped to no failure of a charge; add it to byFailure", code)
		}
	}
	for _, code := range slices.Concat(published(t, "refund.go", "RefundFailureReason", 3),
		strings.Fields(refundReasons)) {
		if _, ok := refundFailures[code]; !ok {
			t.Errorf("%s is mapped to no failure of a refund; add it to refundFailures", code)
		}
	}
}

func TestTheTableNamesEachCodeOnceAndFailuresOnly(t *testing.T) {
	seen := map[string]payment.Failure{}
	for f, codes := range byFailure {
		if !f.Valid() {
			t.Errorf("%q is no failure", f)
		}
		for code := range strings.FieldsSeq(codes) {
			if other, ok := seen[code]; ok {
				t.Errorf("%s is under %s and %s", code, f, other)
			}
			seen[code] = f
		}
	}
	for code, f := range refundFailures {
		if !f.Valid() {
			t.Errorf("%s is mapped to %q, which is no failure", code, f)
		}
	}
	if len(seen) != len(chargeFailures) {
		t.Errorf("%d codes in the table, %d in the map", len(seen), len(chargeFailures))
	}
	if !slices.Contains(slices.Collect(maps.Keys(seen)), string(stripe.ErrorCodeRateLimit)) {
		t.Error("the table is not read")
	}
}

func TestOneCodeCanMeanTwoThings(t *testing.T) {
	for _, tc := range []struct {
		code           string
		charge, refund payment.Failure
	}{
		{"insufficient_funds", payment.InsufficientFunds, payment.ProviderBalance},
		{"generic_decline", payment.DeclinedByBank, payment.DeclinedByBank},
		{"fraudulent", payment.DeclinedByProvider, payment.DeclinedByProvider},
		{"declined", payment.Unrecognized, payment.DeclinedByBank},
		{"a_code_of_next_year", payment.Unrecognized, payment.Unrecognized},
		{"", payment.Unrecognized, payment.Unrecognized},
	} {
		t.Run(tc.code, func(t *testing.T) {
			if c, r := chargeFailure(tc.code), RefundFailure(tc.code); c != tc.charge || r != tc.refund {
				t.Errorf("charge %s, refund %s; want %s, %s", c, r, tc.charge, tc.refund)
			}
		})
	}
}

func TestWhyAChargeHasNoEffect(t *testing.T) {
	decline := func(code, reason string) string {
		return fmt.Sprintf(`{"error":{"type":"card_error","code":%q,"decline_code":%q,"message":"no"}}`, code, reason)
	}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   payment.Failure
	}{
		{"bank", 402, decline("card_declined", "generic_decline"), payment.DeclinedByBank},
		{"fraud", 402, decline("card_declined", "fraudulent"), payment.DeclinedByProvider},
		{"a reason of next year", 402, decline("card_declined", "moon_phase"), payment.Unrecognized},
		{"a code without a reason", 402, decline("expired_card", ""), payment.CardExpired},
		{"wrong API key", 401, stripeError("invalid_request_error", ""), payment.Setup},
		{"rate limited", 429, stripeError("invalid_request_error", "rate_limit"), payment.TryLater},
		{"5xx", 500, stripeError("api_error", ""), payment.NotYetKnown},
		{"a proxy's page", 502, `<html>`, payment.NotYetKnown},
		{"canceled", 200, `{"id":"pi_1","status":"canceled"}`, payment.CanceledAtProvider},
		{"captured", 200, `{"id":"pi_1","status":"succeeded"}`, ""},
		{"waits for the customer", 200, `{"id":"pi_1","status":"requires_action"}`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := provider(t, says(tc.status, tc.body)).ConfirmPayment(context.Background(), charge, "pi_1")
			if a.Failure != tc.want {
				t.Errorf("%q, want %q (%+v)", a.Failure, tc.want, a)
			}
		})
	}
}

func TestNoAnswerIsUnreachable(t *testing.T) {
	g, err := New(Config{Key: "sk_test_1", URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, found := g.FindPayment(t.Context(), "pi_1")
	for name, a := range map[string]payment.Result{
		"charge": g.CreatePayment(t.Context(), charge), "look-up": found,
		"refund": g.CreateRefund(t.Context(), refund), "look-up of a refund": g.FindRefund(t.Context(), refund),
	} {
		if a.Failure != payment.Unreachable || a.Outcome != payment.OutcomeUnknown {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestAnAmountBeyondALimitNamesTheLimit(t *testing.T) {
	for _, tc := range []struct {
		name, code string
		amount     int64
		currency   string
		want       int64
	}{
		{"a million dollars", "amount_too_large", 100_000_000, "USD", 99_999_999},
		{"yen", "amount_too_large", 100_000_000, "JPY", 99_999_999},
		{"rupiah", "amount_too_large", 1_000_000_000_000, "IDR", 999_999_999_999},
		{"dinars", "amount_too_large", 100_000_000, "KWD", 99_999_990},
		{"shillings, in whole ones", "amount_too_large", 1_000_000, "UGX", 999_999},
		{"a lower limit than Stripe publishes", "amount_too_large", 50_000, "USD", 0},
		{"ten cents", "amount_too_small", 10, "USD", 50},
		{"a currency that is converted", "amount_too_small", 10, "ZAR", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := charge
			r.Amount, r.Currency = tc.amount, currencyFrom(tc.currency)
			a := provider(t, says(400, stripeError("invalid_request_error", tc.code))).CreatePayment(t.Context(), r)
			if string(a.Failure) != tc.code || a.Limit != tc.want {
				t.Errorf("%s, limit %d; want %s, %d", a.Failure, a.Limit, tc.code, tc.want)
			}
		})
	}
}

func TestWhyARefundHasNoEffect(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   payment.Failure
	}{
		{"disputed", 400, stripeError("invalid_request_error", "charge_disputed"), payment.Disputed},
		{"paid back already", 400, stripeError("invalid_request_error", "charge_already_refunded"),
			payment.AlreadyRefunded},
		{"our balance", 200, `{"id":"re_1","amount":500,"currency":"usd","status":"failed",
			"failure_reason":"insufficient_funds"}`, payment.ProviderBalance},
		{"canceled", 200, `{"id":"re_1","amount":500,"currency":"usd","status":"canceled"}`,
			payment.CanceledAtProvider},
		{"pending", 200, `{"id":"re_1","amount":500,"currency":"usd","status":"pending"}`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := provider(t, says(tc.status, tc.body)).CreateRefund(t.Context(), refund); a.Failure != tc.want {
				t.Errorf("%q, want %q (%+v)", a.Failure, tc.want, a)
			}
		})
	}
}

// TestALookUpTellsWhatStripeDoesNotKnow from what could not be read. The outcome is unknown either way.
func TestALookUpTellsWhatStripeDoesNotKnow(t *testing.T) {
	missing := stripeError("invalid_request_error", "resource_missing")
	for name, tc := range map[string]struct {
		status int
		body   string
		want   payment.Failure
	}{
		"no such object":         {http.StatusNotFound, missing, payment.UnknownAtProvider},
		"no such route":          {http.StatusNotFound, "<html>not found</html>", payment.NotYetKnown},
		"the code of another":    {http.StatusInternalServerError, missing, payment.NotYetKnown},
		"too many calls":         {http.StatusTooManyRequests, stripeError("x", "rate_limit"), payment.NotYetKnown},
		"the wrong key":          {http.StatusUnauthorized, stripeError("x", ""), payment.NotYetKnown},
		"an answer that is none": {http.StatusOK, "{}", payment.NotYetKnown},
	} {
		t.Run(name, func(t *testing.T) {
			g := provider(t, says(tc.status, tc.body))
			_, found := g.FindPayment(t.Context(), "pi_1")
			_, page := g.FindPage(t.Context(), pageRequest.ChargeRequest, "cs_1")
			for what, r := range map[string]payment.Result{"a payment": found, "a page": page} {
				if r.Outcome != payment.OutcomeUnknown || r.Failure != tc.want {
					t.Errorf("%s: %s, %s; want unknown, %s", what, r.Outcome, r.Failure, tc.want)
				}
			}
		})
	}
}
