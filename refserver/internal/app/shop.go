// Package app puts the shop together: it is the only place that knows all
// packages. Open makes everything from the settings, Run does the background
// work, Close ends it.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/payment/guard"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/evidence"
	"github.com/returnkit/returnkit/refserver/internal/export"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/memory"
	"github.com/returnkit/returnkit/refserver/internal/notice"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
	"github.com/returnkit/returnkit/refserver/internal/worker"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

// App is everything that pages and commands use. Its fields are set by Open
// and not changed after.
type App struct {
	Config   config.Config
	DB       *sqlstore.DB
	Auth     *auth.Service
	Orders   *orders.Service
	Returns  *returns.Service
	Refunds  *refunds.Service
	Evidence *evidence.Files
	Shelf    *evidence.Shelf // of photos of forms that have to be corrected
	// Features switches parts of the shop off.
	Features *feature.Service
	// Progress keeps operations that outlast a request, Exports those that write files.
	Progress *progress.Service
	Exports  *export.Service
	// Quality runs the quality scenarios.
	Quality *quality.Service
	// Partners send product feeds.
	Partners    *partner.Service
	refusedKeys *throttle.Keyed // by address
	// Uploads receives requests with photos.
	Uploads  *upload.Receiver
	Breaker  *resilience.Breaker
	Events   *outbox.Dispatcher
	Metrics  *observability.Metrics
	Registry *prometheus.Registry
	Health   *observability.Checker
	Log      *slog.Logger
	// Discrepancies are those between the shop and its provider.
	Discrepancies *review.Discrepancies
	// Nightly compares refunds with the provider's list.
	Nightly *reconcile.Nightly
	// Keys remembers what was answered under an Idempotency-Key.
	Keys idempotency.Keys
	// Figures reads the key figures and service levels of all processes.
	Figures *observabilitydb.Reader
	// Simulator is the payment provider in this process, nil when the shop
	// uses another one.
	Simulator *paysim.Simulator

	// Approvals has refunds above the limits wait for a second person.
	Approvals *approval.Desk
	// Audit is what happened to accounts, products, policies and settings.
	Audit *audit.Log
	// Mailing sends mails; nil: there are none, because production has no mail server.
	Mailing *mailing.Queue
	// Notices notify people of changes to what is theirs, EventsOut other systems.
	Notices   *notice.Service
	EventsOut *webhook.Service
	// Mails are those that a development shop keeps instead of sending them; nil
	// where a mail server sends them, and in production.
	Mails *mail.Outbox

	now      func() time.Time
	provider string // base address of the payment provider; empty for Stripe itself
	payments *stripegateway.Gateway
	inbox    *refundsdb.Inbox
	money    *moneyMetrics
	outgoing *outgoingMetrics
	checkout checkoutGuard
	// photoNames are the photos that cases name.
	photoNames evidence.Names
	sweeping   sync.Mutex
	swept      time.Time // up to when photos without a case were looked for
	recorder   *observabilitydb.Recorder
	rollup     *observabilitydb.Rollup
	// webhookSecret signs the provider's messages; empty: they are not taken.
	webhookSecret string
	proxies       throttlehttp.Proxies
	group         worker.Group
	jobs          jobs // of the services' own workers
	refundWork    *refundWork
	demoDone      atomic.Bool
	outageDone    atomic.Bool
	weakHashes    bool
	queryHook     bun.QueryHook // nil: none
	webhookRetry  resilience.Backoff
	quality       quality.Config
	subscribers   []func() error
	closers       []func(context.Context) error // called last to first
}

// Option changes how Open makes a shop.
type Option func(*App)

// WithClock has orders, refunds, returns and events take the time from now, so
// that a test can let days pass. Sessions and the breaker keep to the clock on
// the wall.
func WithClock(now func() time.Time) Option { return func(s *App) { s.now = now } }

// WithWeakHashes stores passwords under hashes that are made in no time, for
// tests that sign in often.
func WithWeakHashes() Option { return func(s *App) { s.weakHashes = true } }

// WithSubscriber has handler follow the events of a stream, refunds or returns; see
// outbox.Dispatcher.Subscribe. Every process on the database needs the same subscribers.
func WithSubscriber(stream, name string, types []string, handler outbox.Handler, options ...outbox.Option) Option {
	return func(s *App) {
		s.subscribers = append(s.subscribers, func() error {
			return s.Events.Subscribe(stream, name, types, handler, options...)
		})
	}
}

// WithWebhookRetry has failed webhooks sent again after these waits, for tests.
func WithWebhookRetry(b resilience.Backoff) Option { return func(s *App) { s.webhookRetry = b } }

