package paysim

import (
	"cmp"
	"fmt"
	"slices"
)

// refundRequest is what is asked of a refund.
type refundRequest struct {
	intent, charge string // one of them names the payment, or both
	amount         int64  // 0: all that is left
	currency       string // "", or what must be the charge's
	reason         string
	metadata       map[string]string
	key            string
	outside        bool
}

// refundReasons are the reasons that a caller may give.
var refundReasons = []string{"duplicate", "fraudulent", "requested_by_customer"}

func createRefund(c *call) (operation, *apiError) {
	p := c.params
	if err := p.only("payment_intent", "charge", "amount", "reason", "metadata[]", "currency",
		"refund_application_fee", "reverse_transfer", "instructions_email", "expand[]"); err != nil {
		return nil, err
	}
	q := refundRequest{
		intent: p.values["payment_intent"], charge: p.values["charge"], currency: p.values["currency"], key: c.key,
	}
	if q.intent == "" && q.charge == "" {
		return nil, invalid("parameter_missing", "payment_intent",
			"One of the following params should be provided for this request: payment_intent or charge.")
	}
	var err *apiError
	if q.amount, _, err = p.integer("amount", 1); err != nil {
		return nil, err
	}
	if q.reason, err = p.choice("reason", refundReasons...); err != nil {
		return nil, err
	}
	if q.metadata, err = p.metadata("metadata"); err != nil {
		return nil, err
	}
	expand, err := p.expansions("charge", "payment_intent")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		r, err := t.newRefund(q)
		if err != nil {
			return nil, err
		}
		return func() any { return t.viewRefund(r, expand) }, nil
	}, nil
}

// newRefund makes a refund, if the payment allows it.
func (t *tx) newRefund(q refundRequest) (*refund, *apiError) {
	i, paid, err := t.refundable(q.intent, q.charge)
	if err != nil {
		return nil, err
	}
	amount, err := t.refundAmount(i, paid, q)
	if err != nil {
		return nil, err
	}
	r := &refund{
		ID: t.newID("re"), Intent: i.ID, Charge: paid.ID, Key: q.key, Outside: q.outside, Amount: amount,
		Currency: i.Currency, Status: statusSucceeded, Reason: q.reason, Metadata: q.metadata, CreatedAt: t.now,
	}
	method, _ := cardFor(paid.Method)
	r.SettlesTo = method.refundSettles
	if t.failLater {
		r.SettlesTo = statusFailed
	}
	if r.SettlesTo == statusSucceeded {
		r.Status = statusPending
	}
	if r.SettlesTo != "" {
		due := t.now.Add(t.settle)
		r.SettlesAt = &due
	}
	t.entry.Refund = r
	t.emit("refund.created", i.Live, func() any { return t.viewRefund(r, nil) })
	return r, nil
}

// refundAmount returns how much is to be refunded, if that may be.
func (t *tx) refundAmount(i *intent, paid *charge, q refundRequest) (int64, *apiError) {
	rule, _ := ruleFor(i.Currency)
	rest := i.Amount - t.refunded(i)
	amount := q.amount
	if amount == 0 {
		amount = rest
	}
	switch {
	case q.currency != "" && q.currency != i.Currency:
		return 0, invalid("", "currency", "The currency of the refund must be that of the charge, "+i.Currency+".")
	case t.blocked(i):
		return 0, invalid("charge_disputed", "", "Charge "+paid.ID+" has been charged back; cannot issue a refund.")
	case rest == 0:
		return 0, invalid("charge_already_refunded", "", "Charge "+paid.ID+" has already been refunded.")
	case amount > rest: // Stripe has no code for this one
		return 0, invalid("", "amount", fmt.Sprintf(
			"Refund amount (%s) is greater than unrefunded amount on charge (%s)",
			rule.format(amount), rule.format(rest)))
	case t.refuse:
		return 0, invalid(cmp.Or(t.refundCode, "charge_not_refundable"), "", "Charge "+paid.ID+" cannot be refunded.")
	}
	// There is no least amount for a refund.
	return amount, rule.checkStep("amount", amount)
}

