package paysim

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLineItems is how many a session can have.
const maxLineItems = 100

// sessionParams are the parameters of a new session. Those without meaning
// here are accepted and ignored.
var sessionParams = []string{
	"mode", "line_items[]", "success_url", "cancel_url", "client_reference_id", "customer_email", "expires_at",
	"metadata[]", "payment_intent_data[]", "payment_method_types[]", "expand[]", "ui_mode",
	"locale", "submit_type", "billing_address_collection", "payment_method_options[]", "customer_creation",
	"adaptive_pricing[]",
}

// itemFields are the fields of a line item; prices that exist already are not known
// here.
var itemFields = []string{"[quantity]", "[price_data][currency]", "[price_data][unit_amount]"}

// intentParams are the fields of payment_intent_data.
var intentParams = []string{
	"metadata", "description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix",
	"transfer_group", "capture_method", "setup_future_usage",
}

// readExpiry reads until when the session can be paid, and refuses an end that
// is too near or too far. Seconds are whole on the wire, so one of them is let
// pass.
func (c *session) readExpiry(p params, now time.Time) *apiError {
	c.ExpiresAt = now.Add(sessionMaxAge)
	at, given, err := p.integer("expires_at", 1)
	if err != nil {
		return err
	}
	if given {
		c.ExpiresAt = time.Unix(at, 0).UTC()
	}
	switch d := c.ExpiresAt.Sub(now); {
	case d > sessionMaxAge:
		return invalid("", "expires_at",
			"The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.")
	case d <= sessionMinAge-time.Second:
		return invalid("", "expires_at",
			"The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.")
	}
	return nil
}

func (c *session) readMode(p params) *apiError {
	if _, ok := p.values["mode"]; !ok {
		return invalid("parameter_missing", "mode", "Missing required param: mode.")
	}
	if _, err := p.choice("mode", "payment"); err != nil {
		return err
	}
	_, err := p.choice("ui_mode", "hosted", "hosted_page")
	return err
}

// readAddresses reads where the customer is sent afterwards.
func (c *session) readAddresses(p params) *apiError {
	c.SuccessURL, c.CancelURL = p.values["success_url"], p.values["cancel_url"]
	if c.SuccessURL == "" {
		return invalid("parameter_missing", "success_url", "Missing required param: success_url.")
	}
	if !webAddress(c.SuccessURL) {
		return invalid("url_invalid", "success_url", "Not a valid URL")
	}
	if c.CancelURL != "" && !webAddress(c.CancelURL) {
		return invalid("url_invalid", "cancel_url", "Not a valid URL")
	}
	return nil
}

func (c *session) readMetadata(p params) (err *apiError) {
	const data = "payment_intent_data"
	for name := range p.values {
		inner, ok := strings.CutPrefix(name, data+"[")
		if !ok {
			continue
		}
		root, _, _ := strings.Cut(inner, "]")
		if !slices.Contains(intentParams, root) {
			return invalid("parameter_unknown", name, "Received unknown parameter: "+name)
		}
	}
	if _, err := p.choice(data+"[capture_method]", "automatic", "automatic_async"); err != nil {
		return err
	}
	if c.Metadata, err = p.metadata("metadata"); err != nil {
		return err
	}
	c.IntentMetadata, err = p.metadata(data + "[metadata]")
	return err
}

// countItems returns how many line items there are: one more than the highest
// number among line_items[n].
func countItems(p params) (int, *apiError) {
	count := 0
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		inner, ok := strings.CutPrefix(name, "line_items[")
		if !ok {
			continue
		}
		number, field, _ := strings.Cut(inner, "]")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || strconv.Itoa(n) != number {
			return 0, invalid("", name,
				"Invalid array: line_items must be given as line_items[0], line_items[1] and so on.")
		}
		if n >= maxLineItems {
			return 0, invalid("", "line_items", fmt.Sprintf("You can have up to %d line items.", maxLineItems))
		}
		if !slices.Contains(itemFields, field) && !strings.HasPrefix(field, "[price_data][product_data]") {
			return 0, invalid("parameter_unknown", name, "Received unknown parameter: "+name)
		}
		count = max(count, n+1)
	}
	if count == 0 {
		return 0, invalid("parameter_missing", "line_items", "Missing required param: line_items.")
	}
	return count, nil
}

// readItems reads line_items[n] with price_data, and what they come to.
func (c *session) readItems(p params) *apiError {
	count, err := countItems(p)
	if err != nil {
		return err
	}
	rule, err := p.currency("line_items[0][price_data][currency]")
	if err != nil {
		return err
	}
	c.Currency = rule.code
	for n := range count {
		item, err := readItem(p, fmt.Sprintf("line_items[%d]", n), rule)
		if err != nil {
			return err
		}
		if item.Unit > (math.MaxInt64-c.Amount)/item.Quantity {
			return rule.checkCharge("line_items", math.MaxInt64)
		}
		c.Amount += item.total()
		c.Items = append(c.Items, item)
	}
	if err := rule.checkCharge("line_items", c.Amount); err != nil {
		err.Message = strings.Replace(err.Message, "Amount", "The Checkout Session's total amount", 1)
		return err
	}
	return nil
}

// readItem reads one line item.
func readItem(p params, name string, rule currencyRule) (lineItem, *apiError) {
	price := name + "[price_data]"
	item := lineItem{Name: strings.TrimSpace(p.values[price+"[product_data][name]"])}
	if item.Name == "" {
		full := price + "[product_data][name]"
		return item, invalid("parameter_missing", full, "Missing required param: "+full+".")
	}
	other, err := p.currency(price + "[currency]")
	if err != nil {
		return item, err
	}
	if other.code != rule.code {
		return item, invalid("", price+"[currency]", "All line items must have the same currency.")
	}
	for _, part := range []struct {
		name  string
		to    *int64
		least int64
	}{{price + "[unit_amount]", &item.Unit, 0}, {name + "[quantity]", &item.Quantity, 1}} {
		n, given, err := p.integer(part.name, part.least)
		if err != nil {
			return item, err
		}
		if !given {
			return item, invalid("parameter_missing", part.name, "Missing required param: "+part.name+".")
		}
		*part.to = n
	}
	if item.Unit > rule.maximum() {
		return item, rule.checkCharge(price+"[unit_amount]", item.Unit)
	}
	return item, rule.checkStep(price+"[unit_amount]", item.Unit)
}
