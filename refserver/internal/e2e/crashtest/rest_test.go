package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
)

// resting is a shop with orders whose refunds left a rest, which is killed around the button
// that pays it.
type resting struct {
	*world
	mail   *mailbox
	server *process.Process
	admin  *client.Client

	order  string
	credit int    // before the button is pressed
	key    string // of the page that it is on
}

// owedRest is what each order is owed.
const owedRest = 700

func newResting(t *testing.T, url string) *resting {
	t.Helper()
	w, mail := newWorldWithMail(t, url)
	w.settings = append(w.settings, "PAYMENT_PROVIDER_TIMEOUT=5s")
	r := &resting{world: w, mail: mail}
	r.restart()
	return r
}

func (r *resting) restart() {
	r.t.Helper()
	r.server = r.shop()
	r.admin = r.staff(r.server)
}

// owe makes an order of two units: one came back and was paid 7.00 less than it cost,
// because others had given that back, and theirs came back since.
func (r *resting) owe() {
	r.t.Helper()
	ctx, buyer := r.t.Context(), r.buyer.Beside(r.admin)
	o, c, err := r.returned(buyer)
	if err != nil {
		r.t.Fatal(err)
	}
	r.order, r.key, r.cases = o.ID, "rest-"+o.ID, append(r.cases, c.ID)
	charge := r.rows("SELECT reference FROM ?(rk)payments WHERE order_id = '" + o.ID + "'")[0]
	paid := r.count("amount_minor FROM ?(rk)payments WHERE order_id = '" + o.ID + "'")
	elsewhere := fmt.Sprintf(`{"payment_intent":%q,"amount_minor":%d}`, charge, paid/2+owedRest)
	theirs := r.provide("/_sim/refunds", elsewhere)
	r.told(theirs, 1)
	if _, status, err := r.admin.RefundLess(ctx, c.ID, "STORE_CREDIT"); err != nil || status != http.StatusOK {
		r.t.Fatal(status, err)
	}
	r.provide("/_sim/refunds/"+theirs, `{"status":"failed","failure_reason":"lost_or_stolen_card"}`)
	r.told(theirs, 2)
	r.credit = r.count(allCredit)
}

const allCredit = "COALESCE(SUM(amount_minor), 0) FROM ?(rk)store_credit_entries"

// returned is an order of two units, and its approved return of one.
func (r *resting) returned(buyer *client.Client) (o client.Order, c client.Return, err error) {
	ctx := r.t.Context()
	if err = buyer.AddToCart(ctx, r.product, 2); err != nil {
		return o, c, err
	}
	if _, err = buyer.CheckoutWith(ctx, "", client.GoodCard, ""); err != nil {
		return o, c, err
	}
	if o, err = r.completed(buyer); err != nil {
		return o, c, err
	}
	if c, err = buyer.RequestReturn(ctx, o.ID, o.Items[0].ID, 1); err != nil {
		return o, c, err
	}
	c, err = r.admin.Approve(ctx, c.ID)
	return o, c, err
}

// provide is a click on the provider's own pages; it returns the id of what it is about.
func (r *resting) provide(path, body string) string {
	r.t.Helper()
	at := client.New(r.provider.URL, time.Minute)
	defer at.Leave()
	a, err := at.Do(r.t.Context(), http.MethodPost, path, "application/json", []byte(body))
	var made struct{ ID string }
	if err == nil {
		err = a.JSON(&made)
	}
	if err != nil || made.ID == "" {
		r.t.Fatalf("%d %.200s, %v", a.Status, a.Body, err)
	}
	return made.ID
}

// told hands on the provider's messages about a refund, once there are n.
func (r *resting) told(refund string, n int) {
	r.t.Helper()
	testreq.Until(r.t, "the provider's messages", func() bool { return len(r.mail.about(refund)) >= n })
	at := client.New(r.server.URL, time.Minute)
	defer at.Leave()
	for _, m := range r.mail.about(refund) {
		a, err := at.Do(r.t.Context(), http.MethodPost, "/webhooks/stripe", "application/json", m.body,
			"Stripe-Signature", m.signature)
		if err != nil || a.Status != http.StatusOK {
			r.t.Fatalf("the message is answered with %d %.200s, %v", a.Status, a.Body, err)
		}
	}
}

