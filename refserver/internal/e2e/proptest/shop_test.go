package proptest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/server"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
	"github.com/returnkit/returnkit/refunds"
)

const (
	initialStock = 1000
	// patience is how long somebody waits for a shop whose provider is in
	// trouble before they close the page.
	patience = 300 * time.Millisecond
	endless  = time.Minute
	secret   = "whsec_test"
)

// desk is a shop on loopback with its surroundings, and beside it the model of
// what everything in it should be.
type desk struct {
	*testing.T
	settings []string
	logger   *slog.Logger
	offset   atomic.Int64 // of the shop's clock, nanoseconds
	sim      *paysim.Simulator
	shop     *app.App
	srv      *httptest.Server
	person   *client.Client // the customer
	staff    *client.Client
	opening  opening
	products []*product
	sales    []string // flash sales that were begun
	terms    int      // of the policy that is in force, in policies
	gifts    int64    // store credit that was given
	fault    string
	orders   []*order
	cases    []*kase
	outside  []string // refunds on the provider's own pages
	wrong    []string
	did      map[string]int // what was done, and had an effect

	mail    sync.Mutex
	letters []letter // sent by the provider, and not taken by the shop

	taken, reversed int // messages, and refunds that the provider took back
}

// order is what the model knows of an order.
type order struct {
	id       string
	lines    []*line
	total    int64
	credit   int64 // that store credit paid
	card     bool  // the provider charged the rest, or is to
	terms    int   // of the policy that it is bound to
	placed   time.Time
	status   string // as the shop shows it
	refused  bool   // the provider may have refused its charge
	page     bool   // it is paid on the provider's page
	paid     bool   // and has been there
	outside  bool   // others gave money of it back
	disputes []dispute
	holds    map[string]bool // by dispute, as the shop has heard: false once it is over
}

// line is a line of an order.
type line struct {
	id      string
	product *product
	units   int
	claimed int // units in returns that hold them
}

// split says that more than one payment paid the order.
func (o *order) split() bool { return o.credit > 0 && o.credit < o.total }

// certain says that the model knows each answer about a refund of the order. Where several
// payments give it back, or others gave some of it, it knows what may be answered, and what
// all of it must come to.
func (o *order) certain() bool { return !o.split() && !o.outside && policies[o.terms].fixed == 0 }

// kase is what the model knows of a return case.
type kase struct {
	id       string
	of       *order
	line     *line
	units    int
	accepted int
	status   string
	asked    bool      // somebody asked for its refund
	since    time.Time // when first
	refused  bool      // the provider may have refused it since
	parked   bool      // first asked for while the payment was held, which has not ended since
	left     bool      // somebody asked for its refund, and left before the answer
	unpaid   bool      // refunded, and then the provider took the money back
	told     bool      // the shop heard of a dispute of its payment since it was opened
}

func (d *desk) now() time.Time { return time.Now().Add(time.Duration(d.offset.Load())) }

// old says that what began then may not be sent again, because the provider
// may have forgotten its key, or has waited longer than an order may.
func (d *desk) old(since time.Time) bool { return d.now().Sub(since) > 20*time.Hour }

func (d *desk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) note(format string, args ...any) {
	d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
}

// nothing is shown of a shop's log: the faults are wanted.
const nothing = slog.Level(100)

