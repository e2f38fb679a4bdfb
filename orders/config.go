package orders

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// Config is what a Service is made of. Store, Gateway and Currency are
// required; every other zero value has the default its comment names.
type Config struct {
	Store   Store
	Gateway payment.ChargeGateway
	// Currency is used for a new product that names none.
	Currency money.Currency
	// Currencies are those the shop sells in. A product sells in its own
	// currency only, and an order has one currency; a product in any other can't
	// be put in a cart, ordered, or sold in a flash sale. Default: Currency.
	Currencies []money.Currency
	// Terms returns the id of the policy version in force, which each new
	// order keeps: with package returns, the ID of its Service.Terms(ctx, "").
	// Default: none, the empty id.
	Terms func(ctx context.Context) (termsID string, err error)
	// ProviderMethods are the payment methods charged at the provider; an order
	// is paid by one of them or by payment.Cash, and by nothing else. Default:
	// payment.Card.
	ProviderMethods []payment.Method
	// Pages are the provider's pages on which customers pay. Default: none.
	Pages Pages
	// Pricing is what is added to list prices. Default: nothing.
	Pricing Rules
	// PaymentWait is how long Checkout waits for the provider before it answers
	// queued; the attempt in flight is not canceled. More than 0; default 2 s.
	PaymentWait time.Duration
	// CallTimeout ends one call of the provider. More than 0, at most 80 s, which
	// is what Stripe allows itself; default 10 s.
	CallTimeout time.Duration
	// Lease is how long a payment belongs to the process that charges it; it is
	// renewed while a call lasts. From 1 s to 10 s; default 10 s.
	Lease time.Duration
	// QueueLimit is how long after the purchase a queued order is given up:
	// withdrawn at the provider and then canceled, its stock released. Default
	// 24 h.
	QueueLimit time.Duration
	// GiveUpAfter is how long after the purchase an order that still can't be
	// withdrawn for certain goes to the review queue (Query.NeedsReview).
	// It is never canceled for its age. Not less than QueueLimit; default twice
	// that.
	GiveUpAfter time.Duration
	// ReservationTime is how long a flash sale holds units for a customer who
	// reserved them. Default 10 min, at most 24 h.
	ReservationTime time.Duration
	// FlashSales reports whether flash sales count. While it reports false, products sell
	// at their usual price, no sale is on, and reservations neither are made nor used;
	// those that are there end when their time is up. It is called for each request and
	// must not block. Default: they always do.
	FlashSales func(ctx context.Context) bool
	// Parallel is how many payments one ChargeDue settles at a time. Default 8.
	Parallel int
	// WorkEvery is how often Run looks for what is due. Default 1 s.
	WorkEvery time.Duration
	// Worked is called for each call of a job of Run, by the goroutine of the job.
	// Default: nothing.
	Worked func(context.Context, resilience.WorkerRun)
	// Observer is called for what happens. Default: none.
	Observer Observer
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// NewID makes ids that grow with time, since work is taken in their order. Default: UUIDv7.
	NewID func() string
	// Jitter spreads a backoff, so that what failed together is not retried
	// together. Default: a random duration from d/2 to d*3/2.
	Jitter func(d time.Duration) time.Duration
}

const (
	minLease       = time.Second
	maxLease       = 10 * time.Second
	maxCallTimeout = 80 * time.Second
)

// Validate reports the first field that is wrong, after defaults.
func (c Config) Validate() error {
	c = c.withDefaults()
	if err := c.checkParts(); err != nil {
		return err
	}
	if err := checkCurrency("Config.Currency", c.Currency); err != nil {
		return err
	}
	for _, other := range c.Currencies {
		if err := checkCurrency("Config.Currencies", other); err != nil {
			return err
		}
	}
	if !slices.Contains(c.Currencies, c.Currency) {
		return badConfig("Currencies",
			fmt.Sprintf("%s are without Currency, %s", currencyList(c.Currencies), c.Currency))
	}
	if err := checkProviderMethods(c.ProviderMethods); err != nil {
		return fmt.Errorf("Config: %w", err)
	}
	if err := c.checkPages(); err != nil {
		return err
	}
	if err := c.Pricing.validate(); err != nil {
		return fmt.Errorf("Config.Pricing: %w", err)
	}
	return nil
}

func badConfig(field, message string) error {
	return &Error{Code: CodeInvalid, Field: "Config." + field, Message: message}
}

