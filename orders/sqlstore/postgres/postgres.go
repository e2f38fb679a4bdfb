// Package postgres makes PostgreSQL known to sqlstore.Open, through pgx. Import
// it for its effect:
//
//	import _ "github.com/returnkit/returnkit/orders/sqlstore/postgres"
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

func init() { sqlstore.Register(sqlstore.Postgres, open) }

// goneAfter is how long a server may leave what it was sent without any sign of
// having got it. One that computes for longer gives that sign.
const goneAfter = 10 * time.Second

func open(ctx context.Context, c sqlstore.Config) (sqlstore.Pools, error) {
	cfg, limits, err := configure(c, c.URL)
	if err != nil {
		return sqlstore.Pools{}, err
	}
	direct := c.MigrationURL
	if direct == "" {
		direct = c.URL
	}
	migration, _, err := configure(c, direct)
	if err != nil {
		return sqlstore.Pools{}, err
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
		return sqlstore.Pools{}, errors.Join(err, pool.Close())
	}
	return sqlstore.Pools{
		Writer: pool,
		Migration: func() (*sql.DB, error) {
			return sql.OpenDB(connector{Connector: stdlib.GetConnector(*migration), limits: noLimits}), nil
		},
	}, nil
}

// configure reads the address. What it or c says of timeouts comes back as
// limits and is not sent when connecting: a pooler refuses what it can't give
// each client for itself.
func configure(c sqlstore.Config, address string) (*pgx.ConnConfig, timeLimits, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		// The error of pgx blanks the password.
		return nil, timeLimits{}, err
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
				return nil, timeLimits{}, fmt.Errorf("%s: %w", l.name, err)
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