// newDesk opens a shop on a database of its own.
func newDesk(t *testing.T, how opening, settings ...string) *desk {
	t.Helper()
	d := &desk{T: t, logger: testlog.New(t, nothing, nil), opening: how, did: map[string]int{}, settings: append(
		[]string{
			"PAYMENT_PROVIDER_TIMEOUT=80ms", "CHECKOUT_PAYMENT_WAIT=200ms", "BREAKER_FAILURE_THRESHOLD=1000",
			"THROTTLING_MAX_RPS=100000", "CURRENCY=" + how.currency,
			fmt.Sprintf("HOSTED_CHECKOUT=%t", how.hosted), "STRIPE_WEBHOOK_SECRET=" + secret,
		}, settings...)}
	var err error
	mailbox := httptest.NewServer(http.HandlerFunc(d.mailbox))
	t.Cleanup(mailbox.Close)
	d.sim, err = paysim.New(paysim.Config{
		Ledger: filepath.Join(
			t.TempDir(),
			"ledger.jsonl",
		), Now: d.now, SettleAfter: time.Millisecond, WebhookURL: mailbox.URL, WebhookSecret: secret,
	})
	d.ok(err)
	url, err := d.sim.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	d.ok(err)
	d.settings = append(d.settings, "PAYMENT_PROVIDER_URL="+url)
	d.open()
	d.staff = client.New(d.srv.URL, endless)
	d.ok(d.staff.SignIn(t.Context(), "super_admin", config.DefaultSuperAdminPassword))
	d.person, err = d.staff.Customer(t.Context())
	d.ok(err)
	d.stock()
	return d
}

func (d *desk) open() {
	d.Helper()
	c, err := config.Load(d.settings, "")
	d.ok(err)
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	d.ok(err)
	d.shop, err = app.Open(d.Context(), c, d.logger, metrics, app.WithClock(d.now), app.WithWeakHashes())
	d.ok(err)
	handler, err := server.New(d.shop)
	d.ok(err)
	d.srv = httptest.NewServer(handler)
	d.shop.Health.SetStarted()
}

func (d *desk) closeShop() {
	d.Helper()
	d.srv.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.Context()), endless)
	defer cancel()
	d.ok(d.shop.Close(ctx))
}

// close ends the shop and its provider.
func (d *desk) close() {
	d.Helper()
	d.closeShop()
	d.ok(d.sim.Close())
}

func (d *desk) restart() {
	d.Helper()
	d.closeShop()
	d.open()
	d.person, d.staff = d.person.At(d.srv.URL), d.staff.At(d.srv.URL)
}

// impatient is a context of somebody who does not wait for long where the
// provider is in trouble.
func (d *desk) impatient() (context.Context, context.CancelFunc) {
	if d.fault == "" {
		return context.WithTimeout(d.Context(), endless)
	}
	return context.WithTimeout(d.Context(), patience)
}

// work does once what the workers of the shop do again and again.
func (d *desk) work() {
	d.Helper()
	ctx, cancel := d.impatient()
	defer cancel()
	late := func(err error) {
		if err != nil && ctx.Err() == nil {
			d.note("a worker failed: %v", err)
		}
	}
	_, err := d.shop.Orders.ChargeDue(ctx, 100)
	late(err)
	_, err = d.shop.Refunds.ResumeDue(ctx, 100)
	late(err)
	_, err = d.shop.Orders.ExpireReservations(ctx, 100)
	late(err)
	for _, o := range d.orders {
		list, _, err := d.shop.Refunds.List(d.Context(), refunds.Query{OrderID: o.id})
		d.ok(err)
		for _, r := range list {
			late(d.shop.Events.DeliverSync(ctx, "refunds", r.ID))
		}
	}
	for _, k := range d.cases {
		late(d.shop.Events.DeliverSync(ctx, "returns", k.id))
	}
}

// quiet reports whether nothing is under way.
func (d *desk) quiet() bool {
	d.Helper()
	for _, status := range []orders.Status{orders.StatusSubmitted, orders.StatusQueued} {
		list, _, err := d.shop.Orders.Orders(d.Context(), orders.Query{Status: []orders.Status{status}})
		d.ok(err)
		for _, o := range list {
			if !o.Payment.Work.NeedsReview {
				return false
			}
		}
	}
	list, _, err := d.shop.Refunds.List(d.Context(), refunds.Query{Status: []refunds.Status{
		refunds.StatusCreated, refunds.StatusSubmitted, refunds.StatusPending, refunds.StatusRequiresAction,
		refunds.StatusUnknown,
	}})
	d.ok(err)
	for _, r := range list {
		if !r.Work.NeedsReview {
			return false
		}
	}
	return true
}
