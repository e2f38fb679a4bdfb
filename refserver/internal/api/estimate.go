package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// estimateJSON is what a request would pay back.
type estimateJSON struct {
	Amount     json.Number     `json:"amount"`
	Currency   string          `json:"currency"`
	Lines      []estimateLine  `json:"lines"`
	Deductions []deductionJSON `json:"deductions"`
	Methods    []string        `json:"methods"`
	RefundDue  *string         `json:"refund_due"` // the latest day, such as 2026-01-31; null without a promise
}

type estimateLine struct {
	OrderLineID string      `json:"sale_item_id"`
	Quantity    int         `json:"quantity"`
	Amount      json.Number `json:"amount"` // before deductions
}

type deductionJSON struct {
	Rule        string      `json:"rule"`
	OrderLineID *string     `json:"sale_item_id"` // null for the whole request
	Amount      json.Number `json:"amount"`
}

// getEstimate reads what is asked for from the address: sale_id, reason, and
// items as JSON, or quantity_LINEID for each line as the form sends it.
func (a *API) getEstimate(r *http.Request) (int, any, error) {
	form := r.URL.Query()
	q := returnRequest{OrderID: form.Get("sale_id"), Reason: form.Get("reason")}
	if text := form.Get("items"); text != "" {
		if err := json.Unmarshal([]byte(text), &q.Items); err != nil {
			return 0, nil, problem.Invalid(
				"items",
				`items must be a list such as [{"sale_item_id": "...", "quantity": 1}].`,
			)
		}
	}
	for field, values := range form {
		line, ok := strings.CutPrefix(field, "quantity_")
		if !ok || values[0] == "" || values[0] == "0" {
			continue
		}
		n, err := strconv.Atoi(values[0])
		if err != nil {
			return 0, nil, problem.Invalid(field, field+" must be a whole number.")
		}
		q.Items = append(q.Items, askItem{OrderLineID: line, Quantity: &n})
	}
	return a.estimate(r, q)
}

func (a *API) postEstimate(r *http.Request) (int, any, error) {
	var q returnRequest
	if err := decode(r, maxJSON, &q); err != nil {
		return 0, nil, err
	}
	return a.estimate(r, q)
}

func (a *API) estimate(r *http.Request, q returnRequest) (int, any, error) {
	q.Photos, q.Estimate = nil, nil
	params, err := q.request(r)
	if err != nil {
		return 0, nil, err
	}
	params.CustomerID = user(r).ID
	e, err := a.Returns.Estimate(r.Context(), actor(r), params)
	if err != nil {
		return 0, nil, err
	}
	amount := func(minor int64) json.Number { return json.Number(money.FormatMinor(minor, e.Currency)) }
	out := estimateJSON{
		Amount: amount(e.Amount), Currency: string(e.Currency), Lines: []estimateLine{},
		Deductions: []deductionJSON{}, Methods: []string{},
	}
	for _, l := range e.Lines {
		out.Lines = append(
			out.Lines, estimateLine{OrderLineID: l.OrderLineID, Quantity: l.Units, Amount: amount(l.Given.Total())},
		)
	}
	for _, d := range e.Deductions {
		one := deductionJSON{Rule: d.Rule, Amount: amount(d.Amount)}
		if d.OrderLineID != "" {
			one.OrderLineID = &d.OrderLineID
		}
		out.Deductions = append(out.Deductions, one)
	}
	for _, m := range e.Methods {
		out.Methods = append(out.Methods, strings.ToUpper(string(m)))
	}
	if !e.RefundDue.IsZero() {
		day := returns.LastDay(e.RefundDue, a.Zone).String()
		out.RefundDue = &day
	}
	return http.StatusOK, map[string]any{"estimate": out}, nil
}

// consent is the amount that a caller says it was shown.
func (q returnRequest) consent(p *returns.CreateParams) error {
	if q.Estimate == nil {
		return nil
	}
	c, err := money.ParseCurrency(q.Currency)
	if err != nil {
		return problem.Invalid("currency", "currency must be the ISO 4217 code of the estimate, such as USD.")
	}
	shown, err := money.Parse(q.Estimate.String(), c)
	if err != nil {
		return problem.Invalid("estimate", "estimate must be the amount of the estimate, such as 19.99.")
	}
	minor := shown.Minor()
	p.Estimate, p.Currency = &minor, c
	return nil
}
