package sqldb

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Set is the migrations of one store: goose SQL files (00001_name.sql, with
// "-- +goose Up"), one folder per database, each the root of its file system.
type Set struct {
	// Name, lower-case letters and underscores, names the store. Its version
	// table is Name_schema_version.
	Name string

	PG     fs.FS
	SQLite fs.FS
}

// Embedded is the set of the files that a store has compiled in, under
// migrations/postgres and migrations/sqlite.
func Embedded(name string, files embed.FS) Set {
	folder := func(dialect string) fs.FS {
		// It fails for a malformed name alone, and these are none.
		sub, _ := fs.Sub(files, "migrations/"+dialect)
		return sub
	}
	return Set{Name: name, PG: folder("postgres"), SQLite: folder("sqlite")}
}

var setName = regexp.MustCompile(`^[a-z][a-z_]*$`)

// Migrate brings db to the newest version of each set, in the order given.
// Each file is one transaction. One lock is held around them all, so any
// number of processes may call it at once: one migrates, the others wait and
// find nothing to do. It is stopped by ctx. What was applied before an error
// stays; calling again goes on from there.
func Migrate(ctx context.Context, db *DB, sets ...Set) (err error) {
	pool, err := db.openMigration()
	if err != nil {
		return fmt.Errorf("sqldb: migrate: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	ctx, unlock, err := db.lockMigration(ctx, pool)
	if err != nil {
		return fmt.Errorf("sqldb: migrate: %w", err)
	}
	defer unlock()

	for _, s := range sets {
		if !setName.MatchString(s.Name) {
			return fmt.Errorf("sqldb: migrate %q: the name of a set is lower-case letters and underscores", s.Name)
		}
		kind, files := database.DialectPostgres, s.PG
		if db.Dialect == SQLite {
			kind, files = database.DialectSQLite3, s.SQLite
		}
		p, err := goose.NewProvider(kind, pool, files,
			goose.WithTableName(s.Name+"_schema_version"),
			goose.WithDisableGlobalRegistry(true),
			goose.WithSlog(slog.New(slog.DiscardHandler)))
		if err != nil {
			return fmt.Errorf("sqldb: migrate %s: %w", s.Name, err)
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("sqldb: migrate %s: %w", s.Name, err)
		}
	}
	return nil
}
