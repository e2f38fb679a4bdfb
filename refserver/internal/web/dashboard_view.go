package web

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

// dashboardBody is what staff see first.
type dashboardBody struct {
	Quarter, Zone  string
	Query          string // the choice as part of an address
	Years          []yearChoice
	Zones          []string
	Previous, Next string // addresses; empty at the ends

	Levels     []levelCard
	Figures    []figureCard
	Charts     []chartView
	Circuit    circuitView
	Waiting    []waiting
	Components []component
	Pools      []poolView
	Routes     []routeView
	ErrorRate  string // empty: nothing was asked yet
	Requests   int64
	Events     []observability.Event // newest first
}

type yearChoice struct {
	Year     int
	Quarters []string
}

// levelCard is a promise about checkout and how it is kept.
type levelCard struct {
	ID, Name, Value, Target, Window, Burn, More string
	State                                       badge
}

// figureCard is a key figure of the quarter. Without a value there is nothing
// to tell yet, and Note says when there is.
type figureCard struct{ Name, Value, Note string }

// waiting is a number of cases that somebody has to act on.
type waiting struct {
	Name, Href string
	Count      int
	Since      string // how long the oldest waits; empty: unknown or none
}

type circuitView struct {
	State badge
	Lines []string
}

type poolView struct{ Name, Use, Waits string }

type routeView struct {
	Route, P95 string
	Count      uint64
	p95        float64
}

// The lists are as long as is looked at.
const (
	eventsShown = 8
	routesShown = 5
)

// zoneChoices are offered; any other IANA zone can be typed.
var zoneChoices = []string{
	"UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "America/Bogota", "America/Chicago", "America/Denver",
	"America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
	"America/Toronto", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Seoul",
	"Asia/Shanghai", "Asia/Singapore", "Asia/Tehran", "Asia/Tokyo", "Atlantic/Azores", "Australia/Adelaide",
	"Australia/Lord_Howe", "Australia/Sydney", "Europe/Berlin", "Europe/Istanbul", "Europe/Lisbon", "Europe/London",
	"Europe/Madrid", "Europe/Moscow", "Europe/Paris", "Europe/Rome", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich",
	"Pacific/Auckland", "Pacific/Chatham", "Pacific/Honolulu",
}

func (s *server) dashboardBody(r *http.Request, p period) (dashboardBody, error) {
	ctx, now := r.Context(), s.Now()
	d, err := s.Figures.Dashboard(ctx, observabilitydb.DashboardRequest{Now: now, Quarter: p.Quarter, Zone: p.Zone})
	if err != nil {
		return dashboardBody{}, err
	}
	counts, err := s.Returns.Counts(ctx)
	if err != nil {
		return dashboardBody{}, err
	}
	inQueue, err := s.NeedsReview(r.Context())
	if err != nil {
		return dashboardBody{}, err
	}
	_, queued, err := s.Orders.Orders(ctx, orders.Query{Status: []orders.Status{orders.StatusQueued}, PageSize: 1})
	if err != nil {
		return dashboardBody{}, err
	}
	snapshot := s.Metrics.Snapshot()
	body := dashboardBody{
		Quarter: p.Quarter.String(), Zone: p.Zone.String(), Query: p.query(), Years: years(), Zones: zoneChoices,
		Levels:  []levelCard{level(d.SLO.Acceptance), level(d.SLO.Latency)},
		Figures: s.kpis(d, now), Charts: s.charts(d.KPIs, p), Circuit: circuit(s.Circuit(), d.SLO.Outages, now),
		Components: components(
			s.Health.Report(ctx),
		), Pools: pools(snapshot), Routes: slowest(snapshot), Events: snapshot.Events,
	}
	if d.SLO.Latency.Good.Whole > 0 {
		body.Levels[1].More = "95 % answered within " + lasting(d.SLO.Latency.P95)
	}
	if n := d.SLO.Outages.N; n > 0 {
		body.Levels[0].More = plural(n, "payment outage", "payment outages") +
			", the longest " + lasting(d.SLO.Outages.Longest)
	}
	body.Requests, body.ErrorRate = errorRate(snapshot)
	step := func(q observabilitydb.Quarter, ok bool) string {
		if !ok {
			return ""
		}
		return "/admin/dashboard?" + period{q, p.Zone}.query()
	}
	body.Previous, body.Next = step(p.Quarter.Previous()), step(p.Quarter.Next())

	body.Waiting = []waiting{
		{Name: "Needs review", Href: "/admin/queue", Count: inQueue, Since: oldest(d.Person, now)},
		{
			Name:  "Refunds with unknown outcome",
			Href:  "/admin/queue",
			Count: d.Unknown.N,
			Since: oldest(d.Unknown, now),
		},
		{Name: "Orders queued for payment", Href: "/admin/orders?status=QUEUED", Count: queued},
	}
	body.Waiting = append(body.Waiting, waitingReturns(counts)...)
	if len(body.Events) > eventsShown {
		body.Events = body.Events[len(body.Events)-eventsShown:]
	}
	slices.Reverse(body.Events)
	return body, nil
}

