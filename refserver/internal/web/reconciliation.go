package web

import (
	"fmt"
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

func (s *server) reconciliationRoutes() {
	s.use("GET /admin/reconciliation", endpoint.ReadReconciliation, s.reconciliation)
	s.use("GET /admin/reconciliation.csv", endpoint.ReadReconciliation, s.reconciliationCSV)
}

// reconciliationBody is a report and the nights.
type reconciliationBody struct {
	From, To string // days, as they were requested
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
	refunds.MadeOutside:       "paid outside this shop, and in our records",
	refunds.AmountDiffers:     "the amounts differ",
	refunds.StateDiffers:      "paid in one record only",
	refunds.NotComparable:     "the provider does not know the payment; look it up there",
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
	var p endpoint.PeriodParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	made, err := s.Endpoints.Reconciliation(r.Context(), user(r), p)
	notes := filterNotes(err)
	if len(notes) > 0 {
		made, err = s.Endpoints.Reconciliation(r.Context(), user(r), endpoint.PeriodParams{})
	}
	if err != nil {
		return err
	}
	body := reconciliationBody{
		From: made.From, To: made.To, Report: made.Report, Night: made.Night, Nights: made.Nights,
		Today: s.Now().In(s.Zone).Format(time.DateOnly),
	}
	if len(notes) > 0 {
		body.From, body.To = p.From, p.To
	}
	if body.Report != nil {
		body.Groups = groupsOf(*body.Report)
		body.CSV = "/admin/reconciliation.csv?from=" + made.From + "&to=" + made.To
	}
	return s.pageStatus(w, r, listStatus(notes), "admin_reconciliation", "Reconciliation", body, notes...)
}

// reconciliationCSV sends every comparison, matched ones too. One that breaks
// off ends the connection, so that half of it is not mistaken for the whole.
func (s *server) reconciliationCSV(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.PeriodParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	out := &csvDownload{w: w, name: fmt.Sprintf("refunds-%s-%s.csv", p.From, p.To)}
	err := s.Endpoints.ReconciliationCSV(r.Context(), user(r), out, p)
	if err != nil && out.begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

// csvDownload is a file that begins with its first byte, so that until then
// there can be another answer.
type csvDownload struct {
	w     http.ResponseWriter
	name  string
	begun bool
	slow  *http.ResponseController // nil: the whole answer has one deadline; else each piece has its own
}

// Write implements io.Writer.
func (d *csvDownload) Write(b []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		d.w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	if d.slow != nil {
		if err := d.slow.SetWriteDeadline(time.Now().Add(downloadSlack)); err != nil {
			return 0, err
		}
	}
	return d.w.Write(b)
}
