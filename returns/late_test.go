package returns_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// early is an authorized case whose refund may be paid before approval.
func early(t *testing.T) (*shop, returns.Return) {
	t.Helper()
	p := policy()
	p.RefundFrom = returns.StatusAuthorized
	s := newShop(t, p)
	r := s.filed(s.bought(2), 2)
	r, err := s.svc.Authorize(s.ctx, r.ID, kim, "")
	s.ok(err)
	return s, r
}

// refund asks for a refund by card that the provider answers with the fault.
func (s *shop) refund(id string, f refundstest.Fault) refunds.Refund {
	s.Helper()
	s.gateway.Script(refundstest.CallCreate, f)
	_, refund, err := s.svc.Refund(s.ctx, id, kim, returns.RefundParams{Method: payment.Card})
	s.ok(err)
	return refund.Refund
}

func (s *shop) reversed(refund refunds.Refund) refunds.Refund {
	s.Helper()
	refund, err := s.payer.Reverse(s.ctx, refund.ID, kim, refunds.ReverseParams{Reason: "the bank sent it back"})
	s.ok(err)
	return refund
}

func (s *shop) tasks(id string) []returns.Task {
	s.Helper()
	r := s.get(id)
	return r.OpenTasks()
}

func TestALateReversalDoesNotReopenWhatAPersonClosed(t *testing.T) {
	s := newShop(t, policy())
	r := s.inspected(s.received(s.bought(2), 2).ID, 2)
	first := s.refund(r.ID, refundstest.FaultNone)
	gone := s.reversed(first)
	for range 2 {
		s.ok(s.svc.RefundChanged(s.ctx, gone))
	}
	open := s.tasks(r.ID)
	s.equal("tasks", []any{len(open), open[0].Kind, open[0].Ref}, []any{1, returns.TaskRefundReversed, first.ID})
	at := s.get(r.ID)
	s.equal(
		"status, paid, reversed",
		[]any{at.Status, at.Paid(), at.Reversed()},
		[]any{returns.StatusRefunded, false, true},
	)
	_, err := s.svc.CloseTask(s.ctx, r.ID, kim, returns.Task{ID: open[0].ID, Note: "paid again"})
	s.ok(err)
	s.now = s.now.Add(time.Hour)
	_, second, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.StoreCredit})
	s.ok(err)
	s.ok(s.svc.RefundChanged(s.ctx, gone))  // redelivered
	s.ok(s.svc.RefundChanged(s.ctx, first)) // read before the reversal, told after
	s.equal("open tasks", len(s.tasks(r.ID)), 0)
	at = s.get(r.ID)
	s.equal("refund, paid, reversed", []any{at.RefundID, at.Paid(), at.Reversed()}, []any{second.ID, true, false})
	s.equal("all refunds", at.Refunds, []returns.PaidRefund{
		{ID: first.ID, PaidAt: start, ReversedAt: start}, {ID: second.ID, PaidAt: s.now, Current: true},
	})

	again := s.reversed(second.Refund)
	s.ok(s.svc.RefundChanged(s.ctx, again))
	s.equal("the next refund that is reversed opens its own task", len(s.tasks(r.ID)), 1)
	at = s.get(r.ID)
	s.equal("paid, reversed", []any{at.Paid(), at.Reversed()}, []any{false, true})
}

func TestAnEarlyRefundThatWasTakenBackDoesNotMakeTheCaseRefunded(t *testing.T) {
	s, r := early(t)
	s.ok(s.svc.RefundChanged(s.ctx, s.reversed(s.refund(r.ID, refundstest.FaultNone))))
	_, err := s.svc.Receive(s.ctx, r.ID, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
	s.ok(err)
	s.equal("status after the inspection", s.inspected(r.ID, 2).Status, returns.StatusApproved)
	after, _, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.StoreCredit})
	s.ok(err)
	s.equal("status after it was paid again", after.Status, returns.StatusRefunded)
}

func TestALateFailureDoesNotFreeACaseThatIsBeingRefundedAgain(t *testing.T) {
	s, r := early(t)
	failed := s.refund(r.ID, refundstest.FaultRefuse)
	s.equal("after the failure", s.get(r.ID).EarlyRefund, false)
	s.equal("second try", s.refund(r.ID, refundstest.FaultPending).Status, refunds.StatusPending)
	s.ok(s.svc.RefundChanged(s.ctx, failed)) // of the first try, told late
	s.equal("after the late word", s.get(r.ID).EarlyRefund, true)
	_, err := s.svc.Cancel(s.ctx, r.ID, ann)
	s.refused(err, returns.CodeTransition)
}

// overtaken is a refunder that lets another ask again and fail between the
// note of the ask and the refund.
type overtaken struct {
	returns.Refunder
	meanwhile func()
}

func (o overtaken) Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error) {
	o.meanwhile()
	return o.Refunder.Refund(ctx, r)
}

