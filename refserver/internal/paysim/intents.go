package paysim

import (
	"maps"
	"net/http"
	"slices"
)

// methodParams are what create and confirm share: the payment method and how
// it may be used. Those without meaning here are accepted and ignored.
var methodParams = []string{
	"payment_method", "payment_method_types[]", "payment_method_options[]", "off_session",
	"error_on_requires_action", "return_url", "use_stripe_sdk", "receipt_email",
	"setup_future_usage", "shipping[]", "mandate_data[]", "capture_method", "expand[]",
}

var createParams = append([]string{
	"amount", "currency", "confirm", "metadata[]", "description", "customer",
	"automatic_payment_methods[]", "confirmation_method", "statement_descriptor",
	"statement_descriptor_suffix", "transfer_group",
}, methodParams...)

// confirmation is what a confirm asks for.
type confirmation struct {
	method     string // "": the one the intent has
	mustNotAct bool   // the cardholder is not there to authenticate, so that is a decline
	expand     []string
}

// readMethod finds a payment method, if the mode of the call has it.
func (c *call) readMethod(name string) (card, *apiError) {
	id := c.params.values[name]
	found, known := cardFor(id)
	if known && !c.live {
		return found, nil
	}
	e := invalid("resource_missing", name, "No such PaymentMethod: '"+id+"'")
	if known {
		e.Message += "; a similar object exists in test mode, but a live mode key was used to make this request."
	}
	return card{}, e
}

func readConfirmation(c *call) (confirmation, *apiError) {
	var how confirmation
	p := c.params
	if m, ok := p.values["payment_method"]; ok {
		if _, err := c.readMethod("payment_method"); err != nil {
			return how, err
		}
		how.method = m
	}
	if _, err := p.choice("capture_method", "automatic", "automatic_async"); err != nil {
		return how, err
	}
	offSession, err := p.boolean("off_session")
	if err != nil {
		return how, err
	}
	noAction, err := p.boolean("error_on_requires_action")
	if err != nil {
		return how, err
	}
	how.mustNotAct = offSession || noAction
	how.expand, err = p.expansions("latest_charge")
	return how, err
}

func createIntent(c *call) (operation, *apiError) {
	p := c.params
	if err := p.only(createParams...); err != nil {
		return nil, err
	}
	amount, rule, err := p.charge()
	if err != nil {
		return nil, err
	}
	metadata, err := p.metadata("metadata")
	if err != nil {
		return nil, err
	}
	confirm, err := p.boolean("confirm")
	if err != nil {
		return nil, err
	}
	how, err := readConfirmation(c)
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		i := &intent{
			ID: t.newID("pi"), Live: c.live, Amount: amount, Currency: rule.code, Status: statusNeedsMethod,
			Metadata: metadata, Description: p.values["description"], CreatedAt: t.now,
		}
		if how.method != "" {
			i.Method, i.Status = how.method, statusNeedsConfirm
		}
		if confirm {
			return t.confirm(i, how)
		}
		t.entry.Intent = i
		return func() any { return t.viewIntent(i, how.expand) }, nil
	}, nil
}

// charge reads the amount and the currency of a charge.
func (p params) charge() (int64, currencyRule, *apiError) {
	amount, given, err := p.integer("amount", 1)
	switch {
	case err != nil:
		return 0, currencyRule{}, err
	case !given:
		return 0, currencyRule{}, invalid("parameter_missing", "amount", "Missing required param: amount.")
	}
	rule, err := p.currency("currency")
	if err != nil {
		return 0, currencyRule{}, err
	}
	return amount, rule, rule.checkCharge("amount", amount)
}

func confirmIntent(c *call) (operation, *apiError) {
	if err := c.params.only(methodParams...); err != nil {
		return nil, err
	}
	how, err := readConfirmation(c)
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		old, err := t.findIntent("intent", c.object)
		switch {
		case err != nil:
			return nil, err
		case old.Session != "":
			return nil, t.unexpected(old, "You cannot confirm the PaymentIntent of a Checkout Session.")
		}
		return t.confirm(old, how)
	}, nil
}

// confirm tries to take the money of an intent.
func (t *tx) confirm(old *intent, how confirmation) (func() any, *apiError) {
	switch old.Status {
	case statusSucceeded:
		return nil, t.unexpected(old, "You cannot confirm this PaymentIntent because it has already succeeded "+
			"after being previously confirmed.")
	case statusCanceled:
		return nil, t.unexpected(old, "You cannot confirm this PaymentIntent because it has a status of canceled. "+
			"Only a PaymentIntent with one of the following statuses may be confirmed: "+
			"requires_confirmation, requires_action, requires_payment_method.")
	}
	i := *old
	if how.method != "" {
		i.Method = how.method
	}
	if i.Method == "" {
		return nil, t.unexpected(old, "You cannot confirm this PaymentIntent because it's missing a payment method. "+
			"You can either update the PaymentIntent with a payment method and then confirm it again, "+
			"or confirm it again directly with a payment method or ConfirmationToken.")
	}
	t.entry.Intent = &i
	view := func() any { return t.viewIntent(&i, how.expand) }
	paid, _ := cardFor(i.Method)
	switch {
	case t.refuse && t.chargeCode != "":
		return nil, t.decline(&i, &decline{"card_declined", t.chargeCode, "Your card was declined."})
	case t.refuse:
		return nil, t.decline(&i, declineGeneric)
	case paid.decline != nil:
		return nil, t.decline(&i, paid.decline)
	case paid.action && how.mustNotAct:
		return nil, t.decline(&i, declineNeedsAuth)
	case paid.action:
		i.Status, i.LastError = statusNeedsAction, nil
		return view, nil
	}
	t.capture(&i, paid)
	return view, nil
}

