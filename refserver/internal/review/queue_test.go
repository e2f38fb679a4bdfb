package review_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/review"
)

func TestWhyAnOrderNeedsReviewSaysWhatItsChargeMet(t *testing.T) {
	const unknown = "the provider has not said whether it took the money"
	for failure, want := range map[payment.Failure]string{
		"":                  unknown,
		payment.NotYetKnown: unknown,
		payment.Unreachable: unknown + "; the last attempt: the provider can't be reached",
		payment.CardExpired: unknown + "; the last attempt: the card has expired",
	} {
		o := review.Order{Order: orders.Order{Currency: "USD", Payment: orders.Payment{Failure: failure}}}
		if got := o.Why(); got != want {
			t.Errorf("%q: %s, want %s", failure, got, want)
		}
	}
}
