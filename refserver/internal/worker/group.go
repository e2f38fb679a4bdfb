package worker

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// Runner is what a group runs: a *Loop, or what else runs until it is asked
// to stop.
type Runner interface {
	Run(ctx context.Context)
}

// Group runs things together and stops them together. The zero value is an
// empty group; fill it before Run.
type Group struct {
	// Drain is how long Run waits for them after the stop; 0 means 10 s.
	Drain time.Duration
	// Host names this process in the origin of what the runners change, as
	// name@host; empty means the name of the machine.
	Host string

	names   []string
	runners []Runner
}

// Add puts a runner into the group, under the name that a late stop reports.
func (g *Group) Add(name string, r Runner) {
	g.names = append(g.names, name)
	g.runners = append(g.runners, r)
}

// Host is the name, or the machine's where it is empty.
func Host(name string) string {
	if name == "" {
		name, _ = os.Hostname() // a machine without a name is said to be one
	}
	return cmp.Or(name, "unnamed")
}

// Run runs all until ctx is done and all have returned. Those that are still
// at it when Drain is over are left behind and named by the error.
func (g *Group) Run(ctx context.Context) error {
	var mu sync.Mutex
	running := slices.Clone(g.names)
	host := Host(g.Host)
	var wg sync.WaitGroup
	for i, r := range g.runners {
		wg.Go(func() {
			r.Run(event.WithSource(ctx, event.Source{Address: strings.ReplaceAll(g.names[i], " ", "-") + "@" + host}))
			mu.Lock()
			defer mu.Unlock()
			if at := slices.Index(running, g.names[i]); at >= 0 {
				running = slices.Delete(running, at, at+1)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	<-ctx.Done()
	drain := g.Drain
	if drain <= 0 {
		drain = 10 * time.Second
	}
	t := time.NewTimer(drain)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		mu.Lock()
		defer mu.Unlock()
		return fmt.Errorf("worker: still at work %v after the stop: %s", drain, strings.Join(running, ", "))
	}
}