func TestAnOpenRefundIsNotedAlsoWhereAnotherTryFailedMeanwhile(t *testing.T) {
	s, r := early(t)
	slow, err := returns.New(
		returns.Config{
			Store:     s.store,
			Orders:    s.orders,
			Restocker: s.orders,
			Evidence:  s.evidence,
			Refunder: overtaken{s.payer, func() {
				s.equal("the try between", s.refund(r.ID, refundstest.FaultRefuse).Status, refunds.StatusFailed)
				s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
			}},
		},
	)
	s.ok(err)
	_, refund, err := slow.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.Card})
	s.ok(err)
	s.equal("refund", refund.Status, refunds.StatusPending)
	_, err = s.svc.Cancel(s.ctx, r.ID, ann)
	s.refused(err, returns.CodeTransition)
}

// lost is a refunder whose answer does not arrive; whether the refund was
// opened is unknown.
type lost struct {
	returns.Refunder
	opened bool
}

func (l lost) Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error) {
	if l.opened {
		if _, err := l.Refunder.Refund(ctx, r); err != nil {
			return refunds.Intent{}, err
		}
	}
	return refunds.Intent{}, errors.New("the connection is gone")
}

func TestAnEarlyRefundWhoseAnswerIsLostHoldsTheCaseWhileItMayBeOpen(t *testing.T) {
	for name, opened := range map[string]bool{"it was opened": true, "nothing was opened": false} {
		t.Run(name, func(t *testing.T) {
			s, r := early(t)
			cut, err := returns.New(returns.Config{
				Store: s.store, Orders: s.orders, Refunder: lost{s.payer, opened}, Restocker: s.orders,
				Evidence: s.evidence,
				Now:      func() time.Time { return s.now },
			})
			s.ok(err)
			s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
			if _, _, err := cut.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""}); err == nil {
				t.Error("the loss was not reported")
			}
			_, err = s.svc.Cancel(s.ctx, r.ID, ann)
			s.refused(err, returns.CodeTransition)
			s.now = s.now.Add(time.Hour)
			_, err = s.svc.Cancel(s.ctx, r.ID, ann)
			if opened {
				s.refused(err, returns.CodeTransition)
				return
			}
			s.ok(err)
			s.equal("status", s.get(r.ID).Status, returns.StatusCanceled)
		})
	}
}

func TestARejectedCaseAsksForAPersonOnlyWhereARefundMayBeOnItsWay(t *testing.T) {
	for fault, tasks := range map[refundstest.Fault]int{refundstest.FaultRefuse: 0, refundstest.FaultPending: 1} {
		s, r := early(t)
		s.refund(r.ID, fault)
		r, err := s.svc.Reject(s.ctx, r.ID, kim, "no")
		s.ok(err)
		s.equal("tasks after "+string(fault), len(r.OpenTasks()), tasks)
	}
}

// silent is a store that saves and does not say so, as one does whose answer is
// lost or whose caller has gone.
type silent struct{ *returnstest.Store }

var errSilent = errors.New("the answer is lost")

func (s silent) Create(
	ctx context.Context,
	o purchase.Purchase,
	decide func(returns.Units) (returns.Change, error),
) (returns.Return, error) {
	if _, err := s.Store.Create(ctx, o, decide); err != nil {
		return returns.Return{}, err
	}
	return returns.Return{}, errSilent
}

func (s silent) Update(
	ctx context.Context, id string, change func(returns.Units, returns.Return) (returns.Change, error),
) (returns.Return, error) {
	if _, err := s.Store.Update(ctx, id, change); err != nil {
		return returns.Return{}, err
	}
	return returns.Return{}, errSilent
}

// TestPhotosStayWhereTheCaseMayHaveThem: they go only with what certainly was
// not saved.
func TestPhotosStayWhereTheCaseMayHaveThem(t *testing.T) {
	s := newShop(t, policy())
	lossy, err := returns.New(returns.Config{
		Store: silent{s.store}, Orders: s.orders, Refunder: s.payer, Restocker: s.orders, Evidence: s.evidence,
		Now: func() time.Time { return s.now },
	})
	s.ok(err)
	o := s.bought(2)
	q := ask(o, 1)
	q.Photos = uploads(1)
	if _, err := lossy.Create(s.ctx, ann, q); !errors.Is(err, errSilent) {
		t.Fatalf("requested: %v", err)
	}
	s.equal("photos of the request", len(s.photosKept()), 1)

	r := s.filed(o, 1)
	_, err = s.svc.RequestInfo(s.ctx, r.ID, kim, "which one?")
	s.ok(err)
	_, err = lossy.ProvideInfo(s.ctx, r.ID, ann, returns.InfoParams{Details: "this one", Photos: uploads(1)})
	if !errors.Is(err, errSilent) {
		t.Fatalf("answered: %v", err)
	}
	s.equal("photos of the answer", len(s.photosKept()), 2)
	s.equal("photos of the case", len(s.get(r.ID).Evidence), 1)

	// A refusal is an answer: it saved nothing.
	_, err = lossy.ProvideInfo(s.ctx, r.ID, ann, returns.InfoParams{Details: "again", Photos: uploads(1)})
	s.refused(err, returns.CodeTransition)
	s.equal("photos after a refusal", len(s.photosKept()), 2)
}
