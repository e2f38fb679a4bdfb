package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"github.com/returnkit/returnkit/refserver/internal/tape"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
)

func m2() Scenario {
	return Scenario{quality.Scenario{
		ID:       "M.2",
		Stimulus: "a feature is switched off while the shop runs, on one of three servers",
		Measure:  "how long until all servers answer that it is off, and then that it is on again",
		Target:   "less than 5 s each, without a restart",
	}, runM2}
}

func runM2(ctx context.Context, b *bench) (Result, error) {
	var all []*shop
	for range 3 {
		s, err := b.open("m2")
		if err != nil {
			return Result{}, err
		}
		all = append(all, s)
	}
	status := func(s *shop) (int, error) {
		answer, err := client.New(s.url, time.Minute).Do(ctx, http.MethodGet, "/register", "", nil)
		return answer.Status, err
	}
	var slowest time.Duration
	for _, step := range []struct {
		mode feature.Mode
		want int
	}{{feature.Off, http.StatusForbidden}, {feature.On, http.StatusOK}} {
		if !b.broken || step.mode == feature.On {
			if _, err := all[0].Features.Set(
				ctx, feature.Registration, "scenario", feature.Change{Mode: step.mode},
			); err != nil {
				return Result{}, err
			}
		}
		begun := time.Now()
		for _, s := range all {
			if _, ok, err := b.until(10*time.Second, func() (bool, error) {
				got, err := status(s)
				return got == step.want, err
			}); err != nil || !ok {
				return Result{Observed: fmt.Sprintf("a server does not answer %d within 10 s", step.want)}, err
			}
		}
		slowest = max(slowest, time.Since(begun))
	}
	return Result{
		Observed:  "all three servers after " + ms(slowest),
		Fulfilled: slowest < 5*time.Second,
		sound:     true,
	}, nil
}

func i2() Scenario {
	return Scenario{quality.Scenario{
		ID:       "I.2",
		Stimulus: "a new consumer subscribes to what happens to refunds, some of which happened while it was down",
		Measure:  "lines changed in the publishing packages",
		Target:   "none",
		StandIn: "a subscriber is registered in this run, by one call; each event reaches it, and is applied once " +
			"by its id",
	}, runI2}
}

func runI2(ctx context.Context, b *bench) (Result, error) {
	begun := time.Now()
	before, err := b.open("i2")
	if err != nil {
		return Result{}, err
	}
	n := b.of(3, 10)
	if err := before.refundSome(ctx, n); err != nil {
		return Result{}, err
	}
	// All that happened is delivered to those who were there.
	_, _, err = b.until(30*time.Second, func() (bool, error) {
		pending, _, err := before.Events.Pending(ctx)
		return pending == 0, err
	})
	if err = errors.Join(err, before.stop()); err != nil {
		return Result{}, err
	}
	consumer := &consumer{applied: map[string]int{}}
	since := outbox.Backfill(begun)
	if b.broken {
		since = outbox.Backfill(time.Now())
	}
	name := fmt.Sprintf("reporting-%d", begun.UnixNano())
	after, err := b.openWith("i2", []app.Option{
		app.WithSubscriber("refunds", name, []string{refunds.EventSucceeded}, consumer.apply, since),
	})
	if err != nil {
		return Result{}, err
	}
	if err := after.refundSome(ctx, n); err != nil {
		return Result{}, err
	}
	_, _, err = b.until(time.Duration(b.of(10, 30))*time.Second, func() (bool, error) {
		applied, _ := consumer.counts()
		return applied >= 2*n, nil
	})
	applied, twice := consumer.counts()
	return Result{
		Observed: fmt.Sprintf(
			"%d of %d refunds applied, %d of them from before; %d twice; a third of the calls failed first", applied,
			2*n, n, twice,
		),
		Fulfilled: applied == 2*n && twice == 0,
	}, err
}

// consumer applies events, and fails now and then.
type consumer struct {
	mu      sync.Mutex
	calls   int
	applied map[string]int
}

func (c *consumer) apply(_ context.Context, e event.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls++; c.calls%3 == 1 {
		return errors.New("the consumer is not ready")
	}
	c.applied[e.ID]++
	return nil
}

