package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/e2e/contract"
	"github.com/returnkit/returnkit/refserver/internal/export"
	operations "github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/returns"
)

// trails begin the types of what an action itself records, by the permission that it needs: in the
// audit, or in the trail of its order, return or refund. Other routes are recorded by their row.
var trails = map[access.Permission][]string{
	access.ReturnsDecide:  {"return."},
	access.ReturnsShip:    {"return."},
	access.ReturnsInspect: {"return."},
	access.TasksClose:     {"return."},
	access.RefundsPay:     {"refund.", "approval."},
	access.ReviewSettle:   {"refund.", "order."},
	access.OrdersDeliver:  {"order."},
	access.UsersChange:    {"account."},
}

// staffChanges are the routes by which staff change or export something.
func staffChanges() []access.Route {
	others := []access.Permission{access.Open, access.OwnAccount, access.ShopRead, access.ShopBuy}
	var out []access.Route
	for _, row := range access.Routes() {
		changes := strings.HasPrefix(row.Pattern, "POST ") || row.Audit != ""
		if changes && !slices.Contains(others, row.Needs) {
			out = append(out, row)
		}
	}
	return out
}

// pageForms are forms that succeed, for the routes that the document does not name. What they are
// about is that of the same route of the API, or of pageSubjects.
var pageForms = map[string]string{
	"POST /admin/returns": form("sale_id", exampleOrder, "reason", "OTHER", "details", "by telephone",
		"quantity_"+exampleLine, "1"),
	"POST /admin/returns/{id}/tasks/{task}/close": form("note", "settled"),
	"POST /admin/queue/refunds/{id}/resolve":      form("outcome", "not_paid", "reason", "by telephone"),
	"POST /admin/queue/refunds/{id}/release":      form("reason", "the dispute is won"),
	"POST /admin/queue/orders/{id}/resolve":       form("outcome", "not_paid", "reason", "by telephone"),
	"POST /admin/queue/alarms/{id}/close":         form("note", "our mistake"),
	"POST /admin/queue/approvals/{id}/decline":    form("note", "too much", "reason", "too much"),
	"POST /admin/orders/{id}/rest":                form("amount", "5.00"),
	"POST /admin/orders/{id}/delivery":            form("delivered_at", time.Now().UTC().Format(time.DateOnly)),
	"POST /admin/products": form("name", "Chair", "price", "20", "stock", "3", "category", "Tools",
		"country_of_origin", "USA", "shipping_weight", "1", "discount_percent", "0"),
	"POST /admin/products/{id}": form("name", "Stool", "price", "21", "stock", "3", "category", "Tools",
		"country_of_origin", "USA", "shipping_weight", "1", "discount_percent", "0"),
	"POST /admin/flash-sales":          plan("product_id", "4").Encode(),
	"POST /admin/flash-sales/{id}":     plan("cap", "4").Encode(),
	"POST /admin/partners/{id}":        form("name", "North again"),
	"POST /admin/webhooks/{id}":        form("url", "https://other.example", "events", "return.authorized"),
	"POST /admin/features/{name}":      form("mode", "off", "version", "0"),
	"POST /admin/policy":               policyForm.Encode(),
	"POST /admin/users/{id}/delete":    form("username", "subject"),
	"POST /admin/webhooks/{id}/replay": form("since", "2026-01-01"),
}

var policyForm = url.Values{
	"enabled": {"1"}, "window_days": {"14"}, "max_quantity": {"5"}, "photos_required": {"0"}, "max_photos": {"3"},
	"photo_types": {"jpeg"}, "restock_at": {"refund"}, "refund_from": {"approved"}, "note": {"shorter"},
	"reasons_choice": {"all"}, "photos_required_for_choice": {"all"}, "methods_choice": {"all"},
}

var pageQueries = map[string]string{"GET /admin/reconciliation.csv": "?from=2026-01-01&to=2026-01-02"}

var pageSubjects = map[string]func(*contractShop) subject{
	"POST /admin/returns/{id}/tasks/{task}/close": openTask,
	"POST /admin/orders/{id}/delivery": func(s *contractShop) subject {
		about := ordered(s)
		about.path = []string{"id", about.order}
		return about
	},
	"POST /admin/flash-sales/{id}":                flashSale,
	"POST /admin/flash-sales/{id}/end":            flashSale,
	"POST /admin/features/{name}":                 aSwitch,
	"POST /admin/operations/{id}/cancel":          onPage(runningFeed),
	"POST /admin/orders/export":                   noExport,
	"POST /admin/returns/export":                  noExport,
	"POST /admin/audit/log/export":                noExport,
	"GET /admin/operations/{id}/file":             exportDone,
	"POST /admin/users/{id}/lock":                 subjectAccount,
	"POST /admin/users/{id}/unlock":               lockedAccount,
	"POST /admin/users/{id}/sign-out":             signedInAccount,
	"POST /admin/users/{id}/delete":               subjectAccount,
	"POST /admin/users/{id}/second-factor/remove": factorAccount,
}

// onPage has the id of an operation where pages have it.
func onPage(about func(*contractShop) subject) func(*contractShop) subject {
	return func(s *contractShop) subject {
		s.t.Helper()
		return subject{path: []string{"id", about(s).path[1]}}
	}
}

