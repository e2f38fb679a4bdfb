package outbox

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed ddl_postgres.sql
var ddlPostgres string

//go:embed ddl_sqlite.sql
var ddlSQLite string

//go:embed ddl_origin.sql
var ddlOrigin string

var prefixes = regexp.MustCompile(`^[a-z][a-z_]*$`)

// DDL returns the statements that make the two tables of prefix. A store
// copies them into its first migration, and a test of the store asserts that
// the migration contains them, so that all stores stay alike.
func DDL(d sqlstore.Dialect, prefix string) string {
	text := ddlPostgres
	if d == sqlstore.SQLite {
		text = ddlSQLite
	}
	return strings.ReplaceAll(text, "PREFIX", prefix)
}

// OriginDDL returns the statements that make room for where events come from,
// in tables that DDL has made. They are the same in both dialects, and a store
// copies them into a migration after its first.
func OriginDDL(prefix string) string { return strings.ReplaceAll(ddlOrigin, "PREFIX", prefix) }

func eventsTable(prefix string) bun.Ident     { return bun.Ident(prefix + "_events") }
func deliveriesTable(prefix string) bun.Ident { return bun.Ident(prefix + "_deliveries") }

func checkPrefix(prefix string) error {
	if !prefixes.MatchString(prefix) {
		return fmt.Errorf("outbox: prefix %q: it must be lower-case letters and underscores", prefix)
	}
	return nil
}
