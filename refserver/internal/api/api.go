// Package api is the shop's JSON interface, under /api/. Other programs rely on its
// shapes: ids of orders, lines, returns and refunds are strings, amounts are numbers
// with the currency's decimals. Handlers decode and render; package endpoint does the
// rest.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/returns"
)

// Deps is what the interface stands on. All fields are required but those that
// say otherwise.
type Deps struct {
	// Endpoints are the use cases.
	Endpoints *endpoint.Endpoints
	// Gate enforces the table of permissions.
	Gate *access.Gate
	// Keys remembers what was answered under an Idempotency-Key; who asks and how
	// a request is refused are filled in here.
	Keys idempotency.Keys
	// Features switches parts of the shop off.
	Features *feature.Service
	// Partners send product feeds. PartnerOf returns the one whose key it is, or partner.ErrKey.
	Partners  *partner.Service
	PartnerOf func(ctx context.Context, key string) (partner.Partner, error)
	// Uploads reads bodies with photos.
	Uploads *upload.Receiver
	// Action reads the body of a request without photos, up to input.MaxBody, and gives the
	// request its turn; Photos reads a body with photos that is as small. Nil lets
	// everything pass.
	Action, Photos func(http.Handler) http.Handler
	Zone           *time.Location // nil: UTC
	Log            *slog.Logger
	Now            func() time.Time // nil: time.Now
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
	if d.Zone == nil {
		d.Zone = time.UTC
	}
	if d.Action == nil {
		d.Action = func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, input.MaxBody) }
	}
	if d.Photos == nil {
		d.Photos = func(next http.Handler) http.Handler { return next }
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
	a.operationRoutes()
	a.featureRoutes()
	a.webhookRoutes()
	a.notificationRoutes()
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
	p := problem.Problem{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "There is nothing at " + r.URL.Path}
	if allowed := problem.Methods(a.mux, r); allowed != "" {
		w.Header().Set("Allow", allowed)
		p = problem.Problem{
			Status:  http.StatusMethodNotAllowed,
			Code:    "METHOD_NOT_ALLOWED",
			Message: r.URL.Path + " takes " + allowed,
		}
	}
	a.write(w, r, p.Status, failure(p))
}

// handler answers with a status and a JSON document, or an error.
type handler func(r *http.Request) (status int, body any, err error)

// use serves an action at a pattern: who may ask and whether it is executed
// once per key is the action's to say, and is asked before the body is read.
func (a *API) use(pattern string, action endpoint.Action, h handler) {
	next := a.adapt(h)
	if action.Once {
		keys := a.keys()
		next = keys.Middleware(next)
	}
	a.guarded(pattern, a.door(action, a.Action(next)))
}

// photos is use for a body with photos, which its handler reads itself.
func (a *API) photos(pattern string, action endpoint.Action, h http.HandlerFunc) {
	a.guarded(pattern, a.door(action, a.Photos(h)))
}

// guarded registers a route behind its row of the table of permissions.
func (a *API) guarded(pattern string, h http.Handler) {
	a.mux.Handle(pattern, a.Gate.Guard(pattern, a.deny, h))
}

func (a *API) deny(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	if p.Internal {
		a.Log.ErrorContext(r.Context(), "request refused", "code", p.Code)
	}
	if p.Status == http.StatusUnauthorized {
		p.Message = "Sign in first: POST /login with username and password."
	}
	p.SetRetryAfter(w.Header())
	a.write(w, r, p.Status, failure(p))
}

// door passes on a caller who may ask for the action, and then looks at what they send.
func (a *API) door(action endpoint.Action, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := action.Permit(user(r))
		if err == nil {
			err = input.Plain(r)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// keys are the keys of the signed-in user, with our words.
func (a *API) keys() idempotency.Keys {
	keys := a.Keys
	keys.Caller = func(r *http.Request) string { return user(r).ID }
	keys.Fail = a.fail
	return keys
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

// mistakeJSON is what is wrong with one field.
type mistakeJSON struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// failure is the JSON of a refusal. verdicts are there for a return request
// that the policy refuses, errors for an input with wrong fields.
func failure(p problem.Problem) map[string]any {
	body := map[string]any{"success": false, "message": p.Message, "code": p.Code}
	if p.Status == http.StatusAccepted {
		body["pending"] = true
	}
	if p.Field != "" {
		body["field"] = p.Field
	}
	if len(p.Mistakes) > 0 {
		body["errors"] = all(
			p.Mistakes,
			func(m problem.Mistake) mistakeJSON { return mistakeJSON{m.Field, m.Message()} },
		)
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

// user is who asks; the zero value where nobody is signed in.
func user(r *http.Request) auth.User {
	u, _ := auth.FromContext(r.Context())
	return u
}

// say is a word as answers give it: in upper case, but for dispositions.
func say[T ~string](w T) string {
	if _, ok := any(w).(returns.Disposition); ok {
		return string(w)
	}
	return strings.ToUpper(string(w))
}

// all is f of each; none is an empty list.
func all[A, B any](list []A, f func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

// amount is minor units as a JSON number with the currency's decimals.
func amount(minor int64, c money.Currency) json.Number {
	return json.Number(money.New(minor, c).Decimal())
}
