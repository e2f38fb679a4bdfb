package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// spareRows is how many empty rows a table of rules has for new ones.
const spareRows = 3

// maxRows bounds the rows that a form is read for.
const maxRows = 220

// policyForm is a policy as a form holds it: numbers as text, so that a
// refused form comes back as it was sent.
type policyForm struct {
	Values   url.Values
	Mistakes mistakes
	Currency money.Currency
}

// The tables of the form, by the prefix of their fields.
const (
	windowRows     = "window"
	restockingRows = "restocking"
	shippingRows   = "shipping"
)

// at is the name of a field of a row.
func at(prefix, field string, row int) string { return fmt.Sprintf("%s_%s_%d", prefix, field, row) }

// formOfPolicy fills the form with a policy.
func formOfPolicy(p returns.Policy) policyForm {
	v := url.Values{}
	set := func(name string, n int) { v.Set(name, strconv.Itoa(n)) }
	tick := func(name string, on bool) {
		if on {
			v.Set(name, "1")
		}
	}
	tick("enabled", p.Enabled)
	tick("final_sale", p.FinalSale)
	tick("auto_authorize", p.AutoAuthorize)
	tick("working_day_end", p.WorkingDayEnd)
	set("window_days", p.WindowDays)
	set("max_quantity", p.MaxQuantity)
	set("photos_required", p.PhotosRequired)
	set("max_photos", p.MaxPhotos)
	if p.RefundWithinDays > 0 {
		set("refund_within_days", p.RefundWithinDays)
	}
	v.Set("start", string(startOf(p)))
	v.Set("zone", p.Zone)
	v.Set("holidays", holidayLines(p.Holidays))
	choose := func(name string, list []string) {
		v.Set(name+"_choice", "some")
		if len(list) == 0 {
			v.Set(name+"_choice", "all")
		}
		v[name] = list
	}
	choose("reasons", texts(p.Reasons))
	choose("photos_required_for", texts(p.PhotosRequiredFor))
	choose("methods", texts(p.Methods))
	v["photo_types"] = p.PhotoTypes
	v.Set("refund_from", string(p.RefundFrom))
	v.Set("restock_at", string(p.RestockAt))
	v.Set("split", string(cmp.Or(p.Split, refunds.SplitProportional)))
	for i, w := range p.Windows {
		v.Set(at(windowRows, "category", i), w.Category)
		v.Set(at(windowRows, "reason", i), string(w.Reason))
		set(at(windowRows, "days", i), w.Days)
	}
	fees := func(prefix string, list []returns.FeeRule) {
		for i, f := range list {
			v.Set(at(prefix, "reason", i), string(f.Reason))
			v.Set(at(prefix, "condition", i), string(f.Condition))
			v.Set(at(prefix, "percent", i), money.FormatDecimal(int64(f.PercentBP), 2))
			v.Set(at(prefix, "fixed", i), money.New(f.Fixed, p.Currency).Decimal())
		}
	}
	fees(restockingRows, p.RestockingFees)
	fees(shippingRows, p.ReturnShippingFees)
	return policyForm{Values: v, Currency: p.Currency}
}

// startOf is what the window of a policy counts from.
func startOf(p returns.Policy) returns.WindowStart {
	if p.Start == "" {
		return returns.FromDeliveryOrPurchase
	}
	return p.Start
}

func holidayLines(days []returns.Holiday) string {
	lines := make([]string, len(days))
	for i, h := range days {
		lines[i] = strings.TrimSpace(h.Day.String() + " " + h.Name)
	}
	return strings.Join(lines, "\n")
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func of[T ~string](list []string) []T {
	var out []T
	for _, v := range list {
		out = append(out, T(strings.TrimSpace(v)))
	}
	return out
}

// policyParse reads a form into a policy and collects all that is wrong with it.
type policyParse struct {
	f      url.Values
	p      returns.Policy
	wrong  mistakes
	rowsOf map[string][]int // the rows of the form that the rules of a table come from
}

// parsePolicy reads the form: numbers exactly, rows that are empty left out. What is wrong
// is noted field by field, all of it at once.
func parsePolicy(f url.Values, c money.Currency) (returns.Policy, mistakes) {
	in := policyParse{f: f, rowsOf: map[string][]int{}}
	in.p = returns.Policy{
		Enabled: f.Get("enabled") != "", FinalSale: f.Get("final_sale") != "",
		AutoAuthorize: f.Get("auto_authorize") != "", WorkingDayEnd: f.Get("working_day_end") != "",
		Start: returns.WindowStart(f.Get("start")), Zone: strings.TrimSpace(f.Get("zone")),
		PhotoTypes: f["photo_types"], Currency: c,
		RefundFrom: returns.Status(f.Get("refund_from")), RestockAt: returns.RestockPoint(f.Get("restock_at")),
		Split: refunds.SplitRule(f.Get("split")),
	}
	in.p.WindowDays = in.number("window_days", f.Get("window_days"), 0)
	in.p.MaxQuantity = in.number("max_quantity", f.Get("max_quantity"), 1)
	in.p.PhotosRequired = in.number("photos_required", f.Get("photos_required"), 0)
	in.p.MaxPhotos = in.number("max_photos", f.Get("max_photos"), in.p.PhotosRequired)
	if days := strings.TrimSpace(f.Get("refund_within_days")); days != "" {
		in.p.RefundWithinDays = in.number("refund_within_days", days, 0)
	}
	in.p.Reasons = of[returns.Reason](in.chosen("reasons"))
	in.p.PhotosRequiredFor = of[returns.Reason](in.chosen("photos_required_for"))
	in.p.Methods = of[payment.Method](in.chosen("methods"))
	in.holidays()
	in.windows()
	in.p.RestockingFees = in.fees(restockingRows)
	in.p.ReturnShippingFees = in.fees(shippingRows)
	in.zone()
	in.validate()
	return in.p, in.wrong
}

// number reads a whole number; what is wrong is noted, and instead stands for it.
func (in *policyParse) number(field, text string, instead int) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	switch {
	case errors.Is(err, strconv.ErrRange):
		in.wrong.add(field, "%s: %q is too large.", fieldLabel(field), input.Clip(text))
	case err != nil:
		in.wrong.add(field, "%s: %q is not a whole number; enter one such as 30.", fieldLabel(field), input.Clip(text))
	default:
		return n
	}
	return instead
}

