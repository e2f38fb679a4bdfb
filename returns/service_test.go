package returns_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func TestAReturnIsPaidBackAndRestockedOnce(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(3)
	r := s.received(o, 3)
	s.equal("RMA", r.RMA, "RMA-20260504-00001")
	r = s.inspected(r.ID, 2)
	s.equal("status", r.Status, returns.StatusApproved)
	s.equal("stock before the refund", s.stock(), 0)
	quote, _, err := s.svc.Quote(s.ctx, r.ID, returns.RefundParams{})
	s.ok(err)
	// floor of two thirds of 9999, 101 and 499
	s.equal("quote", quote.Amount, int64(6666+67+332))
	for range 3 {
		r, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
		s.ok(err)
		s.equal("status", r.Status, returns.StatusRefunded)
		s.equal("I3: refund", refund.Amount(), quote.Amount)
		s.ok(s.svc.RefundChanged(s.ctx, refund.Refund))
	}
	s.equal("paid out", s.gateway.PaidOut("pi_"+o.OrderID), quote.Amount)
	s.equal("stock", s.stock(), 2)
	r = s.get(r.ID)
	s.equal("restocked", r.Restocked, true)
	s.equal("still to be restocked", len(r.RestockDue(policy())), 0)
}

func TestAFailedRefundLeavesTheCaseTheStockAndTheBalance(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(2)
	r := s.inspected(s.received(o, 2).ID, 2)
	s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
	after, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
	s.ok(err)
	s.equal("refund", refund.Status, refunds.StatusFailed)
	s.equal("I8: the case", after, r)
	s.equal("I8: stock", s.stock(), 0)
	_, balance, err := s.svc.Quote(s.ctx, r.ID, returns.RefundParams{})
	s.ok(err)
	s.equal("I8: balance", []int64{balance.Reserved, balance.Refunded}, []int64{0, 0})

	after, refund, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.StoreCredit})
	s.ok(err)
	s.equal(
		"another method", []any{after.Status, refund.Status}, []any{returns.StatusRefunded, refunds.StatusSucceeded},
	)
	s.equal("calls of the provider", s.gateway.Calls(refundstest.CallCreate), 1)
}

func TestAnEarlyRefundKeepsTheStatusUntilApproval(t *testing.T) {
	p := policy()
	p.RefundFrom = returns.StatusAuthorized
	for _, c := range []struct {
		accepted int
		status   returns.Status
		task     string
	}{
		{2, returns.StatusRefunded, ""},
		{1, returns.StatusRefunded, returns.TaskRefundedTooMuch},
		{0, returns.StatusRejected, returns.TaskRefundedButRejected},
	} {
		s := newShop(t, p)
		r := s.filed(s.bought(2), 2)
		_, _, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
		s.refused(err, returns.CodeNotRefundable)
		_, err = s.svc.Authorize(s.ctx, r.ID, kim, "")
		s.ok(err)
		r, _, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
		s.ok(err)
		s.equal("status", r.Status, returns.StatusAuthorized)
		_, err = s.svc.Cancel(s.ctx, r.ID, ann)
		s.refused(err, returns.CodeTransition)
		_, err = s.svc.Receive(s.ctx, r.ID, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
		s.ok(err)
		s.inspected(r.ID, c.accepted)
		r = s.get(r.ID)
		s.equal("status", r.Status, c.status)
		kind := ""
		for _, task := range r.OpenTasks() {
			kind += task.Kind
		}
		s.equal("task", kind, c.task)
		s.equal("stock", s.stock(), c.accepted)
	}
}

func TestARefusedEarlyRefundDoesNotFreeACaseWhoseRefundIsOpen(t *testing.T) {
	p := policy()
	p.RefundFrom, p.Methods = returns.StatusAuthorized, []payment.Method{payment.Card}
	s := newShop(t, p)
	r := s.filed(s.bought(2), 2)
	_, err := s.svc.Authorize(s.ctx, r.ID, kim, "")
	s.ok(err)
	_, _, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.Cash})
	s.equal("refused", refunds.CodeOf(err) != "", true)
	s.equal("early refund after a refusal", s.get(r.ID).EarlyRefund, false)

	s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
	_, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.Card})
	s.ok(err)
	s.equal("refund", refund.Status, refunds.StatusPending)
	_, _, _ = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.Cash})
	s.equal("early refund while one is open", s.get(r.ID).EarlyRefund, true)
	_, err = s.svc.Cancel(s.ctx, r.ID, ann)
	s.refused(err, returns.CodeTransition)
}

