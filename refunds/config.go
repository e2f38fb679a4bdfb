package refunds

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// Config is what a Service is made of. Store and Gateway are required; every
// other zero value has the default its comment names.
type Config struct {
	Store   Store
	Gateway payment.RefundGateway
	// RefundLister reads the provider's list, for Reconcile. Default: the Gateway,
	// where it is one.
	RefundLister payment.RefundLister
	// History reads what happened to a payment at the provider, for what others gave
	// back. Default: the RefundLister or the Gateway, where one of them is one.
	History payment.HistoryReader
	// Payments finds our payments by the provider's id. Without it, refunds that others
	// made are not tracked.
	Payments Payments
	// ProviderMethods are the methods that money moves by through the provider,
	// as orders name them. Any other than these, cash and store_credit is refused.
	// Default: card.
	ProviderMethods []payment.Method
	// CallTimeout ends one call of the provider while Refund waits for it. More
	// than 0, at most 80 s; default 10 s.
	CallTimeout time.Duration
	// LookupTimeout ends every other call of the provider: look-ups, and sends by
	// the worker. At least CallTimeout, at most 80 s; default 10 s, or CallTimeout
	// where that is longer.
	LookupTimeout time.Duration
	// Lease is how long a refund belongs to the process that executes it. It is renewed
	// before and during calls, so a call may last longer. At least 100 ms, at most
	// 10 s; default 10 s.
	Lease time.Duration
	// Wait is how long Refund tries before it answers with an open
	// state and leaves the rest to the worker. Default 2 s.
	Wait time.Duration
	// FirstRetry is the wait before the second call under a key that got no answer. It
	// doubles for RetryFor in all; then come the look-ups. Defaults 100 ms and 5 s.
	FirstRetry time.Duration
	RetryFor   time.Duration
	// LookupFirst is how long after the first call look-ups begin, and the first wait
	// between them; it grows threefold, to at most LookupMax. Defaults 1 s and 6 h.
	LookupFirst time.Duration
	LookupMax   time.Duration
	// AbsenceGrace is how long after a stored server error a refund must have
	// been absent at the provider to count as a definite no. A refund that is
	// on hold, was never answered and stays absent is shown for review after as
	// long. Default 1 h.
	AbsenceGrace time.Duration
	// KeyMaxAge is how long a key is sent again. It must be shorter than the
	// provider keeps keys: Stripe may forget them after 24 h
	// (https://docs.stripe.com/api/idempotent_requests). Default 23 h.
	KeyMaxAge time.Duration
	// MessageWithin is how long a refund that a provider without look-ups decides
	// later may be pending without a message, before it is shown for review, once.
	// Default 10 days.
	MessageWithin time.Duration
	// GiveUpAfter is how long a refund is tried before it is shown for review, if
	// nothing of it could be sent because the provider takes no calls or refuses our
	// key. It is still tried. Default 24 h.
	GiveUpAfter time.Duration
	// ResumeEvery is how often Run looks for refunds that are due. Default 1 s.
	ResumeEvery time.Duration
	// SweepEvery is how long after a round of the sweep the next one begins, and
	// SweepWindow how far back it reads the provider's lists: as long as the
	// provider may take a refund back. Defaults 6 h and 31 days.
	SweepEvery  time.Duration
	SweepWindow time.Duration
	// Worked is called after each job of Run, from several goroutines.
	// Default: nobody.
	Worked func(context.Context, resilience.WorkerRun)
	// Parallel is how many refunds one ResumeDue executes at a time. Default 8.
	Parallel int
	// Observer is called after each change is committed. Default: none.
	Observer Observer
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// NewID makes ids. Default: UUIDv7.
	NewID func() string
	// Jitter spreads a backoff, so that what failed together is not retried together.
	// Default: a random duration from d/2 to d*3/2.
	Jitter func(d time.Duration) time.Duration
}

// Limits and defaults of the times of a call.
const (
	minLease       = 100 * time.Millisecond
	maxLease       = 10 * time.Second
	maxCallTimeout = 80 * time.Second
	callTimeout    = 10 * time.Second
)

