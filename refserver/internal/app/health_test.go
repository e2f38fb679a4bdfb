package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// said is what a check's error says to everybody.
func said(err error) string {
	told, ok := errors.AsType[*observability.HealthError](err)
	switch {
	case err == nil:
		return "up"
	case !ok:
		return "failed"
	case told.Degraded:
		return "degraded: " + told.Reason
	}
	return "down: " + told.Reason
}

func TestAWriteIsJudgedByHowLongItTakes(t *testing.T) {
	for name, tc := range map[string]struct {
		takes  time.Duration
		fails  error
		checks []string // one after the other, each as soon as the one before has answered
	}{
		"at once":            {time.Millisecond, nil, []string{"up"}},
		"slowly":             {1100 * time.Millisecond, nil, []string{"degraded: slow"}},
		"too slowly to wait": {2 * time.Second, nil, []string{"degraded: slow", "degraded: slow", "degraded: slow"}},
		"never": {time.Hour, nil, []string{
			"degraded: slow", "degraded: slow", "degraded: slow", "degraded: slow", "down: timeout",
		}},
		"not at all": {time.Millisecond, fmt.Errorf("write: %w", syscall.ENOSPC), []string{"down: disk full"}},
		"read-only":  {time.Millisecond, fmt.Errorf("write: %w", syscall.EROFS), []string{"down: read-only"}},
		"busy":       {time.Millisecond, sqldb.ErrBusy, []string{"down: busy"}},
		"otherwise":  {time.Millisecond, errors.New("x"), []string{"down: failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var under atomic.Int32
				p := &writeProbe{write: func(ctx context.Context) error {
					if under.Add(1) > 1 {
						t.Error("two writes are under way")
					}
					defer under.Add(-1)
					select {
					case <-time.After(tc.takes):
						return tc.fails
					case <-ctx.Done():
						return ctx.Err()
					}
				}}
				for i, want := range tc.checks {
					begun := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), 1400*time.Millisecond)
					if got := said(p.Check(ctx)); got != want {
						t.Errorf("check %d: %s, want %s", i+1, got, want)
					}
					cancel()
					if took := time.Since(begun); took > 1400*time.Millisecond {
						t.Errorf("check %d took %s", i+1, took)
					}
				}
				p.mu.Lock()
				last := p.running
				p.mu.Unlock()
				if last != nil {
					<-last.done
				}
			})
		})
	}
}

func TestTheProbeWritesARowOfItsProcess(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, setupMigrations())
		for range 3 {
			if err := newWriteProbe(db).Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := db.Read().NewSelect().Model((*healthRow)(nil)).Count(t.Context())
		if err != nil || rows != 3 {
			t.Errorf("%d rows, %v", rows, err)
		}
		old := healthRow{Process: "ended", Payload: []byte{1}, CheckedAt: sqldb.At(time.Now().Add(-2 * probeKept))}
		if _, err := db.Writer().NewInsert().Model(&old).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := (&App{DB: db}).forgetProbes(t.Context()); err != nil || n != 1 {
			t.Errorf("%d rows forgotten, %v", n, err)
		}
	})
}

func TestMemoryIsWatchedWhereItHasALimit(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no container": {nil, "up"},
		"no limit":     {map[string]string{"memory.max": "max\n", "memory.current": "999\n"}, "up"},
		"room":         {map[string]string{"memory.max": "1000\n", "memory.current": "940\n"}, "up"},
		"none left": {
			map[string]string{"memory.max": "1000\n", "memory.current": "960\n"}, "degraded: low on memory",
		},
		"what can be given": {map[string]string{
			"memory.max": "1000\n", "memory.current": "990\n", "memory.stat": "anon 1\ninactive_file 500\n",
		}, "up"},
		"a file of no number": {map[string]string{"memory.max": "1000\n", "memory.current": "x\n"}, "up"},
		"no limit, version 1": {map[string]string{
			"memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/memory.usage_in_bytes": "999\n",
		}, "up"},
		"none left, version 1": {map[string]string{
			"memory/memory.limit_in_bytes": "1000\n", "memory/memory.usage_in_bytes": "960\n",
		}, "degraded: low on memory"},
		"what can be given, version 1": {map[string]string{
			"memory/memory.limit_in_bytes": "1000\n", "memory/memory.usage_in_bytes": "990\n",
			"memory/memory.stat": "inactive_file 1\ntotal_inactive_file 500\n",
		}, "up"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "memory"), 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range tc.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := said(checkMemory(dir)); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestLowOnSpaceIsATwentiethOrHalfAGigabyte(t *testing.T) {
	for total, want := range map[uint64]uint64{24 << 20: 24 << 20 / 20, 1 << 40: 512 << 20} {
		if got := lowDisk(total); got != want {
			t.Errorf("of %d: %d, want %d", total, got, want)
		}
	}
}
