package web

import (
	"context"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/returns"
)

// dashboardDays is how many days the first charts show.
const dashboardDays = 14

func (s *server) dashboardRoutes() {
	s.staff("GET /admin/dashboard", s.dashboard)
	s.staff("GET /admin/dashboard/daily.svg", s.dashboardChart)
}

// Daily counts what happened by day: *observabilitydb.Reader does.
type Daily interface {
	Daily(ctx context.Context, now time.Time, zone *time.Location, days int) ([]observabilitydb.Day, error)
}

// dashboardBody is what staff see first.
type dashboardBody struct {
	Zone       string
	Days       []observabilitydb.Day // newest first
	Sum        observabilitydb.Day
	Today      observabilitydb.Day
	HasRate    bool
	RateBP     int // refunds that succeeded of those that ended, basis points
	Components []component
	Waiting    []waiting
	Events     []observability.Event
}

// component is a part of the shop and whether it works.
type component struct {
	Name      string
	State     badge
	LatencyMS float64
	Reason    string
}

// waiting is a number of cases that somebody has to act on.
type waiting struct {
	Name, Href string
	Count      int
}

func (s *server) dashboard(w http.ResponseWriter, r *http.Request) error {
	days, err := s.Daily.Daily(r.Context(), s.Now(), s.Zone, dashboardDays)
	if err != nil {
		return err
	}
	counts, err := s.Returns.Counts(r.Context())
	if err != nil {
		return err
	}
	queued, err := s.inQueue(r)
	if err != nil {
		return err
	}
	body := dashboardBody{Zone: s.Zone.String(), Today: days[len(days)-1], Components: components(s.Health.Report(r.Context()))}
	for i := len(days) - 1; i >= 0; i-- {
		d := days[i]
		body.Days = append(body.Days, d)
		body.Sum.Orders += d.Orders
		body.Sum.Returns += d.Returns
		body.Sum.RefundsPaid += d.RefundsPaid
		body.Sum.RefundsFailed += d.RefundsFailed
	}
	if ended := body.Sum.RefundsPaid + body.Sum.RefundsFailed; ended > 0 {
		body.HasRate, body.RateBP = true, body.Sum.RefundsPaid*10000/ended
	}
	body.Waiting = append(body.Waiting, waiting{Name: "Money that needs a person", Href: "/admin/queue", Count: queued})
	for _, status := range []returns.Status{
		returns.StatusPendingAuthorization, returns.StatusPendingCustomerInfo, returns.StatusAuthorized,
		returns.StatusInTransit, returns.StatusReceived, returns.StatusUnderInspection, returns.StatusApproved,
	} {
		body.Waiting = append(body.Waiting, waiting{Name: caseState(status).Text, Href: "/admin/returns?status=" + statusWord(status), Count: counts[status]})
	}
	if body.Events = s.Metrics.Snapshot().Events; len(body.Events) > 10 {
		body.Events = body.Events[len(body.Events)-10:]
	}
	return s.page(w, r, "dashboard", "Dashboard", body)
}

func components(report observability.Report) []component {
	var out []component
	for _, name := range sortedKeys(report.Components) {
		c := report.Components[name]
		state := badge{"good", "working"}
		if c.Status != observability.StatusUp {
			state = badge{"bad", "down"}
			if !c.Critical {
				state = badge{"warn", "degraded"}
			}
		}
		out = append(out, component{Name: words(name), State: state, LatencyMS: c.LatencyMS, Reason: c.Reason})
	}
	return out
}
