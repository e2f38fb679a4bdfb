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
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/queue"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

// Deps is what the pages stand on. All fields are required but those that say
// otherwise.
type Deps struct {
	Orders  *orders.Service
	Returns *returns.Service
	Refunds *refunds.Service
	Auth    *auth.Service
	Metrics *observability.Metrics
	// Registry is what /metrics shows.
	Registry http.Handler
	Health   *observability.Checker
	Log      *slog.Logger
	// Figures are those of the dashboard, Circuit the state of the payment
	// provider's breaker in this process.
	Figures Figures
	Circuit func() resilience.State
	// Changes searches what happened to orders, returns and refunds.
	Changes func(context.Context, outboxdb.Query) (outboxdb.Page, error)
	// Webhooks answers the payment provider's messages.
	Webhooks http.Handler
	// Keys remembers what was answered under an Idempotency-Key; how it tells
	// and refuses callers is filled in here.
	Keys idempotency.Keys
	// Queue holds what needs review.
	Queue queue.Queue
	// Nights are the comparisons with the provider's list.
	Nights Nights
	// Uploads takes in forms with photos.
	Uploads *upload.Receiver
	// Checkout stands before POST /checkout and brings the session with it: body,
	// session, limit, queue.
	Checkout func(http.Handler) http.Handler
	// Card turns what the card form holds into the provider's payment method.
	// Nil where the form is off, because the provider's key is live.
	Card func(number, expires, kind string) (token string, err error)
	// API serves /api/. It is behind the same middleware as the pages.
	API http.Handler
	// ClientAddress is the address of who asks, past trusted proxies.
	ClientAddress func(*http.Request) string

	Currency      money.Currency
	Zone          *time.Location
	PageSize      int  // of the order history
	LowStock      int  // units at or below which stock counts as low
	MaxPhotos     int  // of one request
	SecureCookies bool // the shop is reached over https
	// Origin is the address of the shop in a browser, such as
	// https://shop.example.com; empty where it is that of the request.
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
}

// maxForm is how large a form without photos may be; package upload limits
// those with photos.
const maxForm = 1 << 20

// New returns the handler of the whole shop.
func New(d Deps) (http.Handler, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	pages, err := loadTemplates(d.Zone)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s := &server{Deps: d, pages: pages, mux: http.NewServeMux()}
	s.accountRoutes()
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
	s.dashboardRoutes()
	s.auditRoutes()
	s.operationRoutes()
	s.moneyRoutes()
	h, err := s.chain()
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return h, nil
}

// handler is a page or an action. What it returns is shown by fail.
type handler func(w http.ResponseWriter, r *http.Request) error

// The three doors. public is open to all, member to who is signed in, staff
// to admins. A form larger than maxForm is refused; photos have their own door.
func (s *server) public(pattern string, h handler) { s.handle(pattern, maxForm, s.adapt(h)) }

func (s *server) member(pattern string, h handler) {
	s.handle(pattern, maxForm, auth.RequireUser(s.deny)(s.adapt(h)))
}

func (s *server) staff(pattern string, h handler) {
	s.handle(pattern, maxForm, auth.RequireAdmin(s.deny)(s.adapt(h)))
}

func (s *server) handle(pattern string, limit int64, h http.Handler) {
	s.mux.Handle(pattern, http.MaxBytesHandler(h, limit))
}

func (s *server) adapt(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		err := problem.CheckAddress(r)
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
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
// sign-in page, a customer on a staff page gets 403.
func (s *server) deny(w http.ResponseWriter, r *http.Request, status int) {
	if status == http.StatusUnauthorized {
		s.rememberPage(w, r)
		http.Redirect(w, r, "/login", http.StatusFound)
		return
	}
	s.failWith(w, r, forbidden)
}

// user is who asks. Only for handlers behind member or staff.
func user(r *http.Request) auth.User {
	u, _ := auth.FromContext(r.Context())
	return u
}

// actor is who asks, as the domain packages want it.
func actor(r *http.Request) event.Actor {
	u := user(r)
	kind := event.ActorCustomer
	if u.IsAdmin() {
		kind = event.ActorStaff
	}
	return event.Actor{Kind: kind, ID: u.ID, Name: u.Username}
}

// redirect ends an action: the next page shows the message, when there is one.
func (s *server) redirect(w http.ResponseWriter, r *http.Request, to, message string) error {
	if message != "" {
		s.Auth.Flash(r.Context(), message)
	}
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}
