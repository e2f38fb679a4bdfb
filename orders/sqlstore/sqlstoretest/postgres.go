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
	s, err := theServer()
	if errors.Is(err, errNoServer) {
		testreq.SkipOrFail(tb, err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("returnkit_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), databases.Add(1))
	if _, err := s.admin.ExecContext(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("create a test database: %v", err)
	}
	tb.Cleanup(func() {
		// The context of the test is done by now.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := s.admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop the test database: %v", err)
		}
	})
	u := *s.url
	u.Path = "/" + name
	return u.String()
}

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
	return &server{url: u, admin: admin}, nil
}
