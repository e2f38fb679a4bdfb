package outboxdb

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed ddl_postgres.sql
var ddlPostgres string

//go:embed ddl_sqlite.sql
var ddlSQLite string

var names = regexp.MustCompile(`^[a-z][a-z_]*$`)

// DDL returns the statements that make the two tables of a stream. A store
// copies them into its first migration, and a test of the store asserts that
// the migration contains them, so that all stores stay alike.
func DDL(d sqlstore.Dialect, stream string) string {
	text := ddlPostgres
	if d == sqlstore.SQLite {
		text = ddlSQLite
	}
	return strings.ReplaceAll(text, "PREFIX", sqlstore.DefaultPrefix+stream)
}

func eventsTable(stream string) sqldb.Table     { return sqldb.Table(stream + "_events") }
func deliveriesTable(stream string) sqldb.Table { return sqldb.Table(stream + "_deliveries") }

func checkStream(stream string) error {
	if !names.MatchString(stream) {
		return fmt.Errorf("outboxdb: the stream %q: allowed are lower-case letters and underscores", stream)
	}
	return nil
}
