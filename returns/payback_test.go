package returns_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// quoted is what a test changes of a refund request: the case, its order, its terms
// and the method.
type quoted struct {
	r *returns.Return
	o *purchase.Purchase
	p *returns.Policy
	m *payment.Method
}

// quotedCase says which fields of a request differ once something was changed.
type quotedCase struct {
	name   string
	change func(w quoted)
	want   func(q *refunds.Request)
}

// overridden is a change that sets rules aside.
func overridden(t *testing.T, rules ...string) func(w quoted) {
	return func(w quoted) {
		err := w.r.Override(event.Stamp{At: start, By: kim}, returns.Override{Rules: rules, Reason: "goodwill"})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestARefundRequestFieldByField says of each field of the request where it
// comes from: the case, its order, its terms, or who asks.
func TestARefundRequestFieldByField(t *testing.T) {
	checkRequests(t, []quotedCase{
		{"as it is", func(quoted) {}, func(*refunds.Request) {}},
		{
			"another case", func(w quoted) { w.r.ID, w.r.CustomerID = "r2", "bob" },
			func(q *refunds.Request) { q.ClientReference, q.Customer = "r2", "bob" },
		},
		{"another order", func(w quoted) { w.o.OrderID = "o2" }, func(q *refunds.Request) { q.OrderID = "o2" }},
		{"another payment", func(w quoted) {
			w.o.Payments[0] = purchase.Payment{ID: "p2", Method: payment.Cash, ProviderID: "pi_2", Captured: 7}
		}, func(q *refunds.Request) {
			q.Payments[0] = refunds.Payment{ID: "p2", Method: payment.Cash, ProviderID: "pi_2", Captured: 7}
		}},
		{
			"another currency", func(w quoted) { w.o.Currency = "JPY" },
			func(q *refunds.Request) { q.Currency, q.Quote.Currency = "JPY", "JPY" },
		},
		{
			"a method", func(w quoted) { *w.m = payment.StoreCredit },
			func(q *refunds.Request) { q.Method = payment.StoreCredit },
		},
		{
			"methods of the terms", func(w quoted) { w.p.Methods = []payment.Method{payment.Card} },
			func(q *refunds.Request) { q.Allowed = []payment.Method{payment.Card} },
		},
		{"methods of the terms, set aside", func(w quoted) {
			w.p.Methods = []payment.Method{payment.Card}
			overridden(t, returns.RuleRefundMethod)(w)
		}, func(*refunds.Request) {}},
		{"what the line was paid", func(w quoted) {
			w.o.Lines[0].Paid.Components, w.o.Lines[0].Quantity = money.Components{Price: 1, Duty: 2, Shipping: 3}, 9
		}, func(q *refunds.Request) {
			q.Quote.Lines[0].Paid, q.Quote.Lines[0].Bought = money.Components{Price: 1, Duty: 2, Shipping: 3}, 9
		}},
		{
			"units accepted", func(w quoted) { w.r.Lines[0].Accepted = 1 },
			func(q *refunds.Request) { q.Quote.Lines[0].Units = 1 },
		},
		{
			"nothing accepted of a line", func(w quoted) { w.r.Lines[0].Accepted = 0 },
			func(q *refunds.Request) { q.Quote.Lines = nil },
		},
		{"before the inspection: units requested", func(w quoted) {
			w.p.RefundFrom, w.r.Status = returns.StatusReceived, returns.StatusReceived
		}, func(q *refunds.Request) { q.Quote.Lines[0].Units = 3 }},
		{"early by an override: units requested", func(w quoted) {
			overridden(t, returns.RuleRefundEarly)(w)
			w.r.Status = returns.StatusAuthorized
		}, func(q *refunds.Request) { q.Quote.Lines[0].Units = 3 }},
		{"a line beyond the terms", func(w quoted) {
			w.r.Verdict.Lines = []returns.LineVerdict{
				{OrderLineID: "lamp", Findings: []returns.Finding{{Code: returns.WindowExpired}}},
			}
		}, func(q *refunds.Request) { q.Quote.Lines[0].Overridden = true }},
		{"another line beyond the terms", func(w quoted) {
			w.r.Verdict.Lines = []returns.LineVerdict{
				{OrderLineID: "socks", Findings: []returns.Finding{{Code: returns.FinalSale}}},
			}
		}, func(*refunds.Request) {}},
		{"a case beyond the terms", func(w quoted) {
			w.r.Verdict.Findings = []returns.Finding{
				{Code: returns.ReturnsDisabled},
			}
		}, func(q *refunds.Request) {
			q.Quote.Lines[0].Overridden = true
		}},
	})
}

func TestTheFeesOfARefundRequest(t *testing.T) {
	fees := []returns.FeeRule{
		{Reason: returns.ReasonOther, PercentBP: 1},
		{Condition: returns.ConditionUsed, PercentBP: 1500},
		{Reason: returns.ReasonDamaged, Fixed: 30, PercentBP: 20},
		{Fixed: 999},
	}
	checkRequests(t, []quotedCase{
		{"fees: the first that matches", func(w quoted) {
			w.p.RestockingFees, w.p.ReturnShippingFees = fees, fees[2:]
		}, func(q *refunds.Request) {
			q.Quote.Fees = []refunds.FeeRule{
				{Kind: refunds.RestockingFee, OrderLineID: "lamp", Fixed: 30, PercentBP: 20},
				{Kind: refunds.ReturnShippingFee, Fixed: 30, PercentBP: 20},
			}
		}},
		{"fees: by the condition of the line", func(w quoted) {
			w.p.RestockingFees, w.r.Lines[0].Condition = fees, returns.ConditionUsed
			w.p.ReturnShippingFees = fees[1:2] // the case has no condition
		}, func(q *refunds.Request) {
			q.Quote.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, OrderLineID: "lamp", PercentBP: 1500}}
		}},
		{
			"fees: none that matches",
			func(w quoted) { w.p.RestockingFees, w.p.ReturnShippingFees = fees[:1], fees[:1] },
			func(*refunds.Request) {},
		},
		{"fees: set aside", func(w quoted) {
			w.p.RestockingFees, w.p.ReturnShippingFees = fees[3:], fees[3:]
			overridden(t, returns.RuleRestockingFee, returns.RuleReturnShippingFee)(w)
		}, func(q *refunds.Request) {
			q.Quote.Fees = []refunds.FeeRule{
				{Kind: refunds.RestockingFee, OrderLineID: "lamp", Fixed: 999, Waived: true},
				{Kind: refunds.ReturnShippingFee, Fixed: 999, Waived: true},
			}
		}},
	})
}

