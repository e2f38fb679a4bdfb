package stripegateway

import (
	"testing"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders/payment"
)

func TestADisputeIsOpenUntilItIsSurelyOver(t *testing.T) {
	for status, want := range map[string]payment.DisputeState{
		"needs_response": payment.DisputeOpen, "under_review": payment.DisputeOpen,
		"warning_needs_response": payment.DisputeOpen, "warning_under_review": payment.DisputeOpen,
		"brand_new": payment.DisputeOpen, "": payment.DisputeOpen, "lost": payment.DisputeLost,
		"won": payment.DisputeWon, "prevented": payment.DisputeWon, "warning_closed": payment.DisputeWon,
	} {
		t.Run(status, func(t *testing.T) {
			if got := disputeState(stripe.DisputeStatus(status)); got != want {
				t.Errorf("state %q, want %q", got, want)
			}
		})
	}
}

func TestWhatADisputeTookIsTheSumOfItsMovements(t *testing.T) {
	moved := func(c stripe.Currency, amounts ...int64) *stripe.Dispute {
		d := &stripe.Dispute{ID: "dp_1", Amount: 4000, Currency: "usd"}
		for _, a := range amounts {
			d.BalanceTransactions = append(d.BalanceTransactions, &stripe.BalanceTransaction{Amount: a, Currency: c})
		}
		return d
	}
	for name, c := range map[string]struct {
		dispute *stripe.Dispute
		want    int64
	}{
		"an inquiry takes nothing":                        {moved("usd"), 0},
		"a withdrawal":                                    {moved("usd", -3000), 3000},
		"a withdrawal that was given back":                {moved("usd", -3000, 3000), 0},
		"a part of it was given back":                     {moved("usd", -3000, 1000), 2000},
		"the account has another currency":                {moved("eur", -2700), 4000},
		"the same, given back":                            {moved("eur", -2700, 2700), 0},
		"more was given back than taken, by the rounding": {moved("eur", -2700, 2701), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := disputed(c.dispute).Withdrawn; got != c.want {
				t.Errorf("withdrawn %d, want %d", got, c.want)
			}
		})
	}
}
