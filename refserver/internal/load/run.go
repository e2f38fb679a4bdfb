package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/returnkit/returnkit/resilience"
)

// What Run returns, beside the summary, of a run that went wrong.
var (
	// ErrNotFulfilled: an SLO card that had to be fulfilled is not.
	ErrNotFulfilled = errors.New("load: an SLO is not fulfilled")
	// ErrLedger: the payment provider charged other orders than were accepted by
	// card, or one of them twice.
	ErrLedger = errors.New("load: the provider's ledger disagrees with the orders")
	// ErrUnsettled: orders were still queued when Options.Settle was over.
	ErrUnsettled = errors.New("load: orders are still queued")
)

// run is one run under way.
type run struct {
	options Options
	out     io.Writer
	outMu   sync.Mutex
	shop    *client
	admin   string // cookie
	users   []user
	ready   chan int // customers whose cart is filled
	starved atomic.Int64

	products []int64      // what is bought, in turn
	bought   atomic.Int64 // how many carts were filled
}

func (r *run) say(format string, args ...any) {
	r.outMu.Lock()
	defer r.outMu.Unlock()
	fmt.Fprintf(r.out, format+"\n", args...)
}

func (r *run) progress(done int, doing string) {
	if r.options.Progress != nil {
		r.options.Progress(min(done, r.options.Runs), r.options.Runs, doing)
	}
}

// Run prepares, drives, waits for queued orders, and reports on out. The
// summary is returned also with ErrNotFulfilled, ErrLedger and ErrUnsettled.
func Run(ctx context.Context, o Options, out io.Writer) (*Summary, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	r := &run{
		options: o,
		out:     out,
		shop:    newClient(o.URL),
		users:   make([]user, o.Users),
		ready:   make(chan int, o.Users),
	}
	if r.admin, err = r.shop.signIn(ctx, o.AdminUser, o.AdminPassword); err != nil {
		return nil, fmt.Errorf("load: %w (name an admin with --admin-user and --admin-password)", err)
	}
	r.progress(0, "Customers are being made and signed in.")
	if err := r.stockUp(ctx); err != nil {
		return nil, err
	}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	before := 0 // charges of earlier orders
	if o.ProviderURL != "" {
		if before, _, err = r.ledger(ctx); err != nil {
			return nil, err
		}
	}
	s, err := r.attack(ctx)
	if err != nil {
		return s, err
	}
	r.progress(s.answered(), "Queued orders are being settled.")
	if err := r.settle(ctx, s); err != nil {
		return s, err
	}
	s.Charges -= before
	if s.Cards, err = r.cards(ctx, s); err != nil {
		return s, err
	}
	s.print(r.say)
	if o.Report != "" {
		if err := s.write(o.Report); err != nil {
			return s, err
		}
		r.say("report      %s", o.Report)
	}
	if s.Unsettled > 0 {
		return s, fmt.Errorf("%w: %d after %s", ErrUnsettled, s.Unsettled, o.Settle)
	}
	if err := s.balance(); err != nil {
		return s, err
	}
	for _, id := range o.Cards {
		if !s.fulfilled(id) {
			return s, fmt.Errorf("%w: %s", ErrNotFulfilled, id)
		}
	}
	return s, nil
}

// attack sends the checkouts at the rate, whatever the answers take. Each is
// from a customer that is ready; where none is, the customers are too few for
// the rate, which is counted and said.
func (r *run) attack(ctx context.Context) (*Summary, error) {
	o := r.options
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	attacker := vegeta.NewAttacker(
		vegeta.Workers(64), vegeta.MaxWorkers(uint64(o.Concurrency)), vegeta.Timeout(30*time.Second),
		vegeta.Redirects(vegeta.NoFollow), vegeta.Connections(2048), vegeta.MaxConnections(0), vegeta.MaxBody(64<<10),
	)
	stopped := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stopped()

	s := &Summary{Options: o, Started: time.Now()}
	outage := make(chan error, 1)
	go func() { outage <- r.outage(ctx, s) }()

	refills := make(chan int, len(r.users))
	refilled := r.refill(ctx, s, refills)
	progress := time.NewTicker(time.Second)
	defer progress.Stop()
	waiting := r.watchQueue(ctx)
	results := attacker.Attack(r.targeter(ctx), pacer{o}, pacer{o}.lasts(), "checkout")
	for open := true; open; {
		select {
		case res, more := <-results:
			if open = more; !more {
				break
			}
			r.since(res)
			if kind := s.add(res); kind == completed || kind == queued {
				if r.users[customer(res.URL)].card {
					s.CardOrders++
				}
				refills <- customer(res.URL)
			} else if kind != unknown {
				r.ready <- customer(res.URL) // the cart is still filled
			}
		case n := <-waiting:
			s.wait(time.Since(s.Started), n)
		case <-progress.C:
			r.say("%s", s.line(time.Since(s.Started)))
			r.progress(s.answered(), s.words())
		}
	}
	close(refills)
	refilled.Wait()
	cancel()
	if err := <-outage; err != nil {
		return s, err
	}
	s.Starved = r.starved.Load()
	s.finish()
	return s, ctxError(ctx)
}