// openTask is a return with a task.
func openTask(s *contractShop) subject {
	s.t.Helper()
	about := at(authorize)(s)
	c, err := s.Returns.OpenTask(s.t.Context(), about.path[1], clerk, returns.Task{
		Kind: returns.TaskPaymentDisputed, Note: "Proof is needed.",
	})
	if err != nil {
		s.t.Fatal(err)
	}
	about.path = append(about.path, "task", fmt.Sprint(c.OpenTasks()[0].ID))
	return about
}

// noExport finishes the exports that are not: an account has one at a time.
func noExport(s *contractShop) subject {
	s.t.Helper()
	s.eventually("the exports to be done", func() bool {
		if _, err := s.Progress.WorkDue(s.t.Context(), s.Exports.Kind()); err != nil {
			s.t.Fatal(err)
		}
		list, err := s.Progress.Operations(s.t.Context(), operations.Query{Kind: export.Operation, Limit: 100})
		return err == nil && !slices.ContainsFunc(list, func(o operations.Operation) bool {
			return o.State == operations.Running
		})
	})
	return subject{}
}

// exportDone is an export that has its file.
func exportDone(s *contractShop) subject {
	s.t.Helper()
	noExport(s)
	page := s.people["admin"].exporting("/admin/returns/export")
	noExport(s)
	return subject{path: []string{"id", strings.TrimPrefix(page, "/admin/operations/")}}
}

// subjectAccount is an account called subject.
func subjectAccount(s *contractShop) subject {
	s.t.Helper()
	if u, err := s.Auth.UserByName(s.t.Context(), "subject"); err == nil {
		return subject{path: []string{"id", u.ID}}
	}
	return subject{path: []string{"id", s.customer("subject").ID}}
}

func lockedAccount(s *contractShop) subject {
	s.t.Helper()
	about := subjectAccount(s)
	s.people["admin"].form("/admin/users/"+about.path[1]+"/lock", nil)
	return about
}

func signedInAccount(s *contractShop) subject {
	s.t.Helper()
	about := subjectAccount(s)
	s.signInAs("subject", "correct horse")
	return about
}

func factorAccount(s *contractShop) subject {
	s.t.Helper()
	about := subject{path: []string{"id", s.customer("careful").ID}}
	s.signInAs("careful", "correct horse").setUp(s.t)
	return about
}

// lines counts all that is recorded of an account, by type.
func (s *contractShop) lines(actorID string) map[string]int {
	s.t.Helper()
	log, err := s.Audit.Entries(s.t.Context(), audit.Query{ActorID: actorID, Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]int{}
	for _, e := range log.Entries {
		out[e.Type]++
	}
	for q := (outboxdb.Query{ActorID: actorID, Limit: 100}); ; {
		page, err := s.Changes(s.t.Context(), q)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range page.Events {
			out[e.Type]++
		}
		if q.After = page.Next; page.Next == "" {
			return out
		}
	}
}

// fill sends a form that succeeds to a route that the document does not name.
func (s *contractShop) fill(row access.Route, about subject) {
	s.t.Helper()
	method, path, _ := strings.Cut(row.Pattern, " ")
	for i := 0; i+1 < len(about.path); i += 2 {
		path = strings.ReplaceAll(path, "{"+about.path[i]+"}", about.path[i+1])
	}
	ids := strings.NewReplacer(exampleOrder, about.order, exampleLine, about.line, exampleCustomer, about.customer)
	kind := "application/x-www-form-urlencoded"
	path += pageQueries[row.Pattern]
	a := s.people["admin"].send(method, path, kind, ids.Replace(pageForms[row.Pattern]))
	if a.status >= http.StatusBadRequest {
		s.t.Fatalf("%s %s: %d %s", method, path, a.status, shorten(a.body))
	}
}

// TestEveryChangeByStaffLeavesALine executes every route of the table by which staff change or
// export something, and looks for what it leaves under the name of who did it.
func TestEveryChangeByStaffLeavesALine(t *testing.T) {
	t.Parallel()
	s := newContractShop(t)
	byPattern := map[string]contract.Operation{}
	for _, op := range s.doc.Operations() {
		byPattern[op.Pattern()] = op
	}
	for _, row := range staffChanges() {
		t.Run(row.Pattern, func(t *testing.T) {
			defer func(of *testing.T) { s.t = of }(s.t)
			s.t = t
			as := "admin"
			op, documented := byPattern[row.Pattern]
			makes, known := pageSubjects[row.Pattern]
			switch twin, ok := byPattern[strings.Replace(row.Pattern, " /admin/", " /api/admin/", 1)]; {
			case documented:
				as, makes = caller(op), subjects[op.OperationID]
			case ok && !known:
				makes = subjects[twin.OperationID]
			}
			about := subject{order: "none", line: "none", customer: "none"}
			if makes != nil {
				about = makes(s)
			}
			before := s.lines(s.ids[as])
			if documented {
				r := derived(op)[0]
				r.about = func(*contractShop) subject { return about }
				s.send(t, op, r)
			} else {
				s.fill(row, about)
			}
			want := trails[row.Needs]
			if row.Audit != "" {
				want = []string{row.Audit + "."}
				if strings.HasSuffix(row.Pattern, "/delete") {
					want = []string{row.Audit + ".deleted"}
				}
			}
			for kind, n := range s.lines(s.ids[as]) {
				begins := func(w string) bool { return strings.HasPrefix(kind, w) }
				asked := strings.HasSuffix(kind, ".change_requested")
				if n > before[kind] && !asked && slices.ContainsFunc(want, begins) {
					return
				}
			}
			t.Errorf("nothing of %v is recorded as done by the %s", want, as)
		})
	}
}
