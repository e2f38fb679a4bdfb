package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/memory"
	"github.com/returnkit/returnkit/refserver/internal/scenarios"
	"github.com/returnkit/returnkit/refserver/internal/server"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/refserver/internal/web"
)

type serveCommand struct{}

// Limits of the HTTP server. Reading allows for photos over a slow line. Who
// waits gives up after whom it waits for: client, balancer, writing, request
// (and with it the wait for a connection of the pool), statement, provider.
const (
	requestTimeout    = 75 * time.Second
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 90 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	drainTimeout      = 8 * time.Second
)

// Run serves the shop until the process is asked to stop, then drains: ready
// turns off, requests in flight end, workers stop, the database is closed.
func (serveCommand) Run(p *process) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	log, metrics, err := newLog(p, c)
	if err != nil {
		return err
	}
	// The port first: where another process has it, nothing has been touched yet.
	listener, err := (&net.ListenConfig{}).Listen(p.ctx, "tcp", c.Address())
	if err != nil {
		return fmt.Errorf("listening on %s (set HOST and PORT to choose another address): %w", c.Address(), err)
	}
	c.Port = listener.Addr().(*net.TCPAddr).Port
	memory.Set(observability.Named(log, "server"))
	srv := newServer(observability.Named(log, "server"))
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	log.Info("opening", "url", localURL(c))
	warnOfPublished(log, c)

	runs := app.WithScenarios(scenarios.Described(), scenarios.Loads(), runScenarios)
	s, err := app.Open(p.ctx, c, log, metrics, runs)
	if err != nil {
		return errors.Join(err, srv.Close())
	}
	handler, err := server.New(s)
	if err == nil {
		err = s.ReceiveWebhooks(localURL(c))
	}
	if err != nil {
		return errors.Join(err, srv.Close(), s.Close(p.ctx))
	}
	srv.open(handler)
	return serve(p, s, srv, served)
}

// warnOfPublished logs which published credentials are in use where the
// settings say that others reach the shop.
func warnOfPublished(log *slog.Logger, c config.Config) {
	if names := c.PublishedCredentials(); len(names) > 0 && c.ReachedByOthers() {
		log.Warn("published credentials are in use; set your own before others reach the shop", "settings", names)
	}
}

// httpServer is an HTTP server that answers from the start: while the shop opens,
// probes get the state and everybody else is asked to come back.
type httpServer struct {
	*http.Server
	handler atomic.Pointer[http.Handler]
	conns   openConns
}

func newServer(log *slog.Logger) *httpServer {
	s := &httpServer{Server: &http.Server{
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	s.conns.bound(s.Server, maxConns)
	s.open(opening())
	s.Handler = s.conns.handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*s.handler.Load()).ServeHTTP(w, r)
	}))
	return s
}

// open has h answer from now on.
func (s *httpServer) open(h http.Handler) {
	h = limited(h)
	s.handler.Store(&h)
}

// opening answers while the shop opens.
func opening() http.Handler {
	var starting observability.Checker // without components, and not started
	mux := http.NewServeMux()
	mux.Handle("/health/live", starting.LiveHandler())
	mux.Handle("/health/startup", starting.StartupHandler())
	for _, path := range []string{"/health", "/health/ready", "/api/system/health"} {
		mux.Handle(path, starting.ReadyHandler())
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "The shop is starting. Please try again in a moment.", http.StatusServiceUnavailable)
	})
	return mux
}

// newLog makes the log and the metrics, which get the log's events.
func newLog(p *process, c config.Config) (*slog.Logger, *observability.Metrics, error) {
	metrics, err := observability.NewMetrics(observability.MetricsConfig{Redactor: app.Redactor()})
	if err != nil {
		return nil, nil, err
	}
	h, err := observability.NewLogHandler(observability.LogConfig{
		Writer: p.stdout, Text: isTerminal(p.stdout), Level: c.LogLevel, Logger: "refserver", Events: metrics,
		Redactor: app.Redactor(), Sample: observability.SampleConfig{First: 100},
	})
	if err != nil {
		return nil, nil, err
	}
	return slog.New(h), metrics, nil
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func serve(p *process, s *app.App, srv *httpServer, served <-chan error) error {
	log := observability.Named(s.Log, "server")
	// Workers stop after the requests that may wake them.
	working, stopWork := context.WithCancel(context.WithoutCancel(p.ctx))
	defer stopWork()
	workers := make(chan error, 1)
	go func() { workers <- s.Run(working) }()
	s.Health.SetStarted()
	printBanner(p, s.Config, log)
	debug.FreeOSMemory() // the password check of the start took 19 MiB

	var failed error
	select {
	case <-p.ctx.Done():
		log.Info("stopping", "drain", drainTimeout.String())
	case failed = <-served:
		log.Error("the server failed", "error", failed)
	}
	s.Health.SetDraining()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), drainTimeout)
	defer cancel()
	errs := []error{failed}
	if err := srv.Shutdown(ctx); err != nil {
		errs = append(errs, fmt.Errorf("requests still in flight were cut: %w", err), srv.Close())
	}
	stopWork()
	errs = append(errs, <-workers, s.Close(ctx))
	err := errors.Join(errs...)
	log.Info("stopped", "clean", err == nil)
	return err
}

// limited ends the work for a request that takes too long. A stream lasts as
// long as its own limit says, and the time of a request with photos counts from
// when they are there.
func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !web.IsStream(r) && !upload.Streams(r) {
			ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// printBanner prints where the shop is and how to sign in.
func printBanner(p *process, c config.Config, log *slog.Logger) {
	url := localURL(c)
	log.Info("serving", "url", url, "environment", c.AppEnv, "pid", os.Getpid())
	if ip := net.ParseIP(c.Host); ip != nil && ip.IsUnspecified() {
		return // a server or a container: people have another address, and machines read what it prints
	}
	fmt.Fprintf(p.stderr, "\nThe shop is open at %s\n", url)
	if !c.Production() && c.SuperAdminPassword == config.DefaultSuperAdminPassword {
		fmt.Fprintf(p.stderr, "Sign in as %s / %s\n", c.SuperAdminUsername, config.DefaultSuperAdminPassword)
	}
	fmt.Fprintln(p.stderr)
}