// capture takes the money of an intent. Some test cards have the charge
// disputed right away.
func (t *tx) capture(i *intent, paid card) {
	i.Status, i.LastError = statusSucceeded, nil
	i.Charge = t.charge(i, nil)
	t.emit("payment_intent.succeeded", i.Live, func() any { return t.viewIntent(i, nil) })
	if paid.disputed != "" {
		t.newDispute(i, t.entry.Charge, DisputeParams{Reason: paid.disputed, Inquiry: paid.inquiry})
	}
}

// charge notes an attempt to take the money, declined or not.
func (t *tx) charge(i *intent, no *decline) string {
	t.entry.Charge = &charge{
		ID: t.newID("ch"), Intent: i.ID, Amount: i.Amount, Currency: i.Currency,
		Method: i.Method, Captured: no == nil, CreatedAt: t.now,
	}
	if no != nil {
		t.entry.Charge.Declined = no.code
	}
	return t.entry.Charge.ID
}

// decline leaves the intent without a payment method, to be tried with
// another.
func (t *tx) decline(i *intent, no *decline) *apiError {
	i.Charge = t.charge(i, no)
	e := &apiError{
		Status: http.StatusPaymentRequired, Type: typeCard, Code: no.code, DeclineCode: no.declineCode,
		Message: no.message, Charge: i.Charge, DocURL: docURL(no.code),
	}
	i.Status, i.Method, i.LastError = statusNeedsMethod, "", e
	answered := *e
	answered.Intent = marshal(t.viewIntent(i, nil))
	return &answered
}

// unexpected refuses what the intent's state does not allow.
func (t *tx) unexpected(i *intent, message string) *apiError {
	e := invalid("payment_intent_unexpected_state", "", message)
	e.Intent = marshal(t.viewIntent(i, nil))
	return e
}

func cancelIntent(c *call) (operation, *apiError) {
	if err := c.params.only("cancellation_reason", "expand[]"); err != nil {
		return nil, err
	}
	reason, err := c.params.choice("cancellation_reason",
		"duplicate", "fraudulent", "requested_by_customer", "abandoned")
	if err != nil {
		return nil, err
	}
	expand, err := c.params.expansions("latest_charge")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		old, err := t.findIntent("intent", c.object)
		switch {
		case err != nil:
			return nil, err
		case old.Session != "":
			return nil, t.unexpected(old, "You cannot cancel the PaymentIntent of a Checkout Session. "+
				"Expire the Checkout Session instead.")
		case old.Status == statusSucceeded || old.Status == statusCanceled:
			return nil, t.unexpected(old, "You cannot cancel this PaymentIntent because it has a status of "+
				old.Status+". Only a PaymentIntent with one of the following statuses may be canceled: "+
				"requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.")
		}
		i := *old
		i.Status, i.CanceledAt, i.CancelReason = statusCanceled, &t.now, reason
		t.entry.Intent = &i
		return func() any { return t.viewIntent(&i, expand) }, nil
	}, nil
}

func retrieveIntent(c *call) (operation, *apiError) {
	if err := c.params.only("client_secret", "expand[]"); err != nil {
		return nil, err
	}
	expand, err := c.params.expansions("latest_charge")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		i, err := t.findIntent("intent", c.object)
		if err != nil {
			return nil, err
		}
		return func() any { return t.viewIntent(i, expand) }, nil
	}, nil
}

func listIntents(c *call) (operation, *apiError) {
	page, err := readPage(c.params, nil, []string{"latest_charge"})
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		found, more, err := list(t.intents, page, "payment_intent",
			func(id string) (int, bool) {
				if i := t.intentByID[id]; i != nil {
					return i.index, true
				}
				return 0, false
			},
			func(i *intent) bool { return page.created.has(i.CreatedAt) && t.sees(i.Live) })
		if err != nil {
			return nil, err
		}
		return func() any {
			return viewList(c, found, more, func(i *intent) any { return t.viewIntent(i, page.expand) })
		}, nil
	}, nil
}

// expansions reads expand[], whose every entry must be among those known.
func (p params) expansions(known ...string) ([]string, *apiError) {
	for _, e := range p.lists["expand"] {
		if !slices.Contains(known, e) {
			return nil, invalid("", "expand", "This property cannot be expanded ("+e+").")
		}
	}
	return p.lists["expand"], nil
}

// onlyExpansions is expansions for a call that takes no other parameter.
func (p params) onlyExpansions(known ...string) ([]string, *apiError) {
	if err := p.only("expand[]"); err != nil {
		return nil, err
	}
	return p.expansions(known...)
}

// copyMap never is nil, since Stripe answers {} for no metadata.
func copyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
