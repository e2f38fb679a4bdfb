package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
)

func (a *API) sloRoutes() {
	a.use("GET /api/admin/slo", endpoint.ReadServiceLevels, a.slo)
}

// cardJSON is a service level. Value and target are per cent; what nothing has
// happened for is null.
type cardJSON struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Value   *json.Number `json:"value"`
	Target  json.Number  `json:"target"`
	State   string       `json:"state"` // fulfilled, needs_attention or no_data
	Good    int64        `json:"good"`
	Total   int64        `json:"total"`
	Window  int64        `json:"window_seconds"`
	Burn    *float64     `json:"burn_rate"`
	P95     *float64     `json:"p95_ms,omitempty"`
	Outages *outagesJSON `json:"outages,omitempty"`
}

type outagesJSON struct {
	Count    int     `json:"count"`
	Repaired int     `json:"repaired"`
	MTTR     float64 `json:"mttr_seconds"`
	Longest  float64 `json:"longest_seconds"`
	Open     int     `json:"open_processes"`
}

// slo reports how the promises of checkout are kept, over all processes, and how many
// orders wait for their charge. ?window=1h looks back on another time.
func (a *API) slo(r *http.Request) (int, any, error) {
	levels, err := a.Endpoints.ServiceLevels(
		r.Context(), user(r), endpoint.LevelParams{Window: r.URL.Query().Get("window")})
	if err != nil {
		return 0, nil, err
	}
	accepted, latency := cardOf(levels.Acceptance), cardOf(levels.Latency)
	o := levels.Outages
	accepted.Outages = &outagesJSON{
		Count:    o.N,
		Repaired: o.Repaired,
		MTTR:     o.MTTR.Seconds(),
		Longest:  o.Longest.Seconds(),
		Open:     o.OpenProcesses,
	}
	if levels.Latency.Good.Whole > 0 {
		ms := float64(levels.Latency.P95.Microseconds()) / 1000
		latency.P95 = &ms
	}
	return http.StatusOK, map[string]any{"queued_orders": levels.Queued, "cards": []cardJSON{accepted, latency}}, nil
}

func cardOf(c observabilitydb.Card) cardJSON {
	j := cardJSON{
		ID: c.ID, Name: c.Name, Target: percent(c.TargetBP), State: cardStates[c.Status],
		Good: c.Good.Part, Total: c.Good.Whole, Window: int64(c.Window / time.Second),
	}
	if bp, ok := c.Good.BP(); ok {
		value := percent(bp)
		j.Value = &value
	}
	if c.HasBurn {
		j.Burn = &c.Burn
	}
	return j
}

var cardStates = map[observabilitydb.CardStatus]string{
	observabilitydb.Fulfilled: "fulfilled", observabilitydb.NeedsAttention: "needs_attention",
	observabilitydb.NoData: "no_data",
}
