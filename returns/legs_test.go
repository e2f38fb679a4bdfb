package returns_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
)

// An order that two payments paid: the case is refunded when both parts are paid, a part
// that fails leaves the other right, and one that is reversed is paid again alone.
func TestACaseIsRefundedWhenAllPartsAre(t *testing.T) {
	s := newShop(t, policy())
	o := s.paidByTwo(2)
	r := s.inspected(s.received(o, 2).ID, 2)
	s.gateway.Script(refundstest.CallCreate, refundstest.FaultNone, refundstest.FaultRefuse)
	r, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{})
	s.ok(err)
	s.equal("the case and its refund", []any{r.Status, refund.Status, len(refund.Failed()), r.RefundID},
		[]any{returns.StatusApproved, refunds.StatusPending, 1, ""})
	s.ok(s.svc.RefundChanged(s.ctx, refund.Legs[0]))
	s.equal("after the event of the part that is paid", s.get(r.ID).Status, returns.StatusApproved)

	r, refund, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{
		Method: payment.StoreCredit, PaymentID: refund.Failed()[0].PaymentID,
	})
	s.ok(err)
	s.equal("the case in the end", []any{r.Status, refund.Status, refund.Amount(), r.RefundID, len(r.Refunds)},
		[]any{returns.StatusRefunded, refunds.StatusSucceeded, o.Total(), refund.ID, 2})

	card := refund.Legs[0]
	s.ok(s.svc.RefundChanged(s.ctx, s.reversed(card)))
	r = s.get(r.ID)
	s.equal("after a part was reversed", []any{r.Status, r.Reversed(), len(r.OpenTasks())},
		[]any{returns.StatusRefunded, true, 1})
	s.ok(s.svc.RefundChanged(s.ctx, s.reversed(card)))
	r = s.get(r.ID)
	s.equal("told twice", len(r.OpenTasks()), 1)
	r, refund, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.Cash})
	s.ok(err)
	s.equal("paid again", []any{r.Reversed(), refund.Status, refund.Amount(), refund.Legs[0].Amount()},
		[]any{false, refunds.StatusSucceeded, o.Total(), card.Amount()})
}

// The part that was paid is taken back while the other has failed: the case shows the
// one that was taken back, and no other.
func TestACaseShowsTheOnePartThatWasReversed(t *testing.T) {
	s := newShop(t, policy())
	r := s.inspected(s.received(s.paidByTwo(2), 2).ID, 2)
	s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse, refundstest.FaultRefuse)
	_, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{})
	s.ok(err)
	failed := refund.Legs[1]
	_, refund, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{
		Method: payment.Cash, PaymentID: refund.Legs[0].PaymentID,
	})
	s.ok(err)
	s.equal("one part is paid", []any{refund.Legs[0].Status, refund.Legs[1].Status},
		[]any{refunds.StatusSucceeded, refunds.StatusFailed})
	cash := s.reversed(refund.Legs[0]) // what staff paid is not offered anew
	refund, err = s.payer.ByClientReference(s.ctx, r.ID)
	s.equal("the refund", []any{refund.Status, err}, []any{refunds.StatusReversed, nil})
	s.ok(s.svc.RefundChanged(s.ctx, failed))
	r = s.get(r.ID)
	s.equal("the case", []any{r.Status, r.Reversed(), len(r.OpenTasks()), r.OpenTasks()[0].Ref},
		[]any{returns.StatusApproved, true, 1, cash.ID})
	s.ok(s.svc.RefundChanged(s.ctx, cash))
	s.equal("told again", len(s.tasks(r.ID)), 1)
	r, _, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.StoreCredit})
	s.ok(err)
	s.equal("paid in the end", []any{r.Status, r.Reversed()}, []any{returns.StatusRefunded, false})
}

// Before the inspection: both fail, and the case may be canceled; one is paid, and not.
func TestAnEarlyRefundInPartsKeepsTheCaseOpen(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []refundstest.Fault
		want   bool
	}{
		{"both fail", []refundstest.Fault{refundstest.FaultRefuse, refundstest.FaultRefuse}, false},
		{"one is paid", []refundstest.Fault{refundstest.FaultRefuse, refundstest.FaultNone}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := policy()
			p.RefundFrom = returns.StatusAuthorized
			s := newShop(t, p)
			r, err := s.svc.Authorize(s.ctx, s.filed(s.paidByTwo(2), 2).ID, kim, "")
			s.ok(err)
			s.gateway.Script(refundstest.CallCreate, c.faults...)
			r, _, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{})
			s.ok(err)
			s.equal("an early refund is noted", r.EarlyRefund, c.want)
			_, err = s.svc.Cancel(s.ctx, r.ID, ann)
			s.equal("it can't be canceled", err != nil, c.want)
		})
	}
}

func TestTheRuleThatSplitsIsOfTheTerms(t *testing.T) {
	p := policy()
	p.Split = "all_at_once"
	if err := p.Validate(); returns.CodeOf(err) != returns.CodeInvalid {
		t.Errorf("a rule that is none: %v", err)
	}
	p.Split = refunds.SplitLastPaidFirst
	s := newShop(t, p)
	r := s.inspected(s.received(s.paidByTwo(2), 2).ID, 1)
	_, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{})
	s.ok(err)
	s.equal(
		"parts and the amount of the last",
		[]any{len(refund.Legs), refund.Legs[0].Amount()},
		[]any{1, refund.Amount()},
	)
}