// counts returns how many events were applied, and how many of them more than once.
func (c *consumer) counts() (applied, twice int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.applied {
		if times > 1 {
			twice++
		}
	}
	return len(c.applied), twice
}

// refundSome buys, returns and refunds in cash, n times.
func (s *shop) refundSome(ctx context.Context, n int) error {
	buyer, err := s.customer("refunded")
	if err != nil {
		return err
	}
	for range n {
		if err := buyer.AddToCart(ctx, 2, 1); err != nil {
			return err
		}
		if _, err := buyer.Checkout(ctx, "", ""); err != nil {
			return err
		}
		list, err := buyer.Orders(ctx)
		if err != nil {
			return err
		}
		r, err := buyer.RequestReturn(ctx, list[0].ID, list[0].Items[0].ID, 1)
		if err != nil {
			return err
		}
		if _, err := s.admin.Approve(ctx, r.ID); err != nil {
			return err
		}
		if _, _, err := s.admin.Refund(ctx, r.ID, "CASH"); err != nil {
			return err
		}
	}
	return nil
}

func t1() Scenario {
	return Scenario{quality.Scenario{
		ID:       "T.1",
		Stimulus: "what customers do is recorded, and played back to another shop",
		Measure:  "requests that come in the same order and spacing, and are answered as recorded; people's time",
		Target:   "all; less than an hour, unattended",
	}, runT1}
}

func runT1(ctx context.Context, b *bench) (Result, error) {
	// Both shops are new: the other one must not have what was recorded, and answers depend on
	// what a shop has sold before.
	s, err := b.openNew("t1")
	if err != nil {
		return Result{}, err
	}
	other, err := b.openNew("t1-other")
	if err != nil {
		return Result{}, err
	}
	recording, lasted, err := b.recordVisits(ctx, s)
	if err != nil {
		return Result{}, err
	}
	played := &visitors{}
	target, err := b.proxy(other.url, played.watch)
	if err != nil {
		return Result{}, err
	}
	speed := 1.0
	if b.broken {
		speed = 0.3
	}
	report, err := tape.Play(ctx, bytes.NewReader(recording), tape.PlayOptions{URL: target, Speed: speed})
	if err != nil {
		return Result{}, err
	}
	recorded := &visitors{}
	err = tape.Read(bytes.NewReader(recording), func(q tape.Request) error {
		recorded.note(q.Method, q.Path)
		return nil
	})
	spacing := report.Took.Seconds() / lasted.Seconds()
	first := ""
	if report.Different > 0 {
		d := report.Differences[0]
		first = fmt.Sprintf("; the first other is %s: recorded %.200s, answered %.200s", d.Request, d.Want, d.Got)
	}
	return Result{
		Observed: fmt.Sprintf(
			"%d of %d answered as recorded; %d sent; in %s, the latest %s late%s", report.Same, report.Requests,
			len(played.seen), ms(report.Took), ms(report.Late), first,
		),
		Fulfilled: report.Same == report.Requests && played.same(recorded) && spacing < 2,
		sound:     report.Same == report.Requests && played.same(recorded),
	}, err
}

// recordVisits records what visitors do at a shop. It returns the tape, and how long they took.
func (b *bench) recordVisits(ctx context.Context, s *shop) (recording []byte, took time.Duration, err error) {
	var out bytes.Buffer
	var recorder *tape.Recorder
	var failed error
	address, err := b.proxy(s.url, func(next http.Handler) http.Handler {
		recorder, failed = tape.NewRecorder(next, &out)
		return recorder
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, 0, err
	}
	begun := time.Now()
	err = parallel(b.of(4, 20), 4, func(i int) error { return visit(ctx, address, fmt.Sprintf("visitor%d", i)) })
	if err != nil {
		return nil, 0, err
	}
	took = time.Since(begun)
	if err := recorder.Close(); err != nil {
		return nil, 0, err
	}
	return out.Bytes(), took, nil
}

// visitors are the requests that came.
type visitors struct {
	mu   sync.Mutex
	seen []string
}

var idInPath = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// note keeps a request, without the ids that each shop gives by itself.
func (v *visitors) note(method, path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, method+" "+idInPath.ReplaceAllString(path, "*"))
}

