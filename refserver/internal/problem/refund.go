package problem

import "github.com/returnkit/returnkit/refunds"

// refundFailures says what the provider's codes mean, for staff; those of
// https://docs.stripe.com/error-codes, and the reasons of
// https://docs.stripe.com/refunds#failed-refunds.
var refundFailures = map[string]string{
	"charge_not_refundable":              "the payment can't be refunded at the provider any more",
	"charge_already_refunded":            "the provider has paid all of this payment back already",
	"charge_disputed":                    "the customer's bank disputes the payment, and while it does the provider refunds nothing of it",
	"charge_for_pending_refund_disputed": "the customer's bank disputed the payment while the refund was on its way",
	"refund_disputed_payment":            "the customer's bank disputes the payment, and while it does the provider refunds nothing of it",
	"insufficient_funds":                 "our balance at the provider is too low; fill it up, then try again",
	"balance_insufficient":               "our balance at the provider is too low; fill it up, then try again",
	"amount_too_large":                   "it is more than what is left of the payment at the provider",
	"amount_too_small":                   "it is less than the provider can pay out",
	"expired_or_canceled_card":           "the card has expired or was cancelled",
	"lost_or_stolen_card":                "the card was reported as lost or stolen",
	"declined":                           "the customer's bank does not take the refund",
	"merchant_request":                   "it was cancelled on the provider's own pages",
	"unknown":                            "the customer's bank gave no reason",
	"resource_missing":                   "the provider does not know the payment",
	"idempotency_error":                  "the provider holds another request under its key",
	refunds.FailureAbsent:                "the provider answered with an error and, looked up later, does not have it",
	refunds.FailureWithdrawn:             "it was never sent; another way was chosen instead",
}

// RefundFailed says why an attempt at a refund failed or was taken back, in
// words that end a sentence without its full stop. The provider's own text is
// evidence and not shown; the word of a person of ours is.
func RefundFailed(code, reason string) string {
	switch words, ok := refundFailures[code]; {
	case ok:
		return words
	case code == refunds.FailureResolved && reason != "":
		return "staff found that the provider did not pay: " + reason
	case code != "":
		return "the provider said no with the code " + code
	}
	return "the provider gave no reason"
}
