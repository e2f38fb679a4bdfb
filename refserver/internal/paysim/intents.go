package paysim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
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
	method        string // "": the one the intent has
	mustNotAct    bool   // an authentication that nobody could do is a decline
	expand        []string
	methodDetails card
}

func readConfirmation(p params) (confirmation, *apiError) {
	var c confirmation
	if m, ok := p.values["payment_method"]; ok {
		var known bool
		if c.methodDetails, known = cardFor(m); !known {
			return c, invalid("resource_missing", "payment_method", "No such PaymentMethod: '"+m+"'")
		}
		c.method = m
	}
	if _, err := p.choice("capture_method", "automatic", "automatic_async"); err != nil {
		return c, err
	}
	offSession, err := p.boolean("off_session")
	if err != nil {
		return c, err
	}
	noAction, err := p.boolean("error_on_requires_action")
	if err != nil {
		return c, err
	}
	c.mustNotAct = offSession || noAction
	c.expand, err = p.expansions("latest_charge")
	return c, err
}

func createIntent(c *call) (operation, *apiError) {
	p := c.params
	if err := p.only(createParams...); err != nil {
		return nil, err
	}
	amount, given, err := p.integer("amount", 1)
	switch {
	case err != nil:
		return nil, err
	case !given:
		return nil, invalid("parameter_missing", "amount", "Missing required param: amount.")
	case amount > maxAmount:
		return nil, invalid("amount_too_large", "amount", fmt.Sprintf("Amount must be no more than %d.", maxAmount))
	}
	currency, err := p.currency()
	if err != nil {
		return nil, err
	}
	metadata, err := p.metadata()
	if err != nil {
		return nil, err
	}
	confirm, err := p.boolean("confirm")
	if err != nil {
		return nil, err
	}
	how, err := readConfirmation(p)
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		i := &intent{
			ID: t.newID("pi"), Amount: amount, Currency: currency, Status: statusNeedsMethod,
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

// currency reads the required currency; what it is called is not checked
// against a list.
func (p params) currency() (string, *apiError) {
	raw, ok := p.values["currency"]
	if !ok {
		return "", invalid("parameter_missing", "currency", "Missing required param: currency.")
	}
	c := strings.ToLower(raw)
	if len(c) != 3 || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "", invalid("", "currency", "Invalid currency: "+raw+". It must be a three-letter ISO 4217 code.")
	}
	return c, nil
}

func confirmIntent(c *call) (operation, *apiError) {
	if err := c.params.only(methodParams...); err != nil {
		return nil, err
	}
	how, err := readConfirmation(c.params)
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		old := t.intentByID[c.object]
		if old == nil {
			return nil, missing("intent", "payment_intent", c.object)
		}
		return t.confirm(old, how)
	}, nil
}

// confirm tries to take the money of an intent.
func (t *tx) confirm(old *intent, how confirmation) (func() any, *apiError) {
	switch old.Status {
	case statusSucceeded:
		return nil, t.unexpected(old, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.")
	case statusCanceled:
		return nil, t.unexpected(old, "You cannot confirm this PaymentIntent because it has a status of canceled. Only a PaymentIntent with one of the following statuses may be confirmed: requires_confirmation, requires_action, requires_payment_method.")
	}
	i := *old
	if how.method != "" {
		i.Method = how.method
	}
	if i.Method == "" {
		return nil, t.unexpected(old, "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.")
	}
	t.entry.Intent = &i
	view := func() any { return t.viewIntent(&i, how.expand) }
	paid, _ := cardFor(i.Method)
	switch {
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
	i.Status, i.LastError = statusSucceeded, nil
	i.Charge = t.charge(&i, nil)
	t.emit("payment_intent.succeeded", func() any { return t.viewIntent(&i, nil) })
	return view, nil
}

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
	told := *e
	told.Intent = marshal(t.viewIntent(i, nil))
	return &told
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
	reason, err := c.params.choice("cancellation_reason", "duplicate", "fraudulent", "requested_by_customer", "abandoned")
	if err != nil {
		return nil, err
	}
	expand, err := c.params.expansions("latest_charge")
	if err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		old := t.intentByID[c.object]
		switch {
		case old == nil:
			return nil, missing("intent", "payment_intent", c.object)
		case old.Status == statusSucceeded || old.Status == statusCanceled:
			return nil, t.unexpected(old, "You cannot cancel this PaymentIntent because it has a status of "+old.Status+". Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.")
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
		i := t.intentByID[c.object]
		if i == nil {
			return nil, missing("intent", "payment_intent", c.object)
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
			func(i *intent) bool { return page.created.has(i.CreatedAt) })
		if err != nil {
			return nil, err
		}
		return func() any {
			views := make([]any, len(found))
			for n, i := range found {
				views[n] = t.viewIntent(i, page.expand)
			}
			return listView{Object: "list", Data: views, HasMore: more, URL: c.path}
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

// copyMap never is nil, since Stripe answers {} for no metadata.
func copyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
