package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/refserver/internal/scenarios"
)

// scenarioEvent is a line that a process that runs scenarios writes: a step, and last the report.
type scenarioEvent struct {
	Step   *quality.Step   `json:"step,omitempty"`
	Report *quality.Report `json:"report,omitempty"`
}

// report runs scenarios for a shop and writes events, a line each. It ends when its input does:
// the shop that wanted to know is gone then.
func (c scenariosCommand) report(p *process) error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	out := json.NewEncoder(p.stdout)
	var failed error
	r, err := scenarios.Run(ctx, scenarios.Options{
		IDs: c.IDs, Short: c.Short, DatabaseURL: c.DatabaseURL, RedisURL: c.RedisURL,
		Progress: func(s quality.Step) { failed = errors.Join(failed, out.Encode(scenarioEvent{Step: &s})) },
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	return out.Encode(scenarioEvent{Report: &r})
}

// ownEnvironment are the variables that a process that runs scenarios is given: nothing that
// leads to the shop's own database or provider.
var ownEnvironment = []string{"PATH", "HOME", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT"}

// runScenarios is a quality.Runner: it runs them in a process of this program, so that neither
// their load nor a crash is one of the shop.
func runScenarios(ctx context.Context, a quality.Asked, step func(quality.Step)) (r quality.Report, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, fmt.Errorf("run scenarios: %w", err)
	}
	args := append([]string{"scenarios", "--events"}, a.IDs...)
	if a.Short {
		args = append(args, "--short")
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = []string{}
	for _, name := range ownEnvironment {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	alive, err := cmd.StdinPipe() // it is closed with this process, however that ends
	if err != nil {
		return r, fmt.Errorf("run scenarios: %w", err)
	}
	cmd.Cancel = alive.Close
	events, err := cmd.StdoutPipe()
	if err != nil {
		return r, fmt.Errorf("run scenarios: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("run scenarios: %w", err)
	}
	ended, err := readEvents(events, &r, step)
	if waited := cmd.Wait(); waited != nil && !ended {
		err = errors.Join(err, fmt.Errorf("run scenarios: %w: %s", waited, strings.TrimSpace(said.String())))
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	return r, err
}

// readEvents reads events up to the report, and reports whether it came.
func readEvents(from io.Reader, r *quality.Report, step func(quality.Step)) (ended bool, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e scenarioEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return false, fmt.Errorf("run scenarios: %w", err)
		}
		switch {
		case e.Step != nil:
			step(*e.Step)
		case e.Report != nil:
			*r, ended = *e.Report, true
		}
	}
	return ended, lines.Err()
}
