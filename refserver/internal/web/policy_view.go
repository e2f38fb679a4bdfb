package web

import (
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// policyLabels is what the pages call the fields of a policy.
var policyLabels = map[string]string{
	"enabled":              "Accept returns",
	"auto_authorize":       "Authorize eligible requests automatically",
	"final_sale":           "Final sale items can't be returned",
	"window_days":          "Return window (days)",
	"start":                "Window starts",
	"zone":                 "Time zone",
	"working_day_end":      "End on a working day",
	"holidays":             "Holidays",
	"refund_within_days":   "Refund within (days)",
	"max_quantity":         "Maximum units per item",
	"photos_required":      "Photos required",
	"photos_required_for":  "Photos required for",
	"max_photos":           "Maximum photos",
	"photo_types":          "Accepted image types",
	"reasons":              "Accepted reasons",
	"methods":              "Refund methods",
	"refund_from":          "Refund from",
	"restock_at":           "Restock at",
	"split":                "Split refunds of several payments",
	"windows":              "Other windows",
	"restocking_fees":      "Restocking fees",
	"return_shipping_fees": "Return shipping fees",
	"note":                 "Reason for the change",
}

// field is a field of the form by its name.
func (f policyForm) field(name string) field {
	return field{
		Name: name, Label: fieldLabel(name), Value: f.Values.Get(name), Wrong: f.Mistakes.of(name),
	}
}

func (f policyForm) number(name, hint string, required bool) field {
	in := f.field(name)
	in.Mode, in.Hint, in.Required = "numeric", hint, required
	return in
}

func (f policyForm) choice(name string, options ...option) field {
	in := f.field(name)
	in.Kind = "select"
	for _, o := range options {
		o.On = o.Value == in.Value
		in.Options = append(in.Options, o)
	}
	return in
}

// Boxes are the rules that are on or off.
func (f policyForm) Boxes() []option {
	var out []option
	for _, name := range []string{"enabled", "auto_authorize", "final_sale"} {
		out = append(out, option{Value: name, Text: policyLabels[name], On: f.Values.Get(name) != ""})
	}
	return out
}

// WorkingDayEnd is the box of the rule about working days.
func (f policyForm) WorkingDayEnd() option {
	return option{
		Value: "working_day_end",
		Text:  "A window that would end on a weekend or a holiday ends on the next working day",
		On:    f.Values.Get("working_day_end") != "",
	}
}

// Calendar are the fields about days.
func (f policyForm) Calendar() []field {
	zone := f.field("zone")
	zone.Suggestions, zone.Autocomplete = "zones", "off"
	zone.Hint = "Days start and end at midnight in this zone. Leave empty for the shop's zone."
	return []field{
		f.number("window_days", "The last day counts to its end.", true),
		f.choice(
			"start",
			option{
				Value: string(returns.FromDeliveryOrPurchase),
				Text:  "On delivery, or on purchase if not delivered yet",
			},
			option{Value: string(returns.FromDelivery), Text: "On delivery"},
			option{Value: string(returns.FromPurchase), Text: "On purchase"},
		),
		zone,
		f.number("refund_within_days", "Days after the request. Leave empty to promise nothing.", false),
	}
}

// Holidays is the list of days on which nobody works.
func (f policyForm) Holidays() field {
	in := f.field("holidays")
	in.Kind, in.Placeholder = "textarea", "2026-12-25 Christmas Day"
	in.Hint = "One day per line, with its name after it."
	return in
}

// Limits are the other numbers and choices.
func (f policyForm) Limits() []field {
	return []field{
		f.number("max_quantity", "In one request.", true),
		f.number("photos_required", "", true),
		f.number("max_photos", "", true),
		f.choice("refund_from",
			option{Value: string(returns.StatusApproved), Text: "Approved"},
			option{Value: string(returns.StatusReceived), Text: "Received"},
			option{Value: string(returns.StatusAuthorized), Text: "Authorized"},
		),
		f.choice("restock_at",
			option{Value: string(returns.RestockAtRefund), Text: "Refund"},
			option{Value: string(returns.RestockAtInspection), Text: "Inspection"},
		),
		f.choice("split",
			option{Value: string(refunds.SplitProportional), Text: "In proportion to what each paid"},
			option{Value: string(refunds.SplitLastPaidFirst), Text: "The last payment first"},
			option{Value: string(refunds.SplitStoreCreditFirst), Text: "Store credit first"},
		),
	}
}

// Groups are the lists to choose from: all, or some.
func (f policyForm) Groups() []group {
	types := f.group("photo_types", "", options(returns.ImageTypes()))
	return []group{
		f.group("reasons", "All reasons", options(returns.AllReasons())),
		f.group("photos_required_for", "All reasons", options(returns.AllReasons())),
		types,
		f.group("methods", "All methods", options(refundMethods)),
	}
}

var refundMethods = []payment.Method{payment.OriginalMethod, payment.Card, payment.Cash, payment.StoreCredit}

func options[T ~string](list []T) []option {
	out := make([]option, len(list))
	for i, v := range list {
		out[i] = option{Value: string(v), Text: words(v)}
	}
	return out
}

func (f policyForm) group(name, all string, list []option) group {
	g := group{Name: name, Legend: fieldLabel(name), All: all, Wrong: f.Mistakes.of(name)}
	g.AllOn = all != "" && f.Values.Get(name+"_choice") == "all"
	for _, o := range list {
		o.On = slices.Contains(f.Values[name], o.Value)
		g.Options = append(g.Options, o)
	}
	return g
}

// Note is why the policy changes.
func (f policyForm) Note() field {
	in := f.field("note")
	in.Max = 2000
	return in
}

// Zones are suggestions for the time zone.
func (policyForm) Zones() []string { return zoneChoices }

// ruleTable is a table of rules, one row each.
type ruleTable struct {
	ID, Title, Hint string
	Wrong           string
	Head            []string
	Rows            [][]field
}

// Tables are the rules that have rows.
func (f policyForm) Tables() []ruleTable {
	windows := ruleTable{
		ID: "windows", Title: "Other windows", Hint: "The most specific row that matches applies.",
		Head: []string{"Category", "Reason", "Days"}, Wrong: f.Mistakes.of("windows"),
	}
	for _, i := range f.rows(windowRows, "days") {
		windows.Rows = append(windows.Rows, []field{
			f.cell(windowRows, "category", i, "window"),
			f.pick(windowRows, "reason", i, "window", options(returns.AllReasons())),
			f.cell(windowRows, "days", i, "window"),
		})
	}
	return []ruleTable{
		windows,
		f.fees("restocking_fees", restockingRows, "restocking fee"),
		f.fees("return_shipping_fees", shippingRows, "return shipping fee"),
	}
}

func (f policyForm) fees(id, prefix, what string) ruleTable {
	t := ruleTable{
		ID: id, Title: policyLabels[id], Wrong: f.Mistakes.of(id),
		Hint: "The first matching row applies. Fixed amounts are taken off refunds in " + string(f.Currency) + " only.",
		Head: []string{"Reason", "Condition", "Percent", "Fixed (" + string(f.Currency) + ")"},
	}
	for _, i := range f.rows(prefix, "percent") {
		t.Rows = append(t.Rows, []field{
			f.pick(prefix, "reason", i, what, options(returns.AllReasons())),
			f.pick(prefix, "condition", i, what, options(returns.AllConditions())),
			f.cell(prefix, "percent", i, what),
			f.cell(prefix, "fixed", i, what),
		})
	}
	return t
}

// rows are those that the form holds, with spare ones for new rules.
func (f policyForm) rows(prefix, column string) []int {
	n := 0
	for n < maxRows && f.Values.Has(at(prefix, column, n)) {
		n++
	}
	filled := 0
	for i := range n {
		if f.Values.Get(at(prefix, column, i)) != "" {
			filled = i + 1
		}
	}
	out := make([]int, max(n, filled+spareRows))
	for i := range out {
		out[i] = i
	}
	return out
}

// cell is an input of a row: its label says which.
func (f policyForm) cell(prefix, column string, row int, what string) field {
	in := f.field(at(prefix, column, row))
	in.Label = fmt.Sprintf("%s of %s %d", words(column), what, row+1)
	if column != "category" {
		in.Mode = "decimal"
	}
	return in
}

func (f policyForm) pick(prefix, column string, row int, what string, list []option) field {
	in := f.choice(at(prefix, column, row), append([]option{{Text: "Any"}}, list...)...)
	in.Label = fmt.Sprintf("%s of %s %d", words(column), what, row+1)
	return in
}