// WithScenarios has the desk run the quality scenarios by run, which must never touch this shop.
// Loads can be run beside the scenarios.
func WithScenarios(all, loads []quality.Scenario, run quality.Runner) Option {
	return func(s *App) { s.quality.Scenarios, s.quality.Loads, s.quality.Run = all, loads, run }
}

// WithQueryHook has hook see every statement, for measurements.
func WithQueryHook(hook bun.QueryHook) Option { return func(s *App) { s.queryHook = hook } }

// Open makes the shop from the settings: it opens and migrates the database,
// starts the payment simulator where no provider is set, and makes sure of the
// super admin, the first terms and, in development, the demo data. On error
// everything is closed again.
func Open(
	ctx context.Context,
	c config.Config,
	log *slog.Logger,
	metrics *observability.Metrics,
	options ...Option,
) (_ *App, err error) {
	s := &App{Config: c, Log: log, Metrics: metrics, group: worker.Group{Drain: 5 * time.Second}, now: time.Now}
	ctx = event.WithSource(ctx, event.Source{Address: "start@" + worker.Host("")})
	for _, o := range options {
		o(s)
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			err = errors.Join(err, s.Close(ctx))
		}
	}()
	if s.proxies, err = throttlehttp.ParseProxies(c.TrustedProxies.String()); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{
		s.openData, s.openPayments, s.openFigures, s.openServices, s.openGuard, s.openOperations, s.fill,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Redactor takes secrets out of what the shop logs, partners' keys too, and keeps what package auth was doing.
func Redactor() *observability.Redactor {
	return observability.NewRedactor(observability.RedactConfig{
		Prefixes: []string{partner.KeyStart},
		Operations: []string{
			"auth", "change password", "reset password", "make reset token", "user of a reset token",
			"encode session", "decode session", "find session", "insert session", "update session", "touch session",
			"delete session", "delete expired sessions", "end session", "end sessions",
		},
	})
}

// onClose has fn called by Close, before what was opened earlier.
func (s *App) onClose(fn func(context.Context) error) { s.closers = append(s.closers, fn) }

// Close ends what Open began, in the opposite order; ctx limits the wait for
// charges in flight. Call it when Run has returned.
func (s *App) Close(ctx context.Context) error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i](ctx))
	}
	s.closers = nil
	return errors.Join(errs...)
}

// openPayments starts the simulator where the settings name no provider, and
// the breaker that stands before whichever there is.
func (s *App) openPayments(ctx context.Context) (err error) {
	s.provider = string(s.Config.PaymentProviderURL)
	s.webhookSecret = string(s.Config.StripeWebhookSecret)
	if s.Config.Simulated() {
		if err := s.openSimulator(ctx); err != nil {
			return err
		}
	}
	s.Breaker, err = resilience.New(resilience.Config{
		Name:                "payment provider",
		ConsecutiveFailures: s.Config.BreakerFailureThreshold,
		OpenFor:             s.Config.BreakerOpen(),
		MaxOpenFor:          s.Config.BreakerOpenMax(),
	})
	return err
}

func (s *App) openSimulator(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.Config.DataDir, 0o700); err != nil {
		return s.Config.Unusable("DATA_DIR", err)
	}
	s.Simulator, err = paysim.New(
		paysim.Config{Ledger: s.Config.LedgerFile(), Logger: observability.Named(s.Log, "paysim")},
	)
	if err != nil {
		return fmt.Errorf("starting the payment simulator: %w", err)
	}
	s.onClose(func(context.Context) error { return s.Simulator.Close() })
	if s.webhookSecret == "" {
		s.webhookSecret = "whsec_" + rand.Text()
	}
	// It serves until Close: requests that drain still need it.
	url, err := s.Simulator.Start(context.WithoutCancel(ctx), "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting the payment simulator: %w", err)
	}
	s.provider = url
	return nil
}

// openServices makes the services on their stores.
func (s *App) openServices(ctx context.Context) error {
	c := s.Config
	direct, err := stripegateway.New(stripegateway.Config{
		// callers that wait have a nearer deadline
		Key: c.StripeKey(), URL: s.provider, Timeout: max(c.PaymentProviderTimeout, 10*time.Second),
		Transport: observability.TraceTransport(providerTransport()),
	})
	if err != nil {
		return err
	}
	s.payments, s.money, s.outgoing = direct, newMoneyMetrics(), newOutgoingMetrics()
	s.inbox, s.Discrepancies = refundsdb.NewInbox(s.DB), &review.Discrepancies{DB: s.DB, Now: s.now}
	s.Keys = idempotency.Keys{DB: s.DB, Secret: []byte(c.SecretKey)}
	if err := s.openAccounts(ctx); err != nil {
		return err
	}
	if err := s.openFeatures(ctx); err != nil {
		return err
	}
	s.jobs.Log, s.jobs.Observe = observability.Named(s.Log, "worker"), s.Metrics.WorkerJob
	credit := refundsdb.New(s.DB)
	store := ordersdb.New(s.DB, ordersdb.Follow(followedOrders()...),
		ordersdb.WithCredit(func(tx bun.IConn) orders.CreditLedger { return credit.WithTx(tx) }))
	if err := s.openOrders(store, direct); err != nil {
		return err
	}
	if err := s.openProgress(); err != nil {
		return err
	}
	if err := s.openPartners(store); err != nil {
		return err
	}
	if err := s.checkCurrency(ctx); err != nil {
		return err
	}
	if err := s.openRefunds(direct); err != nil {
		return err
	}
	s.openApprovals()
	s.openNightly()
	if err := s.openReturns(); err != nil {
		return err
	}
	if err := s.openNotices(); err != nil {
		return err
	}
	if err := s.openExports(); err != nil {
		return err
	}
	if err := s.openEvents(); err != nil {
		return err
	}
	return s.followOutside()
}

