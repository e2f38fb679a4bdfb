// Package access is the table of permissions: which route needs which permission, and
// which roles have it. A [Gate] enforces the table at the muxes: a route is registered
// with what Guard returns, and nothing else decides who may pass. A route that the
// table does not name is closed, and Check reports it, so that the shop does not
// start.
package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// Subject is what an action is about, for the rule that nobody acts on their
// own order or case.
type Subject int

// The subjects. InPath is the id in the pattern's {id}; what OrderInBody names
// is known when the body is read, and its handler calls Gate.CheckOwner.
const (
	NoSubject Subject = iota
	ReturnInPath
	OrderInPath
	RefundInPath
	AlarmInPath
	ApprovalInPath
	OrderInBody
)

// Route is a row of the table.
type Route struct {
	Pattern string // as the mux has it: method and path
	Needs   Permission
	Own     Subject // the action is refused to the owner of the subject
	Script  bool    // a page's action that programs call: 401 instead of a redirect to sign in
	StepUp  bool    // the password must have been entered within 15 minutes
	Audit   string  // kind of change or export that is recorded, such as product; empty: none here
	Acts    bool    // a GET that changes something all the same
	Session bool    // Open, and its handler asks who is signed in, who needs a second factor first as elsewhere
	Note    string  // what else guards it
}

// changes reports whether the route changes something.
func (r Route) changes() bool { return r.Acts || !strings.HasPrefix(r.Pattern, "GET ") }

// Routes returns the table.
func Routes() []Route { return slices.Clone(routes) }

// Roles returns the roles that have the permission; none for Open, which needs
// no role.
func Roles(p Permission) []auth.Role {
	i := slices.IndexFunc(grants, func(g grant) bool { return g.Permission == p })
	if i < 0 {
		return nil
	}
	return slices.Clone(grants[i].Roles)
}

// Has reports whether the role has the permission.
func Has(r auth.Role, p Permission) bool { return p == Open || slices.Contains(Roles(p), r) }

// Allows reports whether the table lets the role use the route; false for a
// route that is not in it.
func Allows(r auth.Role, pattern string) bool {
	row, ok := RouteOf(pattern)
	return ok && Has(r, row.Needs)
}

// RouteOf returns the row of a pattern.
func RouteOf(pattern string) (Route, bool) {
	i := slices.IndexFunc(routes, func(t Route) bool { return t.Pattern == pattern })
	if i < 0 {
		return Route{}, false
	}
	return routes[i], true
}

// CodeReauthenticate is the code of a request that passes when the password was
// entered again.
const CodeReauthenticate = "REAUTHENTICATE"

// CodeFactorRequired is the code of a request of staff who have no second
// factor, where they must have one.
const CodeFactorRequired = "SECOND_FACTOR_REQUIRED"

// OwnerFunc returns whether the subject with the id belongs to the user. One
// that does not exist belongs to nobody.
type OwnerFunc func(ctx context.Context, u auth.User, s Subject, id string) (bool, error)

// Refuse answers a request that may not pass: 401 where nobody is signed in,
// 403 with words, or what the problem says.
type Refuse func(w http.ResponseWriter, r *http.Request, p problem.Problem)

// RecordFunc returns next with what it changes or exports recorded, for a row
// with Audit. It is asked once for each route.
type RecordFunc func(row Route, refuse Refuse, next http.Handler) http.Handler

// RefusedFunc records that the user of a request that would change something may not pass, by the code
// of the problem.
type RefusedFunc func(row Route, r *http.Request, code string)

// Config is what a Gate asks. All fields but StaffFactor are required.
type Config struct {
	Owns   OwnerFunc  // whose a subject is
	Record RecordFunc // records the rows with Audit
	// Refused records who may not pass.
	Refused RefusedFunc
	// Confirmed reports whether the user of ctx entered the password lately, for
	// the rows with StepUp.
	Confirmed func(ctx context.Context) bool
	// StaffFactor has staff without a second factor reach their account only.
	StaffFactor bool
}

