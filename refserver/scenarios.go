package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/refserver/internal/scenarios"
)

type scenariosCommand struct {
	IDs         []string `arg:"" optional:"" name:"id" help:"Scenarios to run, such as A.1; default: all."`
	Short       bool     `help:"Smaller numbers, for a quick look. The targets are the same."`
	DatabaseURL string   `help:"Empty PostgreSQL database for the run; default: SQLite." env:"SCENARIOS_DATABASE_URL"`
	RedisURL    string   `help:"Redis for the shops of the run." env:"SCENARIOS_REDIS_URL"`
	JSON        string   `help:"File for the report as JSON."`
	HTML        string   `help:"File for the report as a page with charts." default:"scenarios-report.html"`
	Markdown    string   `help:"File for the report as a page of the documentation."`
	Events      bool     `hidden:"" help:"Report to the shop that runs this: see runScenarios."`
}

// errNotFulfilled is that a scenario is not fulfilled.
var errNotFulfilled = errors.New("a scenario is not fulfilled")

// Run runs the scenarios, prints a table, and writes the reports.
func (c scenariosCommand) Run(p *process) error {
	if c.Events {
		return c.report(p)
	}
	r, err := scenarios.Run(p.ctx, scenarios.Options{
		IDs: c.IDs, Short: c.Short, DatabaseURL: c.DatabaseURL, RedisURL: c.RedisURL,
		Progress: func(s quality.Step) {
			if s.Row == nil {
				fmt.Fprintf(p.stderr, "%d of %d: %s, %s\n", s.Done+1, s.Of, s.ID, s.Stimulus)
				return
			}
			fmt.Fprintln(p.stderr, s.Row.Line())
		},
	})
	if errors.Is(err, scenarios.ErrUnknown) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if err := r.Table(p.stdout); err != nil {
		return err
	}
	for _, report := range []struct {
		file  string
		write func(io.Writer) error
	}{{c.JSON, r.JSON}, {c.HTML, r.HTML}, {c.Markdown, r.Markdown}} {
		if err := writeFile(report.file, report.write); err != nil {
			return err
		}
	}
	if !r.Fulfilled() {
		return errNotFulfilled
	}
	return nil
}

// writeFile writes a report to a file; none where the name is empty.
func writeFile(name string, write func(io.Writer) error) (err error) {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("writing a report: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
