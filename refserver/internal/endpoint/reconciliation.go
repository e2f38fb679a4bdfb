package endpoint

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refunds"
)

const nightsShown = 14

// PeriodParams are days, both included; none for the last night.
type PeriodParams struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Period returns the time of the days.
func (e *Endpoints) Period(p PeriodParams) (from, to time.Time, err error) {
	return reconcile.Period(p.From, p.To, e.d.Zone)
}

// Comparison is what the shop refunded against the provider's list.
type Comparison struct {
	From, To string                  // days
	Report   *refunds.Reconciliation // nil: nothing was compared yet
	Night    string                  // whose report it is; empty: made just now
	Nights   []reconcile.Run
}

// Reconciliation compares the days that are named, or returns the last night.
func (e *Endpoints) Reconciliation(ctx context.Context, by auth.User, p PeriodParams) (Comparison, error) {
	if err := ReadReconciliation.Permit(by); err != nil {
		return Comparison{}, err
	}
	out := Comparison{From: p.From, To: p.To}
	var err error
	if out.Nights, err = e.d.Nights.Last(ctx, nightsShown); err != nil {
		return out, err
	}
	if p.From != "" || p.To != "" {
		from, to, err := e.Period(p)
		if err != nil {
			return out, err
		}
		report, err := e.d.Refunds.Reconcile(ctx, from, to)
		if err != nil {
			return out, e.noList(ctx, err)
		}
		out.Report = &report
		return out, nil
	}
	if i := slices.IndexFunc(out.Nights, func(n reconcile.Run) bool { return !n.DoneAt.IsZero() }); i >= 0 {
		night := out.Nights[i]
		out.Report, out.Night = &night.Report, night.Night
		out.From, out.To = night.Days(e.d.Zone)
	}
	return out, nil
}

// noList logs why the provider's list could not be read.
func (e *Endpoints) noList(ctx context.Context, cause error) error {
	e.d.Log.WarnContext(ctx, "no comparison with the provider's list", "error", cause)
	return reconcile.ErrNoList
}

// ReconciliationCSV writes every comparison of the days, matched ones too.
func (e *Endpoints) ReconciliationCSV(ctx context.Context, by auth.User, w io.Writer, p PeriodParams) error {
	if err := ReadReconciliation.Permit(by); err != nil {
		return err
	}
	from, to, err := e.Period(p)
	if err != nil {
		return err
	}
	if _, err := e.d.Refunds.CompareCSV(ctx, w, from, to); err != nil {
		return e.noList(ctx, err)
	}
	return nil
}
