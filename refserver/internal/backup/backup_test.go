package backup_test

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/backup"
)

var instant = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// shop is a database with a table of pairs that every transaction keeps equal,
// and a folder with a photo.
func shop(t *testing.T, url string) (backup.Source, *sqlstore.DB) {
	t.Helper()
	s := backup.Source{DatabaseURL: url, SQLiteFile: filepath.Join(t.TempDir(), "shop.db"), EvidenceDir: t.TempDir()}
	db, err := sqlstore.OpenConfig(t.Context(), sqlstore.Config{URL: url, File: s.SQLiteFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, statement := range []string{"CREATE TABLE pairs (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)",
		"INSERT INTO pairs VALUES (1, 0), (2, 0)"} {
		if _, err := db.Writer().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(s.EvidenceDir, "2026", "05"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"2026/05/a.jpg": "photo", "2026/05/.new-b": "half written"} {
		if err := os.WriteFile(filepath.Join(s.EvidenceDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.LedgerFile = filepath.Join(t.TempDir(), "ledger.jsonl")
	if err := os.WriteFile(s.LedgerFile, []byte("payments\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, db
}

func sums(t *testing.T, s backup.Source) (rows, distinct int) {
	t.Helper()
	driver, name := "pgx", s.DatabaseURL
	if name == "" {
		driver, name = "sqlite", s.SQLiteFile
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*), COUNT(DISTINCT n) FROM pairs").Scan(&rows,
		&distinct); err != nil {
		t.Fatal(err)
	}
	return rows, distinct
}

func TestACopyMadeWhileTheShopWritesIsOfOneInstant(t *testing.T) {
	for _, c := range []struct {
		name string
		url  func(*testing.T) string
	}{
		{"sqlite", func(*testing.T) string { return "" }},
		{"postgres", func(t *testing.T) string { return sqlstoretest.PostgresURL(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, db := shop(t, c.url(t))
			stop := make(chan struct{})
			var writers sync.WaitGroup
			writers.Go(func() {
				for n := 1; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := db.Writer().ExecContext(t.Context(), "UPDATE pairs SET n = n + 1"); err != nil {
						t.Error(err)
						return
					}
				}
			})
			to := t.TempDir() // others may look into it
			m, err := backup.Save(t.Context(), s, to, instant)
			close(stop)
			writers.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind != c.name || m.Photos != 1 || m.Bytes == 0 || !m.At.Equal(instant) {
				t.Errorf("the manifest says %+v", m)
			}

			err = filepath.WalkDir(to, func(name string, entry fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 && name != to {
					t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}

			fresh := backup.Source{
				LedgerFile:  filepath.Join(t.TempDir(), "new", "ledger.jsonl"),
				SQLiteFile:  filepath.Join(t.TempDir(), "new", "shop.db"),
				EvidenceDir: filepath.Join(t.TempDir(), "photos"),
			}
			if s.DatabaseURL != "" {
				fresh.DatabaseURL = c.url(t)
			}
			if _, err := backup.Restore(t.Context(), fresh, to); err != nil {
				t.Fatal(err)
			}
			if rows, distinct := sums(t, fresh); rows != 2 || distinct != 1 {
				t.Errorf("%d rows with %d different numbers; one transaction always changes both", rows, distinct)
			}
			photo, err := os.ReadFile(filepath.Join(fresh.EvidenceDir, "2026", "05", "a.jpg"))
			if err != nil || string(photo) != "photo" {
				t.Errorf("the photo came back as %q, %v", photo, err)
			}
			if ledger, err := os.ReadFile(fresh.LedgerFile); err != nil || string(ledger) != "payments\n" {
				t.Errorf("the simulator's ledger came back as %q, %v", ledger, err)
			}
			if _, err := os.Stat(filepath.Join(fresh.EvidenceDir, "2026", "05", ".new-b")); err == nil {
				t.Error("a file that was being written was copied")
			}

			if _, err := backup.Restore(t.Context(), fresh, to); err == nil {
				t.Error("a second restore overwrote the first")
			}
			if _, err := backup.Save(t.Context(), s, to, instant); err == nil ||
				!strings.Contains(err.Error(), "not empty") {
				t.Errorf("a second copy into the same folder: %v", err)
			}
		})
	}
}

func TestWhatIsNoBackupIsRefused(t *testing.T) {
	s := backup.Source{SQLiteFile: filepath.Join(t.TempDir(), "shop.db"), EvidenceDir: t.TempDir()}
	if _, err := backup.Restore(t.Context(), s, t.TempDir()); err == nil ||
		!strings.Contains(err.Error(), "is not a backup") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := backup.Save(t.Context(), s, filepath.Join(t.TempDir(), "x"), instant); err == nil {
		t.Error("a shop that is not there was copied")
	}
	if _, err := os.Stat(s.SQLiteFile); err == nil {
		t.Error("the copy made the database it should only read")
	}

	full, _ := shop(t, "")
	to := filepath.Join(t.TempDir(), "copy")
	if _, err := backup.Save(t.Context(), full, to, instant); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(to, "returnkit.db")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(data); i++ {
		data[i] ^= 0x5a
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Restore(t.Context(), s, to); err == nil {
		t.Error("a damaged copy was restored")
	}
	other := s
	other.DatabaseURL = "postgres://localhost/none"
	if _, err := backup.Restore(t.Context(), other, to); err == nil || !strings.Contains(err.Error(), "sqlite") {
		t.Errorf("a sqlite copy into PostgreSQL: %v", err)
	}
}
