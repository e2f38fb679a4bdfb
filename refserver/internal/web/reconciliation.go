package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refunds"
)

const nightsShown = 14

func (s *server) reconciliationRoutes() {
	s.staff("GET /admin/reconciliation", s.reconciliation)
	s.staff("GET /admin/reconciliation.csv", s.reconciliationCSV)
}

// Nights are the comparisons that were made at night: *reconcile.Nightly.
type Nights interface {
	Last(ctx context.Context, limit int) ([]reconcile.Run, error)
}

// reconciliationBody is a report and the nights.
type reconciliationBody struct {
	From, To string // days, as they were asked for
	Today    string
	Report   *refunds.Reconciliation // nil: nothing was compared yet
	Night    string                  // whose report it is; empty: made just now
	Groups   []findingGroup
	Nights   []reconcile.Run
	CSV      string // address of the same as CSV
}

// findingGroup is what a report found of one kind.
type findingGroup struct {
	Finding     refunds.MatchStatus
	Count       int
	Ours, There []money.Money
	Meaning     string
	Rows        []refunds.Match // only where somebody has to look
}

// Bad reports whether somebody has to look.
func (g findingGroup) Bad() bool { return g.Finding.Differs() && g.Count > 0 }

var findingWords = map[refunds.MatchStatus]string{
	refunds.Matched:           "both records agree",
	refunds.InProgress:        "not final yet; the provider is being checked",
	refunds.MissingAtProvider: "paid in our records, unknown to the provider",
	refunds.MissingLocally:    "paid at the provider, unknown to us",
	refunds.AmountDiffers:     "the amounts differ",
	refunds.StateDiffers:      "paid in one record only",
}

func groupsOf(report refunds.Reconciliation) []findingGroup {
	sums := func(m map[money.Currency]int64) []money.Money {
		var out []money.Money
		for _, c := range slices.Sorted(maps.Keys(m)) {
			out = append(out, money.New(m[c], c))
		}
		return out
	}
	var groups []findingGroup
	for _, f := range refunds.MatchStatuses() {
		g := findingGroup{
			Finding: f,
			Count:   report.Totals.Count[f],
			Ours:    sums(report.Totals.Ours[f]),
			There:   sums(report.Totals.There[f]),
			Meaning: findingWords[f],
		}
		for _, row := range report.Rows {
			if row.Match == f {
				g.Rows = append(g.Rows, row)
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// reconciliation compares the days that are asked for, or shows the last night.
func (s *server) reconciliation(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	body := reconciliationBody{
		From:  form.Get("from"),
		To:    form.Get("to"),
		Today: s.Now().In(s.Zone).Format(time.DateOnly),
	}
	var err error
	if body.Nights, err = s.Nights.Last(r.Context(), nightsShown); err != nil {
		return err
	}
	if body.From != "" || body.To != "" {
		from, to, err := s.compared(r)
		if err != nil {
			return err
		}
		report, err := s.Refunds.Reconcile(r.Context(), from, to)
		if err != nil {
			return s.noComparison(r, err)
		}
		body.Report = &report
	} else {
		for i, n := range body.Nights {
			if !n.DoneAt.IsZero() {
				body.Report, body.Night = &body.Nights[i].Report, n.Night
				body.From, body.To = n.Days(s.Zone)
				break
			}
		}
	}
	if body.Report != nil {
		body.Groups = groupsOf(*body.Report)
		body.CSV = "/admin/reconciliation.csv?from=" + body.From + "&to=" + body.To
	}
	return s.page(w, r, "admin_reconciliation", "Reconciliation", body)
}

// noComparison logs why the provider's list could not be read.
func (s *server) noComparison(r *http.Request, cause error) error {
	s.Log.WarnContext(r.Context(), "no comparison with the provider's list", "error", cause)
	return reconcile.ErrNoList
}

// compared reads the days from and to.
func (s *server) compared(r *http.Request) (from, to time.Time, err error) {
	form := r.URL.Query()
	return reconcile.Period(form.Get("from"), form.Get("to"), s.Zone)
}

// reconciliationCSV sends every comparison, matched ones too. One that breaks
// off ends the connection, so that half of it is not mistaken for the whole.
func (s *server) reconciliationCSV(w http.ResponseWriter, r *http.Request) error {
	from, to, err := s.compared(r)
	if err != nil {
		return err
	}
	out := &csvDownload{
		w:    w,
		name: fmt.Sprintf("refunds-%s-%s.csv", from.Format(time.DateOnly), to.AddDate(0, 0, -1).Format(time.DateOnly)),
	}
	if _, err := s.Refunds.CompareCSV(r.Context(), out, from, to); err != nil {
		err = s.noComparison(r, err)
		if out.begun {
			panic(http.ErrAbortHandler)
		}
		return err
	}
	return nil
}

// csvDownload is a file that begins with its first byte, so that until then
// there can be another answer.
type csvDownload struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

// Write implements io.Writer.
func (d *csvDownload) Write(b []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		d.w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	return d.w.Write(b)
}
