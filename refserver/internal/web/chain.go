package web

import (
	"fmt"
	"io/fs"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// chain puts the middleware around the routes, outermost first:
//
//	request id      so that all that follows can name the request
//	origin          so that every change says which request made it, and from where
//	metrics         counts what everything inside answers, the refused too
//	access log      one line per request but probes, with what is known by its end
//	recovery        a panic is one failed request, counted and logged
//	headers         on every answer, error pages included
//	cross-site      before a session is looked up, so that it costs nothing
//	session         one query; who asks
//	admission       each account's turn at pages, exports and streams; forms have theirs behind the door
//	checkout guard  body, session, limit and queue; see app.CheckoutGuard
//	routes          with their own doors and body limits
//
// Static files and probes need no session and stand before it.
func (s *server) chain() (http.Handler, error) {
	inner := http.NewServeMux()
	open := func(pattern string, h http.Handler) { inner.Handle(pattern, s.Gate.Guard(pattern, s.denied, h)) }
	open("/static/", s.static())
	open("GET /health/live", s.Health.LiveHandler())
	open("GET /health/ready", s.Health.ReadyHandler())
	open("GET /health/startup", s.Health.StartupHandler())
	open("GET /health", s.Health.Handler())
	open("GET /api/system/health", s.Health.Handler())
	open("GET /metrics", s.metricsDoor(s.Registry))
	inner.Handle("/api/", s.session(s.Admission(s.API)))
	pages := s.session(s.Admission(s.missing(s.mux)))
	inner.Handle("POST /checkout", s.Checkout(s.missing(s.mux)))
	inner.Handle("GET "+docsAddress, pages) // a page, and not of the JSON interface
	inner.Handle("GET "+documentAddress, pages)
	inner.Handle("/", pages)

	h, err := s.crossSite(inner)
	if err != nil {
		return nil, err
	}
	h = s.headers(h)
	h = s.recovery(h)
	h = unlogged(h, observability.AccessLog(h, observability.Named(s.Log, "http"), quiet))
	h = s.Metrics.Middleware(h, s.routeOf(inner))
	return observability.RequestID(s.origin(h)), nil
}

// origin gives the domain packages the source of the request.
func (s *server) origin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, _ := observability.RequestFrom(r.Context())
		ctx := event.WithSource(r.Context(), event.Source{Address: s.ClientAddress(r), Request: info.ID})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (s *server) session(next http.Handler) http.Handler { return s.Auth.Load(next) }

// Routed is a handler that knows the pattern a request matches, so that metrics count
// routes and never paths.
type Routed interface{ Route(*http.Request) string }

func (s *server) routeOf(inner *http.ServeMux) func(*http.Request) string {
	pages, probes := observability.RouteOf(s.mux), observability.RouteOf(inner)
	return func(r *http.Request) string {
		switch _, pattern := inner.Handler(r); pattern {
		case "/":
			return pages(r)
		case "/api/":
			if routed, ok := s.API.(Routed); ok {
				return routed.Route(r)
			}
			return ""
		}
		return probes(r)
	}
}

// missing answers a path that no page has with the shop's own 404 page, and a
// method that a page does not take with a 405 that says which it takes.
func (s *server) missing(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		p := notFound
		if allowed := problem.Methods(mux, r); allowed != "" {
			w.Header().Set("Allow", allowed)
			p.Status = http.StatusMethodNotAllowed
			p.Message = "This address takes " + allowed + ", not " + r.Method + "."
		}
		s.failWith(w, r, p)
	})
}

func (s *server) static() http.Handler {
	root, err := fs.Sub(files, "static")
	if err != nil {
		return http.NotFoundHandler()
	}
	serve := http.StripPrefix("/static/", http.FileServerFS(root))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/static/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=86400")
		serve.ServeHTTP(w, r)
	})
}

// headers restrict what the browser allows. Pages hold no scripts but our own file,
// and no inline styles.
func (s *server) headers(next http.Handler) http.Handler {
	policy := "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	if s.CardPage != "" { // the form of the checkout leads there
		policy = strings.Replace(policy, "form-action 'self'", "form-action 'self' "+s.CardPage, 1)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.SecureCookies {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// crossSite refuses a browser's request that another site made. A request
// with neither Origin nor Sec-Fetch-Site (a script's) passes, and so does one
// from the shop's own address, which a proxy may hide by another Host. Webhooks
// are signed and come from no browser.
func (s *server) crossSite(next http.Handler) (http.Handler, error) {
	guard := http.NewCrossOriginProtection()
	if s.Origin != "" {
		if err := guard.AddTrustedOrigin(s.Origin); err != nil {
			return nil, fmt.Errorf("origin %s: %w", s.Origin, err)
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Log.WarnContext(r.Context(), "cross-site request refused", "origin", r.Header.Get("Origin"))
		problem.Problem{Status: http.StatusForbidden, Code: "CROSS_SITE",
			Message: "This request came from another site. Open the shop and try again."}.Refuse(w, r)
	}))
	return guard.Handler(next), nil
}

func (s *server) recovery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			s.Log.ErrorContext(r.Context(), "panic in a handler", "cause", cause, "stack", string(debug.Stack()))
			problem.Problem{Status: http.StatusInternalServerError, Code: "INTERNAL",
				Message: "Something went wrong on our side. Try again."}.Refuse(w, r)
		}()
		next.ServeHTTP(w, r)
	})
}

// quiet are the requests that leave no line in the access log at level info.
func quiet(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/static/") || r.URL.Path == "/metrics"
}

// unlogged has probes answered without a line for each: an orchestrator asks
// every few seconds, and the log has a line when a component changes.
func unlogged(probes, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r.URL.Path) {
			probes.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

func isProbe(path string) bool {
	return path == "/health" || strings.HasPrefix(path, "/health/") || path == "/api/system/health"
}
