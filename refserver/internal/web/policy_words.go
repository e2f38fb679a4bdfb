package web

import (
	"fmt"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// policySentence is a rule of a policy in words.
type policySentence struct{ Label, Text string }

// policyDifference is a rule that would change.
type policyDifference struct{ Label, Old, New string }

// policyWords is a policy, rule by rule.
func policyWords(p returns.Policy) []policySentence {
	say := func(name, text string) policySentence { return policySentence{policyLabels[name], text} }
	return []policySentence{
		say("enabled", yesNo(p.Enabled)),
		say("auto_authorize", yesNo(p.AutoAuthorize)),
		say("final_sale", yesNo(p.FinalSale)),
		say("window_days", plural(p.WindowDays, "day", "days")),
		say("start", startWords(startOf(p))),
		say("zone", orDash(p.Zone)),
		say("working_day_end", yesNo(p.WorkingDayEnd)),
		say("holidays", orDash(strings.ReplaceAll(holidayLines(p.Holidays), "\n", ", "))),
		say("refund_within_days", promise(p.RefundWithinDays)),
		say("windows", orDash(windowWords(p.Windows))),
		say("max_quantity", grouped(int64(p.MaxQuantity))),
		say("reasons", allOr(list(p.Reasons))),
		say("photos_required", photosWords(p)),
		say("max_photos", grouped(int64(p.MaxPhotos))),
		say("photo_types", orDash(strings.Join(p.PhotoTypes, ", "))),
		say("methods", allOr(list(p.Methods))),
		say("refund_from", orDash(strings.ToLower(words(p.RefundFrom)))),
		say("restock_at", orDash(strings.ToLower(words(p.RestockAt)))),
		say("split", splitWords(p.Split)),
		say("restocking_fees", orDash(feeWords(p.RestockingFees, p.Currency))),
		say("return_shipping_fees", orDash(feeWords(p.ReturnShippingFees, p.Currency))),
	}
}

// policyDifferences are the rules that two policies have differently.
func policyDifferences(old, next returns.Policy) []policyDifference {
	before, after := policyWords(old), policyWords(next)
	var out []policyDifference
	for i := range before {
		if before[i].Text != after[i].Text {
			out = append(out, policyDifference{before[i].Label, before[i].Text, after[i].Text})
		}
	}
	return out
}

func yesNo(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func allOr(some string) string {
	if some == "" {
		return "all"
	}
	return some
}

func splitWords(s refunds.SplitRule) string {
	switch s {
	case refunds.SplitLastPaidFirst:
		return "the last payment first"
	case refunds.SplitStoreCreditFirst:
		return "store credit first"
	}
	return "in proportion to what each paid"
}

func startWords(s returns.WindowStart) string {
	switch s {
	case returns.FromPurchase:
		return "on purchase"
	case returns.FromDelivery:
		return "on delivery"
	}
	return "on delivery, or on purchase if not delivered yet"
}

func promise(days int) string {
	if days == 0 {
		return "no promise"
	}
	return plural(days, "day", "days") + " after the request"
}

func photosWords(p returns.Policy) string {
	if p.PhotosRequired == 0 {
		return "0"
	}
	reasons := list(p.PhotosRequiredFor)
	if reasons == "" {
		reasons = "all reasons"
	}
	return fmt.Sprintf("%d, for %s", p.PhotosRequired, reasons)
}

func windowWords(windows []returns.Window) string {
	out := make([]string, len(windows))
	for i, w := range windows {
		var of []string
		if w.Category != "" {
			of = append(of, w.Category)
		}
		if w.Reason != "" {
			of = append(of, strings.ToLower(words(w.Reason)))
		}
		out[i] = strings.Join(of, ", ") + ": " + plural(w.Days, "day", "days")
	}
	return strings.Join(out, "; ")
}

func feeWords(fees []returns.FeeRule, c money.Currency) string {
	out := make([]string, len(fees))
	for i, f := range fees {
		var of, much []string
		if f.Reason != "" {
			of = append(of, strings.ToLower(words(f.Reason)))
		}
		if f.Condition != "" {
			of = append(of, strings.ToLower(words(f.Condition)))
		}
		if f.PercentBP != 0 || f.Fixed == 0 {
			much = append(much, percent(int64(f.PercentBP)))
		}
		if f.Fixed != 0 {
			much = append(much, amount(f.Fixed, c))
		}
		out[i] = allOr(strings.Join(of, ", ")) + ": " + strings.Join(much, " + ")
	}
	return strings.Join(out, "; ")
}