// waitingReturns are the returns that are not closed, by status.
func waitingReturns(counts map[returns.Status]int) []waiting {
	var out []waiting
	for _, status := range []returns.Status{
		returns.StatusPendingAuthorization, returns.StatusPendingCustomerInfo, returns.StatusAuthorized,
		returns.StatusInTransit, returns.StatusReceived, returns.StatusUnderInspection, returns.StatusApproved,
	} {
		out = append(out, waiting{
			Name: "Returns: " + strings.ToLower(caseState(status).Text),
			Href: "/admin/returns?status=" + statusWord(status), Count: counts[status],
		})
	}
	return out
}

func years() []yearChoice {
	var out []yearChoice
	for q, ok := observabilitydb.FirstQuarter, true; ok; q, ok = q.Next() {
		if len(out) == 0 || out[len(out)-1].Year != q.Year {
			out = append(out, yearChoice{Year: q.Year})
		}
		last := &out[len(out)-1]
		last.Quarters = append(last.Quarters, q.String())
	}
	return out
}

func oldest(w observabilitydb.Waiting, now time.Time) string {
	if w.N == 0 {
		return ""
	}
	return lasting(w.Age(now))
}

func level(c observabilitydb.Card) levelCard {
	card := levelCard{
		ID: c.ID, Name: c.Name, Target: "at least " + percent(c.TargetBP), Window: lasting(c.Window),
		State: badge{"good", string(c.Status)},
	}
	switch c.Status {
	case observabilitydb.NeedsAttention:
		card.State.Tone = "bad"
	case observabilitydb.NoData:
		card.State.Tone = ""
	}
	if bp, ok := c.Good.BP(); ok {
		card.Value = percent(bp)
	}
	if c.HasBurn {
		card.Burn = fmt.Sprintf("%.1f", c.Burn)
	}
	return card
}

// kpis are the key figures of a quarter, in words.
func (s *server) kpis(d observabilitydb.Dashboard, now time.Time) []figureCard {
	t := d.Total
	rate := func(r observabilitydb.Rate) string {
		bp, ok := r.BP()
		if !ok {
			return ""
		}
		return percent(bp)
	}
	leakage := s.sums(d.Leakage)
	if leakage == "" {
		leakage = amount(0, s.Currency)
	}
	cards := []figureCard{
		{
			"Orders",
			grouped(t.Orders),
			fmt.Sprintf("%s completed, %s canceled", grouped(t.OrdersCompleted), grouped(t.OrdersCanceled)),
		},
		{"Returns requested", grouped(t.Returns), plural(int(t.RMAs), "RMA number assigned", "RMA numbers assigned")},
		{"RMA rate", rate(d.RMARate), "RMA numbers per order"},
		{
			"Returns accepted",
			rate(d.ReturnAcceptance),
			fmt.Sprintf("%s approved, %s rejected", grouped(t.ReturnsApproved), grouped(t.ReturnsRejected)),
		},
		{"Refunds paid", grouped(t.RefundsPaid - t.RefundsReversed), s.netNote(d.KPIs)},
		{
			"Refund success",
			rate(d.RefundSuccess),
			fmt.Sprintf("%s of %s attempts failed", grouped(t.RefundsFailed), grouped(t.RefundsPaid+t.RefundsFailed)),
		},
		{"Request to close", "", "median of closed returns"},
		{"Leakage", leakage, "refunded above policy by overrides"},
		{"Unknown refunds", grouped(int64(d.Unknown.N)), "none awaiting a result"},
		{"Restocked", rate(d.RestockShare), "of accepted units"},
	}
	if c := d.Cycle.Total; c.N > 0 {
		cards[6].Value = lasting(c.Median)
		cards[6].Note = fmt.Sprintf("median; average %s, 90th percentile %s", lasting(c.Avg), lasting(c.P90))
	}
	if d.Unknown.N > 0 {
		cards[8].Note = "oldest: " + lasting(d.Unknown.Age(now))
	}
	return cards
}

// netNote says what was refunded without what the provider reversed.
func (s *server) netNote(k observabilitydb.KPIs) string {
	note := cmp.Or(s.sums(netPaid(k)), "no refunds paid")
	if reversed := s.sums(k.Reversed); reversed != "" {
		note += ", net of " + reversed + " reversed"
	}
	return note
}

