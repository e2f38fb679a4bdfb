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

var prefixes = regexp.MustCompile(`^[a-z][a-z_]*$`)

// DDL returns the statements that make the two tables of prefix. A store
// copies them into its first migration, and a test of the store asserts that
// the migration contains them, so that all stores stay alike.
func DDL(d sqlstore.Dialect, prefix string) string {
	text := ddlPostgres
	if d == sqlstore.SQLite {
		text = ddlSQLite
	}
	return strings.ReplaceAll(text, "PREFIX", sqlstore.DefaultPrefix+prefix)
}

func eventsTable(prefix string) sqldb.Table     { return sqldb.Table(prefix + "_events") }
func deliveriesTable(prefix string) sqldb.Table { return sqldb.Table(prefix + "_deliveries") }

func checkPrefix(prefix string) error {
	if !prefixes.MatchString(prefix) {
		return fmt.Errorf("outbox: prefix %q: it must be lower-case letters and underscores", prefix)
	}
	return nil
}