// Validate reports the first field that is wrong, after defaults.
func (c Config) Validate() error {
	c = c.withDefaults()
	bad := func(field, format string, args ...any) error {
		return &Error{Code: CodeInvalid, Field: "Config." + field, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case c.Store == nil:
		return bad("Store", "it is nil; refundsdb and refundstest have one")
	case c.Gateway == nil:
		return bad("Gateway", "it is nil; card refunds need one")
	case c.CallTimeout <= 0 || c.CallTimeout > maxCallTimeout:
		return bad("CallTimeout", "%s is out of range; more than 0, at most %s", c.CallTimeout, maxCallTimeout)
	case c.LookupTimeout < c.CallTimeout || c.LookupTimeout > maxCallTimeout:
		return bad("LookupTimeout", "%s is out of range; %s (CallTimeout) to %s", c.LookupTimeout,
			c.CallTimeout, maxCallTimeout)
	case c.Lease < minLease || c.Lease > maxLease:
		return bad("Lease", "%s is out of range; %s to %s", c.Lease, minLease, maxLease)
	case c.LookupMax < c.LookupFirst:
		return bad("LookupMax", "%s is less than LookupFirst, %s", c.LookupMax, c.LookupFirst)
	case c.Parallel < 1:
		return bad("Parallel", "%d is not 1 or more", c.Parallel)
	}
	if err := checkProviderMethods(c.ProviderMethods); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"Wait", c.Wait}, {"FirstRetry", c.FirstRetry}, {"RetryFor", c.RetryFor}, {"LookupFirst", c.LookupFirst},
		{"AbsenceGrace", c.AbsenceGrace}, {"KeyMaxAge", c.KeyMaxAge}, {"GiveUpAfter",
			c.GiveUpAfter}, {"MessageWithin", c.MessageWithin},
		{"ResumeEvery", c.ResumeEvery}, {"SweepEvery", c.SweepEvery}, {"SweepWindow", c.SweepWindow},
	} {
		if f.d <= 0 {
			return bad(f.name, "%s is not more than 0", f.d)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		d   *time.Duration
		def time.Duration
	}{
		{&c.CallTimeout, callTimeout}, {&c.LookupTimeout, max(c.CallTimeout, callTimeout)}, {&c.Lease,
			maxLease}, {&c.Wait, 2 * time.Second},
		{&c.FirstRetry, 100 * time.Millisecond}, {&c.RetryFor, 5 * time.Second},
		{&c.LookupFirst, time.Second}, {&c.LookupMax, 6 * time.Hour},
		{&c.AbsenceGrace, time.Hour}, {&c.KeyMaxAge, 23 * time.Hour}, {&c.GiveUpAfter, 24 * time.Hour},
		{&c.MessageWithin, 10 * 24 * time.Hour}, {&c.ResumeEvery, time.Second},
		{&c.SweepEvery, 6 * time.Hour}, {&c.SweepWindow, 31 * 24 * time.Hour},
	} {
		if *f.d == 0 {
			*f.d = f.def
		}
	}
	if c.Parallel == 0 {
		c.Parallel = 8
	}
	if len(c.ProviderMethods) == 0 {
		c.ProviderMethods = []payment.Method{payment.Card}
	}
	if c.RefundLister == nil {
		c.RefundLister, _ = c.Gateway.(payment.RefundLister)
	}
	if c.History == nil {
		if c.History, _ = c.RefundLister.(payment.HistoryReader); c.History == nil {
			c.History, _ = c.Gateway.(payment.HistoryReader)
		}
	}
	if c.Observer == nil {
		c.Observer = NopObserver{}
	}
	if c.Worked == nil {
		c.Worked = func(context.Context, resilience.WorkerRun) {}
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

// backoff is how long after the n-th fruitless try (0 for the first) the
// next one is due: FirstRetry doubling for RetryFor in all, then LookupFirst
// growing threefold with jitter.
func (c Config) backoff(n int) time.Duration {
	fast := resilience.Backoff{Initial: c.FirstRetry, Max: max(c.FirstRetry, c.RetryFor), Jitter: resilience.Spread(0)}
	if tries := fast.Within(c.RetryFor); n >= tries {
		return c.lookupBackoff(n - tries)
	}
	return fast.Wait(n)
}

func (c Config) lookupBackoff(n int) time.Duration {
	b := resilience.Backoff{Initial: c.LookupFirst, Factor: 3, Max: c.LookupMax, Jitter: c.Jitter}
	return min(b.Wait(n), c.LookupMax)
}

// idleBackoff is the wait where nothing happened: short enough to continue soon after
// an outage, growing so that a long one does not fill the trail.
func (c Config) idleBackoff(n int) time.Duration {
	return resilience.Backoff{Initial: time.Second, Max: time.Minute, Jitter: c.Jitter}.Wait(n)
}

// idleInQueue is the wait where nothing could be sent for so long that it needs
// review.
const idleInQueue = 10 * time.Minute

// idleTries is how many tries it takes at least to get there.
const idleTries = 10

// Observer follows what happens to refunds, for metrics and logs. Its methods
// are called from many goroutines, after the commit, with the context of the
// call that did it, and must not block. Embed NopObserver to implement some of
// them.
type Observer interface {
	// Completed: the refund succeeded.
	Completed(ctx context.Context, r Refund)
	// Failed: an attempt certainly did not pay.
	Failed(ctx context.Context, r Refund)
	// ReviewRequired: the refund now stands in the review queue.
	ReviewRequired(ctx context.Context, r Refund)
	// Reversed: the provider took a succeeded refund back.
	Reversed(ctx context.Context, r Refund)
}

// NopObserver is an Observer that ignores everything.
type NopObserver struct{}

// Completed does nothing.
func (NopObserver) Completed(context.Context, Refund) {}

// Failed does nothing.
func (NopObserver) Failed(context.Context, Refund) {}

// ReviewRequired does nothing.
func (NopObserver) ReviewRequired(context.Context, Refund) {}

// Reversed does nothing.
func (NopObserver) Reversed(context.Context, Refund) {}
