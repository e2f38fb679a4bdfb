package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Migrations are the tables of one store: files of plain SQL, one directory per
// database, each the root of its file system. A file is named NNNNN_name.sql by
// its version and written with DefaultPrefix, which Migrate replaces.
type Migrations struct {
	// Name, lower-case letters and underscores, names the store. Its version
	// table is Name_schema_version, after the prefix.
	Name string

	Postgres fs.FS
	SQLite   fs.FS
}

// Embedded returns the migrations that a store has compiled in, under
// migrations/postgres and migrations/sqlite.
func Embedded(name string, files embed.FS) Migrations {
	folder := func(dialect string) fs.FS {
		// It fails for a malformed name alone, and these are none.
		sub, _ := fs.Sub(files, "migrations/"+dialect)
		return sub
	}
	return Migrations{Name: name, Postgres: folder("postgres"), SQLite: folder("sqlite")}
}

var (
	setName  = regexp.MustCompile(`^[a-z][a-z_]*$`)
	prefixed = regexp.MustCompile(`\b` + DefaultPrefix)
)

// step is one file of a set, ready to run.
type step struct {
	version int64
	sql     string
}

// steps reads the files of a set in the order of their versions.
func (m Migrations) steps(d Dialect, prefix string) ([]step, error) {
	if !setName.MatchString(m.Name) {
		return nil, fmt.Errorf("migrations %q: the name of a set is lower-case letters and underscores", m.Name)
	}
	files := m.Postgres
	if d == SQLite {
		files = m.SQLite
	}
	paths, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", m.Name, err)
	}
	slices.Sort(paths)
	var all []step
	for _, path := range paths {
		number, _, _ := strings.Cut(path, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version < 1 {
			return nil, fmt.Errorf(
				"migrations of %s: %s: the name must begin with its version, such as 00001_",
				m.Name,
				path,
			)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", m.Name, err)
		}
		all = append(all, step{version, prefixed.ReplaceAllLiteralString(string(text), prefix)})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("migrations of %s: there is no file for %s", m.Name, d)
	}
	return all, nil
}

func (db *DB) versionTable(name string) string {
	table := db.prefix + name + "_schema_version"
	if db.schema != "" {
		table = db.schema + "." + table
	}
	return table
}

// Migrate brings db to the newest version of each set, in the order given.
// Each file is one transaction. One lock is held around them all, so any
// number of processes may call it at once: one migrates, the others wait and
// find nothing to do. Where all tables are at their versions already, it reads
// these and takes no lock. It is stopped by ctx. What was applied before an
// error stays; calling again continues from there.
func Migrate(ctx context.Context, db *DB, sets ...Migrations) (err error) {
	if db.outer != nil {
		return errors.New("sqlstore: migrate: the handle stands in a transaction")
	}
	if Check(ctx, db, sets...) == nil {
		return nil // as most starts of a program find it
	}
	pool, done, err := db.migration()
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	// On the one connection of a SQLite pool the lock has a file of its own.
	ctx, unlock, err := db.lock(ctx, pool)
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	defer unlock()
	for _, m := range sets {
		if err := db.migrate(ctx, pool, m); err != nil {
			return fmt.Errorf("sqlstore: migrate %s: %w", m.Name, err)
		}
	}
	return nil
}

func (db *DB) migrate(ctx context.Context, pool *sql.DB, m Migrations) error {
	steps, err := m.steps(db.dialect, db.prefix)
	if err != nil {
		return err
	}
	var all []*goose.Migration
	for _, s := range steps {
		all = append(all, goose.NewGoMigration(s.version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				if db.schema != "" {
					if _, err := tx.ExecContext(ctx, `SET LOCAL search_path TO "`+db.schema+`"`); err != nil {
						return err
					}
				}
				_, err := tx.ExecContext(ctx, s.sql)
				return err
			},
		}, nil))
	}
	kind := database.DialectPostgres
	if db.dialect == SQLite {
		kind = database.DialectSQLite3
	}
	p, err := goose.NewProvider(kind, pool, nil,
		goose.WithTableName(db.versionTable(m.Name)),
		goose.WithGoMigrations(all...),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// ErrSchema is in the chain of the error of Check when the tables are not those
// that the program was built for.
var ErrSchema = errors.New("sqlstore: the tables do not fit this program")

// Check reports whether the tables of the sets are at the version that the
// program was built for. Call it at start where another tool migrates.
func Check(ctx context.Context, db *DB, sets ...Migrations) error {
	for _, m := range sets {
		steps, err := m.steps(db.dialect, db.prefix)
		if err != nil {
			return fmt.Errorf("sqlstore: check: %w", err)
		}
		want := steps[len(steps)-1].version
		var have int64
		err = db.Read().NewRaw("SELECT coalesce(max(version_id), 0) FROM ?", db.Table(m.Name+"_schema_version")).
			Scan(ctx, &have)
		if err != nil {
			return fmt.Errorf(
				"%w: %s has no version in %s; run sqlstore.Migrate, or apply what sqlstore.Print writes: %w",
				ErrSchema,
				m.Name,
				db.versionTable(m.Name),
				err,
			)
		}
		if have != want {
			return fmt.Errorf("%w: the tables of %s are at version %d, this program needs %d; migrate them first",
				ErrSchema, m.Name, have, want)
		}
	}
	return nil
}

// Print writes the migrations of the sets as plain SQL for db, with its prefix
// or schema, for a migration tool of the caller's. What it writes also marks
// the version, so that Check and Migrate know of it.
func Print(w io.Writer, db *DB, sets ...Migrations) error {
	if db.schema != "" {
		_, err := fmt.Fprintf(w, "SELECT set_config('returnkit.search_path', current_setting('search_path'), FALSE);\n"+
			"SET search_path TO %q;\n\n", db.schema)
		if err != nil {
			return err
		}
	}
	for _, m := range sets {
		steps, err := m.steps(db.dialect, db.prefix)
		if err != nil {
			return fmt.Errorf("sqlstore: print: %w", err)
		}
		id, at := "INTEGER PRIMARY KEY AUTOINCREMENT", "TIMESTAMP DEFAULT (datetime('now'))"
		if db.dialect == Postgres {
			id, at = "INTEGER PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY", "TIMESTAMP NOT NULL DEFAULT now()"
		}
		table := db.prefix + m.Name + "_schema_version"
		text := fmt.Sprintf("-- The tables of %s.\nCREATE TABLE %s (\n"+
			"    id         %s,\n    version_id BIGINT NOT NULL,\n    is_applied BOOLEAN NOT NULL,\n"+
			"    tstamp     %s\n);\n"+
			"INSERT INTO %s (version_id, is_applied) VALUES (0, TRUE);\n\n", m.Name, table, id, at, table)
		for _, s := range steps {
			text += fmt.Sprintf(
				"%s\nINSERT INTO %s (version_id, is_applied) VALUES (%d, TRUE);\n\n",
				s.sql,
				table,
				s.version,
			)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	if db.schema == "" {
		return nil
	}
	// The connection may be one of a pool, and the others' tables are elsewhere.
	_, err := io.WriteString(w, "SELECT set_config('search_path', current_setting('returnkit.search_path'), FALSE);\n")
	return err
}
