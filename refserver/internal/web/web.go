// Package web is the shop's pages: HTML forms that work without JavaScript.
// Each resource has a file of its own; a handler parses, calls, and renders.
// It returns an error, which one place turns into a page and a log line.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/evidence"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/notice"
	"github.com/returnkit/returnkit/refserver/internal/openapi/apidocs"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

// Deps is what the pages stand on. All fields are required but those that say
// otherwise.
type Deps struct {
	// Endpoints are the use cases; Orders, Returns and Refunds are read for what a
	// page shows besides.
	Endpoints *endpoint.Endpoints
	Orders    *orders.Service
	Returns   *returns.Service
	Refunds   *refunds.Service
	Auth      *auth.Service
	Metrics   *observability.Metrics
	// Registry is what /metrics shows.
	Registry http.Handler
	Health   *observability.Checker
	Log      *slog.Logger
	// Figures are the dashboard's, Circuit the state of the payment provider's breaker
	// in this process.
	Figures Figures
	Circuit func() resilience.State
	// Changes searches what happened to orders, returns and refunds.
	Changes func(context.Context, outboxdb.Query) (outboxdb.Page, error)
	// Webhooks answers the payment provider's messages.
	Webhooks http.Handler
	// Keys remembers what was answered under an Idempotency-Key; who asks and how
	// a request is refused are filled in here.
	Keys idempotency.Keys
	// NeedsReview counts what is in the review queue.
	NeedsReview func(context.Context) (int, error)
	// Uploads receives forms with photos.
	Uploads *upload.Receiver
	// Shelf keeps the photos of a form that has to be corrected.
	Shelf *evidence.Shelf
	// Checkout stands before POST /checkout and brings the session with it: body,
	// session, limit, queue.
	Checkout func(http.Handler) http.Handler
	// Admission stands behind the session: it gives each account its turn at pages, exports
	// and streams. PageTurn gives the turn of a page to the answer of a form with photos. Action
	// reads the body of a request without photos, up to input.MaxBody, and gives it its turn;
	// Photos reads a body with photos that is as small. Nil lets everything pass.
	Admission, PageTurn, Action, Photos func(http.Handler) http.Handler
	// CardForm says whether card numbers are taken: not where customers pay on the
	// provider's page. CardPage is where that page is, such as
	// https://checkout.stripe.com; empty for none.
	CardForm bool
	CardPage string
	// Gate enforces the table of permissions.
	Gate *access.Gate
	// Audit is what happened to accounts, products, policies and settings.
	Audit *audit.Log
	// Approvals has refunds above the limits wait for a second person.
	Approvals *approval.Desk
	// Notices are shown in the header, live.
	Notices *notice.Service
	// Mails are those that a development shop keeps; nil: they are sent, or there
	// are none.
	Mails *mail.Outbox
	// API serves /api/. It is behind the same middleware as the pages.
	API http.Handler
	// ClientAddress is the address of who asks, past trusted proxies.
	ClientAddress func(*http.Request) string

	Currency      money.Currency
	Currencies    []money.Currency // that products may be priced in, Currency among them
	Zone          *time.Location
	PageSize      int  // of the order history
	LowStock      int  // units at or below which staff get a warning
	MaxPhotos     int  // of one request
	SecureCookies bool // the shop is reached over https
	// Origin is the address of the shop in a browser, such as
	// https://shop.example.com; empty where it is the address of the request.
	Origin       string
	MetricsToken string
	// ReturnAddress is where customers send returns, with commas between its lines;
	// ShipWithinDays is how many days after the authorization they have for it, 0 for no limit.
	ReturnAddress  string
	ShipWithinDays int
	Now            func() time.Time // nil: time.Now
}

// server holds what handlers need.
type server struct {
	Deps
	pages  *templates
	mux    *http.ServeMux
	counts waitingCounts
	pieces pieces                       // of the dashboard's streams
	docs   func() (apidocs.Page, error) // of the HTTP interface, read once
}

// New returns the handler of the whole shop.
func New(d Deps) (http.Handler, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	open := func(next http.Handler) http.Handler { return next }
	if d.Admission == nil {
		d.Admission = open
	}
	if d.PageTurn == nil {
		d.PageTurn = open
	}
	if d.Photos == nil {
		d.Photos = open
	}
	if d.Action == nil {
		d.Action = func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, input.MaxBody) }
	}
	pages, err := loadTemplates(d.Zone)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s := &server{Deps: d, pages: pages, mux: http.NewServeMux(), docs: sync.OnceValues(apidocs.Read)}
	s.accountRoutes()
	s.accountPageRoutes()
	s.shopRoutes()
	s.cartRoutes()
	s.orderRoutes()
	s.returnRoutes()
	s.estimateRoutes()
	s.sendBackRoutes()
	s.adminReturnRoutes()
	s.adminRoutes()
	s.searchRoutes()
	s.flashSaleRoutes()
	s.partnerRoutes()
	s.progressRoutes()
	s.scenarioRoutes()
	s.featureRoutes()
	s.webhookRoutes()
	s.notificationRoutes()
	s.dashboardRoutes()
	s.auditRoutes()
	s.accountAuditRoutes()
	s.operationRoutes()
	s.moneyRoutes()
	s.docsRoutes()
	h, err := s.chain()
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return h, nil
}

