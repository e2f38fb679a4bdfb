package paysim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stripe/stripe-go/v85"
)

// call is one request to the API.
type call struct {
	request string // Request-Id
	base    string // the address that the caller used
	path    string
	object  string // the id that the path names
	key     string // idempotency key
	live    bool   // made with a live key
	params  params
}

// operation is what an accepted request does, under the lock of the state. It
// puts changes into the tx and returns what makes the answer's body once they
// are applied; an *apiError may come with changes too (a declined card does).
type operation func(*tx) (render func() any, refused *apiError)

// endpoint is one method of the API.
type endpoint struct {
	// changes says that the method may change something: it then takes an
	// idempotency key.
	changes bool
	// faults picks the part of the plan that applies; nil for none.
	faults func(*Faults) *CallFaults
	// prepare reads the parameters. What it refuses is not stored under the key.
	prepare func(*call) (operation, *apiError)
}

// tx is one execution.
type tx struct {
	*state
	call   *call // nil: not by the API
	now    time.Time
	newID  func(prefix string) string
	entry  entry
	refuse bool // the plan says no
	// The codes that it says no with; "" for the usual one.
	chargeCode, refundCode string
	failLater              bool // the plan says that a refund fails later
	settle                 time.Duration
	events                 []pendingEvent
}

type pendingEvent struct {
	kind   string
	live   bool
	object func() any
}

// emit notes an event; object is called once the changes are applied.
func (t *tx) emit(kind string, live bool, object func() any) {
	t.events = append(t.events, pendingEvent{kind, live, object})
}

func chargeFaults(f *Faults) *CallFaults { return &f.Charge }
func refundFaults(f *Faults) *CallFaults { return &f.Refund }

func (s *Simulator) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, ep := range map[string]endpoint{
		"GET /v1/account": {false, nil, retrieveAccount},

		"POST /v1/payment_intents":              {true, chargeFaults, createIntent},
		"GET /v1/payment_intents":               {false, chargeFaults, listIntents},
		"GET /v1/payment_intents/{id}":          {false, chargeFaults, retrieveIntent},
		"POST /v1/payment_intents/{id}/confirm": {true, chargeFaults, confirmIntent},
		"POST /v1/payment_intents/{id}/cancel":  {true, chargeFaults, cancelIntent},

		"POST /v1/checkout/sessions":             {true, chargeFaults, s.createSession},
		"GET /v1/checkout/sessions/{id}":         {false, chargeFaults, retrieveSession},
		"POST /v1/checkout/sessions/{id}/expire": {true, chargeFaults, expireSession},

		"POST /v1/refunds":     {true, refundFaults, createRefund},
		"GET /v1/refunds":      {false, refundFaults, listRefunds},
		"GET /v1/refunds/{id}": {false, refundFaults, retrieveRefund},

		"GET /v1/disputes":      {false, chargeFaults, listDisputes},
		"GET /v1/disputes/{id}": {false, chargeFaults, retrieveDispute},
	} {
		mux.Handle(pattern, s.api(ep))
	}
	mux.Handle("/v1/", s.api(endpoint{prepare: unknownEndpoint}))
	mux.HandleFunc("GET "+pagePath+"{id}", s.showPage)
	mux.HandleFunc("POST "+pagePath+"{id}", s.payPage)
	s.controlRoutes(mux)
	return mux
}

func unknownEndpoint(c *call) (operation, *apiError) {
	e := invalid("", "", "Unrecognized request URL ("+c.path+").")
	e.Status = http.StatusNotFound
	return nil, e
}

// api answers the calls of one endpoint.
func (s *Simulator) api(ep endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		plan := s.faults.Load()
		if plan.Down {
			cut(w)
			return
		}
		c := &call{
			request: fmt.Sprintf("req_%s%08d", s.boot, s.asked.Add(1)),
			base:    "http://" + r.Host, path: r.URL.Path, object: r.PathValue("id"),
		}
		if refused := c.read(w, r, ep.changes); refused != nil {
			c.write(w, refused.answer())
			return
		}
		s.gate.RLock()
		defer s.gate.RUnlock()
		switch {
		case s.stopped():
			cut(w)
		case ep.changes:
			s.execute(w, r, c, ep, plan)
		default:
			s.look(w, c, ep, plan)
		}
	})
}

// execute answers a call that may change something, with what befalls it.
func (s *Simulator) execute(w http.ResponseWriter, r *http.Request, c *call, ep endpoint, plan *Faults) {
	d := s.draw()
	f := ep.faults(plan).pick(d.fault)
	switch f {
	case faultTimeoutBefore:
		s.hold(w, r)
		return
	case faultError5xx:
		c.write(w, serverError().answer())
		return
	case faultConflict409:
		c.write(w, keyInUse(c.key).answer())
		return
	}
	a, err := s.change(c, ep, plan, f, d)
	switch {
	case err != nil: // closed, or the ledger cannot be written: what is not on disk must not be answered
		cut(w)
	case f == faultTimeoutAfter:
		s.hold(w, r)
	case f == faultDropAfter:
		cut(w)
	case f == faultError5xxAfter:
		c.write(w, serverError().answer())
	default:
		c.write(w, a)
	}
}

