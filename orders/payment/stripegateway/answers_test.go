package stripegateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// An answer about something else than was asked for is unknown, whatever it says.
func TestAnAnswerAboutSomethingElseIsNotBelieved(t *testing.T) {
	const good = `"amount":500,"currency":"usd","status":"succeeded"`
	create := func(g *Gateway) payment.Result { return g.CreateRefund(context.Background(), refund) }
	find := func(g *Gateway) payment.Result { return g.FindRefund(context.Background(), refund) }
	pay := func(g *Gateway) payment.Result { return g.CreatePayment(context.Background(), charge) }
	confirm := func(g *Gateway) payment.Result { return g.ConfirmPayment(context.Background(), charge, "pi_1") }
	look := func(g *Gateway) payment.Result {
		_, a := g.FindPayment(context.Background(), "pi_1")
		return a
	}
	list := func(refund string) string { return `{"object":"list","has_more":false,"data":[` + refund + `]}` }
	const captured = `"status":"succeeded","amount_received":1999,"currency":"usd"`
	for _, c := range []struct {
		name string
		call func(*Gateway) payment.Result
		body string
		want payment.Outcome
	}{
		{"a refund", create, `{"id":"re_1",` + good + `,"payment_intent":"pi_1","metadata":{"attempt_id":"a1"}}`,
			payment.OutcomeDone},
		{"no id", create, `{` + good + `}`, payment.OutcomeUnknown},
		{"another currency", create, `{"id":"re_1","amount":500,"currency":"eur","status":"succeeded"}`,
			payment.OutcomeUnknown},
		{"no currency", create, `{"id":"re_1","amount":500,"status":"succeeded"}`, payment.OutcomeUnknown},
		{"another payment", create, `{"id":"re_1",` + good + `,"payment_intent":"pi_2"}`, payment.OutcomeUnknown},
		{"another attempt", create, `{"id":"re_1",` + good + `,"metadata":{"attempt_id":"a2"}}`,
			payment.OutcomeUnknown},
		{"declined, of another attempt", create,
			`{"id":"re_1","amount":500,"currency":"usd","status":"failed","metadata":{"attempt_id":"a2"}}`,
			payment.OutcomeUnknown},
		{"a refund found", find, list(`{"id":"re_1",` + good +
			`,"payment_intent":"pi_1","metadata":{"attempt_id":"a1"}}`), payment.OutcomeDone},
		{"found on another payment", find,
			list(`{"id":"re_1",` + good + `,"payment_intent":"pi_2","metadata":{"attempt_id":"a1"}}`),
			payment.OutcomeUnknown},
		{"found in another currency", find,
			list(`{"id":"re_1","amount":500,"currency":"eur","status":"failed","metadata":{"attempt_id":"a1"}}`),
			payment.OutcomeUnknown},
		{"found without id", find, list(`{` + good + `,"metadata":{"attempt_id":"a1"}}`), payment.OutcomeUnknown},
		{"a list that repeats itself", find, list(`{"id":"re_1",` + good + `},{"id":"re_1",` + good + `}`),
			payment.OutcomeUnknown},
		{"a payment", pay, `{"id":"pi_1","amount":1999,"currency":"usd","metadata":{"order_id":"o1"}}`,
			payment.OutcomeDone},
		{"a payment of another amount", pay, `{"id":"pi_1","amount":199900,"currency":"usd"}`, payment.OutcomeUnknown},
		{"a payment in another currency", pay, `{"id":"pi_1","amount":1999,"currency":"jpy"}`, payment.OutcomeUnknown},
		{"a payment of another order", pay,
			`{"id":"pi_1","amount":1999,"currency":"usd","metadata":{"order_id":"o2"}}`, payment.OutcomeUnknown},
		{"a payment of live mode under a test key", pay,
			`{"id":"pi_1","amount":1999,"currency":"usd","livemode":true}`, payment.OutcomeUnknown},
		{"confirmed", confirm, `{"id":"pi_1",` + captured + `}`, payment.OutcomeDone},
		{"another one confirmed", confirm, `{"id":"pi_2",` + captured + `}`, payment.OutcomeUnknown},
		{"looked up", look, `{"id":"pi_1",` + captured + `}`, payment.OutcomeDone},
		{"another one looked up", look, `{"id":"pi_2",` + captured + `}`, payment.OutcomeUnknown},
		{"looked up in live mode", look, `{"id":"pi_1","livemode":true,` + captured + `}`, payment.OutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := c.call(provider(t, says(200, c.body))); a.Outcome != c.want {
				t.Errorf("outcome %q, want %q (%+v)", a.Outcome, c.want, a)
			}
		})
	}
}

func TestAnAmountThatStripeCantCarryIsNotSent(t *testing.T) {
	var calls atomic.Int32
	g := provider(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		says(200, `{"id":"x_1"}`)(w, r)
	})
	r, c := refund, charge
	r.Amount, r.Currency, c.Amount, c.Currency = 1234, "KWD", 1234, "KWD"
	for name, a := range map[string]payment.Result{
		"refund": g.CreateRefund(context.Background(), r), "payment": g.CreatePayment(context.Background(), c),
	} {
		if a.Outcome != payment.OutcomeDeclined || !strings.Contains(a.Message, "1.230") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		says(200, `{"id":"re_1","amount":500,"currency":"usd","status":"succeeded"}`)(w, r)
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		g := provider(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r,
				other.URL+r.URL.Path, status)
		})
		for name, a := range map[string]payment.Result{
			"create": g.CreateRefund(context.Background(), refund), "find": g.FindRefund(context.Background(), refund),
		} {
			if a.Outcome != payment.OutcomeUnknown {
				t.Errorf("%s, %d: %+v", name, status, a)
			}
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestAnAnswerWithoutEndIsUnknown(t *testing.T) {
	g := provider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		chunk := strings.Repeat(" ", 64<<10)
		for range 2 * maxBody / len(chunk) {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
		fmt.Fprint(w, `{"id":"re_1","amount":500,"currency":"usd","status":"succeeded"}`)
	})
	if a := g.CreateRefund(context.Background(), refund); a.Outcome != payment.OutcomeUnknown {
		t.Errorf("outcome %q, want unknown", a.Outcome)
	}
}

func TestAListThatRepeatsItsPageEnds(t *testing.T) {
	item := func(i int) string {
		return fmt.Sprintf(
			`{"id":"re_%d","amount":500,"currency":"usd","status":"succeeded","metadata":{"attempt_id":"x"}}`,
			i,
		)
	}
	page := make([]string, pageSize)
	for i := range page {
		page[i] = item(i)
	}
	g := provider(t, says(200, `{"object":"list","has_more":true,"data":[`+strings.Join(page, ",")+`]}`))
	if a := g.FindRefund(context.Background(), refund); a.Outcome != payment.OutcomeUnknown {
		t.Errorf("outcome %q, want unknown", a.Outcome)
	}
	n, failed := 0, false
	for _, err := range g.ListRefunds(context.Background(), time.Unix(0, 0), time.Unix(3600, 0)) {
		n, failed = n+1, failed || err != nil
	}
	if n != pageSize+1 || !failed {
		t.Errorf("%d entries, failed %t", n, failed)
	}
}

func TestARequestWithoutABodyIsSentOnceWhenAReusedConnectionBreaks(t *testing.T) {
	var posts atomic.Int32
	g := provider(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			says(200, `{"id":"pi_1"}`)(w, r)
			return
		}
		posts.Add(1)
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	})
	g.FindPayment(context.Background(), "pi_1")
	g.CancelPayment(context.Background(), charge, "pi_1")
	if n := posts.Load(); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}
