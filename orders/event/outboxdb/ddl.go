package outboxdb

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed ddl
var ddl embed.FS

var names = regexp.MustCompile(`^[a-z][a-z_]*$`)

// DDL returns the statements that make the two tables of a stream. A store
// copies them into its first migration, and a test of the store asserts that
// the migration contains them, so that all stores stay alike.
func DDL(d sqlstore.Dialect, stream string) string {
	files := Migrations(stream).Postgres
	if d == sqlstore.SQLite {
		files = Migrations(stream).SQLite
	}
	// The file is compiled in, so it can be read.
	text, _ := fs.ReadFile(files, "00001_stream.sql")
	return string(text)
}

// Migrations returns the migrations that make the two tables of a stream of your own,
// an [Inbox] for instance. A store of this module makes the tables of its stream by
// its own migrations.
func Migrations(stream string) sqlstore.Migrations {
	files := func(dialect string) fs.FS {
		// It fails for a malformed name alone, and these are none.
		sub, _ := fs.Sub(ddl, "ddl/"+dialect)
		return streamFiles{sub, stream}
	}
	return sqlstore.Migrations{Name: stream, Postgres: files("postgres"), SQLite: files("sqlite")}
}

// streamFiles are the files that make the tables of a stream.
type streamFiles struct {
	fs.FS
	stream string
}

// ReadFile returns a file with the names of the stream's tables in it.
func (s streamFiles) ReadFile(name string) ([]byte, error) {
	text, err := fs.ReadFile(s.FS, name)
	return []byte(strings.ReplaceAll(string(text), "STEM", sqlstore.DefaultPrefix+s.stream)), err
}

func eventsTable(stream string) sqldb.Table     { return sqldb.Table(stream + "_events") }
func deliveriesTable(stream string) sqldb.Table { return sqldb.Table(stream + "_deliveries") }

func checkStream(stream string) error {
	if !names.MatchString(stream) {
		return fmt.Errorf("outboxdb: the stream %q: allowed are lower-case letters and underscores", stream)
	}
	return nil
}