// watchQueue sends how many orders wait for the payment provider, about once a second, until ctx
// ends. A question that is not answered is left out.
func (r *run) watchQueue(ctx context.Context) <-chan int {
	waiting := make(chan int)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			n, err := r.queued(ctx)
			if err != nil {
				continue
			}
			select {
			case waiting <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return waiting
}

// refill fills carts again as customers come in, until refills is closed.
func (r *run) refill(ctx context.Context, s *Summary, refills <-chan int) *sync.WaitGroup {
	var all sync.WaitGroup
	for range r.refillers() {
		all.Go(func() {
			for i := range refills {
				if err := r.fill(ctx, i); err != nil && ctx.Err() == nil {
					s.refillFailed.Add(1)
				}
			}
		})
	}
	return &all
}

// refillers is how many carts are filled at a time: in a closed loop each
// session fills its own.
func (r *run) refillers() int {
	if r.options.Closed {
		return r.options.Users
	}
	return 32
}

// ctxError is nil: the context ended because the attack did. It keeps the
// error of a parent that was cancelled.
func ctxError(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// targeter makes the next checkout. The customer stands in the fragment of the
// address, which is not sent, so that the results stay apart.
func (r *run) targeter(ctx context.Context) vegeta.Targeter {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	cash := []byte(url.Values{"payment_method": {"Cash"}}.Encode())
	card := []byte(url.Values{
		"payment_method": {"Card"}, "card_number": {"4242424242424242"}, "card_exp_date": {"12/2099"},
		"card_type": {"Visa"},
	}.Encode())
	return func(t *vegeta.Target) error {
		var i int
		select {
		case i = <-r.ready:
		default:
			if !r.options.Closed { // where each waits for a session
				r.starved.Add(1)
			}
			select {
			case i = <-r.ready:
			case <-ctx.Done():
				return vegeta.ErrNoTargets
			}
		}
		u := &r.users[i]
		u.began = time.Now()
		header := form.Clone()
		header.Set("Cookie", u.cookie)
		t.Method, t.URL, t.Header, t.Body = http.MethodPost, r.options.URL+"/checkout#"+strconv.Itoa(i), header, cash
		if u.card {
			t.Body = card
		}
		return nil
	}
}

// since makes the latency of a result begin when its customer was there: while
// none is, nobody waits for the shop. That it happened is counted apart.
func (r *run) since(res *vegeta.Result) {
	if res.URL == "" {
		return // the run ended before there was a customer
	}
	waited := r.users[customer(res.URL)].began.Sub(res.Timestamp)
	res.Timestamp, res.Latency = res.Timestamp.Add(waited), res.Latency-waited
}

func customer(address string) int {
	_, fragment, _ := strings.Cut(address, "#")
	i, err := strconv.Atoi(fragment)
	if err != nil {
		return 0 // never: the targeter wrote it
	}
	return i
}

// silence has the provider answer nothing: half of the calls are lost before they have an
// effect, half after. Look-ups answer, as they do where a provider is overloaded.
const silence = `{"charge":{"timeout_before":0.5,"timeout_after":0.5},` +
	`"refund":{"timeout_before":0.5,"timeout_after":0.5}}`

// outage silences the payment provider in the middle of the run.
func (r *run) outage(ctx context.Context, s *Summary) error {
	o := r.options
	if o.Outage == 0 {
		return nil
	}
	pause := func(d time.Duration) bool { return resilience.Sleep(ctx, d) == nil }
	if !pause((o.Duration - o.Outage) / 2) {
		return nil
	}
	if err := r.faults(ctx, silence); err != nil {
		return err
	}
	r.say("-- the payment provider answers nothing for %s", o.Outage)
	r.prompt(ctx)
	pause(o.Outage)
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := r.faults(back, `{}`); err != nil {
		return err
	}
	s.back.Store(time.Now().UnixNano())
	r.say("-- the payment provider answers again")
	r.promptAgain(back)
	return nil
}

// settle waits until no order is queued any more, at most for Options.Settle, and then asks for
// the provider's ledger.
func (r *run) settle(ctx context.Context, s *Summary) error {
	start, deadline := time.Now(), time.Now().Add(r.options.Settle)
	if at := s.back.Load(); at != 0 {
		start = time.Unix(0, at)
	}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := r.queued(ctx)
		if err != nil {
			return err
		}
		if s.Unsettled = n; n == 0 {
			s.Settled = time.Since(start)
			break
		}
		if time.Now().After(deadline) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.options.ProviderURL == "" {
		return nil
	}
	var err error
	s.Charges, s.DoubleCharges, err = r.ledger(ctx)
	return err
}

// kind is what an answer to a checkout means.
type kind int

const (
	completed kind = iota
	queued
	throttled
	refused // another 4xx: an answer, neither accepted nor failed
	failed  // 5xx, or no answer
	unknown // no answer: whether the cart was ordered is not known
)

func kindOf(res *vegeta.Result) kind {
	switch {
	case res.Code == 0:
		return unknown
	case res.Code == http.StatusOK && bytes.Contains(res.Body, []byte("queued for retry")):
		return queued
	case res.Code == http.StatusOK:
		return completed
	case res.Code == http.StatusTooManyRequests:
		return throttled
	case res.Code >= 400 && res.Code < 500:
		return refused
	}
	return failed
}