// Gate enforces the table. The zero value is not usable; see New.
type Gate struct {
	Config

	mu         sync.Mutex
	registered []string
}

// New returns a Gate.
func New(c Config) *Gate { return &Gate{Config: c} }

// Guard returns next behind the row of the pattern, to be registered at a mux.
func (g *Gate) Guard(pattern string, refuse Refuse, next http.Handler) http.Handler {
	g.mu.Lock()
	g.registered = append(g.registered, pattern)
	g.mu.Unlock()
	row, ok := RouteOf(pattern)
	if !ok {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refuse(w, r, forbidden("This address is not open to anyone yet."))
		})
	}
	if row.Needs == Open && !row.Session {
		return next
	}
	if row.Audit != "" {
		next = g.Record(row, refuse, next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := auth.FromContext(r.Context())
		if !ok {
			if row.Needs == Open {
				next.ServeHTTP(w, r)
				return
			}
			refuse(w, r, SignIn())
			return
		}
		if err := g.may(r, row, u); err != nil {
			p := problem.Of(err)
			if p.Status == http.StatusForbidden && row.changes() {
				g.Refused(row, r, p.Code)
			}
			refuse(w, r, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// may returns nil where the user may use the route for this request.
func (g *Gate) may(r *http.Request, row Route, u auth.User) error {
	if !Has(u.Role, row.Needs) {
		message := "Your account can't do this. It needs the role " + names(Roles(row.Needs)) +
			", which an admin can assign."
		return &problem.Error{Problem: forbidden(message)}
	}
	if err := problem.CheckAddress(r); err != nil {
		return err // before anything of it reaches the database
	}
	if g.StaffFactor && u.IsStaff() && !u.Factor && row.Needs != OwnAccount {
		return problem.New(http.StatusForbidden, CodeFactorRequired,
			"Staff of this shop sign in with a second factor. Set yours up under your account first.")
	}
	if row.StepUp && !g.Confirmed(r.Context()) {
		return problem.New(http.StatusForbidden, CodeReauthenticate, "Enter your password again to do this.")
	}
	if row.Own == NoSubject || row.Own == OrderInBody {
		return nil
	}
	return g.CheckOwner(r.Context(), u, row.Own, r.PathValue("id"))
}

// CheckOwner returns a 403 where the subject belongs to the user: nobody acts
// as staff on their own order or case.
func (g *Gate) CheckOwner(ctx context.Context, u auth.User, s Subject, id string) error {
	own, err := g.Owns(ctx, u, s, id)
	if err != nil {
		return err
	}
	if own {
		return problem.New(http.StatusForbidden, "OWN_CASE",
			"This is your own order or return. Another member of staff must do this.")
	}
	return nil
}

// Check returns an error that names the routes without a row and the rows
// without a route.
func (g *Gate) Check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, p := range g.registered {
		if !slices.ContainsFunc(routes, func(t Route) bool { return t.Pattern == p }) {
			errs = append(errs, fmt.Errorf("access: the route %q has no row in the table of permissions", p))
		}
	}
	for _, t := range routes {
		if !slices.Contains(g.registered, t.Pattern) {
			errs = append(
				errs,
				fmt.Errorf("access: the table of permissions has a row for %q, which is no route", t.Pattern),
			)
		}
	}
	return errors.Join(errs...)
}

// SignIn is what a request is answered that nobody is signed in for.
func SignIn() problem.Problem {
	return problem.Problem{Status: http.StatusUnauthorized, Code: "SIGN_IN", Message: "Sign in first, then try again."}
}

func forbidden(message string) problem.Problem {
	return problem.Problem{Status: http.StatusForbidden, Code: "FORBIDDEN", Message: message}
}

// names is a list of roles for a sentence.
func names(roles []auth.Role) string {
	var words []string
	for _, r := range roles {
		words = append(words, string(r))
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