// press is the button on the page of the order.
func (r *resting) press(ctx context.Context) (client.Response, error) {
	return r.admin.Form(ctx, "/admin/orders/"+r.order+"/rest", url.Values{
		"amount": {"7.00"}, "Idempotency-Key": {r.key},
	})
}

// moments are those at which the shop is killed, after the button was pressed.
var moments = []func(r *resting, random *rand.Rand, answered <-chan error){
	func(_ *resting, random *rand.Rand, _ <-chan error) { // at any
		<-time.NewTimer(time.Duration(random.IntN(15_000)) * time.Microsecond).C
	},
	func(r *resting, _ *rand.Rand, answered <-chan error) { // as the refund is written
		for r.rests() == 0 && len(answered) == 0 {
			runtime.Gosched()
		}
	},
	func(_ *resting, _ *rand.Rand, answered <-chan error) { // after the answer, which nobody reads
		for len(answered) == 0 {
			runtime.Gosched()
		}
	},
}

// rests is how many refunds pay the rest of the order.
func (r *resting) rests() int {
	return r.count("COUNT(*) FROM ?(rk)refunds WHERE reference LIKE 'carried:%' AND order_id = '" + r.order + "'")
}

// pressedAgain is staff who do not know whether it was paid, and press until the shop says so.
func (r *resting) pressedAgain() {
	r.t.Helper()
	ctx, cancel := testreq.Context(r.t)
	defer cancel()
	err := client.Until(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		a, err := r.press(ctx)
		if err == nil && a.Status != http.StatusFound {
			err = fmt.Errorf("%d %.300s", a.Status, a.Body)
		}
		return err
	})
	if err != nil {
		r.t.Errorf("%v\n%s", err, r.server.Tail())
	}
}

// ends requires that the rest was paid once, and that nothing is owed any more.
func (r *resting) ends() {
	r.t.Helper()
	r.until("settled", "SELECT id FROM ?(rk)refunds WHERE status NOT IN ('succeeded', 'failed', 'reversed')")
	paid := r.count("COALESCE(SUM(amount_minor), 0) FROM ?(rk)refunds WHERE status = 'succeeded' " +
		"AND reference LIKE 'carried:%' AND order_id = '" + r.order + "'")
	credited := r.count(allCredit) - r.credit
	if r.rests() != 1 || paid != owedRest || credited != owedRest {
		r.t.Errorf("order %s: %d rests are paid, %d by refunds, %d of store credit; want 1 of %d",
			r.order, r.rests(), paid, credited, owedRest)
	}
	_, err := r.admin.Call(r.t.Context(), "/api/admin/orders/"+r.order+"/rest", map[string]any{"amount": 7}, nil)
	if client.StatusOf(err) != http.StatusConflict {
		r.t.Errorf("the rest that was paid is requested, and answered with %v", err)
	}
}

// TestTheServerIsKilledAroundTheButtonThatPaysTheRest: what a refund left is paid once, whenever
// the shop is killed and however often staff press the button.
func TestTheServerIsKilledAroundTheButtonThatPaysTheRest(t *testing.T) {
	slow := os.Getenv(testreq.SlowEnv) == "1"
	killed := func(t *testing.T, url string, kills int) {
		r, random := newResting(t, url), source(t)
		unanswered := 0
		for kill := range kills {
			r.owe()
			answered := make(chan error, 1)
			go func() {
				_, err := r.press(t.Context())
				answered <- err
			}()
			moments[(kill+1)%len(moments)](r, random, answered)
			r.server.Kill()
			if err := <-answered; err != nil {
				unanswered++
			}
			r.restart()
			r.pressedAgain()
			r.ends()
		}
		r.server.Stop()
		t.Logf("%d kills, %d before the answer", kills, unanswered)
		r.verdict()
	}
	if !slow {
		t.Parallel()
		killed(t, "", 1) // as the refund is written
		return
	}
	eachDatabase(t, func(t *testing.T, url string) { killed(t, url, crashes(t, 5*len(moments))) })
}
