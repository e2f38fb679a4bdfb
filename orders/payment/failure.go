package payment

import "slices"

// Failure says why a call of a provider did not bring its effect about, in one
// vocabulary for all providers. An adapter maps its provider's codes to it; what
// people read is made of the Failure, and the provider's own code and text stay
// in the Result as evidence.
//
// The set is closed: a code that an adapter does not know is [Unrecognized].
type Failure string

// The failures. After each stands what it means for a charge and, where that
// differs, for a refund.
const (
	// DeclinedByBank: the customer's bank said no without a reason that may be
	// repeated to the customer. A refund: the bank does not take the money.
	DeclinedByBank Failure = "declined_by_bank"
	// DeclinedByProvider: the provider's own rules refused it, such as its
	// protection against fraud. Customers are shown no more than for
	// DeclinedByBank.
	DeclinedByProvider Failure = "declined_by_provider"
	// InsufficientFunds: there is not enough money on the customer's account.
	InsufficientFunds Failure = "insufficient_funds"
	// CardLimit: it is beyond a limit of the customer's card, in amount or in
	// number of payments.
	CardLimit Failure = "card_limit"
	// CardExpired: the card is past its date. A refund: or it was canceled.
	CardExpired Failure = "card_expired"
	// CardUnusable: the card or account is closed, invalid, reported lost, or not
	// of a kind that can pay this, such as one in another currency.
	CardUnusable Failure = "card_unusable"
	// WrongDetails: a number, date, security code or address was mistyped.
	WrongDetails Failure = "wrong_details"
	// AuthenticationRequired: the customer's bank wants the customer to confirm it.
	AuthenticationRequired Failure = "authentication_required"
	// AmountTooSmall: it is below the provider's smallest amount; see Result.Limit.
	AmountTooSmall Failure = "amount_too_small"
	// AmountTooLarge: it is above the provider's largest amount; see Result.Limit.
	// A refund: it is more than what is left of the payment.
	AmountTooLarge Failure = "amount_too_large"
	// AmountNotCarried: the provider has no such amount in this currency, or does
	// not take the currency. Nothing was sent.
	AmountNotCarried Failure = "amount_not_carried"
	// Expired: the time in which it could be paid, or refunded, has passed.
	Expired Failure = "expired"
	// Duplicate: the bank takes it for a repetition of a payment made a moment ago.
	Duplicate Failure = "duplicate"
	// Disputed: the customer's bank disputes the payment, and while it does
	// nothing is refunded.
	Disputed Failure = "disputed"
	// ProviderBalance: our balance at the provider is too low.
	ProviderBalance Failure = "provider_balance"
	// AlreadyRefunded: the payment was paid back already.
	AlreadyRefunded Failure = "already_refunded"
	// NotRefundable: the provider does not refund this payment.
	NotRefundable Failure = "not_refundable"
	// CanceledAtProvider: it was canceled, at the provider or on its pages.
	CanceledAtProvider Failure = "canceled_at_provider"
	// UnknownAtProvider: the provider does not know the payment, or the object the
	// call names.
	UnknownAtProvider Failure = "unknown_at_provider"
	// TryLater: the provider or the bank asks to come again later; nothing happened.
	TryLater Failure = "try_later"
	// Unreachable: the provider gave no answer, or nothing is sent to it for now.
	Unreachable Failure = "unreachable"
	// NotYetKnown: there is an answer, and it does not settle whether the effect is
	// there.
	NotYetKnown Failure = "not_yet_known"
	// Setup: the provider refuses our account, our key or our request; it would do so
	// for any customer.
	Setup Failure = "setup"
	// Unrecognized: a definite no with a code that the adapter does not know.
	Unrecognized Failure = "unrecognized"
)

// Advice is what to do about a Failure.
type Advice string

// What can be done. The first five are for the customer, the others for the shop.
const (
	UseOther       Advice = "use_other"       // pay by another card or another method
	CorrectDetails Advice = "correct_details" // check what was typed, then try again
	ChangeAmount   Advice = "change_amount"   // pay by a method without that limit, or another amount
	Confirm        Advice = "confirm"         // confirm it with the bank, or pay by another method
	TryAgain       Advice = "try_again"       // nothing happened: the same again, later
	Wait           Advice = "wait"            // nothing: it is looked up and settles on its own
	FillBalance    Advice = "fill_balance"    // fill the balance up, then try again
	Review         Advice = "review"          // staff look at the provider's records and decide
	FixSetup       Advice = "fix_setup"       // put the account, the key or the program right
)

// advice is the closed set of failures, with what to do.
var advice = map[Failure]Advice{
	DeclinedByBank: UseOther, DeclinedByProvider: UseOther, InsufficientFunds: UseOther, CardLimit: UseOther,
	CardExpired: UseOther, CardUnusable: UseOther, Expired: UseOther, CanceledAtProvider: UseOther,
	WrongDetails: CorrectDetails, AuthenticationRequired: Confirm,
	AmountTooSmall: ChangeAmount, AmountTooLarge: ChangeAmount, AmountNotCarried: ChangeAmount,
	TryLater: TryAgain, Duplicate: Wait, Unreachable: Wait, NotYetKnown: Wait,
	Disputed: Review, AlreadyRefunded: Review, NotRefundable: Review, UnknownAtProvider: Review, Unrecognized: Review,
	ProviderBalance: FillBalance, Setup: FixSetup,
}

// Failures returns all failures, sorted by name.
func Failures() []Failure {
	all := make([]Failure, 0, len(advice))
	for f := range advice {
		all = append(all, f)
	}
	slices.Sort(all)
	return all
}

// Valid reports whether f is one of the failures.
func (f Failure) Valid() bool { return advice[f] != "" }

// Advice returns what to do about f; Review for what is not a failure of this
// package.
func (f Failure) Advice() Advice {
	if a := advice[f]; a != "" {
		return a
	}
	return Review
}

// Why returns why the call did not bring its effect about: Failure if the adapter
// set it, else what the outcome says alone. It is empty for an outcome that is no
// failure: done, pending, requires action, and absent.
func (r Result) Why() Failure {
	switch r.Outcome {
	case OutcomeDone, OutcomePending, OutcomeRequiresAction, OutcomeAbsent:
		return ""
	}
	if r.Failure.Valid() {
		return r.Failure
	}
	switch r.Outcome {
	case OutcomeDeclined:
		return Unrecognized
	case OutcomeNoEffect:
		return TryLater
	}
	return NotYetKnown
}
