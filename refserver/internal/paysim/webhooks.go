package paysim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v85"
)

// How webhooks are tried again. Stripe gives up after three days
// (https://docs.stripe.com/webhooks#retries); the backoff here is shorter,
// since the receiver is on the same machine.
const (
	hookFirstRetry = 100 * time.Millisecond // then doubling
	hookLastRetry  = time.Minute
	hookGiveUp     = 72 * time.Hour
	hookTimeout    = 10 * time.Second
	hookAtOnce     = 8 // deliveries at the same time
)

type eventView struct {
	ID              string       `json:"id"`
	Object          string       `json:"object"`
	APIVersion      string       `json:"api_version"`
	Created         int64        `json:"created"`
	Data            eventData    `json:"data"`
	Livemode        bool         `json:"livemode"`
	PendingWebhooks int          `json:"pending_webhooks"`
	Request         eventRequest `json:"request"`
	Type            string       `json:"type"`
}

type eventData struct {
	Object any `json:"object"`
}

type eventRequest struct {
	ID             *string `json:"id"`
	IdempotencyKey *string `json:"idempotency_key"`
}

// makeEvents renders what the tx emitted, once its changes are applied. As at
// Stripe, nothing is kept for an endpoint that does not exist yet.
func (s *Simulator) makeEvents(t *tx) []event {
	if !s.hooks.wanted() {
		return nil
	}
	var events []event
	for _, e := range t.events {
		v := eventView{
			ID: s.newID("evt"), Object: "event", APIVersion: stripe.APIVersion, Created: t.now.Unix(),
			Data: eventData{e.object()}, Livemode: e.live, PendingWebhooks: 1, Type: e.kind,
		}
		if t.call != nil {
			v.Request = eventRequest{orNull(t.call.request), orNull(t.call.key)}
		}
		events = append(events, event{ID: v.ID, At: t.now, Body: marshal(v)})
	}
	return events
}

// delivered strikes an event off the ledger.
func (s *Simulator) delivered(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := entry{Delivered: id, At: s.now()}
	s.state.apply(&e)
	// Lost in a crash or refused while closing, it is delivered once more.
	_, _ = s.journal.append(marshal(e))
}

// hooks delivers events, each on its own until the receiver takes it.
type hooks struct {
	client    *http.Client
	logger    *slog.Logger
	delivered func(id string)
	ctx       context.Context
	cancel    context.CancelFunc
	slots     chan struct{}

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
	url     string
	secret  string
	changed chan struct{} // closed and replaced when url changes
}

func newHooks(url, secret string, logger *slog.Logger, delivered func(string)) *hooks {
	h := &hooks{
		client: &http.Client{
			Timeout:       hookTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		logger: logger, delivered: delivered, url: url, secret: secret,
		slots: make(chan struct{}, hookAtOnce), changed: make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

func (h *hooks) wanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.url != ""
}

func (h *hooks) set(url, secret string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.url, h.secret = url, secret
	close(h.changed)
	h.changed = make(chan struct{})
}

// run does f beside everything else, unless closed.
func (h *hooks) run(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.running.Go(f)
}

func (h *hooks) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	h.running.Wait()
	h.client.CloseIdleConnections()
}

// enqueue delivers an event that is on disk.
func (h *hooks) enqueue(ev event) {
	h.run(func() { h.deliver(ev) })
}

func (h *hooks) deliver(ev event) {
	started := time.Now()
	retry := hookFirstRetry
	for {
		h.mu.Lock()
		url, secret, changed := h.url, h.secret, h.changed
		h.mu.Unlock()
		wait := (<-chan time.Time)(nil) // without a URL: until there is one
		if url != "" {
			err := h.post(url, secret, ev)
			if h.ctx.Err() != nil {
				return
			}
			if err == nil {
				h.delivered(ev.ID)
				return
			}
			if time.Since(started) > hookGiveUp {
				h.logger.Error("webhook given up", "webhook_id", ev.ID, "error", err)
				h.delivered(ev.ID)
				return
			}
			wait = time.After(retry)
			retry = min(2*retry, hookLastRetry)
		}
		select {
		case <-wait:
		case <-changed:
			retry = hookFirstRetry
		case <-h.ctx.Done():
			return
		}
	}
}

func (h *hooks) post(url, secret string, ev event) error {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-h.ctx.Done():
		return h.ctx.Err()
	}
	req, err := http.NewRequestWithContext(h.ctx, http.MethodPost, url, bytes.NewReader(ev.Body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "returnkit-paysim/1.0")
	req.Header.Set("Stripe-Signature", sign(time.Now(), ev.Body, secret))
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %s", resp.Status)
	}
	return nil
}

// sign is the Stripe-Signature header
// (https://docs.stripe.com/webhooks#verify-manually).
func sign(at time.Time, body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// Unsettled counts what is still to come of what was done: refunds that will
// change their state, and events that the receiver has not taken yet. Open
// Checkout Sessions, which expire one day, are not among it.
func (s *Simulator) Unsettled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.timers) + len(s.state.events)
}
