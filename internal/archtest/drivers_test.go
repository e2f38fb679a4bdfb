package archtest

import (
	"slices"
	"strings"
	"testing"
)

// TestADriverBringsItsDatabaseAlone: a program on PostgreSQL links no SQLite, and
// the stores bring neither driver by themselves.
func TestADriverBringsItsDatabaseAlone(t *testing.T) {
	all := load(t)
	const lite, pg = "modernc.org/sqlite", "github.com/jackc/pgx/v5/stdlib"
	brings := func(name, dep string) bool {
		p, ok := all[name]
		if !ok {
			t.Fatalf("there is no package %s", name)
		}
		return slices.ContainsFunc(p.Deps, func(d string) bool { return d == dep || strings.HasPrefix(d, dep+"/") })
	}
	for _, name := range []string{
		"orders/sqlstore", "orders/sqlstore/postgres", "orders/ordersdb", "refunds/refundsdb", "returns/returnsdb",
	} {
		if brings(name, lite) {
			t.Errorf("importing %s links %s", name, lite)
		}
	}
	for _, name := range []string{"orders/sqlstore", "orders/sqlstore/sqlite"} {
		if brings(name, pg) {
			t.Errorf("importing %s links %s", name, pg)
		}
	}
	if !brings("orders/sqlstore/postgres", pg) || !brings("orders/sqlstore/sqlite", lite) {
		t.Error("a driver does not bring its database")
	}
}

// TestGroundRoomsAndDomainPackagesLinkNoBun, nor do the suites that others run.
func TestGroundRoomsAndDomainPackagesLinkNoBun(t *testing.T) {
	all := load(t)
	for _, name := range []string{
		"orders", "refunds", "returns", "orders/money", "orders/event", "orders/payment", "orders/purchase",
		"orders/orderstest", "refunds/refundstest", "returns/returnstest",
	} {
		p, ok := all[name]
		if !ok {
			t.Errorf("there is no package %s", name)
		}
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "github.com/uptrace/bun") || strings.HasPrefix(dep, module+"/orders/sqlstore") {
				t.Errorf("importing %s links %s", name, dep)
			}
		}
	}
}
