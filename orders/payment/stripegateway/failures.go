package stripegateway

import (
	"strings"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

// chargeFailure returns what a code of Stripe's means for a charge: a decline
// code, an error code, or the type of an error that has neither. It is
// payment.Unrecognized for a code that Stripe did not publish when this version
// was made, and for the empty one.
func chargeFailure(code string) payment.Failure {
	if f, ok := chargeFailures[code]; ok {
		return f
	}
	return payment.Unrecognized
}

// RefundFailure returns what a code of Stripe's means for a refund: the reason of
// a refund that failed, or else as ChargeFailure. One code can mean two things:
// insufficient_funds is the customer's account for a charge, and ours for a
// refund.
func RefundFailure(code string) payment.Failure {
	if f, ok := refundFailures[code]; ok {
		return f
	}
	return chargeFailure(code)
}

// refundFailures are the reasons of refunds that failed,
// https://docs.stripe.com/refunds#failed-refunds, and the codes that mean
// something else for a refund than for a charge.
var refundFailures = map[string]payment.Failure{
	"charge_for_pending_refund_disputed": payment.Disputed,
	"declined":                           payment.DeclinedByBank,
	"expired_or_canceled_card":           payment.CardExpired,
	"insufficient_funds":                 payment.ProviderBalance,
	"lost_or_stolen_card":                payment.CardUnusable,
	"merchant_request":                   payment.CanceledAtProvider,
	"unknown":                            payment.DeclinedByBank,
	"charge_already_refunded":            payment.AlreadyRefunded,
}

// chargeFailures is byFailure by code.
var chargeFailures = func() map[string]payment.Failure {
	all := map[string]payment.Failure{}
	for f, codes := range byFailure {
		for code := range strings.FieldsSeq(codes) {
			all[code] = f
		}
	}
	return all
}()

// byFailure lists every code that Stripe publishes: the decline codes of
// https://docs.stripe.com/declines/codes for cards and for local payment methods, the error codes of
// https://docs.stripe.com/error-codes, the types of
// https://docs.stripe.com/api/errors, and this package's own. A test compares it
// with the lists of the library, so that a newer one adds no code unseen.
//
// Of fraudulent, merchant_blacklist, lost_card, stolen_card and their like the
// page on decline codes says that customers are not told more than for
// generic_decline.
var byFailure = map[payment.Failure]string{
	payment.DeclinedByBank: `generic_decline do_not_honor do_not_try_again call_issuer no_action_taken not_permitted
		revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed
		stop_payment_order transaction_not_allowed lost_card stolen_card pickup_card restricted_card
		card_declined card_error debit_not_authorized payment_method_provider_decline refer_to_customer
		bank_account_declined payment_intent_payment_attempt_failed setup_attempt_failed lost_or_stolen_card
		invalid_authorization partner_generic_decline`,
	payment.DeclinedByProvider: `fraudulent merchant_blacklist request_blocked compliance_violation
		partner_high_risk_customer
		payment_intent_konbini_rejected_confirmation_number charge_exceeds_source_limit
		charge_exceeds_transaction_limit application_fees_not_allowed`,
	payment.InsufficientFunds: `insufficient_funds partner_insufficient_funds`,
	payment.CardLimit: `card_velocity_exceeded withdrawal_count_limit_exceeded invalid_amount
		card_decline_rate_limit_exceeded payment_limit_exceeded partner_invalid_amount`,
	payment.CardExpired: `expired_card partner_expired_card expired_payment_information`,
	payment.CardUnusable: `card_not_supported currency_not_supported invalid_account new_account_information_available
		pin_try_exceeded testmode_decline account_closed account_number_invalid bank_account_bad_routing_numbers
		bank_account_exists bank_account_restricted bank_account_unusable bank_account_unverified
		bank_account_verification_failed invalid_card_type no_account payment_method_bank_account_blocked
		payment_method_currency_mismatch payment_method_not_available payment_method_unactivated
		payment_method_unsupported_type payment_intent_incompatible_payment_method sepa_unsupported_account
		token_card_network_invalid india_recurring_payment_mandate_canceled billing_invalid_mandate
		payment_intent_mandate_invalid setup_intent_mandate_invalid setup_intent_mobile_wallet_unsupported
		financial_connections_account_inactive card_already_activated invalid_billing_agreement
		invalid_customer_account partner_action_not_supported partner_invalid_currency
		recurring_not_supported_by_bank`,
	payment.WrongDetails: `incorrect_number invalid_number incorrect_cvc invalid_cvc incorrect_pin invalid_pin
		incorrect_zip incorrect_address invalid_expiry_month invalid_expiry_year email_invalid postal_code_invalid
		routing_number_invalid payment_method_billing_details_address_missing invalid_characters
		payment_method_microdeposit_failed payment_method_microdeposit_verification_amounts_invalid
		payment_method_microdeposit_verification_amounts_mismatch
		payment_method_microdeposit_verification_attempts_exceeded
		payment_method_microdeposit_verification_descriptor_code_mismatch shipping_address_invalid
		invalid_payment_information invalid_track_data`,
	payment.AuthenticationRequired: `authentication_required authentication_not_handled
		mobile_device_authentication_required offline_pin_required online_or_offline_pin_required
		payment_intent_action_required payment_intent_authentication_failure setup_intent_authentication_failure
		invoice_payment_intent_requires_action`,
	payment.AmountTooSmall:   `amount_too_small`,
	payment.AmountTooLarge:   `amount_too_large`,
	payment.AmountNotCarried: `invalid_charge_amount ` + codeNotCarried,
	payment.Expired: `capture_charge_authorization_expired charge_expired_for_capture
		payment_intent_payment_attempt_expired setup_intent_setup_attempt_expired customer_session_expired
		payment_method_microdeposit_verification_timeout`,
	payment.Duplicate:       `duplicate_transaction partner_duplicate_transaction`,
	payment.Disputed:        `charge_disputed refund_disputed_payment payment_disputed`,
	payment.ProviderBalance: `balance_insufficient`,
	payment.AlreadyRefunded: `charge_already_refunded`,
	payment.NotRefundable:   `charge_not_refundable`,
	payment.CanceledAtProvider: `payment_intent_unexpected_state payment_method_customer_decline
		charge_already_captured capture_unauthorized_payment return_intent_already_processed`,
	payment.UnknownAtProvider: `resource_missing partner_payment_not_found`,
	payment.TryLater: `try_again_later issuer_not_available processing_error reenter_transaction approve_with_id
		partner_processing_error
		lock_timeout rate_limit rate_limit_error idempotency_key_in_use payment_method_provider_timeout
		payment_intent_rate_limit_exceeded acss_debit_session_incomplete terminal_reader_busy terminal_reader_offline
		terminal_reader_timeout terminal_reader_hardware_fault forwarding_api_retryable_upstream_error
		forwarding_api_upstream_connection_error forwarding_api_upstream_connection_timeout
		forwarding_api_upstream_error financial_connections_account_pending_account_numbers
		financial_connections_account_unavailable_account_numbers
		financial_connections_no_successful_transaction_refresh`,
	payment.NotYetKnown: `api_error idempotency_error ` + codeUnexpected,
	payment.Setup: `invalid_business_account invalid_request_error authentication_error permission_error
		temporary_session_expired
		account_country_invalid_address account_error_country_change_requires_additional_steps
		account_information_mismatch account_invalid account_token_required_for_v2_account alipay_upgrade_required
		api_key_expired balance_invalid_parameter bitcoin_upgrade_required cardholder_phone_number_required
		charge_invalid_parameter clearing_code_unsupported country_code_invalid country_unsupported coupon_expired
		customer_max_payment_methods customer_max_subscriptions customer_tax_location_invalid forwarding_api_inactive
		forwarding_api_invalid_parameter instant_payouts_config_disabled instant_payouts_currency_disabled
		instant_payouts_limit_exceeded instant_payouts_unsupported intent_invalid_state
		intent_verification_method_missing invalid_mandate_reference_prefix_format invalid_source_usage
		invalid_tax_location invoice_no_customer_line_items invoice_no_payment_method_types
		invoice_no_subscription_line_items invoice_not_editable invoice_on_behalf_of_not_editable
		invoice_upcoming_none livemode_mismatch missing not_allowed_on_standard_account out_of_inventory
		ownership_declaration_not_allowed parameter_invalid_empty parameter_invalid_integer
		parameter_invalid_string_blank parameter_invalid_string_empty parameter_missing parameter_unknown
		parameters_exclusive payment_intent_invalid_parameter payment_method_bank_account_already_verified
		payment_method_configuration_failures payment_method_invalid_parameter
		payment_method_invalid_parameter_testmode payment_method_unexpected_state payout_reconciliation_not_ready
		payouts_limit_exceeded payouts_not_allowed platform_api_key_expired platform_account_required product_inactive
		progressive_onboarding_limit_exceeded resource_already_exists secret_key_required
		service_period_coupon_with_metered_tiered_item_unsupported setup_intent_invalid_parameter
		setup_intent_unexpected_state shipping_calculation_failed sku_inactive state_unsupported
		status_transition_invalid storer_capability_missing storer_capability_not_active stripe_tax_inactive
		tax_id_invalid tax_id_prohibited taxes_calculation_failed terminal_location_country_unsupported
		terminal_reader_invalid_location_for_activation terminal_reader_invalid_location_for_payment
		testmode_charges_only tls_version_unsupported token_already_used token_in_use
		transfer_source_balance_parameters_mismatch transfers_not_allowed url_invalid`,
}

// explain sets why a call has no effect. of maps a code.
func explain(a payment.Result, of func(string) payment.Failure) payment.Result {
	switch a.Outcome {
	case payment.OutcomeDeclined, payment.OutcomeNoEffect:
		switch {
		case a.Code != "":
			a.Failure = of(a.Code)
		case a.Status == string(stripe.PaymentIntentStatusCanceled): // a refund says it in the same word
			a.Failure = payment.CanceledAtProvider
		}
	case payment.OutcomeUnknown:
		if a.Failure = payment.NotYetKnown; a.HTTP == 0 {
			a.Failure = payment.Unreachable
		}
	}
	a.Failure = a.Why()
	return a
}

// explainCharge is explain for a call about a charge, with the limit that its
// amount is beyond.
func explainCharge(a payment.Result, r payment.ChargeRequest) payment.Result {
	a = explain(a, chargeFailure)
	code := strings.ToLower(string(r.Currency))
	switch a.Failure {
	case payment.AmountTooSmall:
		if least := smallest[code]; r.Amount < least {
			a.Limit = least
		}
	case payment.AmountTooLarge:
		if limit, _, err := fromUnit(largest(code), code); err == nil && r.Amount > limit {
			a.Limit = limit
		}
	}
	return a
}

// smallest are the smallest charges by currency, in minor units, of an account
// that is paid out in that currency:
// https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. Another
// currency is converted first, and its limit is not known here.
var smallest = map[string]int64{
	"usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
	"gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
	"pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}

// largest returns the largest charge in Stripe's unit; same source. For some
// cards it allows more in cop, huf, jpy and lbp.
func largest(code string) int64 {
	switch code {
	case "inr":
		return 999_999_999
	case "idr":
		return 999_999_999_999
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 99_999_990 // the last digit is 0
	case "isk", "ugx":
		return 99_999_900 // the last two digits are 0
	}
	return 99_999_999
}
