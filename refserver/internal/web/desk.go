package web

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/returns"
)

// navGroup is a group of the desk's navigation.
type navGroup struct {
	Name  string
	Links []link
}

var customerLinks = []link{
	{Href: "/", Name: "Shop"},
	{Href: "/order-history", Name: "Orders"},
	{Href: "/returns", Name: "Returns"},
}

var deskGroups = []navGroup{
	{"Work", []link{
		{Href: "/admin/returns", Name: "Returns"},
		{Href: "/admin/queue", Name: "Review queue"},
		{Href: "/admin/orders", Name: "Orders"},
	}},
	{"Money", []link{{Href: "/admin/reconciliation", Name: "Reconciliation"}}},
	{"Catalog", []link{
		{Href: "/admin/products", Name: "Products"},
		{Href: "/admin/flash-sales", Name: "Flash sales"},
		{Href: "/admin/partners", Name: "Partner feeds"},
	}},
	{"Policy", []link{{Href: "/admin/policy", Name: "Return policy"}}},
	{"Insight", []link{
		{Href: "/admin/dashboard", Name: "Dashboard"},
		{Href: "/admin/scenarios", Name: "Quality scenarios"},
		{Href: "/admin/audit", Name: "Audit log"},
		{Href: "/admin/operations", Name: "Operations"},
	}},
	{"Settings", []link{
		{Href: "/admin/users", Name: "Users"},
		{Href: "/admin/features", Name: "Feature switches"},
		{Href: "/admin/webhooks", Name: "Webhooks"},
		{Href: "/admin/mail", Name: "Mail"},
	}},
}

// at reports whether a link leads to the page, or to one below it.
func (l link) at(path string) bool {
	return path == l.Href || l.Href != "/" && strings.HasPrefix(path, l.Href+"/")
}

// onDesk reports whether a page is one of the desk.
func onDesk(u auth.User, path string) bool { return u.IsStaff() && strings.HasPrefix(path, "/admin/") }

// deskHome is where a member of staff begins: the first page of the desk that the role reads.
func deskHome(u auth.User) string {
	for _, g := range deskGroups {
		for _, l := range g.Links {
			if access.Allows(u.Role, "GET "+l.Href) {
				return l.Href
			}
		}
	}
	return "/"
}

// nav is the navigation of the shop, which is one of as many as it has links.
func (t *templates) nav(path string) (template.HTML, error) {
	all, current := slices.Clone(customerLinks), ""
	for i, l := range all {
		if all[i].Current = l.at(path); all[i].Current {
			current = l.Href
		}
	}
	if known, ok := t.navs.Load(current); ok {
		return known.(template.HTML), nil
	}
	var out strings.Builder
	if err := t.pages["error"].ExecuteTemplate(&out, "shop_nav", all); err != nil {
		return "", fmt.Errorf("navigation: %w", err)
	}
	nav := template.HTML(out.String())
	t.navs.Store(current, nav)
	return nav, nil
}

// deskNav is the navigation of the desk, with how much waits where somebody has to act. What
// the role does not read is left out.
func (s *server) deskNav(r *http.Request, u auth.User) []navGroup {
	waiting := s.waiting(r)
	var out []navGroup
	for _, g := range deskGroups {
		shown := navGroup{Name: g.Name}
		for _, l := range g.Links {
			if !access.Allows(u.Role, "GET "+l.Href) {
				continue
			}
			l.Current, l.Count = l.at(r.URL.Path), waiting[l.Href]
			shown.Links = append(shown.Links, l)
		}
		if len(shown.Links) > 0 {
			out = append(out, shown)
		}
	}
	return out
}

// waitingFor is how long counts of the navigation are good for.
const waitingFor = 5 * time.Second

// waitingCounts remembers the counts of the navigation: every page of the desk shows them.
type waitingCounts struct {
	mu   sync.Mutex
	at   time.Time
	last map[string]int
}

// waiting is how much waits for staff, by the address of the page that shows it. What can't
// be counted is left out: the page itself is what was asked.
func (s *server) waiting(r *http.Request) map[string]int {
	now := s.Now()
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	if s.counts.last != nil && now.Sub(s.counts.at).Abs() < waitingFor {
		return s.counts.last
	}
	found := map[string]int{}
	if counts, err := s.Returns.Counts(r.Context()); err == nil {
		for _, status := range []returns.Status{
			returns.StatusPendingAuthorization, returns.StatusReceived, returns.StatusUnderInspection,
			returns.StatusApproved,
		} {
			found["/admin/returns"] += counts[status]
		}
	} else {
		s.Log.DebugContext(r.Context(), "returns not counted", "error", err.Error())
	}
	if n, err := s.NeedsReview(r.Context()); err == nil {
		found["/admin/queue"] = n
	} else {
		s.Log.DebugContext(r.Context(), "review queue not counted", "error", err.Error())
	}
	s.counts.at, s.counts.last = now, found
	return found
}
