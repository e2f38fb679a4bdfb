package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/decimal"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// spareRows is how many empty rows a table of rules has for new ones.
const spareRows = 3

// maxRows bounds the rows that a form is read for.
const maxRows = 220

// policyBody is all versions, and the form for the next.
type policyBody struct {
	Versions []returns.Terms
	Form     policyForm
}

// policyForm is a policy as a form holds it: numbers as text, so that a
// refused form comes back as it was sent.
type policyForm struct {
	Values   url.Values
	Problem  string
	Field    string // the input the problem is about
	Currency money.Currency

	Windows, RestockingFees, ReturnShippingFees []int // rows
}

// Rows are those of a table of fees, restocking or shipping.
func (f policyForm) Rows(table string) []int {
	if table == "restocking" {
		return f.RestockingFees
	}
	return f.ReturnShippingFees
}

// Value is what a field holds.
func (f policyForm) Value(field string) string { return f.Values.Get(field) }

// At is the name of a field of a row.
func (policyForm) At(field string, row int) string { return fmt.Sprintf("%s_%d", field, row) }

// Has reports whether a box or an option is chosen.
func (f policyForm) Has(field string, value any) bool {
	return slices.Contains(f.Values[field], fmt.Sprint(value))
}

// Wrong reports whether the problem is about the field.
func (f policyForm) Wrong(field string) bool { return f.Field == field }

// The choices of the form.
func (policyForm) AllReasons() []returns.Reason       { return returns.AllReasons() }
func (policyForm) AllConditions() []returns.Condition { return returns.AllConditions() }
func (policyForm) AllTypes() []string                 { return returns.ImageTypes() }
func (policyForm) AllMethods() []payment.Method {
	return []payment.Method{payment.OriginalMethod, payment.Card, payment.Cash, payment.StoreCredit}
}

func (s *server) policyPage(w http.ResponseWriter, r *http.Request) error {
	t, err := s.Returns.CurrentTerms(r.Context())
	if err != nil {
		return err
	}
	return s.showPolicy(w, r, http.StatusOK, formOfPolicy(t.Policy))
}

func (s *server) showPolicy(w http.ResponseWriter, r *http.Request, status int, form policyForm) error {
	versions, err := s.Returns.AllTerms(r.Context())
	if err != nil {
		return err
	}
	var notes []note
	if form.Problem != "" {
		notes = append(notes, note{Tone: "bad", Text: form.Problem})
	}
	return s.pageStatus(
		w,
		r,
		status,
		"admin_policy",
		"Return policy",
		policyBody{Versions: versions, Form: form},
		notes...)
}

