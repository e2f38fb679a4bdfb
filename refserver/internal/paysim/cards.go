package paysim

// card is how a test payment method behaves.
// Source: https://docs.stripe.com/testing (tabs "PaymentMethods" and "Card
// numbers").
type card struct {
	method  string // the payment method that stands for it
	brand   string
	number  string
	decline *decline // refused when charged; nil: accepted
	action  bool     // wants the cardholder to authenticate first
	// The result of a refund to it: "" succeeds at once, statusSucceeded
	// is pending first, statusFailed succeeds first and fails afterwards.
	refundSettles string
	// disputed is the reason for which a successful charge is disputed at once;
	// "" if it is not. inquiry makes that an inquiry.
	disputed string
	inquiry  bool
}

// last4 returns the digits that are shown.
func (c card) last4() string { return c.number[max(0, len(c.number)-4):] }

// decline is a refusal by the card's issuer.
type decline struct{ code, declineCode, message string }

var (
	declineGeneric      = &decline{"card_declined", "generic_decline", "Your card was declined."}
	declineInsufficient = &decline{"card_declined", "insufficient_funds", "Your card has insufficient funds."}
	declineLost         = &decline{"card_declined", "lost_card", "Your card was declined."}
	declineStolen       = &decline{"card_declined", "stolen_card", "Your card was declined."}
	declineVelocity     = &decline{"card_declined", "card_velocity_exceeded",
		"Your card was declined for making repeated attempts too frequently or exceeding its amount limit."}
	declineExpired    = &decline{"expired_card", "expired_card", "Your card has expired."}
	declineCVC        = &decline{"incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."}
	declineProcessing = &decline{"processing_error", "processing_error",
		"An error occurred while processing your card. Try again in a little bit."}
	declineNeedsAuth = &decline{"authentication_required", "authentication_required",
		"Your card was declined. This transaction requires authentication."}
)

// cards are the test cards. Those that are declined stand here twice, because
// Stripe has documented both names of them (pm_card_chargeDeclined,
// pm_card_visa_chargeDeclined).
var cards = []card{
	{method: "pm_card_visa", brand: "visa", number: "4242424242424242"},
	{method: "pm_card_visa_debit", brand: "visa", number: "4000056655665556"},
	{method: "pm_card_mastercard", brand: "mastercard", number: "5555555555554444"},
	{method: "pm_card_mastercard_debit", brand: "mastercard", number: "5200828282828210"},
	{method: "pm_card_mastercard_prepaid", brand: "mastercard", number: "5105105105105100"},
	{method: "pm_card_amex", brand: "amex", number: "371449635398431"},
	{method: "pm_card_discover", brand: "discover", number: "6011111111111117"},
	{method: "pm_card_diners", brand: "diners", number: "3056930009020004"},
	{method: "pm_card_jcb", brand: "jcb", number: "3566002020360505"},
	{method: "pm_card_unionpay", brand: "unionpay", number: "6200000000000005"},

	{method: "pm_card_visa_chargeDeclined", brand: "visa", number: "4000000000000002", decline: declineGeneric},
	{method: "pm_card_visa_chargeDeclinedInsufficientFunds", brand: "visa", number: "4000000000009995",
		decline: declineInsufficient},
	{method: "pm_card_visa_chargeDeclinedLostCard", brand: "visa", number: "4000000000009987", decline: declineLost},
	{method: "pm_card_visa_chargeDeclinedStolenCard", brand: "visa", number: "4000000000009979",
		decline: declineStolen},
	{method: "pm_card_visa_chargeDeclinedVelocityLimitExceeded", brand: "visa", number: "4000000000006975",
		decline: declineVelocity},
	{method: "pm_card_chargeDeclined", brand: "visa", number: "4000000000000002", decline: declineGeneric},
	{method: "pm_card_chargeDeclinedInsufficientFunds", brand: "visa", number: "4000000000009995",
		decline: declineInsufficient},
	{method: "pm_card_chargeDeclinedLostCard", brand: "visa", number: "4000000000009987", decline: declineLost},
	{method: "pm_card_chargeDeclinedStolenCard", brand: "visa", number: "4000000000009979", decline: declineStolen},
	{method: "pm_card_chargeDeclinedVelocityLimitExceeded", brand: "visa", number: "4000000000006975",
		decline: declineVelocity},
	{method: "pm_card_chargeDeclinedExpiredCard", brand: "visa", number: "4000000000000069", decline: declineExpired},
	{method: "pm_card_chargeDeclinedIncorrectCvc", brand: "visa", number: "4000000000000127", decline: declineCVC},
	{method: "pm_card_chargeDeclinedProcessingError", brand: "visa", number: "4000000000000119",
		decline: declineProcessing},
	{method: "pm_card_chargeCustomerFail", brand: "visa", number: "4000000000000341", decline: declineGeneric},

	{method: "pm_card_authenticationRequired", brand: "visa", number: "4000002500003155", action: true},
	{method: "pm_card_threeDSecure2Required", brand: "visa", number: "4000000000003220", action: true},

	{method: "pm_card_pendingRefund", brand: "visa", number: "4000000000007726", refundSettles: statusSucceeded},
	{method: "pm_card_refundFail", brand: "visa", number: "4000000000005126", refundSettles: statusFailed},

	{method: "pm_card_createDispute", brand: "visa", number: "4000000000000259", disputed: "fraudulent"},
	{method: "pm_card_createDisputeProductNotReceived", brand: "visa", number: "4000000000002685",
		disputed: "product_not_received"},
	{method: "pm_card_createDisputeInquiry", brand: "visa", number: "4000000000001976",
		disputed: "general", inquiry: true},
}

// cardFor finds a test payment method.
func cardFor(paymentMethod string) (card, bool) {
	for _, c := range cards {
		if c.method == paymentMethod {
			return c, true
		}
	}
	return card{}, false
}

// cardNumbered finds the card of a number that was typed into the hosted page.
func cardNumbered(digits string) (card, bool) {
	for _, c := range cards {
		if c.number == digits {
			return c, true
		}
	}
	return card{}, false
}
