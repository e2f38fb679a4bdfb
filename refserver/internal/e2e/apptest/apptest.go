// Package apptest opens the shop for a test.
package apptest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// Open opens a shop in a folder of the test's own, unless the settings name another, with
// passwords that cost little to hash. It logs from a level on to the test, and is closed when
// the test ends.
func Open(t *testing.T, level slog.Level, settings []string, options ...app.Option) *app.App {
	t.Helper()
	dir := t.TempDir()
	c, err := config.Load(append([]string{"DATA_DIR=" + dir}, settings...), "")
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL == "" && c.DataDir == dir {
		sqlstoretest.SQLiteCopy(t, "shop", c.SQLiteFile(), func(ctx context.Context, file string) error {
			return migrate(ctx, "DATA_DIR="+filepath.Dir(file))
		})
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	options = append([]app.Option{app.WithWeakHashes()}, options...)
	s, err := app.Open(t.Context(), c, testlog.New(t, level, metrics), metrics, options...)
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
	return s
}

// PostgresURL returns the URL of a fresh PostgreSQL database with the tables of the shop, or
// ends the test when there is no server.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return sqlstoretest.PostgresCopy(t, "shop", func(ctx context.Context, url string) error {
		return migrate(ctx, "DATA_DIR="+t.TempDir(), "DATABASE_URL="+url)
	})
}

// migrate makes the tables of the shop in the database that the settings name.
func migrate(ctx context.Context, settings ...string) error {
	c, err := config.Load(settings, "")
	if err != nil {
		return err
	}
	return app.Migrate(ctx, c)
}
