package paysim

import "fmt"

func createRefund(c *call) (operation, *apiError) {
	p := c.params
	if err := p.only("payment_intent", "charge", "amount", "reason", "metadata[]", "currency",
		"refund_application_fee", "reverse_transfer", "instructions_email", "expand[]"); err != nil {
		return nil, err
	}
	intentID, chargeID := p.values["payment_intent"], p.values["charge"]
	if intentID == "" && chargeID == "" {
		return nil, invalid("parameter_missing", "payment_intent", "One of the following params should be provided for this request: payment_intent or charge.")
	}
	amount, partial, err := p.integer("amount", 1)
	if err != nil {
		return nil, err
	}
	reason, err := p.choice("reason", "duplicate", "fraudulent", "requested_by_customer")
	if err != nil {
		return nil, err
	}
	metadata, err := p.metadata()
	if err != nil {
		return nil, err
	}
	expand, err := p.expansions("charge", "payment_intent")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		i, paid, err := t.refundable(intentID, chargeID)
		if err != nil {
			return nil, err
		}
		rest := i.Amount - t.refunded(i)
		if !partial {
			amount = rest
		}
		switch {
		case p.values["currency"] != "" && p.values["currency"] != i.Currency:
			return nil, invalid("", "currency", "The currency of the refund must be that of the charge, "+i.Currency+".")
		case t.stopped[i.ID]:
			return nil, invalid("charge_disputed", "", "Charge "+paid.ID+" has been charged back; cannot issue a refund.")
		case rest == 0:
			return nil, invalid("charge_already_refunded", "", "Charge "+paid.ID+" has already been refunded.")
		case amount > rest:
			return nil, invalid("", "amount", fmt.Sprintf("Refund amount (%d %s) is greater than unrefunded amount on charge (%d %s)", amount, i.Currency, rest, i.Currency))
		case t.refuse:
			return nil, invalid("charge_not_refundable", "", "Charge "+paid.ID+" cannot be refunded.")
		}
		r := &refund{
			ID: t.newID("re"), Intent: i.ID, Charge: paid.ID, Key: c.key, Amount: amount, Currency: i.Currency,
			Status: statusSucceeded, Reason: reason, Metadata: metadata, CreatedAt: t.now,
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
		t.emit("refund.updated", func() any { return t.viewRefund(r, nil) })
		return func() any { return t.viewRefund(r, expand) }, nil
	}, nil
}

// refundable finds what is to be refunded, by the intent, its charge or both.
func (t *tx) refundable(intentID, chargeID string) (*intent, *charge, *apiError) {
	if chargeID != "" {
		ch := t.chargeByID[chargeID]
		if ch == nil {
			return nil, nil, missing("charge", "charge", chargeID)
		}
		if intentID != "" && intentID != ch.Intent {
			return nil, nil, invalid("", "payment_intent", "Charge "+chargeID+" does not belong to PaymentIntent "+intentID+".")
		}
		if !ch.Captured {
			return nil, nil, invalid("charge_not_refundable", "charge", "Charge "+chargeID+" failed and cannot be refunded.")
		}
		intentID = ch.Intent
	}
	i := t.intentByID[intentID]
	if i == nil {
		return nil, nil, missing("payment_intent", "payment_intent", intentID)
	}
	ch := t.chargeByID[i.Charge]
	if ch == nil || !ch.Captured {
		return nil, nil, invalid("", "payment_intent", "This PaymentIntent ("+i.ID+") does not have a successful charge to refund.")
	}
	return i, ch, nil
}

func retrieveRefund(c *call) (operation, *apiError) {
	if err := c.params.only("expand[]"); err != nil {
		return nil, err
	}
	expand, err := c.params.expansions("charge", "payment_intent")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		r := t.refundByID[c.object]
		if r == nil {
			return nil, missing("id", "refund", c.object)
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
		place := func(r *refund) int { return r.index }
		if byIntent {
			i := t.intentByID[intentID]
			if i == nil {
				return nil, invalid("resource_missing", "payment_intent", "No such payment_intent: '"+intentID+"'")
			}
			// One payment's refunds are few; all others need not be walked.
			all = make([]*refund, len(i.refunds))
			at := make(map[string]int, len(i.refunds))
			for n, id := range i.refunds {
				all[n], at[id] = t.refundByID[id], n
			}
			place = func(r *refund) int {
				if n, ok := at[r.ID]; ok {
					return n
				}
				return -1
			}
		}
		found, more, err := list(all, page, "refund",
			func(id string) (int, bool) {
				r, ok := t.refundByID[id]
				if !ok {
					return 0, false
				}
				n := place(r)
				return n, n >= 0
			},
			func(r *refund) bool {
				return page.created.has(r.CreatedAt) && (!byCharge || r.Charge == chargeID)
			})
		if err != nil {
			return nil, err
		}
		return func() any {
			views := make([]any, len(found))
			for n, r := range found {
				views[n] = t.viewRefund(r, page.expand)
			}
			return listView{Object: "list", Data: views, HasMore: more, URL: c.path}
		}, nil
	}, nil
}
