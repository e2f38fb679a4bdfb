package quality

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/progress"
)

// The kinds of operations that a run of scenarios and a load are. One of either runs at a time:
// each needs the machine.
const (
	Operation = "scenarios"
	Load      = "load"
)

// Errors of Start, beside progress.ErrBusy.
var (
	// ErrUnknown is returned for an id that is no scenario.
	ErrUnknown = errors.New("quality: there is no such scenario")
	// ErrNotHere is returned where no scenarios are run.
	ErrNotHere = errors.New("quality: scenarios are not run here")
)

// Asked says what to run.
type Asked struct {
	IDs   []string `json:"ids"` // empty: all
	Short bool     `json:"short"`
}

// Runner runs scenarios against shops of their own, never against the shop that asks. It calls
// step one after the other.
type Runner func(ctx context.Context, a Asked, step func(Step)) (Report, error)

// Config says what a Service works with. Operations is required.
type Config struct {
	Operations *progress.Service
	Scenarios  []Scenario
	Loads      []Scenario // what can be run by its id beside them, one at a time
	Run        Runner     // nil: none are run here
}

// Service has scenarios run as operations. It is safe for concurrent use.
type Service struct{ cfg Config }

// New returns a Service, or an error that names the field that is missing.
func New(c Config) (*Service, error) {
	if c.Operations == nil {
		return nil, errors.New("quality: Config.Operations is required")
	}
	return &Service{c}, nil
}

// Scenarios returns the scenarios in their order.
func (s *Service) Scenarios() []Scenario { return slices.Clone(s.cfg.Scenarios) }

// Loads returns the loads in their order.
func (s *Service) Loads() []Scenario { return slices.Clone(s.cfg.Loads) }

// Runs reports whether scenarios are run here.
func (s *Service) Runs() bool { return s.cfg.Run != nil }

// Start stores a run, which Kind executes. It returns progress.ErrBusy while another runs.
func (s *Service) Start(ctx context.Context, ownerID string, a Asked) (progress.Operation, error) {
	if !s.Runs() {
		return progress.Operation{}, ErrNotHere
	}
	if i := s.loadOf(a.IDs); i >= 0 {
		l := s.cfg.Loads[i]
		title := "Load: " + l.Measure
		if a.Short {
			title += ", short form"
		}
		return s.cfg.Operations.Start(ctx, progress.Params{
			Kind: Load, Title: title, OwnerID: ownerID, Serial: Operation, Total: 1,
			Params: Asked{IDs: []string{l.ID}, Short: a.Short},
		})
	}
	for i, id := range a.IDs {
		at := slices.IndexFunc(s.cfg.Scenarios, func(have Scenario) bool { return strings.EqualFold(have.ID, id) })
		if at < 0 {
			return progress.Operation{}, ErrUnknown
		}
		a.IDs[i] = s.cfg.Scenarios[at].ID
	}
	title := "All quality scenarios"
	if len(a.IDs) > 0 {
		title = "Quality scenario " + strings.Join(a.IDs, ", ")
	}
	if a.Short {
		title += ", short form"
	}
	return s.cfg.Operations.Start(ctx, progress.Params{
		Kind: Operation, Title: title, OwnerID: ownerID, Serial: Operation, Params: a,
		Total: cmp.Or(len(a.IDs), len(s.cfg.Scenarios)),
	})
}

// loadOf is which load the ids name, -1 for none.
func (s *Service) loadOf(ids []string) int {
	if len(ids) != 1 {
		return -1
	}
	return slices.IndexFunc(s.cfg.Loads, func(l Scenario) bool { return strings.EqualFold(l.ID, ids[0]) })
}

// Kinds say how a run is executed, and how a load is.
func (s *Service) Kinds() []progress.Kind {
	return []progress.Kind{{Name: Operation, Work: s.work}, {Name: Load, Work: s.work}}
}

func (s *Service) work(ctx context.Context, t *progress.Task) error {
	var a Asked
	if err := json.Unmarshal(t.Params, &a); err != nil {
		return err
	}
	if !s.Runs() {
		return t.Finish(ctx, progress.Failed, "Scenarios are not run here.", nil)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var found Report
	var failed error
	report, err := s.cfg.Run(running, a, func(now Step) {
		if failed != nil {
			return
		}
		if failed = t.Step(ctx, now.advance(&found, t.Operation), nil); failed != nil {
			stop()
		}
	})
	if err = cmp.Or(failed, err); err != nil {
		return err
	}
	good := 0
	for _, row := range report.Rows {
		if row.Fulfilled {
			good++
		}
	}
	message := fmt.Sprintf("%d of %d fulfilled.", good, len(report.Rows))
	if t.Kind == Load && len(report.Rows) == 1 {
		message = cmp.Or(report.Rows[0].Observed, report.Rows[0].Error)
	}
	return t.Finish(ctx, progress.Done, message, report)
}

// advance is how far the step brings the operation; found is what it has measured so far.
func (s Step) advance(found *Report, o progress.Operation) progress.Advance {
	if s.Message != "" {
		return progress.Advance{Done: s.Done - o.Done, Total: s.Of, Message: s.Message}
	}
	if o.Kind == Load {
		return progress.Advance{} // its row is in the report
	}
	if s.Row == nil {
		return progress.Advance{Message: s.ID + " is running: " + s.Stimulus + "."}
	}
	found.Rows = append(found.Rows, *s.Row)
	return progress.Advance{Done: s.Done - o.Done, Message: s.Row.Line(), Result: *found}
}

// ReportOf returns what an operation has measured, and whether it is a run of scenarios that
// has ended with a report.
func ReportOf(o progress.Operation) (Report, bool) {
	var r Report
	if o.Kind != Operation && o.Kind != Load || o.State != progress.Done {
		return r, false
	}
	err := json.Unmarshal(o.Result, &r)
	return r, err == nil
}

// Latest returns, by scenario, its newest row with the report it is from.
func Latest(runs []progress.Operation) map[string]Measured {
	out := map[string]Measured{}
	for _, o := range runs { // the newest first
		r, ok := ReportOf(o)
		if !ok {
			continue
		}
		for _, row := range r.Rows {
			if _, known := out[row.ID]; !known {
				out[row.ID] = Measured{Row: row, Report: r, OperationID: o.ID}
			}
		}
	}
	return out
}

// Measured is a row with the report and the operation it is from.
type Measured struct {
	Row

	Report      Report
	OperationID string
}
