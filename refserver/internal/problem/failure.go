package problem

import (
	"fmt"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/refunds"
)

// failureWords is what people read of one failure.
type failureWords struct {
	buyer  string // to the customer, of a charge: a sentence or two, what happened and what to do
	charge string // to staff, of a charge: ends a sentence, without its full stop
	refund string // to staff, of a refund: likewise
}

// failures is the table of all failures in words. A %s in buyer and charge stands
// for the limit that the amount is beyond; the row of beyond is taken where it is
// not known.
//
// A card that the provider suspects, or that was reported as stolen, is refused to
// the customer in the words of any other: https://docs.stripe.com/declines/codes.
var failures = map[payment.Failure]failureWords{
	payment.DeclinedByBank: {
		"Your card was refused. Use another card or pay cash; your bank can tell you more.",
		"the customer's bank declined it; the customer can ask the bank, or pay another way",
		"the customer's bank does not accept the refund; pay it another way",
	},
	payment.DeclinedByProvider: {
		"Your card was refused. Use another card or pay cash; your bank can tell you more.",
		"the payment provider's own rules refused it, such as its protection against fraud",
		"the payment provider's own rules refused it; its dashboard says why",
	},
	payment.InsufficientFunds: {
		"The card has insufficient funds. Use another card or pay cash.",
		"there is not enough money in the customer's account",
		"there is not enough money in the account it is paid from",
	},
	payment.CardLimit: {
		"This payment is beyond a limit of your card. Try another card, pay cash, or ask your bank.",
		"it is beyond a limit of the customer's card",
		"it is beyond a limit of the customer's card; pay it another way",
	},
	payment.CardExpired: {
		"The card has expired. Use another card or pay cash.",
		"the card has expired",
		"the card has expired or was canceled; pay it another way",
	},
	payment.CardUnusable: {
		"This card can't be used for this payment. Use another card or pay cash.",
		"the card or account is closed, invalid, or not of a kind that can pay this",
		"the card or account is closed, or was reported as lost or stolen; pay it another way",
	},
	payment.WrongDetails: {
		"The card details are incorrect. Check them and try again.",
		"the customer mistyped a number, a date or an address",
		"the account's number or address is wrong",
	},
	payment.AuthenticationRequired: {
		"Your bank requires you to confirm this payment, which this page doesn't support. Use another card or pay " +
			"cash.",
		"the customer's bank wants the customer to confirm it",
		"the customer's bank wants the customer to confirm it",
	},
	payment.AmountTooSmall: {
		"The smallest card payment is %s. Pay cash, or add something to your cart.",
		"the amount is below the payment provider's smallest, which is %s",
		"it is less than the provider can pay out; pay it another way",
	},
	payment.AmountTooLarge: {
		"The largest card payment is %s. Pay cash, or order in several parts.",
		"the amount is above the payment provider's largest, which is %s",
		"it is more than what is left of the payment at the provider",
	},
	payment.AmountNotCarried: {
		"This amount can't be paid by card. Pay cash.",
		"the payment provider has no such amount in this currency",
		"the payment provider has no such amount in this currency; pay it another way",
	},
	payment.Expired: {
		"The time to pay has passed. Try again, or pay cash.",
		"the time in which it could be paid has passed",
		"the time in which it could be refunded has passed; pay it another way",
	},
	payment.Duplicate: {
		"Your bank received the same payment a moment ago. Check your orders before you try again.",
		"the customer's bank treats it as a repeat of a payment made a moment ago",
		"the bank treats it as a repeat of a refund made a moment ago; check the provider's dashboard",
	},
	payment.Disputed: {
		"The payment is disputed, so it can't be taken now. Use another card or pay cash.",
		"the customer's bank disputes the payment",
		"the customer's bank disputes the payment; until that is over, the provider refunds none of it",
	},
	payment.ProviderBalance: {
		"The payment provider can't take this payment now. Try again later, or pay cash.",
		"our balance at the provider is too low; top it up",
		"our balance at the provider is too low; top it up, then try again",
	},
	payment.AlreadyRefunded: {
		"This payment was refunded already. Try again, or pay cash.",
		"the payment was refunded already",
		"the provider has refunded all of this payment already",
	},
	payment.NotRefundable: {
		"The payment provider can't take this payment. Use another card or pay cash.",
		"the provider does not accept this payment",
		"the payment can't be refunded at the provider any more",
	},
	payment.CanceledAtProvider: {
		"The payment was canceled. Try again, or pay cash.",
		"it was canceled at the provider",
		"it was canceled in the provider's dashboard",
	},
	payment.UnknownAtProvider: {
		"The payment provider can't take this payment. Use another card or pay cash.",
		"the provider does not know the card or the payment; check the key and the account",
		"the provider does not know the payment",
	},
	payment.TryLater: {
		"The payment could not be processed at the moment. Try again in a few minutes, or pay cash.",
		"the provider or the bank asks us to try again later; nothing happened",
		"the provider asks us to try again later; nothing happened",
	},
	payment.Unreachable: {
		"The payment provider can't be reached at the moment. Try again in a few minutes, or pay cash.",
		"the provider can't be reached",
		"the provider can't be reached",
	},
	payment.NotYetKnown: {
		"We don't know yet whether the payment went through. We are checking; don't pay again.",
		"it is not yet known whether the money moved; it is being looked up",
		"it is not yet known whether the money moved; it is being looked up",
	},
	payment.Setup: {
		"The shop can't take cards at the moment. Pay cash, or try again later.",
		"the provider refuses our account, our key or our request; see the log",
		"the provider refuses our account, our key or our request; see the log",
	},
	payment.Unrecognized: {
		"The payment was refused. Use another card or pay cash.",
		"the provider declined it for a reason that this shop does not know",
		"the provider gave no reason",
	},
}

