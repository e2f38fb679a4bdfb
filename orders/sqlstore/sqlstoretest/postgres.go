package sqlstoretest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"

	"github.com/returnkit/returnkit/internal/testreq"
)

// server is the PostgreSQL server of this test process: found or started at
// the first use.
type server struct {
	url   *url.URL // of a database that exists, to create others from
	admin *sql.DB
	own   bool   // started by this process, and gone with it
	with  string // how databases are created, in SQL

	mu        sync.Mutex
	templates map[string]string // the names of databases by what PostgresCopy calls them
}

// errNoServer says that there is no server and how to get one.
var errNoServer = errors.New(
	"no PostgreSQL: set DATABASE_URL to a server where databases may be created, or install the server's " +
		"binaries (initdb and postgres, in PATH or /usr/lib/postgresql/*/bin)",
)

var (
	theServer = sync.OnceValues(findServer)
	databases atomic.Int64
)

// PostgresURL returns the URL of a fresh and empty PostgreSQL database, which
// is dropped when the test ends, or ends the test when there is no server.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	s := serverFor(tb)
	return s.fresh(tb, "")
}

// PostgresCopy is PostgresURL for a database that prepare has filled: once in the process for
// all that is called what, with the copies made from it. prepare leaves no connection open. On
// a server that DATABASE_URL names, it runs for each database.
func PostgresCopy(tb testing.TB, what string, prepare func(ctx context.Context, url string) error) string {
	tb.Helper()
	s := serverFor(tb)
	if !s.own {
		url := s.fresh(tb, "")
		if err := prepare(tb.Context(), url); err != nil {
			tb.Fatal(err)
		}
		return url
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.templates[what] == "" {
		name := newName()
		if err := s.create(tb.Context(), name, ""); err != nil {
			tb.Fatal(err)
		}
		if err := prepare(tb.Context(), s.urlOf(name)); err != nil {
			tb.Fatal(err)
		}
		s.templates[what] = name
	}
	return s.fresh(tb, s.templates[what])
}

func serverFor(tb testing.TB) *server {
	tb.Helper()
	s, err := theServer()
	if errors.Is(err, errNoServer) {
		testreq.SkipOrFail(tb, err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func newName() string {
	return fmt.Sprintf("returnkit_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), databases.Add(1))
}

// fresh creates a database, a copy of the template where there is one, and drops it when the
// test ends.
func (s *server) fresh(tb testing.TB, template string) string {
	tb.Helper()
	name := newName()
	if err := s.create(tb.Context(), name, template); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// The context of the test is done by now.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := s.admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop the test database: %v", err)
		}
	})
	return s.urlOf(name)
}

func (s *server) create(ctx context.Context, name, template string) error {
	if template != "" {
		template = " TEMPLATE " + template
	}
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+name+template+s.with); err != nil {
		return fmt.Errorf("create a test database: %w", err)
	}
	return nil
}

func (s *server) urlOf(database string) string {
	u := *s.url
	u.Path = "/" + database
	return u.String()
}

// flushes reports whether the server that the process starts flushes commits to disk.
func flushes() bool { return os.Getenv("SQLSTORETEST_FSYNC") == "on" }

func findServer() (*server, error) {
	raw := os.Getenv("DATABASE_URL")
	if raw == "" {
		started, err := startServer()
		if err != nil {
			return nil, err
		}
		raw = started
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("DATABASE_URL must look like postgres://user:password@host:port/database")
	}
	admin, err := sql.Open("pgx", raw)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL for tests: %w", err)
	}
	admin.SetMaxOpenConns(2)
	s := &server{url: u, admin: admin, own: os.Getenv("DATABASE_URL") == "", templates: map[string]string{}}
	if s.own && !flushes() {
		// Three times as fast as by way of the log, where nothing is flushed. PostgreSQL 14 does
		// it so, and has no word for it.
		var version int
		if err := admin.QueryRow("SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
			return nil, fmt.Errorf("PostgreSQL for tests: %w", err)
		}
		if version >= 15_00_00 {
			s.with = " STRATEGY FILE_COPY"
		}
	}
	return s, nil
}