func (v *visitors) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.note(r.Method, r.URL.RequestURI())
		next.ServeHTTP(w, r)
	})
}

// same reports whether the same requests came. Their order within a session follows from the
// answers, which are compared too; sessions side by side are ordered by their times.
func (v *visitors) same(other *visitors) bool {
	a, b := slices.Sorted(slices.Values(v.seen)), slices.Sorted(slices.Values(other.seen))
	return slices.Equal(a, b)
}

// visit registers, signs in, buys and looks at the order.
func visit(ctx context.Context, address, name string) error {
	c := client.New(address, time.Minute)
	look := func() { // people look at a page before they press the next button
		_ = resilience.Sleep(ctx, 300*time.Millisecond) // the next request reports that ctx has ended
	}
	if err := c.Register(ctx, name, password); err != nil {
		return err
	}
	if err := c.SignIn(ctx, name, password); err != nil {
		return err
	}
	look()
	if err := c.AddToCart(ctx, 2, 1); err != nil {
		return err
	}
	look()
	if _, err := c.Checkout(ctx, client.GoodCard, ""); err != nil {
		return err
	}
	look()
	list, err := c.Orders(ctx)
	if err != nil {
		return err
	}
	_, err = c.RequestReturn(ctx, list[0].ID, list[0].Items[0].ID, 1)
	return err
}

func u1() Scenario {
	return Scenario{quality.Scenario{
		ID:       "U.1",
		Stimulus: "the card of a customer is declined at checkout",
		Measure:  "how long and how many clicks until the order is placed; what the page says",
		Target:   "less than 90 s (ours: 3 clicks); why, what to do, with the cart kept",
		StandIn:  "a program fills in the forms: its time is the shop's alone",
	}, runU1}
}

func runU1(ctx context.Context, b *bench) (Result, error) {
	s, err := b.open("u1")
	if err != nil {
		return Result{}, err
	}
	buyer, err := s.customer("u1")
	if err != nil {
		return Result{}, err
	}
	if err := buyer.AddToCart(ctx, 2, 1); err != nil {
		return Result{}, err
	}
	begun := time.Now()
	why, todo, err := declinedPage(ctx, buyer)
	if err != nil {
		return Result{}, err
	}
	if b.broken {
		if _, err := buyer.Form(ctx, "/set_cart_quantity", url.Values{
			"product_id": {"2"}, "quantity": {"0"},
		}); err != nil &&
			client.StatusOf(err) == 0 {
			return Result{}, err
		}
	}
	_, err = buyer.Checkout(ctx, client.GoodCard, "")
	took := time.Since(begun)
	list, lerr := buyer.Orders(ctx)
	if lerr != nil {
		return Result{}, lerr
	}
	placed := 0
	for _, o := range list {
		if o.Status == "COMPLETED" {
			placed++
		}
	}
	// Change the number, press the button: the cart and the form are still there.
	return Result{
		Observed: fmt.Sprintf(
			"says why: %v, says what to do: %v, then %d order placed with 2 clicks after %s", why, todo, placed,
			ms(took),
		),
		Fulfilled: why && todo && err == nil && placed == 1 && took < 90*time.Second,
	}, nil
}

// declinedPage checks out with a card that is declined, and reports whether the page says why,
// and what to do.
func declinedPage(ctx context.Context, buyer *client.Client) (why, todo bool, err error) {
	declined, err := buyer.Form(ctx, "/checkout", url.Values{
		"payment_method": {"Card"}, "card_number": {"4000000000000002"}, "card_expires": {"12/2099"},
		"card_type": {"Visa"}, "card_exp_date": {"12/2099"},
	})
	if client.StatusOf(err) == 0 && err != nil {
		return false, false, err
	}
	page := strings.ToLower(string(declined.Body))
	why = declined.Status == http.StatusPaymentRequired && strings.Contains(page, "declined")
	todo = strings.Contains(page, "another card") || strings.Contains(page, "other card") ||
		strings.Contains(page, "cash")
	return why, todo, nil
}