// openOrders makes the service of the orders, which ends what it began before the app closes.
func (s *App) openOrders(store *ordersdb.Store, direct *stripegateway.Gateway) (err error) {
	c := s.Config
	s.Orders, err = orders.New(orders.Config{
		Store: store, Gateway: guard.Charges(direct, s.Breaker), Currency: c.Money(),
		Currencies:  c.Currencies(),
		Pricing:     pricing,
		Terms:       s.currentTerms,
		FlashSales:  func(context.Context) bool { return s.Features.On(feature.FlashSales, "") },
		Pages:       s.paymentPages(),
		PaymentWait: c.CheckoutPaymentWait, CallTimeout: c.PaymentProviderTimeout,
		Worked: func(ctx context.Context, r resilience.WorkerRun) { s.jobs.worked(ctx, r.Job, r.Took, r.Err) },
		Now:    s.now,
		Observer: orderObserver{
			observability.OrderObserver(s.Metrics), s.recorder, observability.Named(s.Log, "orders"),
		},
	})
	if err != nil {
		return err
	}
	s.onClose(s.Orders.Close)
	return nil
}

// openRefunds makes the service of the refunds.
func (s *App) openRefunds(direct *stripegateway.Gateway) (err error) {
	s.refundWork = newRefundWork(s)
	s.Refunds, err = refunds.New(refunds.Config{
		Store: refundsdb.New(s.DB), Gateway: guard.Refunds(direct, s.Breaker),
		CallTimeout: s.Config.PaymentProviderTimeout,
		Payments:    ourPayments{s}, Worked: s.refundWork.note, Now: s.now,
		Observer: refundObserver{
			observability.RefundObserver(s.Metrics), observability.Named(s.Log, "refunds"),
		},
	})
	return err
}

// openReturns makes the service of the returns, which refunds through the approvals.
func (s *App) openReturns() (err error) {
	cases := returnsdb.New(s.DB)
	s.photoNames = cases.EvidencePaths
	s.Returns, err = returns.New(returns.Config{
		Store: cases, Orders: s.Orders, Refunder: s.Approvals, Restocker: s.Orders, Evidence: s.Evidence,
		Zone: s.Config.DefaultTimezone.String(), Limits: returns.ImageLimits{MaxMemory: memory.ForPhotos()},
		Now: s.now,
		Observer: returnObserver{
			observability.ReturnObserver(s.Metrics), observability.Named(s.Log, "returns"),
		},
	})
	if err != nil {
		return err
	}
	s.Approvals.Payer = s.Returns
	return nil
}

// providerTransport keeps as many connections to the provider open as are in
// use at a time: making one costs more than a call.
func providerTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	t.MaxResponseHeaderBytes = 64 << 10
	return t
}

// pricing is what this shop adds to list prices: import duty of 5 % of the list
// price unless the origin is USA, and shipping at 1.5 per weight unit.
var pricing = orders.Rules{DutyBP: 500, DutyFreeOrigins: []string{"USA"}, ShippingRate: 1500}

// currentTerms is the policy version that a new order is bound to.
func (s *App) currentTerms(ctx context.Context) (string, error) {
	t, err := s.Returns.Terms(ctx, "")
	return t.ID, err
}

// TokenFor turns what a card form holds into a payment method of the
// provider; see CardToken. With a live key it must not be used: card numbers
// then go from the browser to the provider, and never through a shop.
func (s *App) TokenFor(number, expires, kind string) (string, error) {
	return CardToken(number, expires, kind, time.Now())
}

// ClientAddress is the address of who sent a request, past the trusted
// proxies; "" when the connection has none.
func (s *App) ClientAddress(r *http.Request) string {
	addr, ok := s.proxies.Client(r)
	if !ok {
		return ""
	}
	return addr.String()
}
