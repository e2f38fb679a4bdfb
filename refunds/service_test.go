package refunds_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// forgetting refuses every call after the first, as a provider does that

// forgot the key and sees a payment that is refunded already.

type forgetting struct {
	*refundstest.Gateway
	called bool
}

func (f *forgetting) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if !f.called {
		f.called = true
		return f.Gateway.CreateRefund(ctx, r)
	}
	return payment.Result{Outcome: payment.OutcomeDeclined, Code: "charge_already_refunded", HTTP: 400}
}

func TestRefundRefusals(t *testing.T) {
	change := func(f func(*refunds.Request)) refunds.Request {
		r := request(1, 1)
		f(&r)
		return r
	}
	for _, c := range []struct {
		name string
		r    refunds.Request
		code refunds.Code
		want string
	}{
		{"no reference", change(func(r *refunds.Request) { r.ClientReference = "" }), refunds.CodeInvalid, "reference"},
		{"no customer", change(func(r *refunds.Request) { r.Customer = "" }), refunds.CodeInvalid, "customer"},
		{"no text", change(func(r *refunds.Request) { r.OrderID = "a\x00b" }), refunds.CodeInvalid, "order_id"},
		{"no currency", change(func(r *refunds.Request) { r.Currency = "usd" }), refunds.CodeInvalid, "currency"},
		{"another currency", change(func(r *refunds.Request) { r.Quote.Currency = "EUR" }), refunds.CodeInvalid, "EUR"},
		{"no such method", change(func(r *refunds.Request) { r.Method = "gold" }), refunds.CodeMethod, `"gold"`},
		{"card for cash", change(func(r *refunds.Request) {
			r.Method, r.Payments[0].Method = payment.Card,
				payment.Cash
		}), refunds.CodeMethod, "not paid by card"},
		{"card without a payment", change(func(r *refunds.Request) { r.Payments[0].ProviderID = "" }),
			refunds.CodeMethod, "payment_reference"},
		{"not by the terms", change(func(r *refunds.Request) {
			r.Method, r.Allowed = payment.Cash, []payment.Method{payment.StoreCredit, payment.OriginalMethod}
		}),
			refunds.CodeMethod, "allowed: store_credit, original_method"},
		{"no lines", change(func(r *refunds.Request) { r.Quote.Lines = nil }), refunds.CodeNothingToRefund, "no units"},
		{"too many units", change(func(r *refunds.Request) { r.Quote.Lines[0].Units = 4 }), refunds.CodeInvalid,
			"3 were bought"},
		{"more than was captured", change(func(r *refunds.Request) { r.Payments[0].Captured = 999 }),
			refunds.CodeBalance, "10.00"},
		{"no payments", change(func(r *refunds.Request) { r.Payments = nil }), refunds.CodeInvalid, "payments"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *shop) {
				_, err := s.Refund(s.Context(), c.r)
				if refunds.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
					s.Errorf("error %v, want %s with %q", err, c.code, c.want)
				}
				if _, n, err := s.List(s.Context(), refunds.Query{}); n != 0 || err != nil {
					s.Errorf("%d refunds were made, %v", n, err)
				}
				s.equal("calls", s.gateway.Calls(refundstest.CallCreate), 0)
			})
		})
	}
	inBubble(t, func(s *shop) {
		for _, allowed := range [][]payment.Method{{payment.OriginalMethod}, {payment.Card}, nil} {
			q := request(len(allowed)*10+1, 1)
			q.Allowed = allowed
			s.is(s.refund(q), refunds.StatusSucceeded)
		}
	})
}

// stopping loses the answer of the first call and sleeps past its lease.

type stopping struct {
	*refundstest.Gateway
	meanwhile func()
}

func (g *stopping) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	g.Gateway.CreateRefund(ctx, r)
	if f := g.meanwhile; f != nil {
		g.meanwhile = nil
		f()
	}
	return payment.Result{Outcome: payment.OutcomeDeclined, Code: "a lie that must not be kept"}
}

func TestConfigIsValidated(t *testing.T) {
	good := func() refunds.Config {
		return refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}}
	}
	for field, spoil := range map[string]func(*refunds.Config){
		"Store":         func(c *refunds.Config) { c.Store = nil },
		"Gateway":       func(c *refunds.Config) { c.Gateway = nil },
		"CallTimeout":   func(c *refunds.Config) { c.CallTimeout = 81 * time.Second },
		"LookupTimeout": func(c *refunds.Config) { c.CallTimeout, c.LookupTimeout = 2*time.Second, time.Second },
		"Lease":         func(c *refunds.Config) { c.Lease = 11 * time.Second },
		"Wait":          func(c *refunds.Config) { c.Wait = -1 },
		"FirstRetry":    func(c *refunds.Config) { c.FirstRetry = -1 },
		"LookupMax":     func(c *refunds.Config) { c.LookupMax = time.Millisecond },
		"AbsenceGrace":  func(c *refunds.Config) { c.AbsenceGrace = -1 },
		"KeyMaxAge":     func(c *refunds.Config) { c.KeyMaxAge = -1 },
		"Parallel":      func(c *refunds.Config) { c.Parallel = -1 },
	} {
		c := good()
		spoil(&c)
		_, err := refunds.New(c)
		var e *refunds.Error
		if !errors.As(err, &e) || e.Field != "Config."+field {
			t.Errorf("%s: error %v does not name the field", field, err)
		}
	}
	if _, err := refunds.New(good()); err != nil {
		t.Error(err)
	}
}
