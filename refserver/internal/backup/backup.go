// Package backup copies a running shop into a folder, and restores a shop from such a
// folder.
//
// The folder holds the database as of one instant (returnkit.db, or
// returnkit.pgdump in the custom format of pg_dump), then the photos and the
// ledger of a payment simulator that the shop runs itself, copied after it: a
// photo is stored, and a payment made, before the row that names it, and neither
// is changed, so every row of the copy finds both. manifest.json is written last;
// a folder without it is not a backup. Only its owner can read what is in it.
package backup

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// Source is the shop to copy, or to make.
type Source struct {
	DatabaseURL string // postgres://...; empty for SQLiteFile
	SQLiteFile  string
	EvidenceDir string
	LedgerFile  string // of a simulator that the shop runs itself; empty for none
}

// Manifest says what a backup holds.
type Manifest struct {
	Kind     string    `json:"kind"` // "sqlite" or "postgres"
	At       time.Time `json:"at"`   // when the copy of the database began
	Database string    `json:"database"`
	Photos   int       `json:"photos"` // files
	Bytes    int64     `json:"bytes"`  // of all files
}

const (
	manifestName = "manifest.json"
	sqliteName   = "returnkit.db"
	dumpName     = "returnkit.pgdump"
	evidenceName = "evidence"
	ledgerName   = "paysim-ledger.jsonl"
)

// Save copies the shop into the folder to, which must be empty or missing. The
// shop may run in the meantime. For PostgreSQL it calls pg_dump, which must be in
// PATH and no older than the server. On error the folder is no backup.
func Save(ctx context.Context, s Source, to string, now time.Time) (Manifest, error) {
	if err := emptyFolder(to); err != nil {
		return Manifest{}, err
	}
	m := Manifest{At: now.UTC(), Kind: "sqlite", Database: sqliteName}
	if s.DatabaseURL != "" {
		m.Kind, m.Database = "postgres", dumpName
	}
	// Both write into the file that is there, and would make one that everybody can read.
	if err := writeSynced(filepath.Join(to, m.Database), nil); err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	var err error
	if s.DatabaseURL != "" {
		err = dump(ctx, s.DatabaseURL, filepath.Join(to, dumpName))
	} else {
		err = copySQLite(ctx, s.SQLiteFile, filepath.Join(to, sqliteName))
	}
	if err != nil {
		return Manifest{}, err
	}
	photos, err := copyTree(ctx, s.EvidenceDir, filepath.Join(to, evidenceName))
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: copy the photos: %w", err)
	}
	ledger, err := copyLedger(s.LedgerFile, filepath.Join(to, ledgerName))
	if err != nil {
		return Manifest{}, err
	}
	info, err := os.Stat(filepath.Join(to, m.Database))
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	m.Photos, m.Bytes = photos.files, photos.bytes+ledger+info.Size()
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	if err := writeSynced(filepath.Join(to, manifestName), append(data, '\n')); err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	return m, nil
}

// Restore makes the shop s of the backup in the folder from. What is there
// already is never overwritten: the SQLite file must be missing, the PostgreSQL
// database without tables, the folder of photos empty or missing, and so the
// simulator's ledger.
func Restore(ctx context.Context, s Source, from string) (Manifest, error) {
	data, err := os.ReadFile(filepath.Join(from, manifestName))
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: %s is not a backup: %w", from, err)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("backup: %s: %w", filepath.Join(from, manifestName), err)
	}
	kind := "sqlite"
	if s.DatabaseURL != "" {
		kind = "postgres"
	}
	if m.Kind != kind {
		return Manifest{}, fmt.Errorf(
			"backup: %s holds a %s database, and the settings name a %s one",
			from,
			m.Kind,
			kind,
		)
	}
	if err := emptyFolder(s.EvidenceDir); err != nil {
		return Manifest{}, err
	}
	if s.LedgerFile != "" {
		if err := missing(s.LedgerFile); err != nil {
			return Manifest{}, err
		}
	}
	if kind == "postgres" {
		err = load(ctx, s.DatabaseURL, filepath.Join(from, dumpName))
	} else {
		err = restoreSQLite(ctx, filepath.Join(from, sqliteName), s.SQLiteFile)
	}
	if err != nil {
		return Manifest{}, err
	}
	if _, err := copyTree(ctx, filepath.Join(from, evidenceName), s.EvidenceDir); err != nil {
		return Manifest{}, fmt.Errorf("backup: copy the photos: %w", err)
	}
	if s.LedgerFile != "" {
		_, err = copyLedger(filepath.Join(from, ledgerName), s.LedgerFile)
	}
	return m, err
}