// checkParts checks what is not about money.
func (c Config) checkParts() error {
	switch bad := badConfig; {
	case c.Store == nil:
		return bad("Store", "it is nil; ordersdb and orderstest have one")
	case c.Gateway == nil:
		return bad("Gateway", "it is nil; card payments need one")
	case c.PaymentWait <= 0:
		return bad("PaymentWait", fmt.Sprintf("%s is not more than 0", c.PaymentWait))
	case c.CallTimeout <= 0 || c.CallTimeout > maxCallTimeout:
		return bad("CallTimeout",
			fmt.Sprintf("%s is out of range; more than 0, at most %s", c.CallTimeout, maxCallTimeout))
	case c.Lease < minLease || c.Lease > maxLease:
		return bad("Lease", fmt.Sprintf("%s is out of range; %s to %s", c.Lease, minLease, maxLease))
	case c.QueueLimit <= 0:
		return bad("QueueLimit", fmt.Sprintf("%s is not more than 0", c.QueueLimit))
	case c.GiveUpAfter < c.QueueLimit:
		return bad("GiveUpAfter", fmt.Sprintf("%s is less than QueueLimit, %s", c.GiveUpAfter, c.QueueLimit))
	case c.ReservationTime <= 0 || c.ReservationTime > 24*time.Hour:
		return bad("ReservationTime", fmt.Sprintf("%s is out of range; more than 0, at most 24h", c.ReservationTime))
	case c.WorkEvery < 0:
		return bad("WorkEvery", fmt.Sprintf("%s is not more than 0", c.WorkEvery))
	case c.Parallel < 1:
		return bad("Parallel", fmt.Sprintf("%d is not 1 or more", c.Parallel))
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Terms == nil {
		c.Terms = func(context.Context) (string, error) { return "", nil }
	}
	if len(c.Currencies) == 0 {
		c.Currencies = []money.Currency{c.Currency}
	}
	if len(c.ProviderMethods) == 0 {
		c.ProviderMethods = []payment.Method{payment.Card}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.PaymentWait, 2 * time.Second}, {&c.CallTimeout, 10 * time.Second}, {&c.Lease, maxLease},
		{&c.QueueLimit, 24 * time.Hour}, {&c.ReservationTime, 10 * time.Minute}, {&c.WorkEvery, time.Second},
		{&c.Pages.Life, time.Hour},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.GiveUpAfter == 0 {
		c.GiveUpAfter = 2 * c.QueueLimit
	}
	if c.Parallel == 0 {
		c.Parallel = 8
	}
	if c.Worked == nil {
		c.Worked = func(context.Context, resilience.WorkerRun) {}
	}
	if c.Observer == nil {
		c.Observer = NopObserver{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		// Must can't fire: crypto/rand has not returned an error since Go 1.24.
		c.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if c.Jitter == nil {
		c.Jitter = resilience.Spread(50)
	}
	return c
}

// Observer is called for what happens to orders, for metrics and logs. Its
// methods are called from many goroutines, after the commit, with the context
// of the request or the worker that made the change, and must not block. Use a
// type of its own for each observer of this module, and embed NopObserver to
// implement some of the methods:
//
//	type orderLog struct {
//		orders.NopObserver
//		log *slog.Logger
//	}
//
//	func (o orderLog) Declined(ctx context.Context, order orders.Order) {
//		o.log.InfoContext(ctx, "order declined", "order_id", order.ID)
//	}
type Observer interface {
	// Submitted: a checkout that was no mistake of the caller. Exactly one of
	// Accepted, Declined and Failed follows.
	Submitted(ctx context.Context, source string)
	// Accepted: the checkout is answered; mode is StatusCompleted or
	// StatusQueued, took the time from the call to the answer.
	Accepted(ctx context.Context, o Order, mode Status, took time.Duration)
	// Declined: the provider gave a definite no at checkout.
	Declined(ctx context.Context, o Order)
	// Failed: no order was made, or the caller left before the answer.
	Failed(ctx context.Context, source string, err error)
	// Settled: an order answered as queued is now completed or canceled; took
	// is the time since it was placed.
	Settled(ctx context.Context, o Order, took time.Duration)
}

// NopObserver is an Observer that ignores everything.
type NopObserver struct{}

// Submitted does nothing.
func (NopObserver) Submitted(context.Context, string) {}

// Accepted does nothing.
func (NopObserver) Accepted(context.Context, Order, Status, time.Duration) {}

// Declined does nothing.
func (NopObserver) Declined(context.Context, Order) {}

// Failed does nothing.
func (NopObserver) Failed(context.Context, string, error) {}

// Settled does nothing.
func (NopObserver) Settled(context.Context, Order, time.Duration) {}