// chosen are the boxes of a group where only some count, and none where all do. A group of
// which nothing is chosen is a mistake: it could be meant either way.
func (in *policyParse) chosen(group string) []string {
	boxes := in.f[group]
	switch choice := in.f.Get(group + "_choice"); {
	case choice == "all":
		return nil
	case choice != "some" && choice != "":
		in.wrong.add(group, "%s: choose all, or only some.", fieldLabel(group))
	case len(boxes) == 0:
		in.wrong.add(group, "%s: choose at least one, or choose all.", fieldLabel(group))
	}
	return boxes
}

// zone refuses the zone of the server, which no customer can know.
func (in *policyParse) zone() {
	if _, err := time.LoadLocation(in.p.Zone); err != nil || in.p.Zone == "Local" {
		in.wrong.add(
			"zone", "Time zone: %q is not a time zone. Enter one such as Europe/Berlin.", input.Clip(in.p.Zone),
		)
		in.p.Zone = ""
	}
}

// holidays reads one day a line, with its name behind it.
func (in *policyParse) holidays() {
	for number, line := range strings.Split(in.f.Get("holidays"), "\n") {
		text, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if text == "" {
			continue
		}
		day, err := returns.ParseDay(text)
		if err != nil {
			in.wrong.add("holidays", "Holidays, line %d: %q is not a day; write it as 2026-12-25, "+
				"with its name after it.", number+1, input.Clip(text))
			continue
		}
		in.p.Holidays = append(in.p.Holidays, returns.Holiday{Day: day, Name: strings.TrimSpace(name)})
	}
}

func (in *policyParse) cell(prefix, field string, row int) string {
	return strings.TrimSpace(in.f.Get(at(prefix, field, row)))
}

func (in *policyParse) windows() {
	for i := range maxRows {
		category, reason := in.cell(windowRows, "category", i), in.cell(windowRows, "reason", i)
		days := in.cell(windowRows, "days", i)
		if category+reason+days == "" {
			continue
		}
		in.rowsOf[windowRows] = append(in.rowsOf[windowRows], i)
		in.p.Windows = append(in.p.Windows, returns.Window{
			Category: category, Reason: returns.Reason(reason), Days: in.number(at(windowRows, "days", i), days, 0),
		})
	}
}

func (in *policyParse) fees(prefix string) []returns.FeeRule {
	var out []returns.FeeRule
	for i := range maxRows {
		reason, condition := in.cell(prefix, "reason", i), in.cell(prefix, "condition", i)
		percent, fixed := in.cell(prefix, "percent", i), in.cell(prefix, "fixed", i)
		if reason+condition+percent+fixed == "" {
			continue
		}
		rule := returns.FeeRule{Reason: returns.Reason(reason), Condition: returns.Condition(condition)}
		if percent != "" || fixed == "" {
			bp, err := money.ParseDecimal(percent, 2)
			if err != nil || bp < 0 || bp > 10000 {
				name := at(prefix, "percent", i)
				in.wrong.add(name, "%s: %q is not a percentage; it must be a number from 0 to 100 with at most "+
					"2 decimals.", fieldLabel(name), input.Clip(percent))
			} else {
				rule.PercentBP = int(bp)
			}
		}
		if fixed != "" {
			m, err := money.Parse(fixed, in.p.Currency)
			if err != nil || m.Minor() < 0 {
				name := at(prefix, "fixed", i)
				in.wrong.add(name, "%s: %q is not an amount; it must be 0 or more %s with at most %d decimals.",
					fieldLabel(name), input.Clip(fixed), in.p.Currency, in.p.Currency.Digits())
			} else {
				rule.Fixed = m.Minor()
			}
		}
		in.rowsOf[prefix] = append(in.rowsOf[prefix], i)
		out = append(out, rule)
	}
	return out
}

