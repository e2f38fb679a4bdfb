package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) dashboardRoutes() {
	s.staff("GET /admin/dashboard", s.dashboard)
	s.staff("GET /admin/dashboard/charts/{name}", s.dashboardChart)
	s.staff("GET "+streamPath, s.dashboardStream)
}

const streamPath = "/admin/dashboard/stream"

// Figures reads what a dashboard shows from the database, the same for all
// processes: *observabilitydb.Reader does.
type Figures interface {
	Dashboard(ctx context.Context, q observabilitydb.DashboardRequest) (observabilitydb.Dashboard, error)
	KPIs(ctx context.Context, q observabilitydb.Quarter, zone *time.Location) (observabilitydb.KPIs, error)
}

// period is what a reader chose to look at.
type period struct {
	Quarter observabilitydb.Quarter
	Zone    *time.Location
}

// period reads the choice; nothing chosen is this quarter in the shop's zone.
func (s *server) period(r *http.Request) (period, error) {
	p := period{Zone: s.Zone}
	query := r.URL.Query()
	if name := query.Get("zone"); name != "" {
		zone, err := time.LoadLocation(name)
		// "Local" is the zone of the server, which is nobody's choice.
		if err != nil || name == "Local" {
			return period{}, problem.Invalid(
				"zone",
				fmt.Sprintf("%q is not a time zone. Enter one such as Europe/Vienna.", input.Clip(name)),
			)
		}
		p.Zone = zone
	}
	p.Quarter = observabilitydb.QuarterAt(s.Now(), p.Zone)
	if text := query.Get("quarter"); text != "" {
		q, err := observabilitydb.ParseQuarter(text)
		if err != nil {
			return period{}, problem.Invalid(
				"quarter",
				fmt.Sprintf(
					"%q is not a quarter. Choose %v to %v.",
					input.Clip(text),
					observabilitydb.FirstQuarter,
					observabilitydb.LastQuarter,
				),
			)
		}
		p.Quarter = q
	}
	return p, nil
}

// query is the choice as part of an address.
func (p period) query() string {
	return url.Values{"quarter": {p.Quarter.String()}, "zone": {p.Zone.String()}}.Encode()
}

func (s *server) dashboard(w http.ResponseWriter, r *http.Request) error {
	p, err := s.period(r)
	if err != nil {
		return err
	}
	body, err := s.dashboardBody(r, p)
	if err != nil {
		return err
	}
	return s.page(w, r, "dashboard", "Dashboard", body)
}

// dashboardChart draws one chart. The page asks for it with what it shows in
// the address, so that a browser draws anew only what has changed.
func (s *server) dashboardChart(w http.ResponseWriter, r *http.Request) error {
	p, err := s.period(r)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	picture, ok := pictures[name]
	if !ok {
		return notFoundError()
	}
	k, err := s.Figures.KPIs(r.Context(), p.Quarter, p.Zone)
	if err != nil {
		return err
	}
	width, err := chartWidth(r, picture)
	if err != nil {
		return err
	}
	svg, err := picture.of(s, k).draw(width)
	if err != nil {
		return fmt.Errorf("draw chart %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	// The picture carries its own styles and nothing else.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if r.URL.Query().Has("v") { // names what is shown
		w.Header().Set("Cache-Control", "private, max-age=3600")
	}
	_, err = w.Write(svg)
	return err
}

func notFoundError() error { return &problem.Error{Problem: notFound} }

// dashboardPiece is the changing part as one event.
func (s *server) dashboardPiece(r *http.Request, p period) ([]byte, error) {
	body, err := s.dashboardBody(r, p)
	if err != nil {
		return nil, err
	}
	var html bytes.Buffer
	if err := s.pages.pages["dashboard"].ExecuteTemplate(&html, "live", body); err != nil {
		return nil, fmt.Errorf("page dashboard: %w", err)
	}
	var out bytes.Buffer
	out.WriteString("event: dashboard\n")
	for line := range bytes.Lines(html.Bytes()) {
		out.WriteString("data: ")
		out.Write(bytes.TrimRight(line, "\r\n"))
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// component is a part of the shop and whether it works.
type component struct {
	Name   string
	State  badge
	Reason string
	Took   string
}

func components(report observability.Report) []component {
	var out []component
	for _, name := range sortedKeys(report.Components) {
		c := report.Components[name]
		state := badge{"good", "working"}
		if c.Status != observability.StatusUp {
			state = badge{"bad", "down"}
			if !c.Critical || c.Status == observability.StatusDegraded {
				state = badge{"warn", "degraded"}
			}
		}
		// Rounded, so that an idle shop's page has nothing new to tell.
		took := "under 1 ms"
		if d := time.Duration(c.LatencyMS * float64(time.Millisecond)); d >= time.Millisecond {
			took = lasting(d.Truncate(time.Millisecond))
		}
		out = append(out, component{Name: words(name), State: state, Reason: c.Reason, Took: took})
	}
	return out
}