// copyLedger copies a simulator's ledger, where there is one. Its last line may be half of one, which
// the simulator drops: it is of no row that was copied before.
func copyLedger(from, to string) (n int64, err error) {
	if from == "" {
		return 0, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	if n, err = copyFile(from, to); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return n, fmt.Errorf("backup: copy the simulator's ledger: %w", err)
	}
	return n, nil
}

// missing returns an error where there is something of the name.
func missing(name string) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("backup: %s is there already; move it away, or set DATA_DIR to an empty folder", name)
	}
	return nil
}

// copySQLite writes what the database holds at one instant into a new file.
// Readers and writers of the database go on in the meantime.
func copySQLite(ctx context.Context, file, to string) (err error) {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("backup: the database: %w", err)
	}
	db, err := openSQLite(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return fmt.Errorf("backup: copy %s: %w", file, err)
	}
	return checkSQLite(ctx, to)
}

// restoreSQLite puts the copy in place whole or not at all.
func restoreSQLite(ctx context.Context, from, file string) error {
	for _, name := range []string{file, file + "-wal"} {
		if err := missing(name); err != nil {
			return err
		}
	}
	if err := checkSQLite(ctx, from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	temp := file + ".restoring"
	if _, err := copyFile(from, temp); err != nil {
		return errors.Join(fmt.Errorf("backup: %w", err), os.Remove(temp))
	}
	if err := os.Rename(temp, file); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func openSQLite(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("backup: open %s: %w", file, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// checkSQLite reads the whole file, so that a damaged copy is found when it is
// made and not when it is needed.
func checkSQLite(ctx context.Context, file string) (err error) {
	db, err := openSQLite(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&result); err != nil {
		return fmt.Errorf("backup: check %s: %w", file, err)
	}
	if result != "ok" {
		return fmt.Errorf("backup: %s is damaged: %s", file, result)
	}
	return nil
}

// dump calls pg_dump, which reads one snapshot.
func dump(ctx context.Context, databaseURL, to string) error {
	return postgresTool(ctx, "pg_dump", databaseURL, "--format=custom", "--no-owner", "--no-privileges", "--file="+to)
}

// load calls pg_restore, in one transaction.
func load(ctx context.Context, databaseURL, from string) (err error) {
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		return errors.New("backup: DATABASE_URL can't be read")
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var tables int
	if err := db.QueryRowContext(ctx,
		"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'").Scan(&tables); err != nil {
		return fmt.Errorf("backup: look into the database: %w", err)
	}
	if tables > 0 {
		return fmt.Errorf("backup: the database has %d tables already; name an empty one", tables)
	}
	return postgresTool(
		ctx,
		"pg_restore",
		databaseURL,
		"--exit-on-error",
		"--single-transaction",
		"--no-owner",
		"--no-privileges",
		from,
	)
}

// postgresTool runs a tool of PostgreSQL on a database. The password goes
// through the environment: arguments are visible to other users.
func postgresTool(ctx context.Context, tool, databaseURL string, args ...string) error {
	if _, err := exec.LookPath(tool); err != nil {
		return fmt.Errorf("backup: %s is not in PATH; it comes with the PostgreSQL client", tool)
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		return errors.New("backup: DATABASE_URL can't be read")
	}
	env := os.Environ()
	if password, ok := u.User.Password(); ok {
		env = append(env, "PGPASSWORD="+password)
		u.User = url.User(u.User.Username())
	}
	cmd := exec.CommandContext(ctx, tool, append([]string{"--dbname=" + u.String()}, args...)...)
	cmd.Env = env
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("backup: %s: %w: %s", tool, err, strings.TrimSpace(said.String()))
	}
	return nil
}
