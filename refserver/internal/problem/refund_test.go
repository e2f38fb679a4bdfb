package problem_test

import (
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
)

func TestWhyARefundFailedIsSaidInWords(t *testing.T) {
	const raw = "refused charge_not_refundable: Charge ch_1 cannot be refunded."
	for _, tc := range []struct{ code, reason, want string }{
		{"charge_not_refundable", raw, "the payment can't be refunded at the provider any more"},
		{"expired_or_canceled_card", raw, "the card has expired or was canceled; pay it another way"},
		{refunds.FailureResolved, "seen on its pages", "staff found that the provider did not pay: seen on its pages"},
		{"insufficient_funds", raw, "our balance at the provider is too low; top it up, then try again"},
		{refunds.FailureAbsent, "", "the provider answered with an error, and a later look-up did not find it"},
		{"brand_new_code", raw, "the provider declined it with the code brand_new_code"},
		{"", raw, "the provider gave no reason"},
	} {
		if got := problem.RefundFailed(tc.code, tc.reason); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.code, got, tc.want)
		}
	}
}
