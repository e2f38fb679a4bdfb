package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refunds"
)

func (a *API) reconciliationRoutes() {
	a.use("GET /api/admin/reconciliation", endpoint.ReadReconciliation, a.reconciliation)
}

// reconciliationJSON is what the shop paid back against the provider's list.
// Differences are the rows that somebody has to look at.
type reconciliationJSON struct {
	From        string           `json:"from"` // days, both included
	To          string           `json:"to"`
	At          time.Time        `json:"made_at"`
	Night       *string          `json:"night"` // null: made just now
	Findings    []totalJSON      `json:"findings"`
	Differences []comparisonJSON `json:"differences"`
}

type totalJSON struct {
	Finding string      `json:"finding"`
	Differs bool        `json:"differs"`
	Count   int         `json:"count"`
	Ours    []moneyJSON `json:"ours"`
	There   []moneyJSON `json:"there"`
}

type moneyJSON struct {
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
}

type comparisonJSON struct {
	Finding        string     `json:"finding"`
	At             time.Time  `json:"at"`
	RefundID       *string    `json:"refund_id"`
	ReturnID       *string    `json:"return_id"`
	OrderID        *string    `json:"sale_id"`
	Status         *string    `json:"status"`
	Ours           *moneyJSON `json:"ours"`
	Reference      *string    `json:"provider_reference"`
	ProviderStatus *string    `json:"provider_status"`
	There          *moneyJSON `json:"there"`
}

type nightJSON struct {
	Night       string     `json:"night"`
	From        string     `json:"from"`
	To          string     `json:"to"`
	DoneAt      *time.Time `json:"done_at"`
	Differences int        `json:"differences"`
	Tries       int        `json:"tries"`
	BrokeOff    bool       `json:"broke_off"` // and is tried again; the log says why
}

// reconciliation compares the days from and to, or answers the last night where
// none are named; null before the first.
func (a *API) reconciliation(r *http.Request) (int, any, error) {
	var p endpoint.PeriodParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return 0, nil, err
	}
	made, err := a.Endpoints.Reconciliation(r.Context(), user(r), p)
	if err != nil {
		return 0, nil, err
	}
	var report *reconciliationJSON
	if made.Report != nil {
		report = reportOf(*made.Report, made.From, made.To)
		report.Night = known(made.Night)
	}
	return http.StatusOK, map[string]any{
		"reconciliation": report,
		"nights": all(made.Nights, func(n reconcile.Run) nightJSON {
			from, to := n.Days(a.Zone)
			return nightJSON{
				Night:       n.Night,
				From:        from,
				To:          to,
				DoneAt:      when(n.DoneAt),
				Differences: n.Differences,
				Tries:       n.Tries,
				BrokeOff:    n.DoneAt.IsZero() && n.LastError != "",
			}
		}),
	}, nil
}

func reportOf(made refunds.Reconciliation, from, to string) *reconciliationJSON {
	j := &reconciliationJSON{From: from, To: to, At: made.At.UTC(), Differences: all(made.Rows, comparisonOf)}
	for _, f := range refunds.MatchStatuses() {
		j.Findings = append(j.Findings, totalJSON{
			Finding: string(f), Differs: f.Differs(), Count: made.Totals.Count[f],
			Ours: sums(made.Totals.Ours[f]), There: sums(made.Totals.There[f]),
		})
	}
	return j
}

func sums(m map[money.Currency]int64) []moneyJSON {
	return all(slices.Sorted(maps.Keys(m)), func(c money.Currency) moneyJSON { return *amountJSON(m[c], c) })
}

// amountJSON is nil where there is no currency: the side has nothing.
func amountJSON(minor int64, c money.Currency) *moneyJSON {
	if c == "" {
		return nil
	}
	return &moneyJSON{amount(minor, c), string(c)}
}

func comparisonOf(c refunds.Match) comparisonJSON {
	return comparisonJSON{
		Finding: string(c.Match), At: c.At.UTC(), RefundID: known(c.RefundID), ReturnID: known(c.ClientReference),
		OrderID: known(c.OrderID), Status: known(say(c.Status)), Ours: amountJSON(c.Amount, c.Currency),
		Reference: known(c.ProviderID), ProviderStatus: known(c.ProviderStatus),
		There: amountJSON(c.ProviderAmount, c.ProviderCurrency),
	}
}
