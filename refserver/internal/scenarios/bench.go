package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/server"
)

// bench is what a scenario stands on: a payment provider, and shops that it opens.
type bench struct {
	Options

	ctx      context.Context
	id       string // of the scenario
	dir      string
	provider *paysim.Simulator
	pay      string // address of the provider
	closers  []func() error
}

func newBench(ctx context.Context, o Options) (_ *bench, err error) {
	b := &bench{Options: o, ctx: ctx}
	if b.dir, err = os.MkdirTemp("", "scenario-"); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() error { return os.RemoveAll(b.dir) })
	if b.provider, err = paysim.New(paysim.Config{}); err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.closers = append(b.closers, b.provider.Close)
	if b.pay, err = b.provider.Start(context.WithoutCancel(ctx), "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) close() error {
	var errs []error
	for _, c := range slices.Backward(b.closers) {
		errs = append(errs, c())
	}
	b.closers = nil
	return errors.Join(errs...)
}

// shop is a shop that serves on loopback, with its workers.
type shop struct {
	*app.App
	*bench

	url     string
	admin   *client.Client
	started time.Time
	stop    func() error
}

// password is for every account that a scenario makes.
const password = "correct horse battery staple"

// open opens a shop. Shops that share a folder share a SQLite database.
func (b *bench) open(folder string, settings ...string) (*shop, error) {
	return b.openWith(folder, nil, settings...)
}

// openNew opens a shop on a database of its own.
func (b *bench) openNew(folder string, settings ...string) (*shop, error) {
	database, err := b.fresh()
	if err != nil {
		return nil, err
	}
	return b.open(folder, append(settings, database)...)
}

// openWith is open with options of the shop.
func (b *bench) openWith(folder string, options []app.Option, settings ...string) (*shop, error) {
	base := []string{
		"DATA_DIR=" + b.dir + "/" + folder, "PAYMENT_PROVIDER_URL=" + b.pay,
		"STRIPE_WEBHOOK_SECRET=whsec_scenarios_" + folder,
		"DATABASE_URL=" + b.DatabaseURL, "REDIS_URL=" + b.RedisURL, "THROTTLING_MAX_RPS=100000",
	}
	c, err := config.Load(append(base, settings...), "")
	if err != nil {
		return nil, err
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	// Hundreds of people sign in, and no scenario measures how long a password takes.
	a, err := app.Open(b.ctx, c, log, metrics, append(options, app.WithWeakHashes())...)
	if err != nil {
		return nil, fmt.Errorf("open a shop: %w", err)
	}
	s := &shop{App: a, bench: b, started: time.Now()}
	if err := s.serve(); err != nil {
		return nil, errors.Join(err, a.Close(b.ctx))
	}
	b.closers = append(b.closers, func() error { return s.stop() })
	s.admin = client.New(s.url, time.Minute)
	if err := s.admin.SignIn(b.ctx, c.SuperAdminUsername, string(c.SuperAdminPassword)); err != nil {
		return nil, fmt.Errorf("sign in as admin: %w", err)
	}
	return s, nil
}

// serve begins to serve, and to work.
func (s *shop) serve() error {
	handler, err := server.New(s.App)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url = "http://" + listener.Addr().String()
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(listener) }() // it ends with Close
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx))
	running := make(chan error, 1)
	go func() { running <- s.App.Run(ctx) }()
	s.App.Health.SetStarted()
	var once sync.Once
	s.stop = func() (err error) {
		once.Do(func() {
			cancel()
			end, done := context.WithTimeout(context.WithoutCancel(s.ctx), 30*time.Second)
			defer done()
			err = errors.Join(srv.Close(), <-running, s.App.Close(end))
		})
		return err
	}
	return nil
}

// customer makes an account and signs in with it.
func (s *shop) customer(name string) (*client.Client, error) {
	// PostgreSQL is shared by all scenarios, and by runs.
	name = fmt.Sprintf("%s-%d", name, time.Now().UnixNano()%1e12)
	_, err := s.Auth.Register(
		s.ctx, auth.Registration{Username: name, Email: name + "@example.com", Password: password},
	)
	if err != nil {
		return nil, err
	}
	c := client.New(s.url, time.Minute)
	return c, c.SignIn(s.ctx, name, password)
}

// customers makes n accounts.
func (s *shop) customers(name string, n int) ([]*client.Client, error) {
	out := make([]*client.Client, n)
	return out, parallel(n, 8, func(i int) (err error) {
		out[i], err = s.customer(fmt.Sprintf("%s%d", name, i))
		return err
	})
}

// parallel calls do for 0 to n-1, some at a time, and joins the errors.
func parallel(n, atATime int, do func(i int) error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, atATime)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := do(i); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// until polls until done reports true; false when that takes longer than the limit.
func (b *bench) until(limit time.Duration, done func() (bool, error)) (took time.Duration, ok bool, err error) {
	begun := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return time.Since(begun), ok, err
		}
		if time.Since(begun) > limit {
			return time.Since(begun), false, nil
		}
		select {
		case <-b.ctx.Done():
			return time.Since(begun), false, b.ctx.Err()
		case <-tick.C:
		}
	}
}

// of is the number for a short run or a whole one.
func (b *bench) of(short, whole int) int {
	if b.Short {
		return short
	}
	return whole
}

// percentile returns the p-th percentile of durations, which it sorts.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.SortFunc(all, cmp.Compare)
	return all[min(len(all)-1, len(all)*p/100)]
}

// ms is a duration as people read it.
func ms(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	if d >= time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
