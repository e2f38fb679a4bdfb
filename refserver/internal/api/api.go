// Package api is the shop's JSON interface, under /api/. It takes and gives
// the shapes that other programs rely on: ids of orders, lines, returns and
// refunds are strings, amounts are numbers with the currency's decimals.
// Whatever it can't use is refused with a message that names the field.
package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/queue"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// Deps is what the interface stands on. All fields are required but Now.
type Deps struct {
	Orders  *orders.Service
	Returns *returns.Service
	Refunds *refunds.Service
	Auth    *auth.Service
	// Gate enforces the table of permissions.
	Gate *access.Gate
	// Keys remembers what was answered under an Idempotency-Key; how it tells
	// and refuses callers is filled in here.
	Keys idempotency.Keys
	// Figures are the service levels of all processes.
	Figures ServiceLevels
	// Queue is what nobody but a person can settle.
	Queue queue.Queue
	// Nights are the comparisons with the provider's list, Zone whose days they
	// cover.
	Nights Nights
	// Features switches parts of the shop off.
	Features *feature.Service
	// Partners send product feeds.
	Partners *partner.Service
	// Uploads takes in bodies with photos.
	Uploads  *upload.Receiver
	Zone     *time.Location
	Log      *slog.Logger
	Currency money.Currency
	Now      func() time.Time // nil: time.Now
}

// API serves /api/. It expects the user of the request in the context, as
// auth.Service.Load puts it there.
type API struct {
	Deps
	mux   *http.ServeMux
	route func(*http.Request) string
}

// New returns the interface.
func New(d Deps) *API {
	if d.Now == nil {
		d.Now = time.Now
	}
	a := &API{Deps: d, mux: http.NewServeMux()}
	a.productRoutes()
	a.flashSaleRoutes()
	a.orderRoutes()
	a.returnRoutes()
	a.adminReturnRoutes()
	a.queueRoutes()
	a.reconciliationRoutes()
	a.sloRoutes()
	a.partnerRoutes()
	a.featureRoutes()
	a.route = observability.RouteOf(a.mux)
	return a
}

// Route names the pattern a request matches, for metrics.
func (a *API) Route(r *http.Request) string { return a.route(r) }

// ServeHTTP answers. An address that does not exist is a 404, a method that an
// address does not take a 405, both as JSON.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := a.mux.Handler(r); pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	probe := &statusOnly{header: http.Header{}}
	a.mux.ServeHTTP(probe, r)
	p := problem.Problem{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "There is nothing at " + r.URL.Path}
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		p = problem.Problem{
			Status:  probe.status,
			Code:    "METHOD_NOT_ALLOWED",
			Message: r.URL.Path + " takes " + probe.header.Get("Allow"),
		}
	}
	a.write(w, r, p.Status, failure(p))
}

// statusOnly learns what a handler would answer.
type statusOnly struct {
	header http.Header
	status int
}

func (p *statusOnly) Header() http.Header         { return p.header }
func (p *statusOnly) WriteHeader(status int)      { p.status = status }
func (p *statusOnly) Write(b []byte) (int, error) { return len(b), nil }

// handler answers with a status and a JSON document, or an error.
type handler func(r *http.Request) (status int, body any, err error)

// member and staff are the doors. Who may pass is in the table of package access.
func (a *API) member(pattern string, h handler) {
	a.guarded(pattern, a.adapt(h))
}

func (a *API) staff(pattern string, h handler) {
	a.guarded(pattern, a.adapt(h))
}

// guarded registers a route behind its row of the table of permissions.
func (a *API) guarded(pattern string, h http.Handler) {
	a.mux.Handle(pattern, a.Gate.Guard(pattern, a.deny, h))
}

func (a *API) adapt(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var (
			status int
			body   any
		)
		err := problem.CheckAddress(r)
		if err == nil {
			status, body, err = h(r)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.write(w, r, status, body)
	})
}

// fail answers with what is said of an error, and logs what is ours.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	if p.Internal {
		a.Log.ErrorContext(r.Context(), "request failed", "error", err.Error())
	}
	p.SetRetryAfter(w.Header())
	a.write(w, r, p.Status, failure(p))
}

func (a *API) deny(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	if p.Internal {
		a.Log.ErrorContext(r.Context(), "request not let through", "code", p.Code)
	}
	if p.Status == http.StatusUnauthorized {
		p.Message = "Sign in first: POST /login with username and password."
	}
	p.SetRetryAfter(w.Header())
	a.write(w, r, p.Status, failure(p))
}

// failure is the JSON of a refusal. verdicts are there for a return request
// that the policy refuses.
func failure(p problem.Problem) map[string]any {
	body := map[string]any{"success": false, "message": p.Message, "code": p.Code}
	if p.Status == http.StatusAccepted {
		body["pending"] = true
	}
	if p.Field != "" {
		body["field"] = p.Field
	}
	if p.Verdict != nil {
		body["verdicts"] = verdicts(*p.Verdict)
	}
	if p.Counts() {
		body["available"] = p.Available
	}
	return body
}

func (a *API) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		a.Log.ErrorContext(r.Context(), "answer can't be encoded", "error", err.Error())
		status, data = http.StatusInternalServerError, []byte(
			`{"success":false,"code":"INTERNAL","message":"Something went wrong on our side."}`,
		)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write(append(data, '\n')); err != nil {
		a.Log.DebugContext(r.Context(), "answer not written", "error", err.Error())
	}
}

// user is who asks. Only for handlers behind a door.
func user(r *http.Request) auth.User {
	u, _ := auth.FromContext(r.Context())
	return u
}

// actor is who asks, as the domain packages want it.
func actor(r *http.Request) event.Actor {
	u := user(r)
	kind := event.ActorCustomer
	if u.IsStaff() {
		kind = event.ActorStaff
	}
	return event.Actor{Kind: kind, ID: u.ID, Name: u.Username}
}

// amount is minor units as a JSON number with the currency's decimals.
func amount(minor int64, c money.Currency) json.Number {
	return json.Number(money.New(minor, c).Decimal())
}
