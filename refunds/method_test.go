package refunds_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// A method that nobody declared is refused, of the payment and of the refund:
// nothing that needs the provider's answer is paid out as cash.
func TestOnlyDeclaredMethodsAreRefunded(t *testing.T) {
	withIdeal := func(c *refunds.Config) { c.ProviderMethods = []payment.Method{"ideal", payment.Card} }
	const invalid, notAllowed = refunds.CodeInvalid, refunds.CodeMethod
	for _, c := range []struct {
		name         string
		paidBy, back payment.Method
		config       func(*refunds.Config)
		code         refunds.Code   // "" where it is paid
		field        string         // of the refusal
		by           payment.Method // what it is paid by
	}{
		{"card by default", payment.Card, "", nil, "", "", payment.Card},
		{"card as it was paid", payment.Card, payment.OriginalMethod, nil, "", "", payment.Card},
		{"cash for a card", payment.Card, payment.Cash, nil, "", "", payment.Cash},
		{"cash for cash", payment.Cash, "", nil, "", "", payment.Cash},
		{"store credit for store credit", payment.StoreCredit, "", nil, "", "", payment.StoreCredit},
		{"a declared method", "ideal", "", withIdeal, "", "", "ideal"},
		{"a declared method by name", "ideal", "ideal", withIdeal, "", "", "ideal"},
		{"store credit for a declared method", "ideal", payment.StoreCredit, withIdeal, "", "", payment.StoreCredit},
		{"one declared method for another", "ideal", payment.Card, withIdeal, notAllowed, "method", ""},
		{"paid by a method nobody declared", "ideal", "", nil, invalid, "payment_method", ""},
		{"paid by paypal, cash requested", "paypal", payment.Cash, withIdeal, invalid, "payment_method", ""},
		{"paid by CARD", "CARD", "", nil, invalid, "payment_method", ""},
		{"paid by nothing named", "", "", nil, invalid, "payment_method", ""},
		{"paid by nothing named, store credit requested", "", payment.StoreCredit, nil, invalid, "payment_method", ""},
		{"paid by the original method", payment.OriginalMethod, "", nil, invalid, "payment_method", ""},
		{"a method nobody declared", payment.Card, "paypal", nil, notAllowed, "method", ""},
		{"a method in other letters", payment.Card, "Cash", nil, notAllowed, "method", ""},
		{"a card that was declared away", payment.Card, "",
			func(c *refunds.Config) { c.ProviderMethods = []payment.Method{"ideal"} },
			invalid, "payment_method", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				q := request(1, 1)
				q.Payments[0].Method, q.Method = c.paidBy, c.back
				_, _, previewErr := s.Preview(s.Context(), q)
				r, err := s.Refund(s.Context(), q)
				if c.code == "" {
					if err != nil || previewErr != nil {
						s.Fatal(err, previewErr)
					}
					s.is(r, refunds.StatusSucceeded)
					s.equal("method", r.Method, c.by)
					s.equal("calls", s.gateway.Calls(refundstest.CallCreate),
						map[bool]int{true: 1}[c.by.Valid() && !c.by.Manual()])
					return
				}
				s.code(err, c.code)
				if !strings.Contains(err.Error(), ": "+c.field+": ") || !strings.Contains(err.Error(), "store_credit") {
					s.Errorf("error %v; want the field %s and what is allowed", err, c.field)
				}
				if c.field == "payment_method" {
					s.code(previewErr, c.code)
				}
				if _, n, err := s.List(s.Context(), refunds.Query{}); n != 0 || err != nil {
					s.Errorf("%d refunds were made, %v", n, err)
				}
				s.equal("calls", s.gateway.Calls(refundstest.CallCreate), 0)
			}, func(cfg *refunds.Config) {
				if c.config != nil {
					c.config(cfg)
				}
			})
		})
	}
}

// A quote of zero is paid by any method, without the provider and its ids.
func TestNothingIsPaidByAnyMethod(t *testing.T) {
	for _, back := range []payment.Method{"", payment.Card, payment.Cash, payment.StoreCredit, payment.OriginalMethod} {
		for _, paidBy := range []payment.Method{payment.Card, payment.Cash} {
			t.Run("paid by "+string(paidBy)+", back by "+string(back), func(t *testing.T) {
				inBubble(t, func(s *shop) {
					q := request(1, 1)
					q.Payments[0].Method, q.Method, q.Payments[0].ProviderID = paidBy, back, ""
					q.Allowed = []payment.Method{payment.StoreCredit}
					q.Quote.Lines[0].Paid, q.Quote.Lines[0].Free, q.Payments[0].Captured = money.Components{}, true, 0
					s.is(s.refund(q), refunds.StatusSucceeded)
					s.equal("calls", s.gateway.Calls(refundstest.CallCreate)+s.gateway.Calls(refundstest.CallFind), 0)
				})
			})
		}
	}
}

func TestAnAttemptHasAMethod(t *testing.T) {
	line := refunds.QuoteRequestLine{OrderLineID: "l", Bought: 1, Units: 1, Paid: money.Components{Price: 100}}
	q := refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{line}}
	quote, err := refunds.NewQuote(q, nil)
	if err != nil {
		t.Fatal(err)
	}
	st := event.Stamp{By: kim}
	for _, m := range []payment.Method{"", payment.OriginalMethod, "CARD", "iDEAL", "bank transfer", "9",
		payment.Method(strings.Repeat("a", 33))} {
		attempt := refunds.AttemptParams{ID: "a", Method: m, PaymentProviderID: "pi_1", PaidBy: kim, Request: q,
			Quote: quote}
		_, err := refunds.NewRefund(refunds.Params{ID: "r", ClientReference: "c", OrderID: "o", PaymentID: "p",
			Customer: "ann", Attempt: attempt}, st)
		if refunds.CodeOf(err) != refunds.CodeMethod {
			t.Errorf("%q: error %v, want %s", m, err, refunds.CodeMethod)
		}
	}
	for _, m := range []payment.Method{payment.Card, "ideal"} {
		attempt := refunds.AttemptParams{ID: "a", Method: m, PaidBy: kim, Request: q, Quote: quote}
		_, err := refunds.NewRefund(refunds.Params{ID: "r", ClientReference: "c", OrderID: "o", PaymentID: "p",
			Customer: "ann", Attempt: attempt}, st)
		if refunds.CodeOf(err) != refunds.CodeInvalid {
			t.Errorf("%s without a payment at the provider: error %v", m, err)
		}
	}
}

func TestProviderMethodsAreValidated(t *testing.T) {
	for name, methods := range map[string][]payment.Method{
		"cash": {payment.Cash}, "store credit": {payment.Card,
			payment.StoreCredit}, "the original method": {payment.OriginalMethod},
		"empty": {""}, "capitals": {"CARD"}, "twice": {"ideal", "ideal"},
	} {
		c := refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}, ProviderMethods: methods}
		if _, err := refunds.New(c); err == nil || !strings.Contains(err.Error(), "Config.ProviderMethods") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// A state nobody knows holds its amount: what is not recognized frees no money.
func TestAnUnknownStatusCountsAgainstWhatWasCaptured(t *testing.T) {
	free := []refunds.Status{refunds.StatusFailed, refunds.StatusReversed}
	for _, st := range []refunds.Status{"", "paid", refunds.StatusCreated, refunds.StatusSucceeded,
		refunds.StatusFailed, refunds.StatusReversed} {
		if st.CountsAgainstCaptured() == slices.Contains(free, st) {
			t.Errorf("%q: counts %t", st, st.CountsAgainstCaptured())
		}
	}
}
