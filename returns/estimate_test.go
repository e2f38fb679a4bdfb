package returns_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest/returnsgen"
)

// TestTheEstimateIsTheRefundWhenAllIsAccepted: I3, for any terms, order and
// request, also for the second return of an order.
func TestTheEstimateIsTheRefundWhenAllIsAccepted(t *testing.T) {
	holds(t, 60, "amount", func(p returns.Policy, bought, first, second int, other bool) string {
		p.Enabled, p.WindowDays, p.Windows, p.MaxQuantity, p.PhotosRequired, p.RefundFrom = true, 30, nil, 12, 0, ""
		s := newShop(t, p)
		o := s.bought(bought)
		for _, n := range []int{1 + first%bought, 1 + second%bought} {
			q := ask(o, n)
			if other {
				q.Reason = returns.ReasonOther
			}
			e, err := s.svc.Estimate(s.ctx, ann, q)
			if returns.CodeOf(err) == returns.Code(returns.AlreadyReturned) {
				return ""
			}
			s.ok(err)
			q.Estimate, q.Currency = &e.Amount, e.Currency // what was shown is agreed to
			r, err := s.svc.Create(s.ctx, ann, q)
			s.ok(err)
			if r.Status == returns.StatusPendingAuthorization {
				_, err = s.svc.Authorize(s.ctx, r.ID, kim, "")
				s.ok(err)
			}
			_, err = s.svc.Receive(s.ctx, r.ID, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
			s.ok(err)
			_, err = s.svc.Inspect(
				s.ctx, r.ID, kim, returns.InspectionInput{Result: returns.InspectionApproved, InspectedBy: "Kim"},
			)
			s.ok(err)
			_, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
			s.ok(err)
			gross, off := int64(0), int64(0)
			for _, l := range e.Lines {
				gross += l.Refunded.Total()
			}
			for _, d := range e.Deductions {
				off += d.Amount
			}
			if refund.Amount() != e.Amount || gross-off != e.Amount {
				return fmt.Sprintf("estimate %d (%d less %d), refund %d", e.Amount, gross, off, refund.Amount())
			}
		}
		return ""
	}, returnsgen.GenPolicy(), gen.IntRange(1, 9), gen.IntRange(0, 9), gen.IntRange(0, 9), gen.Bool())
}

// C6: the fees are shown before the request is sent, each with its rule.
func TestTheEstimateNamesEachDeduction(t *testing.T) {
	p := policy()
	p.RestockingFees = []returns.FeeRule{{PercentBP: 1000}}
	p.ReturnShippingFees = []returns.FeeRule{{Fixed: 499}}
	p.RefundWithinDays, p.Methods, p.PhotosRequired = 14, []payment.Method{
		payment.OriginalMethod,
		payment.StoreCredit,
	}, 1
	s := newShop(t, p)
	o := s.bought(2)
	e, err := s.svc.Estimate(s.ctx, ann, ask(o, 1))
	s.ok(err)
	s.equal("estimate", e, returns.Estimate{
		Currency: "USD", Amount: 3333 + 50 + 249 - 333 - 499,
		Lines: []refunds.QuoteLine{{OrderLineID: "1", Units: 1, Refunded: e.Lines[0].Refunded}},
		Deductions: []returns.Deduction{
			{Rule: returns.RuleRestockingFee, OrderLineID: "1", Amount: 333},
			{Rule: returns.RuleReturnShippingFee, Amount: 499},
		},
		Methods:   []payment.Method{payment.Card, payment.StoreCredit},
		RefundDue: time.Date(2026, 5, 19, 0, 0, 0, 0, time.UTC),
	})
	_, n, err := s.svc.Returns(s.ctx, returns.Query{})
	s.ok(err)
	s.equal("cases", n, 0)

	_, err = s.svc.Estimate(s.ctx, ann, ask(o, 3))
	s.refused(err, returns.Code(returns.QuantityOverPurchased))
	mine := ask(o, 1)
	mine.CustomerID = "bob"
	_, err = s.svc.Estimate(s.ctx, ann, mine)
	s.refused(err, returns.Code(returns.NotYourOrder))
}

// I17: less than was shown is not filed; more, or the same, is.
// 499 yen are another amount than 4.99 dollars: only the percentage is taken off.
func TestAFixedFeeIsOfItsCurrency(t *testing.T) {
	p := policy()
	p.Currency = "JPY"
	p.RestockingFees = []returns.FeeRule{{PercentBP: 1000, Fixed: 100}}
	p.ReturnShippingFees = []returns.FeeRule{{Fixed: 499}}
	s := newShop(t, p)
	e, err := s.svc.Estimate(s.ctx, ann, ask(s.bought(2), 1))
	s.ok(err)
	s.equal("estimate", []any{e.Amount, e.Deductions}, []any{int64(3333 + 50 + 249 - 333),
		[]returns.Deduction{{Rule: returns.RuleRestockingFee, OrderLineID: "1", Amount: 333}}})
}

func TestARequestIsBoundToWhatWasShown(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(3)
	e, err := s.svc.Estimate(s.ctx, ann, ask(o, 1))
	s.ok(err)
	q := ask(o, 1)
	for _, c := range []struct {
		shown    int64
		currency money.Currency
		code     returns.Code
	}{
		{e.Amount + 1, "USD", returns.CodePriceChanged}, {e.Amount, "EUR", returns.CodePriceChanged},
		{e.Amount, "", ""}, {e.Amount - 1, "USD", ""},
	} {
		q.Estimate, q.Currency = &c.shown, c.currency
		_, err := s.svc.Create(s.ctx, ann, q)
		s.refused(err, c.code)
	}
}

// M15: what came back damaged is not put back on sale by default.
func TestDamagedGoodsAreNotProposedForTheShelf(t *testing.T) {
	for _, c := range []struct {
		reason    returns.Reason
		condition returns.Condition
		want      returns.Disposition
	}{
		{returns.ReasonDamaged, "", returns.Quarantine},
		{returns.ReasonDamaged, returns.ConditionNew, returns.Quarantine},
		{returns.ReasonOther, returns.ConditionDamaged, returns.Quarantine},
		{returns.ReasonWrongItem, returns.ConditionDefective, returns.Quarantine},
		{returns.ReasonOther, returns.ConditionUsed, returns.Refurbish},
		{returns.ReasonOther, returns.ConditionOpened, returns.Restock},
		{returns.ReasonWrongItem, "", returns.Restock},
	} {
		if got := returns.ProposeDisposition(c.reason, c.condition); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.reason, c.condition, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		lines []returns.InspectionLine
		want  returns.Disposition
	}{
		"without lines, as ever":       {nil, returns.Restock},
		"a line without a disposition": {[]returns.InspectionLine{{OrderLineID: "1"}}, returns.Quarantine},
		"a line that somebody decided on": {
			[]returns.InspectionLine{{OrderLineID: "1", Disposition: returns.Restock}}, returns.Restock,
		},
		"a line with its condition": {
			[]returns.InspectionLine{{OrderLineID: "1", Condition: returns.ConditionUsed}}, returns.Quarantine,
		},
		"a line with a decision, damaged": {
			[]returns.InspectionLine{{OrderLineID: "1", Disposition: returns.Scrap}}, returns.Scrap,
		},
	} {
		s := newShop(t, policy())
		r := s.received(s.bought(2), 2)
		in := returns.InspectionInput{Result: returns.InspectionApproved, InspectedBy: "Kim", Lines: c.lines}
		r, err := s.svc.Inspect(s.ctx, r.ID, kim, in)
		s.ok(err)
		s.equal(name, r.Lines[0].Disposition, c.want)
	}
}
