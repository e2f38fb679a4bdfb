// Package postgres makes PostgreSQL known to sqlstore.Open, through pgx. Import
// it for its effect:
//
//	import _ "github.com/returnkit/returnkit/orders/sqlstore/postgres"
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strconv"
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
	cfg, err := configure(c.URL, c)
	if err != nil {
		return sqlstore.Pools{}, err
	}
	migration, err := configure(c.URL, c)
	if c.MigrationURL != "" {
		migration, err = configure(c.MigrationURL, c)
	}
	if err != nil {
		return sqlstore.Pools{}, err
	}
	setting(cfg, "statement_timeout", millis(c.StatementTimeout))
	setting(cfg, "lock_timeout", millis(c.LockTimeout))
	setting(cfg, "idle_in_transaction_session_timeout", millis(c.IdleInTxTimeout))
	migration.RuntimeParams["statement_timeout"] = "0"
	migration.RuntimeParams["lock_timeout"] = "0"
	if c.Options.Schema != "" {
		migration.RuntimeParams["search_path"] = c.Options.Schema
	}

	pool := stdlib.OpenDB(*cfg)
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
		Writer:    pool,
		Migration: func() (*sql.DB, error) { return stdlib.OpenDB(*migration), nil },
	}, nil
}

// configure reads the address. Its error blanks the password.
func configure(address string, c sqlstore.Config) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
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
	// caching statements would cost a round trip each and never hit.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.StatementCacheCapacity = 0
	cfg.DescriptionCacheCapacity = 0
	setting(cfg, "application_name", "returnkit")
	cfg.RuntimeParams["timezone"] = "UTC"
	// bun escapes for this setting; a server that has it off would read
	// a backslash in a text as the start of an escape.
	cfg.RuntimeParams["standard_conforming_strings"] = "on"
	return cfg, nil
}

// setting sets a parameter that the address does not.
func setting(cfg *pgx.ConnConfig, name, value string) {
	if _, ok := cfg.RuntimeParams[name]; !ok {
		cfg.RuntimeParams[name] = value
	}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