// netPaid is what was refunded by method and currency, without what the provider reversed.
func netPaid(k observabilitydb.KPIs) []observabilitydb.Money {
	type key struct{ method, currency string }
	less := map[key]observabilitydb.Money{}
	for _, m := range k.Reversed {
		less[key{m.Method, m.Currency}] = m
	}
	var out []observabilitydb.Money
	for _, m := range k.Paid {
		r := less[key{m.Method, m.Currency}]
		delete(less, key{m.Method, m.Currency})
		out = append(out, observabilitydb.Money{
			Method: m.Method, Currency: m.Currency, N: m.N - r.N, Amount: m.Amount - r.Amount,
		})
	}
	for _, k := range slices.SortedFunc(maps.Keys(less), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.method, b.method))
	}) { // paid in an earlier quarter
		r := less[k]
		out = append(out, observabilitydb.Money{Method: r.Method, Currency: r.Currency, N: -r.N, Amount: -r.Amount})
	}
	return out
}

// sums adds money up by currency, in words.
func (s *server) sums(all []observabilitydb.Money) string {
	by := map[string]int64{}
	for _, m := range all {
		by[m.Currency] += m.Amount
	}
	var out []string
	for _, c := range sortedKeys(by) {
		out = append(out, amount(by[c], money.Currency(c)))
	}
	return strings.Join(out, ", ")
}

func circuit(state resilience.State, o observabilitydb.Outages, now time.Time) circuitView {
	v := circuitView{State: badge{"good", state.String()}}
	switch state {
	case resilience.Open, resilience.ForcedOpen:
		v.State.Tone = "bad"
		v.Lines = append(
			v.Lines,
			"Card payments and refunds are queued. They resume automatically when the provider responds.",
		)
	case resilience.HalfOpen:
		v.State.Tone = "warn"
		v.Lines = append(v.Lines, "Testing single payments to see whether the provider has recovered.")
	}
	if o.OpenProcesses > 0 {
		v.Lines = append(
			v.Lines,
			fmt.Sprintf(
				"Open in %s for %s.",
				plural(o.OpenProcesses, "process", "processes"),
				lasting(now.Sub(o.OpenSince)),
			),
		)
	}
	if o.N == 0 {
		v.Lines = append(v.Lines, "No outages in 24 hours.")
		return v
	}
	line := plural(o.N, "outage", "outages") + " in 24 hours, the longest " + lasting(o.Longest)
	if o.Repaired > 0 {
		line += ", repaired in " + lasting(o.MTTR) + " on average"
	}
	v.Lines = append(v.Lines, line+".")
	return v
}

// errorRate is the requests this process answered and how many of them failed.
func errorRate(s observability.Snapshot) (requests int64, rate string) {
	var failed int64
	for _, c := range s.Counters["http_requests_total"] {
		requests += int64(c.Value)
	}
	for _, c := range s.Counters["http_errors_total"] {
		failed += int64(c.Value)
	}
	if requests == 0 {
		return 0, ""
	}
	return requests, percent(failed * 10000 / requests)
}

// slowest are the routes of this process that took longest of late. A stream
// lasts as long as somebody looks, which is not slow.
func slowest(s observability.Snapshot) []routeView {
	by := map[string]routeView{}
	for _, h := range s.Histograms["http_request_latency_ms"] {
		endpoint := h.Labels["endpoint"]
		if h.Stats.P95 == 0 || strings.HasSuffix(endpoint, "/stream") {
			continue
		}
		name := h.Labels["method"] + " " + endpoint
		v := by[name]
		v.Route, v.Count, v.p95 = name, v.Count+h.Stats.Count, max(v.p95, h.Stats.P95)
		by[name] = v
	}
	var out []routeView
	for _, name := range sortedKeys(by) {
		v := by[name]
		v.P95 = lasting(time.Duration(v.p95 * float64(time.Millisecond)))
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b routeView) int { return cmp.Compare(b.p95, a.p95) })
	return out[:min(len(out), routesShown)]
}

func pools(s observability.Snapshot) []poolView {
	value := func(name, pool string) int64 {
		for _, sample := range append(s.Gauges[name], s.Counters[name]...) {
			if sample.Labels["db_name"] == pool {
				return int64(sample.Value)
			}
		}
		return 0
	}
	var out []poolView
	for _, g := range s.Gauges["go_sql_open_connections"] {
		name := g.Labels["db_name"]
		limit := cmp.Or(value("go_sql_max_open_connections", name), int64(g.Value))
		out = append(out, poolView{
			Name: name, Use: fmt.Sprintf("%d of %d in use", value("go_sql_in_use_connections", name), limit),
			Waits: grouped(value("go_sql_wait_count_total", name)) + " times",
		})
	}
	return out
}

// version changes with what a chart shows.
func version(v any) string {
	h := fnv.New64a()
	fmt.Fprint(h, v)
	return fmt.Sprintf("%x", h.Sum64())
}