// refundable finds what is to be refunded, by the intent, its charge or both.
func (t *tx) refundable(intentID, chargeID string) (*intent, *charge, *apiError) {
	if chargeID != "" {
		ch := t.chargeByID[chargeID]
		if ch == nil || !t.sees(t.live(ch.Intent)) {
			return nil, nil, t.noSuch("charge", "charge", chargeID, ch != nil)
		}
		if intentID != "" && intentID != ch.Intent {
			return nil, nil, invalid("", "payment_intent",
				"Charge "+chargeID+" does not belong to PaymentIntent "+intentID+".")
		}
		if !ch.Captured {
			return nil, nil, invalid("charge_not_refundable", "charge",
				"Charge "+chargeID+" failed and cannot be refunded.")
		}
		intentID = ch.Intent
	}
	i, err := t.findIntent("payment_intent", intentID)
	if err != nil {
		return nil, nil, err
	}
	ch := t.chargeByID[i.Charge]
	if ch == nil || !ch.Captured {
		return nil, nil, invalid("", "payment_intent",
			"This PaymentIntent ("+i.ID+") does not have a successful charge to refund.")
	}
	return i, ch, nil
}

// defaultFailure is why a refund fails when nothing else is said.
const defaultFailure = "expired_or_canceled_card"

// failureReasons are the reasons for which a refund can fail
// (https://docs.stripe.com/api/refunds/object#refund_object-failure_reason).
var failureReasons = []string{
	defaultFailure, "lost_or_stolen_card", "charge_for_pending_refund_disputed", "insufficient_funds", "declined",
	"merchant_request", "unknown",
}

// settleRefund moves a refund to its next state.
func (t *tx) settleRefund(old *refund, status, reason string) *refund {
	r := *old
	r.Status, r.SettlesTo, r.SettlesAt = status, "", nil
	t.entry.Refund = &r
	view := func() any { return t.viewRefund(&r, nil) }
	t.emit("refund.updated", t.live(r.Intent), view)
	if status == statusFailed {
		r.FailureReason = reason
		t.emit("refund.failed", t.live(r.Intent), view)
	}
	return &r
}

func retrieveRefund(c *call) (operation, *apiError) {
	expand, err := c.params.onlyExpansions("charge", "payment_intent")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		r := t.refundByID[c.object]
		if r == nil || !t.sees(t.live(r.Intent)) {
			return nil, t.noSuch("id", "refund", c.object, r != nil)
		}
		return func() any { return t.viewRefund(r, expand) }, nil
	}, nil
}

func listRefunds(c *call) (operation, *apiError) {
	page, err := readPage(c.params, []string{"payment_intent", "charge"}, []string{"charge", "payment_intent"})
	if err != nil {
		return nil, err
	}
	intentID, byIntent := c.params.values["payment_intent"]
	chargeID, byCharge := c.params.values["charge"]
	return func(t *tx) (func() any, *apiError) {
		all := t.refunds
		if byIntent {
			i, err := t.findIntent("payment_intent", intentID)
			if err != nil {
				err.Status = 400
				return nil, err
			}
			// One payment's refunds are few; all others need not be walked.
			all = make([]*refund, len(i.refunds))
			for n, id := range i.refunds {
				all[n] = t.refundByID[id]
			}
		}
		place := func(id string) (int, bool) {
			r := t.refundByID[id]
			if r == nil || !byIntent {
				return indexOf(r), r != nil
			}
			n := slices.Index(all, r)
			return n, n >= 0
		}
		found, more, err := list(all, page, "refund", place, func(r *refund) bool {
			return page.created.has(r.CreatedAt) && (!byCharge || r.Charge == chargeID) && t.sees(t.live(r.Intent))
		})
		if err != nil {
			return nil, err
		}
		return func() any {
			return viewList(c, found, more, func(r *refund) any { return t.viewRefund(r, page.expand) })
		}, nil
	}, nil
}

// indexOf returns where a refund stands among all; 0 for none.
func indexOf(r *refund) int {
	if r == nil {
		return 0
	}
	return r.index
}