func TestWhatCantBeAskedForIsRefused(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(3)
	for name, c := range map[string]struct {
		change func(*returns.CreateParams)
		want   returns.NonReturnableReason
	}{
		"quantity -1": {
			func(q *returns.CreateParams) { q.Items[0].Quantity = -1 }, returns.QuantityNotPositive,
		},
		"quantity 0": {
			func(q *returns.CreateParams) { q.Items[0].Quantity = 0 }, returns.QuantityNotPositive,
		},
		"quantity 10^12": {
			func(q *returns.CreateParams) { q.Items[0].Quantity = 1_000_000_000_000 }, returns.QuantityOverPolicy,
		},
		"one more than bought": {
			func(q *returns.CreateParams) { q.Items[0].Quantity = 4 }, returns.QuantityOverPurchased,
		},
		"the same line three times": {
			func(q *returns.CreateParams) { q.Items = append(q.Items, q.Items[0], q.Items[0]) }, returns.DuplicateLine,
		},
		"an unknown reason":    {func(q *returns.CreateParams) { q.Reason = "BORED" }, returns.ReasonNotAllowed},
		"someone else's order": {func(q *returns.CreateParams) { q.CustomerID = "bob" }, returns.NotYourOrder},
		"a line of no order": {
			func(q *returns.CreateParams) { q.Items[0].OrderLineID = "none\x00" }, returns.LineNotFound,
		},
		"nothing":   {func(q *returns.CreateParams) { q.Items = nil }, returns.NoLines},
		"21 photos": {func(q *returns.CreateParams) { q.Photos = uploads(21) }, returns.TooManyPhotos},
		"PHP named png": {func(q *returns.CreateParams) {
			q.Photos = []returns.Upload{{Name: "cat.png", Body: strings.NewReader("<?php system($_GET['c']); ?>")}}
		}, returns.PhotoTypeNotAllowed},
		"an SVG": {func(q *returns.CreateParams) {
			q.Photos = []returns.Upload{
				{Body: strings.NewReader(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)},
			}
		}, returns.PhotoTypeNotAllowed},
	} {
		q := ask(o, 1)
		c.change(&q)
		_, err := s.svc.Create(s.ctx, ann, q)
		if returns.CodeOf(err) != returns.Code(c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	_, n, err := s.svc.Returns(s.ctx, returns.Query{})
	s.ok(err)
	s.equal("returns", n, 0)
	s.equal("photos", s.photosKept(), []string(nil))
}

func TestTooManyPhotosAreNotReadAndCarryOnlyThatFinding(t *testing.T) {
	p := policy()
	p.PhotoTypes = []string{"png"}
	s := newShop(t, p)
	q := ask(s.bought(1), 1)
	body := strings.NewReader("not read")
	q.Photos = make([]returns.Upload, 4)
	for i := range q.Photos {
		q.Photos[i].Body = body
	}
	_, err := s.svc.Create(s.ctx, ann, q)
	var refused *returns.Error
	if !errors.As(err, &refused) || refused.Verdict == nil {
		t.Fatalf("%v carries no verdict", err)
	}
	s.equal("reasons", refused.Verdict.Reasons(), []returns.NonReturnableReason{returns.TooManyPhotos})
	s.equal("bytes left", body.Len(), len("not read"))
}

// With the number of photos set aside, what was stored was empty.
func TestPhotosBeyondThePolicyAreStoredWhole(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(3)
	q := ask(o, 1)
	q.Photos = uploads(5)
	q.Override = &returns.Override{Rules: []string{string(returns.TooManyPhotos)}, Reason: "all of them matter"}
	r, err := s.svc.Create(s.ctx, kim, q)
	s.ok(err)
	s.equal("photos", len(r.Evidence), 5)
	for _, e := range r.Evidence {
		body, _, err := s.svc.OpenEvidence(s.ctx, r.ID, e.ID)
		s.ok(err)
		config, err := jpegConfig(body)
		s.ok(err)
		s.equal("photo", []any{config.Width, config.Height, e.ContentType}, []any{4, 4, "image/jpeg"})
	}
	q = ask(o, 1)
	q.Photos, q.Override = uploads(101), &returns.Override{
		Rules: []string{string(returns.TooManyPhotos)}, Reason: "all",
	}
	_, err = s.svc.Create(s.ctx, kim, q)
	s.refused(err, returns.Code(returns.TooManyPhotos))

	// The case can still be answered in words.
	_, err = s.svc.RequestInfo(s.ctx, r.ID, kim, "which one?")
	s.ok(err)
	_, err = s.svc.ProvideInfo(s.ctx, r.ID, ann, returns.InfoParams{Details: "", Photos: uploads(1)})
	s.refused(err, returns.Code(returns.TooManyPhotos))
	r, err = s.svc.ProvideInfo(s.ctx, r.ID, ann, returns.InfoParams{Details: "the left one", Photos: nil})
	s.ok(err)
	s.equal("details", r.Details, "the left one")
	s.equal("photos kept", len(s.photosKept()), 5)
}

func TestAnOverrideCantMakeUpAReason(t *testing.T) {
	s := newShop(t, policy())
	q := ask(s.bought(1), 1)
	q.Reason = "BORED"
	q.Override = &returns.Override{Rules: []string{string(returns.ReasonNotAllowed)}, Reason: "they insist"}
	_, err := s.svc.Create(s.ctx, kim, q)
	s.refused(err, returns.CodeInvalid)
}

func TestStaffMaySetRulesAsideAndItIsRecorded(t *testing.T) {
	p := policy()
	p.ReturnShippingFees = []returns.FeeRule{{Fixed: 500}}
	s := newShop(t, p)
	o := s.bought(1)
	s.now = s.now.AddDate(0, 0, 31)
	_, err := s.svc.Create(s.ctx, ann, ask(o, 1))
	s.refused(err, returns.Code(returns.WindowExpired))
	q := ask(o, 1)
	q.Override = &returns.Override{Rules: []string{string(returns.WindowExpired)}, Reason: "goodwill"}
	_, err = s.svc.Create(s.ctx, ann, q)
	s.refused(err, returns.CodeForbidden)
	q.Override.Rules = []string{string(returns.FinalSale)}
	_, err = s.svc.Create(s.ctx, kim, q)
	s.refused(err, returns.Code(returns.WindowExpired))
	q.Override.Rules = []string{string(returns.WindowExpired)}
	r, err := s.svc.Create(s.ctx, kim, q)
	s.ok(err)
	s.equal("who", r.Overrides[0].By, kim)

	_, err = s.svc.Override(
		s.ctx, r.ID, kim, returns.Override{
			Rules: []string{returns.RuleReturnShippingFee, returns.RuleRefundEarly}, Reason: "goodwill",
		},
	)
	s.ok(err)
	_, err = s.svc.Authorize(s.ctx, r.ID, kim, "")
	s.ok(err)
	_, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
	s.ok(err)
	s.equal("nothing is taken off", refund.Amount(), o.Total())
	s.equal("leakage", refund.Quote.Amount-refund.Quote.ByTerms, o.Total())
}

func TestACaseBelongsToItsCustomer(t *testing.T) {
	s := newShop(t, policy())
	r := s.filed(s.bought(2), 1)
	bob := event.Actor{Kind: event.ActorCustomer, ID: "bob"}
	_, err := s.svc.Cancel(s.ctx, r.ID, bob)
	s.refused(err, returns.CodeForbidden)
	_, err = s.svc.ProvideInfo(s.ctx, r.ID, bob, returns.InfoParams{Details: "mine", Photos: nil})
	s.refused(err, returns.CodeForbidden)
	_, err = s.svc.Authorize(s.ctx, r.ID, kim, "")
	s.ok(err)
	_, err = s.svc.Ship(s.ctx, r.ID, bob, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"})
	s.refused(err, returns.CodeForbidden)
	_, err = s.svc.Ship(s.ctx, r.ID, ann, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z"})
	s.ok(err)
}

func TestARefusedRequestLeavesNoPhotos(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(1)
	s.filed(o, 1)
	q := ask(o, 1)
	q.Photos = []returns.Upload{{Body: bytes.NewReader(pngOf(3, 3))}}
	_, err := s.svc.Create(s.ctx, ann, q)
	s.refused(err, returns.Code(returns.AlreadyReturned))
	s.equal("photos", s.photosKept(), []string(nil))
}

func TestPublishingTermsChangesNoExistingOrder(t *testing.T) {
	s := newShop(t, policy())
	o := s.bought(1)
	p := policy()
	p.Enabled = false
	_, err := s.svc.PublishTerms(s.ctx, kim, p, "closed")
	s.ok(err)
	s.filed(o, 1)
	_, err = s.svc.Create(s.ctx, ann, ask(s.bought(1), 1))
	s.refused(err, returns.Code(returns.ReturnsDisabled))
}

func TestWithoutTermsAReturnSaysHowTheyArePublished(t *testing.T) {
	shop := newShop(t, policy())
	svc, err := returns.New(returns.Config{
		Store: returnstest.NewStore(), Orders: shop.orders, Refunder: shop.payer, Restocker: shop.orders,
	})
	shop.ok(err)
	_, err = svc.Terms(shop.ctx, "")
	if !errors.Is(err, returns.ErrNotFound) || !strings.Contains(err.Error(), "call EnsureTerms or PublishTerms") {
		t.Errorf("the current terms: %v", err)
	}
	if _, err = svc.Terms(shop.ctx, "other"); err == nil || strings.Contains(err.Error(), "EnsureTerms") {
		t.Errorf("terms of an id: %v", err)
	}
}

func TestAConfigNamesWhatIsMissing(t *testing.T) {
	if _, err := returns.New(returns.Config{}); err == nil || !strings.Contains(err.Error(), "Config.Store") {
		t.Errorf("error %v does not name the store", err)
	}
}
