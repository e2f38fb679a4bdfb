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
		{"expired_or_canceled_card", raw, "the card has expired or was cancelled"},
		{refunds.FailureResolved, "seen on its pages", "staff found that the provider did not pay: seen on its pages"},
		{"brand_new_code", raw, "the provider said no with the code brand_new_code"},
		{"", raw, "the provider gave no reason"},
	} {
		if got := problem.RefundFailed(tc.code, tc.reason); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.code, got, tc.want)
		}
	}
}
