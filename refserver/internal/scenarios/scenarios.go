// Package scenarios exercises the fifteen quality scenarios against the real shop and
// measures them. Each opens shops of its own, in this process but over HTTP, with a payment
// simulator beside them; what it reports was measured in that run.
//
// A measure that counts people's hours or opinions cannot be measured by a program: such a
// scenario has a stand-in, and the report says so.
package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/quality"
)

// Scenario is one of the fifteen.
type Scenario struct {
	quality.Scenario

	run func(ctx context.Context, b *bench) (Result, error)
}

// Result is what a scenario has measured.
type Result struct {
	Observed  string
	Fulfilled bool
	Charts    []quality.Chart

	// sound: all but the times are as they should be. A test on a busy machine asks no more.
	sound bool
}

// Options say what to run.
type Options struct {
	IDs         []string // empty: all
	Short       bool
	DatabaseURL string // empty: SQLite, a file for each shop
	RedisURL    string // empty: none
	// Progress is called when a scenario begins and, with its row, when it ends.
	Progress func(quality.Step)

	sound func(id string) // is called for each scenario that is sound; nil: nobody is

	broken bool // each scenario does something wrong on purpose, which must turn it red
}

// ErrUnknown is in the chain for an id that is no scenario.
var ErrUnknown = errors.New("scenarios")

// Described returns the scenarios as people read them, in their order.
func Described() []quality.Scenario {
	var out []quality.Scenario
	for _, s := range All() {
		out = append(out, s.Scenario)
	}
	return out
}

// All returns the scenarios, in their order.
func All() []Scenario {
	return []Scenario{
		a1(), a2(), a3(), s1(), s2(), m1(), m2(), p1(), p2(), i1(), i2(), t1(), t2(), u1(), u2(),
	}
}

// Choose returns the scenarios and loads of the ids, all scenarios for none. The error lists the
// ids there are.
func Choose(ids []string) ([]Scenario, error) {
	all := All()
	if len(ids) == 0 {
		return all, nil
	}
	all = append(all, loads()...)
	var out []Scenario
	for _, id := range ids {
		i := slices.IndexFunc(all, func(s Scenario) bool { return strings.EqualFold(s.ID, id) })
		if i < 0 {
			var have []string
			for _, s := range all {
				have = append(have, s.ID)
			}
			return nil, fmt.Errorf(
				"%w: there is no scenario %q; there are %s", ErrUnknown, id, strings.Join(have, ", "),
			)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// Run runs scenarios one after the other. It returns an error for an id that is none, and
// when ctx ends; a scenario that could not be measured is a row that is not fulfilled.
func Run(ctx context.Context, o Options) (quality.Report, error) {
	chosen, err := Choose(o.IDs)
	if err != nil {
		return quality.Report{}, err
	}
	if o.Progress == nil {
		o.Progress = func(quality.Step) {}
	}
	r := quality.Report{
		Started: time.Now().UTC(), Machine: machine(), Version: version(), Short: o.Short, Database: "SQLite",
	}
	if o.DatabaseURL != "" {
		r.Database = "PostgreSQL"
	}
	if o.RedisURL != "" {
		r.Database += " and Redis"
	}
	for i, s := range chosen {
		o.Progress(quality.Step{ID: s.ID, Stimulus: s.Stimulus, Done: i, Of: len(chosen)})
		row := measure(ctx, s, o)
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		r.Rows = append(r.Rows, row)
		o.Progress(quality.Step{ID: s.ID, Stimulus: s.Stimulus, Done: i + 1, Of: len(chosen), Row: &row})
	}
	return r, nil
}

func measure(ctx context.Context, s Scenario, o Options) quality.Row {
	begun := time.Now()
	row := quality.Row{Scenario: s.Scenario}
	b, err := newBench(ctx, o)
	if err == nil {
		b.id = s.ID
		var found Result
		found, err = s.run(ctx, b)
		err = errors.Join(err, b.close())
		row.Observed, row.Fulfilled, row.Charts = found.Observed, found.Fulfilled, found.Charts
		if found.sound && o.sound != nil {
			o.sound(s.ID)
		}
	}
	if err != nil {
		row.Fulfilled, row.Error = false, err.Error()
	}
	row.Took = time.Since(begun)
	return row
}

// machine names the computer that was measured.
func machine() string {
	name := runtime.GOOS + "/" + runtime.GOARCH
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s", name, runtime.NumCPU(), runtime.Version())
}

// version is the commit that was built, where the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
