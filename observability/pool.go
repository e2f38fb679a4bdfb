package observability

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchPool adds a database pool, asked whenever metrics are read; stats is
// usually (*sql.DB).Stats. The names on /metrics are those of the Prometheus
// client's own pool collector, so ready-made dashboards work. It fails when
// the name is empty or taken.
func (m *Metrics) WatchPool(name string, stats func() sql.DBStats) error {
	if name == "" || stats == nil {
		return fmt.Errorf("watch pool %q: a name and a function are needed", name)
	}
	m.poolMu.Lock()
	defer m.poolMu.Unlock()
	if m.pools[name] != nil {
		return fmt.Errorf("watch pool %q: the name is taken", name)
	}
	m.pools[name] = stats
	return nil
}

// poolFact is one number of a pool.
type poolFact struct {
	meaning[string]
	kind prometheus.ValueType
	of   func(sql.DBStats) float64
}

func poolFacts() []poolFact {
	fact := func(kind prometheus.ValueType, name, help string, of func(sql.DBStats) float64) poolFact {
		return poolFact{newMeaning("go_sql_"+name, help, []string{"db_name"}, oneValue), kind, of}
	}
	const g, c = prometheus.GaugeValue, prometheus.CounterValue
	return []poolFact{
		fact(
			g,
			"max_open_connections",
			"Most connections the pool may open, 0 for no limit.",
			func(s sql.DBStats) float64 { return float64(s.MaxOpenConnections) },
		),
		fact(
			g,
			"open_connections",
			"Connections that are open, in use or idle.",
			func(s sql.DBStats) float64 { return float64(s.OpenConnections) },
		),
		fact(g, "in_use_connections", "Connections in use.", func(s sql.DBStats) float64 { return float64(s.InUse) }),
		fact(g, "idle_connections", "Idle connections.", func(s sql.DBStats) float64 { return float64(s.Idle) }),
		fact(
			c,
			"wait_count_total",
			"Times a caller had to wait for a connection.",
			func(s sql.DBStats) float64 { return float64(s.WaitCount) },
		),
		fact(
			c,
			"wait_duration_seconds_total",
			"Time callers waited for a connection.",
			func(s sql.DBStats) float64 { return s.WaitDuration.Seconds() },
		),
	}
}

// poolFamily tells the pools of m.
type poolFamily struct{ m *Metrics }

func (f poolFamily) read() (names []string, stats map[string]sql.DBStats) {
	f.m.poolMu.Lock()
	pools := maps.Clone(f.m.pools)
	f.m.poolMu.Unlock()
	stats = make(map[string]sql.DBStats, len(pools))
	for name, read := range pools {
		stats[name] = read()
	}
	return slices.Sorted(maps.Keys(pools)), stats
}

func (f poolFamily) describe(ch chan<- *prometheus.Desc) {
	for _, fact := range poolFacts() {
		fact.describe(ch)
	}
}

func (f poolFamily) collect(ch chan<- prometheus.Metric) {
	names, stats := f.read()
	for _, fact := range poolFacts() {
		for _, name := range names {
			fact.sendConst(ch, fact.kind, name, fact.of(stats[name]))
		}
	}
}

func (f poolFamily) snapshot(s *Snapshot) {
	names, stats := f.read()
	for _, fact := range poolFacts() {
		out := []Sample{}
		for _, name := range names {
			out = append(out, Sample{Labels: fact.labelled(name), Value: fact.of(stats[name])})
		}
		if fact.kind == prometheus.CounterValue {
			s.Counters[fact.name] = out
		} else {
			s.Gauges[fact.name] = out
		}
	}
}
