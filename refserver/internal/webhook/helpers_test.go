package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// shop is a database with orders and webhooks.
type shop struct {
	t      *testing.T
	db     *sqlstore.DB
	orders *orders.Service
	hooks  *webhook.Service
	events *outbox.Dispatcher

	mu    sync.Mutex
	ahead time.Duration // that the clock of the webhooks is
}

// each runs fn on both databases.
func each(t *testing.T, fn func(t *testing.T, s *shop)) {
	t.Helper()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		err := sqlstore.Migrate(t.Context(), db, ordersdb.Migrations(), refundsdb.Migrations(),
			returnsdb.Migrations(), webhook.Migrations())
		if err != nil {
			t.Fatal(err)
		}
		s := &shop{t: t, db: db}
		s.orders, err = orders.New(orders.Config{
			Store:   ordersdb.New(db, ordersdb.Follow(webhook.StoredTypes("orders")...)),
			Gateway: &orderstest.Gateway{}, Currency: "USD",
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.orders.Close(context.WithoutCancel(t.Context())) })
		s.hooks, s.events = s.replica(webhook.Config{})
		_, err = s.orders.SaveProduct(t.Context(), 0, event.Actor{}, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock = "Mouse", 1999, 1000
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		fn(t, s)
	})
}

// replica is a process with webhooks on the database.
func (s *shop) replica(c webhook.Config) (*webhook.Service, *outbox.Dispatcher) {
	s.t.Helper()
	c.DB, c.Secret, c.Now, c.Poll = s.db, []byte("the secret of the shop"), s.clock, 10*time.Millisecond
	if c.Retry.Initial == 0 {
		c.Retry = resilience.Backoff{Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond}
	}
	c.PrivateAddresses = true
	hooks, err := webhook.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	var logs []outbox.Log
	for _, stream := range webhook.Streams() {
		l, err := outboxdb.New(s.db, stream)
		if err != nil {
			s.t.Fatal(err)
		}
		logs = append(logs, l)
	}
	d, err := outbox.New(outbox.Config{Poll: 10 * time.Millisecond}, logs...)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, stream := range webhook.Streams() {
		note := func(ctx context.Context, tx bun.IDB, events []event.Event) error {
			return hooks.Note(ctx, tx, stream, events)
		}
		if err := d.Watch(stream, webhook.StoredTypes(stream), outboxdb.Watcher(note)); err != nil {
			s.t.Fatal(err)
		}
	}
	return hooks, d
}

func (s *shop) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

// pass lets time pass for the webhooks.
func (s *shop) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// run runs the loops of a replica until the test ends.
func (s *shop) run(loops ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var wg sync.WaitGroup
	for _, l := range loops {
		wg.Go(func() { l(ctx) })
	}
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	s.t.Cleanup(stop)
	return stop
}

// buy places n orders and returns the ids of the events that they end in.
func (s *shop) buy(n int) (ids []string) {
	s.t.Helper()
	for range n {
		if _, err := s.orders.AddToCart(s.t.Context(), "ann", 1, 1); err != nil {
			s.t.Fatal(err)
		}
		o, err := s.orders.Checkout(s.t.Context(), orders.CheckoutRequest{
			Customer: event.Actor{Kind: event.ActorCustomer, ID: "ann"}, Method: payment.Cash,
		})
		if err != nil || o.Status != orders.StatusCompleted {
			s.t.Fatal(o.Status, err)
		}
		ids = append(ids, fmt.Sprintf("%s:%d", o.ID, o.Version))
	}
	return ids
}

// add makes an endpoint.
func (s *shop) add(url string, types ...string) (webhook.Endpoint, string) {
	s.t.Helper()
	e, secret, err := s.hooks.Add(s.t.Context(), webhook.Params{URL: url, Types: types}, time.Time{})
	if err != nil {
		s.t.Fatal(err)
	}
	return e, secret
}

// receiver keeps what it took, by id.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	taken map[string]int
	calls []call
}

// call is one message as it came.
type call struct {
	header http.Header
	body   []byte
}

// receive starts a receiver; status says how it answers, and 2xx takes the message.
func receive(t *testing.T, status func(r *http.Request) int) *receiver {
	r := &receiver{taken: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		code := http.StatusNoContent
		if status != nil {
			code = status(req)
		}
		r.mu.Lock()
		r.calls = append(r.calls, call{req.Header.Clone(), body})
		if code/100 == 2 {
			r.taken[req.Header.Get("webhook-id")]++
		}
		r.mu.Unlock()
		w.WriteHeader(code)
		fmt.Fprint(w, strings.Repeat("x", 5000))
	}))
	t.Cleanup(r.Close)
	return r
}

// has reports whether exactly these messages were taken.
func (r *receiver) has(ids []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if r.taken[id] == 0 {
			return false
		}
	}
	return len(r.taken) == len(ids)
}

func (r *receiver) called() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call{}, r.calls...)
}

// verified checks a message as the specification of Standard Webhooks says, without any code of
// the shop: one of the signatures is base64(HMAC-SHA256(key, id.timestamp.body)).
func verified(t *testing.T, secret string, c call) bool {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("the secret is not one of the scheme: %v", err)
	}
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s.%s.%s", c.header.Get("webhook-id"), c.header.Get("webhook-timestamp"), c.body)
	want := "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
	for _, one := range strings.Split(c.header.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(one), []byte(want)) {
			return true
		}
	}
	return false
}

// decode reads the body of a message.
func decode(t *testing.T, c call) (p struct {
	Type      string
	Timestamp time.Time
	Data      map[string]map[string]any
}) {
	t.Helper()
	if err := json.Unmarshal(c.body, &p); err != nil {
		t.Fatal(err)
	}
	return p
}
