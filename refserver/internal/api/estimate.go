package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
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
	var q endpoint.ReturnParams
	if err := input.Query(form, &q); err != nil {
		return 0, nil, err
	}
	q.Items = slices.DeleteFunc(q.Items, func(it endpoint.ItemParams) bool { return *it.Quantity == 0 })
	if text := form.Get("items"); text != "" {
		var list struct {
			Items []endpoint.ItemParams `json:"items"`
		}
		if err := input.Object([]byte(`{"items":`+text+`}`), &list); err != nil {
			if problem.Of(err).Field == "body" {
				err = problem.Invalid("items", `items must be a list such as [{"sale_item_id": "...", "quantity": 1}].`)
			}
			return 0, nil, err
		}
		q.Items = append(q.Items, list.Items...)
	}
	return a.estimate(r, q)
}

func (a *API) postEstimate(r *http.Request) (int, any, error) {
	var q endpoint.ReturnParams
	if err := input.JSON(r, &q); err != nil {
		return 0, nil, err
	}
	return a.estimate(r, q)
}

func (a *API) estimate(r *http.Request, q endpoint.ReturnParams) (int, any, error) {
	e, err := a.Endpoints.EstimateReturn(r.Context(), user(r), q)
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
			out.Lines, estimateLine{OrderLineID: l.OrderLineID, Quantity: l.Units, Amount: amount(l.Refunded.Total())},
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