// read takes key and parameters from the request.
func (c *call) read(w http.ResponseWriter, r *http.Request, changes bool) *apiError {
	if refused := c.authenticate(r); refused != nil {
		return refused
	}
	raw := r.URL.RawQuery
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		e := invalid("", "", "The request body could not be read.")
		if errors.As(err, &tooLarge) {
			e.Message = fmt.Sprintf("The request body is larger than %d bytes.", maxBody)
			e.Status = http.StatusRequestEntityTooLarge
		}
		return e
	}
	if changes {
		if raw != "" {
			return invalid("", "", "Parameters of a POST belong in its body.")
		}
		raw = string(body)
		ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if raw != "" && strings.TrimSpace(ct) != "application/x-www-form-urlencoded" {
			return invalid("", "", "The body must be application/x-www-form-urlencoded.")
		}
		c.key = strings.TrimSpace(r.Header.Get("Idempotency-Key"))
		if !utf8.ValidString(c.key) || utf8.RuneCountInString(c.key) > maxKey {
			return invalid("", "", fmt.Sprintf("Idempotency keys may have up to %d characters.", maxKey))
		}
	}
	var refused *apiError
	c.params, refused = parseForm(raw)
	return refused
}

// authenticate takes any secret key, and notes whether it is a live one. There
// is one account; Stripe-Account may not name another.
func (c *call) authenticate(r *http.Request) *apiError {
	key, _, ok := r.BasicAuth()
	if !ok {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		key = strings.TrimSpace(token)
	}
	if key == "" {
		e := invalid("", "", "You did not provide an API key. "+
			"Set the Authorization header: 'Authorization: Bearer YOUR_SECRET_KEY'.")
		e.Status = http.StatusUnauthorized
		return e
	}
	c.live = strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_")
	if other := r.Header.Get("Stripe-Account"); other != "" && other != accountID {
		e := invalid("account_invalid", "", "The provided key does not have access to account '"+other+
			"' (or that account does not exist). Application access may have been revoked.")
		e.Status = http.StatusForbidden
		return e
	}
	return nil
}

// look answers a request that changes nothing.
func (s *Simulator) look(w http.ResponseWriter, c *call, ep endpoint, plan *Faults) {
	if ep.faults != nil {
		if p := ep.faults(plan).Lookup5xx; p > 0 && s.draw().fault < p {
			c.write(w, serverError().answer())
			return
		}
	}
	op, refused := ep.prepare(c)
	if refused != nil {
		c.write(w, refused.answer())
		return
	}
	if !s.sleep(plan.latency()) {
		cut(w)
		return
	}
	a, seen := s.inquire(c, op)
	// What a crash could still take back must not be answered.
	if err := s.journal.wait(seen); err != nil {
		cut(w)
		return
	}
	c.write(w, a)
}

// inquire runs an operation that changes nothing, and returns its answer with
// the line of the ledger that it rests on.
func (s *Simulator) inquire(c *call, op operation) (answer, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	render, refused := op(&tx{state: s.state, call: c, now: s.now()})
	if refused != nil {
		return refused.answer(), s.journal.last()
	}
	return answer{status: http.StatusOK, body: marshal(render())}, s.journal.last()
}

func (c *call) write(w http.ResponseWriter, a answer) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("Request-Id", c.request)
	h.Set("Stripe-Version", stripe.APIVersion)
	if c.key != "" {
		h.Set("Idempotency-Key", c.key)
	}
	if a.original != "" {
		h.Set("Original-Request", a.original)
		h.Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(a.status)
	// A caller that has gone learns nothing; the ledger has it. The flush lets
	// Close end the connection as soon as its call is over.
	_, _ = w.Write(a.body)
	_ = http.NewResponseController(w).Flush()
}

// sleep waits for d and reports whether the simulator still runs.
func (s *Simulator) sleep(d time.Duration) bool {
	if d <= 0 {
		return !s.stopped()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

// hold keeps a request without an answer until the caller gives up.
func (s *Simulator) hold(w http.ResponseWriter, r *http.Request) {
	t := time.NewTimer(s.cfg.HoldFor)
	defer t.Stop()
	select {
	case <-r.Context().Done():
	case <-t.C:
	case <-s.stop:
	}
	cut(w)
}

// cut ends the connection in the middle of the answer's first line. A
// connection closed before its first byte would make Go's http.Transport send a
// request with an Idempotency-Key again by itself where the connection had been
// used before (https://pkg.go.dev/net/http#Transport), and the caller would
// never see the fault.
func cut(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_, _ = conn.Write([]byte("HTTP/1.1 "))
			conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler) // net/http's own way to cut; it is recovered there
}
