package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// arrows says which rooms a room may import. A room is the longest path here that a package
// is in or below; `a -> b` allows what b may import too, and a room may import itself.
var arrows = map[string][]string{
	"orders/money":  {},
	"orders/event":  {},
	"resilience":    {},
	"throttle":      {},
	"observability": {"orders", "refunds", "returns", "resilience", "throttle"},

	"orders/payment":               {"orders/money"},
	"orders/payment/stripegateway": {"orders/payment"},
	"orders/payment/guard":         {"orders/payment", "resilience"},
	"orders/purchase":              {"orders/money", "orders/payment"},

	"internal":              {"resilience", "internal/paging"},
	"orders/event/outbox":   {"orders/event", "resilience"},
	"orders/sqlstore":       {"internal"},
	"orders/event/outboxdb": {"orders/event/outbox", "orders/sqlstore", "internal"},

	"orders":  {"orders/purchase", "orders/event", "resilience"},
	"refunds": {"orders/purchase", "orders/event", "resilience", "internal/csvcell"},
	"returns": {"refunds", "orders/event/outbox"},

	"orders/ordersdb":               {"orders", "orders/event/outboxdb"},
	"refunds/refundsdb":             {"refunds", "orders/event/outboxdb"},
	"returns/returnsdb":             {"returns", "orders/event/outboxdb"},
	"observability/observabilitydb": {"observability", "orders/event/outboxdb"},

	"orders/orderstest":              {"orders", "internal/linear", "internal/differ", "internal/paging"},
	"refunds/refundstest":            {"refunds", "internal/linear", "internal/differ", "internal/paging"},
	"returns/returnstest":            {"returns", "internal/linear", "internal/differ", "internal/paging"},
	"internal/csvcell":               {},
	"internal/paging":                {},
	"internal/suite":                 {}, // the bench of the suites, and what it searches with
	"internal/linear":                {"internal/suite"},
	"internal/differ":                {"internal/suite", "orders/event"},
	"orders/sqlstore/sqlstoretest":   {"orders/sqlstore"},
	"orders/event/outbox/outboxtest": {"orders/event/outbox"},

	"resilience/resiliencehttp": {"resilience"},
	"throttle/throttlehttp":     {"throttle"},
	"throttle/redisthrottle":    {"throttle"},
	"throttle/throttletest":     {"throttle"},

	"examples":  {all},
	"refserver": {all},
}

// all stands for every room but refserver, which nobody imports.
const all = "*"

// exception is an import, or what one brings, that the code still has and the design does not.
type exception struct{ from, to string }

// roomOf is the room of a path below the module; "" where there is none.
func roomOf(path string) string {
	for {
		if _, ok := arrows[path]; ok {
			return path
		}
		i := strings.LastIndex(path, "/")
		if i < 0 {
			return ""
		}
		path = path[:i]
	}
}

// allowed are the rooms that a room may import.
func allowed(room string) map[string]bool {
	rooms := map[string]bool{room: true}
	var follow func(string)
	follow = func(from string) {
		for _, to := range arrows[from] {
			if to == all {
				for r := range arrows {
					rooms[r] = rooms[r] || r != "refserver"
				}
			} else if !rooms[to] {
				rooms[to] = true
				follow(to)
			}
		}
	}
	follow(room)
	return rooms
}

// checkArrows returns a line for each import that no arrow allows, each package in no room,
// and each exception that is not needed.
func checkArrows(packages map[string]pkg, exceptions []exception) []string {
	var found []string
	needed := map[exception]bool{}
	for _, importPath := range slices.Sorted(maps.Keys(packages)) {
		path, ours := relative(importPath)
		if !ours || path == "" {
			continue
		}
		room := roomOf(path)
		if room == "" {
			found = append(found, fmt.Sprintf("%s is in no room of the design", path))
			continue
		}
		may := allowed(room)
		for _, imported := range packages[importPath].Imports {
			to, ours := relative(imported)
			if !ours || may[roomOf(to)] {
				continue
			}
			e := exception{path, to}
			needed[e] = true
			if !slices.Contains(exceptions, e) {
				found = append(found, fmt.Sprintf("%s imports %s; it may import %s",
					path, to, strings.Join(slices.Sorted(maps.Keys(may)), ", ")))
			}
		}
	}
	return append(found, obsolete(exceptions, needed)...)
}

// burden is what must not come with an import.
type burden struct {
	packages []string // with all that is below them, or a single room
	without  []string // prefixes of import paths
}

// checkBurdens returns a line for each package that brings what it must not, and each
// exception that is not needed.
func checkBurdens(packages map[string]pkg, burdens []burden, exceptions []exception) []string {
	var found []string
	needed := map[exception]bool{}
	for _, b := range burdens {
		for _, name := range b.packages {
			p, ok := packages[module+"/"+name]
			if !ok {
				found = append(found, fmt.Sprintf("there is no package %s", name))
			}
			for _, dep := range p.Deps {
				if !slices.ContainsFunc(b.without, func(w string) bool { return below(dep, w) }) {
					continue
				}
				i := slices.IndexFunc(exceptions, func(e exception) bool { return e.from == name && below(dep, e.to) })
				if i < 0 {
					found = append(found, fmt.Sprintf("importing %s brings %s", name, dep))
				} else {
					needed[exceptions[i]] = true
				}
			}
		}
	}
	return append(found, obsolete(exceptions, needed)...)
}

// obsolete returns a line for each exception that was not needed.
func obsolete(exceptions []exception, needed map[exception]bool) []string {
	var found []string
	for _, e := range exceptions {
		if !needed[e] {
			found = append(found, fmt.Sprintf("%s -> %s is no longer needed: remove the exception", e.from, e.to))
		}
	}
	return found
}

// below reports whether an import path is another or in its folder.
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// checkForeign returns a line for each package outside of the module and the standard
// library on which a package may not depend.
func checkForeign(packages map[string]pkg, may map[string][]string) []string {
	var found []string
	for name, modules := range may {
		for _, dep := range packages[module+"/"+name].Deps {
			first, _, _ := strings.Cut(dep, "/")
			_, ours := relative(dep)
			if !ours && strings.Contains(first, ".") &&
				!slices.ContainsFunc(modules, func(m string) bool { return below(dep, m) }) {
				found = append(found, fmt.Sprintf("%s depends on %s", name, dep))
			}
		}
	}
	return found
}
