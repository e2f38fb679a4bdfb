package problem

import (
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

func TestEveryFailureHasItsWords(t *testing.T) {
	for _, f := range payment.Failures() {
		t.Run(string(f), func(t *testing.T) {
			w, ok := failures[f]
			if !ok || w.buyer == "" || w.charge == "" || w.refund == "" {
				t.Fatalf("words are missing: %+v", w)
			}
			if !strings.HasSuffix(w.buyer, ".") {
				t.Errorf("%q is no sentence", w.buyer)
			}
			for _, text := range []string{w.charge, w.refund} {
				if strings.HasSuffix(text, ".") || text != lowerFirst(text) {
					t.Errorf("%q does not end a sentence", text)
				}
			}
			for _, limit := range []money.Money{{}, money.New(99_999_999, "USD")} {
				text := PaymentDeclined(f, limit) + ChargeFailed(f, limit)
				if strings.Contains(text, "%") || strings.Contains(text, "0 USD") ||
					strings.Contains(text, "_") {
					t.Errorf("limit %s: %q", limit, text)
				}
			}
		})
	}
	if len(failures) != len(payment.Failures()) {
		t.Errorf("%d rows for %d failures", len(failures), len(payment.Failures()))
	}
}

func TestACustomerIsNotToldThatACardIsSuspected(t *testing.T) {
	bank, fraud := PaymentDeclined(payment.DeclinedByBank, money.Money{}),
		PaymentDeclined(payment.DeclinedByProvider, money.Money{})
	if bank != fraud {
		t.Errorf("%q and %q", bank, fraud)
	}
	if ChargeFailed(payment.DeclinedByBank, money.Money{}) == ChargeFailed(payment.DeclinedByProvider, money.Money{}) {
		t.Error("staff are not told who refused it")
	}
}

func TestADeclinedOrderIsSaidInWords(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  orders.Error
		want string
	}{
		{"a million dollars", orders.Error{Failure: payment.AmountTooLarge, Limit: money.New(99_999_999, "USD")},
			"Payment declined: the largest card payment is $999,999.99. Pay cash, or order in several parts."},
		{"a limit that is not known", orders.Error{Failure: payment.AmountTooLarge},
			"Payment declined: the amount is too large to be paid by card. Pay cash, or order in several parts."},
		{"ten cents", orders.Error{Failure: payment.AmountTooSmall, Limit: money.New(50, "USD")},
			"Payment declined: the smallest card payment is $0.50. Pay cash, or add something to your cart."},
		{"bank", orders.Error{Failure: payment.DeclinedByBank},
			"Payment declined: your card was refused. Use another card or pay cash; your bank can tell you more."},
		{"no failure", orders.Error{Reason: "moon_phase"},
			"Payment declined: the payment was refused. Use another card or pay cash."},
		{"a gateway that is not sure", orders.Error{Failure: payment.NotYetKnown},
			"Payment declined: the payment was refused. Use another card or pay cash."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.err.Code = orders.CodePaymentDeclined
			p := Of(&tc.err)
			if p.Status != http.StatusPaymentRequired || p.Code != "PAYMENT_DECLINED" ||
				p.Message != tc.want+" Nothing was charged, and your cart is saved." {
				t.Errorf("%d %s %q", p.Status, p.Code, p.Message)
			}
		})
	}
}