func checkRequests(t *testing.T, cases []quotedCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, o, p, m := in(t, returns.StatusApproved), sample(), policy(), payment.Method("")
			o.Payments[0].ProviderID = "pi_1"
			c.change(quoted{r, &o, &p, &m})
			want := refunds.Request{
				ClientReference: "r", OrderID: "o",
				Payments: []refunds.Payment{{ID: "p", Method: payment.Card, ProviderID: "pi_1", Captured: 5000}},
				Currency: "USD",
				Customer: "ann", By: kim,
				Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
					{OrderLineID: "lamp", Bought: 4, Paid: money.Components{Price: 4000}, Units: 2},
				}},
			}
			c.want(&want)
			got, err := r.RefundRequest(o, p, m, kim)
			(&shop{T: t}).ok(err)
			(&shop{T: t}).equal("request", got, want)
		})
	}
}

func TestARefundRequestIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		status returns.Status
		from   returns.Status
		method payment.Method
		line   string
		want   returns.Code
	}{
		{
			"before it is authorized", returns.StatusPendingAuthorization, returns.StatusAuthorized, "", "lamp",
			returns.CodeNotRefundable,
		},
		{
			"before the terms allow it", returns.StatusAuthorized, returns.StatusReceived, "", "lamp",
			returns.CodeNotRefundable,
		},
		{"before the approval, by default", returns.StatusUnderInspection, "", "", "lamp", returns.CodeNotRefundable},
		{"of a rejected case", returns.StatusRejected, returns.StatusAuthorized, "", "lamp", returns.CodeNotRefundable},
		{
			"of a cancelled case", returns.StatusCanceled, returns.StatusAuthorized, "", "lamp",
			returns.CodeNotRefundable,
		},
		{"by a method there is not", returns.StatusApproved, "", "cheque", "lamp", returns.CodeMethod},
		{"of a line that is not of the order", returns.StatusApproved, "", "", "rug", returns.CodeInvalid},
	} {
		r, o, p := in(t, c.status), sample(), policy()
		p.RefundFrom, r.Lines[0].OrderLineID = c.from, c.line
		if _, err := r.RefundRequest(o, p, c.method, kim); returns.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}
