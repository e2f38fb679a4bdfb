package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refunds"
)

// Nights are the comparisons that were made at night: *reconcile.Nightly.
type Nights interface {
	Last(ctx context.Context, limit int) ([]reconcile.Run, error)
}

const nightsShown = 14

func (a *API) reconciliationRoutes() {
	a.staff("GET /api/admin/reconciliation", a.reconciliation)
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
	nights, err := a.Nights.Last(r.Context(), nightsShown)
	if err != nil {
		return 0, nil, err
	}
	var report *reconciliationJSON
	if form := r.URL.Query(); form.Has("from") || form.Has("to") {
		from, to, err := reconcile.Period(form.Get("from"), form.Get("to"), a.Zone)
		if err != nil {
			return 0, nil, err
		}
		made, err := a.Refunds.Reconcile(r.Context(), from, to)
		if err != nil {
			a.Log.WarnContext(r.Context(), "no comparison with the provider's list", "error", err)
			return 0, nil, reconcile.ErrNoList
		}
		report = reportOf(made, form.Get("from"), form.Get("to"))
	} else if i := slices.IndexFunc(nights, func(n reconcile.Run) bool { return !n.DoneAt.IsZero() }); i >= 0 {
		from, to := nights[i].Days(a.Zone)
		report = reportOf(nights[i].Report, from, to)
		report.Night = &nights[i].Night
	}
	return http.StatusOK, map[string]any{
		"reconciliation": report,
		"nights": all(nights, func(n reconcile.Run) nightJSON {
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
			Finding: string(
				f,
			), Differs: f.Differs(), Count: made.Totals.Count[f], Ours: sums(made.Totals.Ours[f]), There: sums(made.Totals.There[f]),
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
		Finding: string(
			c.Match,
		), At: c.At.UTC(), RefundID: known(c.RefundID), ReturnID: known(c.ClientReference), OrderID: known(c.OrderID),
		Status: known(say(c.Status)), Ours: amountJSON(c.Amount, c.Currency), Reference: known(c.ProviderID),
		ProviderStatus: known(c.ProviderStatus), There: amountJSON(c.ProviderAmount, c.ProviderCurrency),
	}
}
