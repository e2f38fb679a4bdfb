package paysim

// card is how a test payment method behaves.
// Source: https://docs.stripe.com/testing (tab "PaymentMethods").
type card struct {
	brand   string
	last4   string
	decline *decline // refused when charged; nil: accepted
	action  bool     // wants the cardholder to authenticate first
	// What becomes of a refund to it: "" succeeds at once, statusSucceeded
	// is pending first, statusFailed succeeds first and fails afterwards.
	refundSettles string
}

// decline is a refusal by the card's issuer.
type decline struct{ code, declineCode, message string }

var (
	declineGeneric      = &decline{"card_declined", "generic_decline", "Your card was declined."}
	declineInsufficient = &decline{"card_declined", "insufficient_funds", "Your card has insufficient funds."}
	declineLost         = &decline{"card_declined", "lost_card", "Your card was declined."}
	declineStolen       = &decline{"card_declined", "stolen_card", "Your card was declined."}
	declineVelocity     = &decline{"card_declined", "card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently or exceeding its amount limit."}
	declineExpired      = &decline{"expired_card", "expired_card", "Your card has expired."}
	declineCVC          = &decline{"incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."}
	declineProcessing   = &decline{"processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."}
	declineNeedsAuth    = &decline{"authentication_required", "authentication_required", "Your card was declined. This transaction requires authentication."}
)

// cardFor knows the test payment methods. Declining ones are accepted with
// and without the brand in the name, because Stripe has documented both
// (pm_card_chargeDeclined, pm_card_visa_chargeDeclined).
func cardFor(paymentMethod string) (card, bool) {
	switch paymentMethod {
	case "pm_card_visa":
		return card{brand: "visa", last4: "4242"}, true
	case "pm_card_visa_debit":
		return card{brand: "visa", last4: "5556"}, true
	case "pm_card_mastercard":
		return card{brand: "mastercard", last4: "4444"}, true
	case "pm_card_mastercard_debit":
		return card{brand: "mastercard", last4: "8210"}, true
	case "pm_card_mastercard_prepaid":
		return card{brand: "mastercard", last4: "5100"}, true
	case "pm_card_amex":
		return card{brand: "amex", last4: "8431"}, true
	case "pm_card_discover":
		return card{brand: "discover", last4: "1117"}, true
	case "pm_card_diners":
		return card{brand: "diners", last4: "0004"}, true
	case "pm_card_jcb":
		return card{brand: "jcb", last4: "0505"}, true
	case "pm_card_unionpay":
		return card{brand: "unionpay", last4: "0005"}, true
	case "pm_card_chargeDeclined", "pm_card_visa_chargeDeclined":
		return card{brand: "visa", last4: "0002", decline: declineGeneric}, true
	case "pm_card_chargeDeclinedInsufficientFunds", "pm_card_visa_chargeDeclinedInsufficientFunds":
		return card{brand: "visa", last4: "9995", decline: declineInsufficient}, true
	case "pm_card_chargeDeclinedLostCard", "pm_card_visa_chargeDeclinedLostCard":
		return card{brand: "visa", last4: "9987", decline: declineLost}, true
	case "pm_card_chargeDeclinedStolenCard", "pm_card_visa_chargeDeclinedStolenCard":
		return card{brand: "visa", last4: "9979", decline: declineStolen}, true
	case "pm_card_chargeDeclinedVelocityLimitExceeded", "pm_card_visa_chargeDeclinedVelocityLimitExceeded":
		return card{brand: "visa", last4: "6975", decline: declineVelocity}, true
	case "pm_card_chargeDeclinedExpiredCard":
		return card{brand: "visa", last4: "0069", decline: declineExpired}, true
	case "pm_card_chargeDeclinedIncorrectCvc":
		return card{brand: "visa", last4: "0127", decline: declineCVC}, true
	case "pm_card_chargeDeclinedProcessingError":
		return card{brand: "visa", last4: "0119", decline: declineProcessing}, true
	case "pm_card_chargeCustomerFail":
		return card{brand: "visa", last4: "0341", decline: declineGeneric}, true
	case "pm_card_authenticationRequired":
		return card{brand: "visa", last4: "3155", action: true}, true
	case "pm_card_threeDSecure2Required":
		return card{brand: "visa", last4: "3220", action: true}, true
	case "pm_card_pendingRefund":
		return card{brand: "visa", last4: "7726", refundSettles: statusSucceeded}, true
	case "pm_card_refundFail":
		return card{brand: "visa", last4: "5126", refundSettles: statusFailed}, true
	}
	return card{}, false
}
