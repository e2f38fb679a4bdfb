package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// How long a write of a probe may take.
const (
	probePatience = 1200 * time.Millisecond // how long a report waits for one
	probeSlow     = time.Second             // from here on the database is slow
	probeTimeout  = 5 * time.Second         // from here on nothing can be written
	probeBytes    = 8 << 10                 // more than a page: a full disk has room for less for long
	probeKept     = time.Hour               // rows of processes that have ended
)

// healthRow is what a process's probe writes.
type healthRow struct {
	bun.BaseModel `bun:"table:?(rk)shop_health,alias:h"`

	Process   string `bun:",pk"`
	Payload   []byte
	CheckedAt sqldb.Time
}

// writeProbe finds out whether writing works, and how fast. One write is under
// way at a time, however many ask; it continues where a report has no time to
// wait for it.
type writeProbe struct {
	write func(context.Context) error

	mu      sync.Mutex
	running *probeRun
	failed  error // of the last write that ended; nil where it worked
}

// probeRun is one write.
type probeRun struct {
	began time.Time
	done  chan struct{}
	err   error // when done is closed
	took  time.Duration
}

// newWriteProbe returns a probe that writes to a table of its own.
func newWriteProbe(db *sqlstore.DB) *writeProbe {
	process := rand.Text()
	return &writeProbe{write: func(ctx context.Context) error {
		row := healthRow{Process: process, Payload: make([]byte, probeBytes), CheckedAt: sqldb.At(time.Now())}
		_, _ = rand.Read(row.Payload) // it never fails
		return db.Tx(ctx, "shop: health probe", func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewInsert().Model(&row).On("CONFLICT (process) DO UPDATE").
				Set("payload = EXCLUDED.payload").Set("checked_at = EXCLUDED.checked_at").Exec(ctx)
			return err
		})
	}}
}

// Check implements the check of a component.
func (p *writeProbe) Check(ctx context.Context) error {
	r := p.start()
	patience := time.NewTimer(probePatience)
	defer patience.Stop()
	select {
	case <-r.done:
	case <-patience.C:
		// After one that failed, another that is on its way is no better news.
		if err := p.lastFailure(); err != nil {
			return &observability.HealthError{Reason: reasonOf(err), Err: err}
		}
		return &observability.HealthError{Reason: "slow", Degraded: true,
			Err: fmt.Errorf("a write has taken %s so far", time.Since(r.began).Round(time.Millisecond))}
	case <-ctx.Done():
		return ctx.Err()
	}
	switch {
	case r.err != nil:
		return &observability.HealthError{Reason: reasonOf(r.err), Err: r.err}
	case r.took > probeSlow:
		return &observability.HealthError{Reason: "slow", Degraded: true,
			Err: fmt.Errorf("a write took %s", r.took.Round(time.Millisecond))}
	}
	return nil
}

// start begins a write, or joins the one that is under way.
func (p *writeProbe) start() *probeRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil {
		return p.running
	}
	r := &probeRun{began: time.Now(), done: make(chan struct{})}
	p.running = r
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		defer cancel()
		r.err = p.write(ctx)
		r.took = time.Since(r.began)
		p.mu.Lock()
		p.running, p.failed = nil, r.err
		p.mu.Unlock()
		close(r.done)
	}()
	return r
}

func (p *writeProbe) lastFailure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// reasonOf says in a word or two, for everybody, why nothing can be written.
func reasonOf(err error) string {
	switch {
	case sqldb.IsFull(err):
		return "disk full"
	case sqldb.IsReadOnly(err), errors.Is(err, os.ErrPermission):
		return "read-only"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case sqldb.IsBusy(err):
		return "busy"
	case sqldb.IsUnavailable(err):
		return "unreachable"
	}
	return "failed"
}

// forgetProbes removes the rows of processes that have ended.
func (s *App) forgetProbes(ctx context.Context) (int, error) {
	var n int
	err := s.DB.Tx(ctx, "shop: forget probes", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*healthRow)(nil)).
			Where("checked_at < ?", sqldb.At(time.Now().Add(-probeKept))).Exec(ctx))
		return err
	})
	return n, err
}

// checkPhotos makes sure that photos can be stored. The shop sells without.
func (s *App) checkPhotos(ctx context.Context) error {
	if err := s.Evidence.Check(ctx); err != nil {
		return &observability.HealthError{Reason: reasonOf(err), Err: err}
	}
	return nil
}

// lowDisk is the free space below which somebody should look: a twentieth of
// the disk, at most half a gigabyte.
func lowDisk(total uint64) uint64 { return min(total/20, 512<<20) }

// checkDisk watches the free space of the directories that the shop writes to.
func (s *App) checkDisk(context.Context) error {
	for _, dir := range []string{s.Config.DataDir, s.Config.EvidenceDir()} {
		free, total, ok := diskSpace(dir)
		if ok && free < lowDisk(total) {
			return &observability.HealthError{Reason: "low on space", Degraded: true,
				Err: fmt.Errorf("%s has %d MiB free of %d", dir, free>>20, total>>20)}
		}
	}
	return nil
}

// cgroup is where a container's limits are.
const cgroup = "/sys/fs/cgroup"

// memoryFiles are the files of a control group with its limit and its use, and the line of its
// statistics with the system's cache of files.
type memoryFiles struct{ limit, used, stat, files string }

// Version 2 of control groups, and version 1.
var memoryVersions = []memoryFiles{
	{"memory.max", "memory.current", "memory.stat", "inactive_file "},
	{
		"memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat",
		"total_inactive_file ",
	},
}

// checkMemory watches the memory of the container, where it has a limit: a
// process that reaches it is killed.
func checkMemory(dir string) error {
	for _, v := range memoryVersions {
		limit, ok := readCount(filepath.Join(dir, v.limit))
		if !ok || limit == 0 {
			continue // no limit, or not in a container
		}
		used, ok := readCount(filepath.Join(dir, v.used))
		if !ok {
			continue
		}
		// The system gives back what it keeps of files that nobody reads.
		used -= min(used, inactiveFile(filepath.Join(dir, v.stat), v.files))
		if used > limit-limit/20 {
			return &observability.HealthError{Reason: "low on memory", Degraded: true,
				Err: fmt.Errorf("%d MiB of %d are in use", used>>20, limit>>20)}
		}
	}
	return nil
}

func readCount(file string) (uint64, bool) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(raw)), 10, 64)
	return n, err == nil
}

func inactiveFile(file, name string) uint64 {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(raw) {
		if value, ok := bytes.CutPrefix(line, []byte(name)); ok {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
