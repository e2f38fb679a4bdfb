package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/export"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// TestOldExportsAndFeedsAreForgotten: and runs of scenarios are not.
func TestOldExportsAndFeedsAreForgotten(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	c, err := config.Load([]string{"DATA_DIR=" + t.TempDir()}, "")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), c, testlog.New(t, slog.LevelError, metrics), metrics, WithWeakHashes(),
		WithClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := testreq.Context(t)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	ids := map[string]string{}
	for _, kind := range []string{export.Operation, partner.Operation, quality.Operation} {
		o, err := s.Progress.Start(t.Context(), progress.Params{Kind: kind, Title: kind, OwnerID: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		ids[kind] = o.ID
		finish := progress.Kind{Name: kind, Work: func(ctx context.Context, t *progress.Task) error {
			return t.Finish(ctx, progress.Done, "Done.", nil)
		}}
		if _, err := s.Progress.Work(t.Context(), finish, o.ID); err != nil {
			t.Fatal(err)
		}
	}
	ahead.Store(int64(91 * 24 * time.Hour))
	if n, err := s.forgetOperations(t.Context()); err != nil || n != 2 {
		t.Errorf("%d operations are forgotten, want 2; %v", n, err)
	}
	for kind, gone := range map[string]bool{export.Operation: true, partner.Operation: true, quality.Operation: false} {
		if _, err := s.Progress.Operation(t.Context(), ids[kind]); errors.Is(err, progress.ErrNotFound) != gone {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