func (s *server) publishPolicy(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	policy, err := parsePolicy(r.PostForm, s.Currency)
	if err == nil {
		var t returns.Terms
		if t, err = s.Returns.PublishTerms(r.Context(), actor(r), policy, strings.TrimSpace(r.PostForm.Get("note"))); err == nil {
			return s.redirect(
				w,
				r,
				"/admin/policy",
				fmt.Sprintf("Version %d is published. It applies to orders placed from now on.", t.Version),
			)
		}
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	form := policyForm{
		Values: r.PostForm, Currency: s.Currency, Field: inputOf(p.Field), Problem: "Not published. " + fieldLabel(p.Field) + ": " + p.Message,
		Windows: rows(
			r.PostForm,
			"window_days",
		), RestockingFees: rows(r.PostForm, "restocking_percent"), ReturnShippingFees: rows(r.PostForm, "shipping_percent"),
	}
	return s.showPolicy(w, r, p.Status, form)
}

// rows numbers the rows of a form that was sent, with spare ones.
func rows(f url.Values, field string) []int {
	n := 0
	for n < maxRows && f.Has(fmt.Sprintf("%s_%d", field, n)) {
		n++
	}
	return count(max(n, spareRows))
}

func count(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

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
	set("window_days", p.WindowDays)
	set("max_quantity", p.MaxQuantity)
	set("photos_required", p.PhotosRequired)
	set("max_photos", p.MaxPhotos)
	v["reasons"], v["photos_required_for"], v["methods"] = texts(
		p.Reasons,
	), texts(
		p.PhotosRequiredFor,
	), texts(
		p.Methods,
	)
	v["photo_types"] = p.PhotoTypes
	v.Set("refund_from", string(p.RefundFrom))
	v.Set("restock_at", string(p.RestockAt))
	for i, w := range p.Windows {
		v.Set(fmt.Sprintf("window_category_%d", i), w.Category)
		v.Set(fmt.Sprintf("window_reason_%d", i), string(w.Reason))
		set(fmt.Sprintf("window_days_%d", i), w.Days)
	}
	fees := func(prefix string, list []returns.FeeRule) {
		for i, f := range list {
			v.Set(fmt.Sprintf("%s_reason_%d", prefix, i), string(f.Reason))
			v.Set(fmt.Sprintf("%s_condition_%d", prefix, i), string(f.Condition))
			v.Set(fmt.Sprintf("%s_percent_%d", prefix, i), decimal.Format(int64(f.PercentBP), 2).String())
			v.Set(fmt.Sprintf("%s_fixed_%d", prefix, i), money.New(f.Fixed, p.Currency).Decimal())
		}
	}
	fees("restocking", p.RestockingFees)
	fees("shipping", p.ReturnShippingFees)
	return policyForm{
		Values: v, Currency: p.Currency, Windows: count(len(p.Windows) + spareRows),
		RestockingFees: count(
			len(p.RestockingFees) + spareRows,
		), ReturnShippingFees: count(len(p.ReturnShippingFees) + spareRows),
	}
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

// parsePolicy reads the form: numbers exactly, rows that are empty left out.
// Ranges are for Policy.Validate to check.
func parsePolicy(f url.Values, c money.Currency) (returns.Policy, error) {
	p := returns.Policy{
		Enabled: f.Get(
			"enabled",
		) != "", FinalSale: f.Get("final_sale") != "", AutoAuthorize: f.Get("auto_authorize") != "",
		Reasons: of[returns.Reason](f["reasons"]), PhotosRequiredFor: of[returns.Reason](f["photos_required_for"]),
		PhotoTypes: of[string](f["photo_types"]), Methods: of[payment.Method](f["methods"]),
		RefundFrom: returns.Status(
			f.Get("refund_from"),
		), RestockAt: returns.RestockPoint(f.Get("restock_at")), Currency: c,
	}
	for _, n := range []struct {
		field string
		to    *int
	}{{"window_days", &p.WindowDays}, {"max_quantity", &p.MaxQuantity}, {"photos_required", &p.PhotosRequired}, {"max_photos", &p.MaxPhotos}} {
		var err error
		if *n.to, err = number(n.field, f.Get(n.field)); err != nil {
			return p, err
		}
	}
	for i := range maxRows {
		at := func(field string) string { return strings.TrimSpace(f.Get(fmt.Sprintf("%s_%d", field, i))) }
		if category, reason, days := at("window_category"), at("window_reason"), at("window_days"); category+reason+days != "" {
			n, err := number(fmt.Sprintf("window_days_%d", i), days)
			if err != nil {
				return p, err
			}
			p.Windows = append(p.Windows, returns.Window{Category: category, Reason: returns.Reason(reason), Days: n})
		}
		for _, fee := range []struct {
			prefix string
			to     *[]returns.FeeRule
		}{{"restocking", &p.RestockingFees}, {"shipping", &p.ReturnShippingFees}} {
			rule, ok, err := feeRule(fee.prefix, i, at, c)
			if err != nil {
				return p, err
			}
			if ok {
				*fee.to = append(*fee.to, rule)
			}
		}
	}
	return p, nil
}

func feeRule(prefix string, row int, at func(string) string, c money.Currency) (returns.FeeRule, bool, error) {
	reason, condition, percent, fixed := at(
		prefix+"_reason",
	), at(
		prefix+"_condition",
	), at(
		prefix+"_percent",
	), at(
		prefix+"_fixed",
	)
	if reason+condition+percent+fixed == "" {
		return returns.FeeRule{}, false, nil
	}
	rule := returns.FeeRule{Reason: returns.Reason(reason), Condition: returns.Condition(condition)}
	bp, err := decimal.Parse(percent, 2)
	if err != nil || bp < 0 || bp > 10000 {
		return rule, false, problem.Invalid(
			fmt.Sprintf("%s_percent_%d", prefix, row),
			fmt.Sprintf(
				"%q is not a percentage; it must be a number from 0 to 100 with at most 2 decimals.",
				clip(percent),
			),
		)
	}
	rule.PercentBP = int(bp)
	if fixed != "" {
		money, err := money.Parse(fixed, c)
		if err != nil || money.Minor() < 0 {
			return rule, false, problem.Invalid(
				fmt.Sprintf("%s_fixed_%d", prefix, row),
				fmt.Sprintf(
					"%q is not an amount; it must be 0 or more %s with at most %d decimals.",
					clip(fixed),
					c,
					c.Digits(),
				),
			)
		}
		rule.Fixed = money.Minor()
	}
	return rule, true, nil
}

func number(field, text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if errors.Is(err, strconv.ErrRange) {
		return 0, problem.Invalid(field, fmt.Sprintf("%q is too large.", clip(text)))
	}
	if err != nil {
		return 0, problem.Invalid(field, fmt.Sprintf("%q is not a whole number; enter one such as 30.", clip(text)))
	}
	return n, nil
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
	return words(name)
}