// validate has the library check the policy, which names the first field that is wrong:
// it is noted and given a value that is right, until nothing is left. The policy is not
// used where a mistake was found.
func (in *policyParse) validate() {
	found := in.p
	defer func() { in.p = found }()
	for range 10 * maxRows {
		err := in.p.Validate()
		if err == nil {
			return
		}
		var e *returns.Error
		if !errors.As(err, &e) {
			in.wrong.add("window_days", "%v", err)
			return
		}
		name := in.inputOf(e.Field)
		in.wrong.add(name, "%s: %s.", fieldLabel(name), strings.TrimSuffix(e.Message, "."))
		if !in.neutral(e.Field) {
			return
		}
	}
}

// inputOf is the input that a field of the policy is typed into.
func (in *policyParse) inputOf(field string) string {
	list, index, column, ok := indexed(field)
	if !ok {
		return field
	}
	prefix := map[string]string{
		"windows": windowRows, "restocking_fees": restockingRows, "return_shipping_fees": shippingRows,
	}[list]
	if prefix == "" || index >= len(in.rowsOf[prefix]) {
		return list
	}
	switch column {
	case "":
		column = "days"
	case "percent_bp":
		column = "percent"
	}
	return at(prefix, column, in.rowsOf[prefix][index])
}

// indexed splits windows[3].days.
func indexed(field string) (list string, index int, column string, ok bool) {
	list, rest, ok := strings.Cut(field, "[")
	if !ok {
		return field, 0, "", false
	}
	number, rest, _ := strings.Cut(rest, "]")
	index, err := strconv.Atoi(number)
	return list, index, strings.TrimPrefix(rest, "."), err == nil
}

// neutrals give the fields of a policy values that are right.
var neutrals = map[string]func(*returns.Policy){
	"window_days":         func(p *returns.Policy) { p.WindowDays = 0 },
	"start":               func(p *returns.Policy) { p.Start = "" },
	"zone":                func(p *returns.Policy) { p.Zone = "" },
	"holidays":            func(p *returns.Policy) { p.Holidays = nil },
	"refund_within_days":  func(p *returns.Policy) { p.RefundWithinDays = 0 },
	"max_quantity":        func(p *returns.Policy) { p.MaxQuantity = 1 },
	"reasons":             func(p *returns.Policy) { p.Reasons = nil },
	"photos_required_for": func(p *returns.Policy) { p.PhotosRequiredFor = nil },
	"max_photos":          func(p *returns.Policy) { p.MaxPhotos = max(0, min(p.PhotosRequired, 1)) },
	"photos_required":     func(p *returns.Policy) { p.PhotosRequired = 0 },
	"photo_types":         func(p *returns.Policy) { p.PhotoTypes = returns.ImageTypes() },
	"methods":             func(p *returns.Policy) { p.Methods = nil },
	"refund_from":         func(p *returns.Policy) { p.RefundFrom = "" },
	"restock_at":          func(p *returns.Policy) { p.RestockAt = returns.RestockAtRefund },
	"split":               func(p *returns.Policy) { p.Split = "" },
}

// neutral gives a field a value that is right, or leaves out its row, so that the next
// mistake is found.
func (in *policyParse) neutral(field string) bool {
	list, row, _, _ := indexed(field)
	drop := func(prefix string) { in.rowsOf[prefix] = slices.Delete(in.rowsOf[prefix], row, row+1) }
	p := &in.p
	switch list {
	case "windows":
		p.Windows = slices.Delete(slices.Clone(p.Windows), row, row+1)
		drop(windowRows)
	case "restocking_fees":
		p.RestockingFees = slices.Delete(slices.Clone(p.RestockingFees), row, row+1)
		drop(restockingRows)
	case "return_shipping_fees":
		p.ReturnShippingFees = slices.Delete(slices.Clone(p.ReturnShippingFees), row, row+1)
		drop(shippingRows)
	default:
		reset := neutrals[list]
		if reset == nil {
			return false
		}
		reset(p)
	}
	return true
}

// inputOf is the input that a field of the policy is typed into; the tables
// are named as a whole.
func inputOf(field string) string {
	name, _, _ := strings.Cut(field, "[")
	return name
}

// fieldLabel is what the form calls a field.
func fieldLabel(field string) string {
	name := inputOf(field)
	if i := strings.LastIndexByte(name, '_'); i > 0 {
		if row, err := strconv.Atoi(name[i+1:]); err == nil {
			return fmt.Sprintf("%s, row %d", words(name[:i]), row+1)
		}
	}
	if label := policyLabels[name]; label != "" {
		return label
	}
	return words(name)
}