// handler is a page or an action. What it returns is shown by fail.
type handler func(w http.ResponseWriter, r *http.Request) error

// The doors. use serves an action: who may ask and whether it is executed once
// per key is the action's to say. public is open to all; member and staff are
// for pages that show more than one thing. A form larger than input.MaxBody is
// refused; photos have a door of their own.
func (s *server) use(pattern string, a endpoint.Action, h handler) {
	s.handle(pattern, s.door(a, s.deny, s.once(a, s.adapt(h))))
}

func (s *server) public(pattern string, h handler) { s.handle(pattern, s.adapt(h)) }

func (s *server) member(pattern string, h handler) {
	s.handle(pattern, s.door(endpoint.Action{}, s.deny, s.adapt(h)))
}

func (s *server) staff(pattern string, h handler) {
	s.handle(pattern, s.door(endpoint.Action{Who: endpoint.Staff}, s.deny, s.adapt(h)))
}

// photos is use for a form with photos, whose size package upload limits: its
// handler reads it, and carries the action out once per key.
func (s *server) photos(pattern string, a endpoint.Action, h handler) {
	s.guarded(pattern, s.denied, s.door(a, s.deny, s.Photos(s.adaptPhotos(h))))
}

// door passes on a caller who may ask for the action.
func (s *server) door(
	a endpoint.Action,
	deny func(http.ResponseWriter, *http.Request, error),
	next http.Handler,
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Permit(user(r)); err != nil {
			deny(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) handle(pattern string, h http.Handler) { s.guarded(pattern, s.denied, s.Action(h)) }

// guarded registers a route behind its row of the table of permissions.
func (s *server) guarded(pattern string, refuse access.Refuse, h http.Handler) {
	s.mux.Handle(pattern, s.Gate.Guard(pattern, refuse, h))
}

// denied is deny for what the table of permissions refuses.
func (s *server) denied(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	s.deny(w, r, &problem.Error{Problem: p})
}

func (s *server) adapt(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = withRefusal(r)
		err := readable(r)
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// adaptPhotos is adapt for a handler that takes the body in itself, see takeIn.
func (s *server) adaptPhotos(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = withRefusal(r)
		err := problem.CheckAddress(r)
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// inPageTurn shows the page that answers a form with photos in the turn of a page: taking the
// photos in has bounds of its own, which do not count what the page takes.
func (s *server) inPageTurn(
	w http.ResponseWriter, r *http.Request, show func(w http.ResponseWriter) error,
) (err error) {
	turn := s.PageTurn(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { err = show(w) }))
	turn.ServeHTTP(w, r)
	return err
}

// readable reads a form that is not of photos, and refuses what no database
// keeps as text.
func readable(r *http.Request) error {
	if err := problem.CheckAddress(r); err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != formType {
		return nil
	}
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	return problem.CheckFields(r.PostForm)
}

const formType = "application/x-www-form-urlencoded"

// deny answers a request that may not pass: who is not signed in goes to the
// sign-in page, others read why.
func (s *server) deny(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	switch {
	case p.Status == http.StatusUnauthorized:
		s.rememberPage(w, r)
		http.Redirect(w, r, "/login", sentOn(r))
	case p.Code == access.CodeFactorRequired:
		s.Auth.Flash(r.Context(), p.Message)
		http.Redirect(w, r, factorPage, sentOn(r))
	case p.Code == access.CodeReauthenticate:
		s.askPassword(w, r, p)
	default:
		if p.Internal {
			s.Log.ErrorContext(r.Context(), "request refused", "code", p.Code)
		}
		s.failWith(w, r, p)
	}
}

// user is who asks; the zero value where nobody is signed in.
func user(r *http.Request) auth.User {
	u, _ := auth.FromContext(r.Context())
	return u
}

// readForm reads the form of an action into v, and checks it.
func readForm(r *http.Request, v any) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	return input.Form(r.PostForm, v)
}

// notesOf says what is wrong, each mistake in a note of its own.
func notesOf(p problem.Problem) []note {
	if len(p.Mistakes) == 0 {
		return []note{{Tone: "bad", Text: asSentence(p.Message), Code: p.Code}}
	}
	var out []note
	for _, m := range p.Mistakes {
		out = append(out, note{Tone: "bad", Text: asSentence(m.Words()), Code: p.Code})
	}
	return out
}

// redirect ends an action: the next page shows the message, when there is one.
func (s *server) redirect(w http.ResponseWriter, r *http.Request, to, message string) error {
	if message != "" {
		s.Auth.Flash(r.Context(), message)
	}
	http.Redirect(w, r, to, sentOn(r))
	return nil
}

// sentOn is the status that leads on from a request. A browser that sent a form reads the next page
// by 303, which no browser may send again; programs know the 302 of the contract.
func sentOn(r *http.Request) int {
	if r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		return http.StatusSeeOther
	}
	return http.StatusFound
}
