package web_test

import (
	"html"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/returns"
)

// goodPolicy is a policy as the form sends it.
var goodPolicy = map[string]string{
	"enabled": "1", "window_days": "14", "start": "delivery", "zone": "Europe/Dublin", "working_day_end": "1",
	"holidays": "2026-12-25 Christmas Day\r\n2027-01-01", "refund_within_days": "14",
	"max_quantity": "5", "photos_required": "0", "max_photos": "3", "photo_types": "jpeg",
	"reasons_choice": "all", "photos_required_for_choice": "all", "methods_choice": "some", "methods": "card",
	"restock_at": "refund", "refund_from": "approved", "restocking_percent_0": "12.5", "restocking_fixed_0": "1.50",
	"note": "shorter", "window_category_0": "Audio", "window_days_0": "7",
}

// policyFields are the fields of goodPolicy with changes; an empty value leaves one out.
func policyFields(change map[string]string) []string {
	all := maps.Clone(goodPolicy)
	maps.Copy(all, change)
	var fields []string
	for name, value := range all {
		if value != "" {
			fields = append(fields, name, value)
		}
	}
	return fields
}

func TestThePolicyFormKeepsWhatWasTypedAndNamesEveryField(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	staff := b.staff()
	for name, tt := range map[string]struct{ field, value, says string }{
		"days that are no number": {
			"window_days", "soon", "Return window (days): &#34;soon&#34; is not a whole",
		},
		"no units":                         {"max_quantity", "0", "Maximum units per item: "},
		"photos below none":                {"max_photos", "-1", "Maximum photos: "},
		"more than all":                    {"restocking_percent_0", "101", "Restocking percent, row 1"},
		"a fee of three decimals":          {"restocking_fixed_0", "1.005", "Restocking fixed, row 1"},
		"half a day":                       {"window_days_0", "1.5", "Window days, row 1"},
		"a type of image that isn't taken": {"photo_types", "bmp", "Accepted image types"},
		"no point to restock at":           {"restock_at", "never", "Restock at"},
		"no start":                         {"start", "payment", "Window starts"},
		"no zone of this world":            {"zone", "Mars/Base", "Time zone"},
		"the zone of the server":           {"zone", "Local", "Time zone"},
		"a day that isn't":                 {"holidays", "2026-02-30 Never", "Holidays, line 1"},
		"a day twice":                      {"holidays", "2026-12-25\n2026-12-25", "Holidays"},
		"a promise that is no number":      {"refund_within_days", "soon", "Refund within (days)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := staff.form("/admin/policy", policyFields(map[string]string{tt.field: tt.value})...).
				want(http.StatusBadRequest, tt.says, "<title>Error: Return policy", `href="#`, `aria-invalid="true"`)
			shown := strings.Contains(r.body, `value="`+html.EscapeString(tt.value)+`"`) ||
				strings.Contains(r.body, html.EscapeString(tt.value)+"</textarea>")
			if kept := tt.field != "photo_types" && tt.field != "restock_at" && tt.field != "start"; kept && !shown {
				t.Errorf("%s=%s is not kept", tt.field, tt.value)
			}
		})
	}
	r := staff.form("/admin/policy", policyFields(map[string]string{
		"window_days": "soon", "max_quantity": "0", "zone": "Mars/Base", "window_days_0": "-4",
		"restocking_percent_0": "x",
	})...).want(http.StatusBadRequest, "There are 5 problems")
	for _, field := range []string{"window_days", "max_quantity", "zone", "window_days_0", "restocking_percent_0"} {
		if !strings.Contains(r.body, `href="#`+field+`"`) || !strings.Contains(r.body, `id="`+field+`-wrong"`) {
			t.Errorf("the mistake of %s is not at its field", field)
		}
	}
}

func TestThePolicyFormPublishesEveryRule(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	staff := b.staff()
	staff.form("/admin/policy", policyFields(nil)...).want(http.StatusFound)
	terms, err := b.Returns.Terms(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	p := terms.Policy
	if terms.Version != 2 || p.WindowDays != 14 || p.Windows[0].Days != 7 ||
		p.RestockingFees[0] != (returns.FeeRule{PercentBP: 1250, Fixed: 150}) {
		t.Errorf("%+v", terms)
	}
	if p.Start != returns.FromDelivery || p.Zone != "Europe/Dublin" || !p.WorkingDayEnd || p.RefundWithinDays != 14 ||
		len(p.Holidays) != 2 || p.Holidays[0].Name != "Christmas Day" || p.Holidays[1].Day.String() != "2027-01-01" {
		t.Errorf("the calendar is %+v", p)
	}
	if len(p.Reasons) != 0 || len(p.Methods) != 1 {
		t.Errorf("reasons %v, methods %v", p.Reasons, p.Methods)
	}
	page := staff.get("/admin/policy").want(http.StatusOK, "Version 2 is published", "shorter", "Europe/Dublin",
		"2026-12-25 Christmas Day", `value="delivery" selected`)
	if !regexp.MustCompile(`name="methods_choice" value="some"\s+checked`).MatchString(page.body) {
		t.Error("only some methods are not shown as chosen")
	}
}

// The last box that is unticked turned a ban into a permission, because none meant all.
func TestAPolicyOfNoReasonIsNotAPolicyOfAllReasons(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	staff := b.staff()
	for _, group := range []string{"reasons", "photos_required_for", "methods"} {
		for _, choice := range []string{"some", ""} {
			staff.form("/admin/policy", policyFields(map[string]string{group + "_choice": choice, group: ""})...).
				want(http.StatusBadRequest, "choose at least one, or choose all", `href="#`+group+`"`)
		}
	}
	staff.form("/admin/policy", policyFields(map[string]string{
		"reasons_choice": "all", "reasons": "DAMAGED",
	})...).want(http.StatusFound)
	terms, err := b.Returns.Terms(t.Context(), "")
	if err != nil || len(terms.Policy.Reasons) != 0 {
		t.Errorf("all reasons were chosen, and the policy has %v, %v", terms.Policy.Reasons, err)
	}
}

func TestChangesOfThePolicyAreShownBeforeTheyArePublished(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	staff := b.staff()
	review := policyFields(map[string]string{"step": "review"})
	page := staff.form("/admin/policy", review...).want(http.StatusOK, "Review policy changes", "Version 2",
		"<td>30 days</td>", "<strong>14 days</strong>", "<strong>card</strong>", "12.5 % &#43; $1.50",
		`name="base" value="1"`, `name="holidays" value="2026-12-25 Christmas Day`)
	if strings.Contains(page.body, ">Maximum units per item<") {
		t.Error("a rule that stays is shown as changed")
	}
	if terms, err := b.Returns.Terms(t.Context(), ""); err != nil || terms.Version != 1 {
		t.Errorf("a review published version %d, %v", terms.Version, err)
	}
	staff.form("/admin/policy", policyFields(map[string]string{"step": "edit"})...).
		want(http.StatusOK, `value="14"`, "Christmas Day")
	publish := policyFields(map[string]string{"base": "1"})
	staff.form("/admin/policy", publish...).want(http.StatusFound)
	staff.form("/admin/policy", publish...).
		want(http.StatusConflict, "Another version was published", "There are no changes from version 2")
}