// beyond are the rows of amounts beyond a limit that is not known.
var beyond = map[payment.Failure]failureWords{
	payment.AmountTooSmall: {
		buyer:  "The amount is too small to be paid by card. Pay cash, or add something to your cart.",
		charge: "the amount is below the payment provider's smallest",
	},
	payment.AmountTooLarge: {
		buyer:  "The amount is too large to be paid by card. Pay cash, or order in several parts.",
		charge: "the amount is above the payment provider's largest",
	},
}

// chargeWords returns the row of a failure, with the limit in it.
func chargeWords(f payment.Failure, limit money.Money) failureWords {
	if !f.Valid() {
		f = payment.Unrecognized
	}
	w, limited := beyond[f]
	switch {
	case !limited:
		return failures[f]
	case limit.IsZero():
		return w
	}
	w, amount := failures[f], limit.Format("en")
	w.buyer, w.charge = fmt.Sprintf(w.buyer, amount), fmt.Sprintf(w.charge, amount)
	return w
}

// PaymentDeclined says to the customer why a payment was declined, and what to do.
// limit is the amount that the payment is beyond, where it is known. A decline is a
// definite no, so a failure that leaves the result open is none that is known.
func PaymentDeclined(f payment.Failure, limit money.Money) string {
	if f == payment.NotYetKnown || f == payment.Unreachable {
		f = payment.Unrecognized
	}
	return "Payment declined: " + lowerFirst(
		chargeWords(f, limit).buyer,
	) + " Nothing was charged, and your cart is saved."
}

// lowerFirst is text with a small first letter, unless a name begins it.
func lowerFirst(text string) string {
	if text[0] < 'A' || text[0] > 'Z' {
		return text
	}
	return string(text[0]+'a'-'A') + text[1:]
}

// ChargeFailed says to staff why a charge brought no money, in words that end a
// sentence without its full stop.
func ChargeFailed(f payment.Failure, limit money.Money) string { return chargeWords(f, limit).charge }

// RefundFailed says why an attempt at a refund failed or was reversed, in words
// that end a sentence without its full stop. The provider's own text is evidence
// and not shown; the reason that staff gave is.
func RefundFailed(code, reason string) string {
	switch code {
	case refunds.FailureAbsent:
		return "the provider answered with an error, and a later look-up did not find it"
	case refunds.FailureWithdrawn:
		return "it was never sent; another way was chosen instead"
	case refunds.FailureResolved:
		if reason != "" {
			return "staff found that the provider did not pay: " + reason
		}
	}
	f := stripegateway.RefundFailure(code)
	if f == payment.Unrecognized && code != "" {
		return "the provider declined it with the code " + code
	}
	return failures[f].refund
}
