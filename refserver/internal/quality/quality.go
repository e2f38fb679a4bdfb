// Package quality holds the reports of the quality scenarios: what was measured against which
// target, with which result. It also lets staff run them: see Service.
package quality

import (
	"slices"
	"time"
)

// Scenario is one of the fifteen.
type Scenario struct {
	ID       string `json:"id"`
	Stimulus string `json:"stimulus"`
	Measure  string `json:"measure"` // what is measured
	Target   string `json:"target"`
	StandIn  string `json:"stand_in,omitempty"` // what is measured instead, where that is not possible
}

// Result is what a scenario has measured.
type Result struct {
	Observed  string  `json:"observed"`
	Fulfilled bool    `json:"fulfilled"`
	Charts    []Chart `json:"charts,omitempty"`
}

// Chart is a course over time.
type Chart struct {
	Title  string               `json:"title"`
	Unit   string               `json:"unit"`
	Labels []string             `json:"labels"`
	Names  []string             `json:"names"`
	Lines  map[string][]float64 `json:"lines"`
}

// Row is a scenario with what it has measured.
type Row struct {
	Scenario
	Result

	Error string        `json:"error,omitempty"` // why it could not be measured: not fulfilled then
	Took  time.Duration `json:"took_ns"`
}

// Report is a run.
type Report struct {
	Started  time.Time `json:"started"`
	Machine  string    `json:"machine"`
	Database string    `json:"database"`
	Version  string    `json:"version"`
	Short    bool      `json:"short"` // smaller numbers, for a quick look; the targets are the same
	Rows     []Row     `json:"rows"`
}

// Fulfilled reports whether all are.
func (r Report) Fulfilled() bool {
	return !slices.ContainsFunc(r.Rows, func(row Row) bool { return !row.Fulfilled })
}

// Step is how far a run is: Done scenarios of Of. Row is the row of the scenario with the id when
// it has ended, nil when it begins.
type Step struct {
	ID       string `json:"id"`
	Stimulus string `json:"stimulus"`
	Done     int    `json:"done"`
	Of       int    `json:"of"`
	Row      *Row   `json:"row,omitempty"`
	// Of a load: what is being done. Done and Of are checkouts then.
	Message string `json:"message,omitempty"`
}
