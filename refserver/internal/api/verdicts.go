package api

import (
	"time"

	"github.com/returnkit/returnkit/returns"
)

// verdictJSON is what the policy says of the case (sale_item_id null) or of a
// line of the request.
type verdictJSON struct {
	OrderLineID *string       `json:"sale_item_id"`
	Eligible    bool          `json:"eligible"`
	Requested   *int          `json:"requested"`  // units; null for the case
	Returnable  *int          `json:"returnable"` // units that would pass now; null for the case
	Deadline    *time.Time    `json:"deadline"`   // first instant that is too late; null where there is none
	Findings    []findingJSON `json:"findings"`
}

// findingJSON is one failed rule. fact, limit and nearest are numbers, texts
// or instants, null where there is none.
type findingJSON struct {
	Code     string     `json:"code"`
	Message  string     `json:"message"`
	Fact     any        `json:"fact"`
	Limit    any        `json:"limit"`
	Nearest  any        `json:"nearest"` // the nearest value that would pass; null when nothing would
	Deadline *time.Time `json:"deadline"`
}

// verdicts lists the verdict on the case, then that on each line in the order
// of the request.
func verdicts(v returns.Verdict) []verdictJSON {
	out := make([]verdictJSON, 0, 1+len(v.Lines))
	out = append(out, verdictJSON{Eligible: v.Eligible, Findings: findings(v.Findings)})
	for _, l := range v.Lines {
		out = append(out, verdictJSON{
			OrderLineID: &l.OrderLineID, Eligible: l.Eligible, Requested: &l.Requested, Returnable: &l.Returnable,
			Deadline: when(l.Deadline), Findings: findings(l.Findings),
		})
	}
	return out
}

func findings(list []returns.Finding) []findingJSON {
	out := make([]findingJSON, 0, len(list))
	for _, f := range list {
		out = append(out, findingJSON{
			Code: string(f.Code), Message: f.Message(), Fact: valueOf(f.Fact), Limit: valueOf(f.Limit),
			Nearest: valueOf(f.Nearest), Deadline: when(f.Deadline),
		})
	}
	return out
}

func valueOf(v returns.Value) any {
	switch value := v.Any().(type) {
	case time.Time:
		return when(value)
	default:
		return value
	}
}
