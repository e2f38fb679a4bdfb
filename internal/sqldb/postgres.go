package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// goneAfter is how long a server may leave what it was sent without any sign of
// having got it. One that computes for longer gives that sign.
const goneAfter = 10 * time.Second

func openPostgres(ctx context.Context, c Config) (*DB, error) {
	cfg, limits, err := parsePostgres(c, c.URL)
	if err != nil {
		return nil, err
	}
	direct := c.MigrationURL
	if direct == "" {
		direct = c.URL
	}
	migration, _, err := parsePostgres(c, direct)
	if err != nil {
		return nil, err
	}

	pool := sql.OpenDB(connector{Connector: stdlib.GetConnector(*cfg), limits: limits})
	conns := c.MaxConns
	if conns <= 0 {
		conns = 16
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxLifetime(c.ConnLifetime)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open: %w", err), pool.Close())
	}
	b := bun.NewDB(pool, pgdialect.New())
	return &DB{
		Write: b, Read: b, Dialect: Postgres, Lane: newLane(), retryFor: c.RetryFor,
		openMigration: func() (*sql.DB, error) {
			return sql.OpenDB(connector{Connector: stdlib.GetConnector(*migration), limits: noLimits}), nil
		},
		lockMigration: lockPostgres,
	}, nil
}

// parsePostgres reads the address. What it or c says of timeouts comes back as
// limits and is not sent when connecting: a pooler refuses what it can't give
// each client for itself.
func parsePostgres(c Config, address string) (*pgx.ConnConfig, timeLimits, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		// The error of pgx blanks the password.
		return nil, timeLimits{}, fmt.Errorf("sqldb: open: %w", err)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = c.ConnectTimeout
	}
	// A server that is gone without a word closes no connection. Statements on
	// one would wait for it for a quarter of an hour, also where another server
	// has taken over.
	dialer := &net.Dialer{
		Control:         endUnacknowledged(goneAfter),
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: goneAfter / 3, Interval: goneAfter / 3, Count: 2},
	}
	cfg.DialFunc = dialer.DialContext
	// bun writes values into the SQL, so every text is new: preparing and
	// caching statements would cost a round trip each and never hit, and behind
	// a pooler a statement may meet another connection than it was prepared on.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.StatementCacheCapacity = 0
	cfg.DescriptionCacheCapacity = 0

	limits := timeLimits{}
	for _, l := range []struct {
		name string
		to   *time.Duration
		def  time.Duration
	}{
		{"statement_timeout", &limits.statement, c.StatementTimeout},
		{"lock_timeout", &limits.lock, c.LockTimeout},
		{"idle_in_transaction_session_timeout", &limits.idle, c.IdleInTxTimeout},
	} {
		*l.to = l.def
		if text, ok := cfg.RuntimeParams[l.name]; ok {
			if *l.to, err = parseTimeout(text); err != nil {
				return nil, timeLimits{}, fmt.Errorf("sqldb: open: %s: %w", l.name, err)
			}
			delete(cfg.RuntimeParams, l.name)
		}
	}
	// These three a pooler keeps for each client.
	if _, ok := cfg.RuntimeParams["application_name"]; !ok {
		cfg.RuntimeParams["application_name"] = "returnkit"
	}
	cfg.RuntimeParams["timezone"] = "UTC"
	// bun escapes for this setting; a server that has it off would read a
	// backslash in a text as the start of an escape.
	cfg.RuntimeParams["standard_conforming_strings"] = "on"
	return cfg, limits, nil
}
