package paysim

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a Simulator runs. The zero value is a working provider that
// keeps everything in memory and sends no webhooks.
type Config struct {
	// Ledger is the file that keeps what happened; "" keeps it in memory only.
	// One simulator at a time may use a file.
	Ledger string
	// PublicURL is where browsers reach the hosted pages, such as
	// http://localhost:12111; "" means the address under which the call that
	// made the Checkout Session came in.
	PublicURL string
	// Faults is the plan at the start; PUT /_sim/faults replaces it.
	Faults Faults
	// WebhookURL receives the events, signed with WebhookSecret; "" sends none.
	WebhookURL    string
	WebhookSecret string
	// Seed makes ids and random choices repeatable, for calls made one after
	// the other. 0 takes a random seed.
	Seed uint64
	// Now is the clock of everything the API shows, and of the age of keys;
	// nil means time.Now. Delays, and the timestamp in webhook signatures, which
	// receivers compare with their own wall clock, use real time.
	Now func() time.Time
	// HoldFor bounds how long a call that times out is held; 0 means 60 s.
	HoldFor time.Duration
	// SettleAfter is how long a refund that changes its state later takes to do
	// so; 0 means 500 ms.
	SettleAfter time.Duration
	// Logger gets an entry for a webhook given up, and for a ledger that cannot
	// be written; nil discards.
	Logger *slog.Logger
}

// Validate returns an error that names the field at fault.
func (c Config) Validate() error {
	if err := c.Faults.Validate(); err != nil {
		return fmt.Errorf("paysim: Config.Faults: %w", err)
	}
	if c.HoldFor < 0 {
		return fmt.Errorf("paysim: Config.HoldFor is %v; it must not be negative", c.HoldFor)
	}
	if c.SettleAfter < 0 {
		return fmt.Errorf("paysim: Config.SettleAfter is %v; it must not be negative", c.SettleAfter)
	}
	if c.PublicURL != "" && !webAddress(c.PublicURL) {
		return fmt.Errorf("paysim: Config.PublicURL %q is not allowed; it must be an absolute http or https URL",
			c.PublicURL)
	}
	return checkWebhook(c.WebhookURL)
}

func checkWebhook(raw string) error {
	if raw == "" || webAddress(raw) {
		return nil
	}
	return fmt.Errorf("paysim: webhook URL %q is not allowed; it must be an absolute http or https URL", raw)
}

// webAddress reports whether raw is an absolute http or https URL.
func webAddress(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// Simulator is a payment provider. It is safe for concurrent use.
type Simulator struct {
	cfg     Config
	handler http.Handler
	journal *journal
	hooks   *hooks
	faults  atomic.Pointer[Faults]
	calls   atomic.Int64
	boot    string // marks the request ids of this run
	asked   atomic.Int64

	stop     chan struct{} // closed by Close
	stopOnce sync.Once
	closeErr error
	gate     sync.RWMutex // held for reading by every call that is being answered

	mu       sync.Mutex // guards what follows
	state    *state
	inFlight map[string]string      // idempotency key to fingerprint
	timers   map[string]*time.Timer // by refund that is to settle
	expiries map[string]*time.Timer // by open Checkout Session

	randMu sync.Mutex
	rand   *rand.Rand

	serveMu sync.Mutex
	server  *http.Server
	stopCtx func() bool
}

// New reads the ledger, and returns a simulator that can answer. Close it to
// release the file.
func New(cfg Config) (*Simulator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.HoldFor == 0 {
		cfg.HoldFor = time.Minute
	}
	if cfg.SettleAfter == 0 {
		cfg.SettleAfter = 500 * time.Millisecond
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Seed == 0 {
		var b [8]byte
		_, _ = crand.Read(b[:]) // never fails: it ends the program where there is no randomness
		cfg.Seed = binary.LittleEndian.Uint64(b[:])
	}
	s := &Simulator{
		cfg:      cfg,
		state:    newState(),
		stop:     make(chan struct{}),
		inFlight: map[string]string{},
		timers:   map[string]*time.Timer{},
		expiries: map[string]*time.Timer{},
		rand:     rand.New(rand.NewPCG(cfg.Seed, 0x70617973696d)),
	}
	s.boot = fmt.Sprintf("%012x", s.rand.Uint64()>>16)
	s.faults.Store(&cfg.Faults)
	s.handler = s.routes()
	s.hooks = newHooks(cfg.WebhookURL, cfg.WebhookSecret, cfg.Logger, s.delivered)

	var err error
	s.journal, err = openJournal(cfg.Ledger, func(line []byte) error {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if err := s.state.check(&e); err != nil {
			return err
		}
		s.state.apply(&e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.resume(); err != nil {
		return nil, errors.Join(err, s.journal.close())
	}
	return s, nil
}

// resume begins a new ledger, or takes up what an old one left to be done. A
// ledger of an older format is continued in the format of this package.
func (s *Simulator) resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.Store(s.state.calls)
	if s.state.tag == "" {
		return s.begins(entry{Start: s.boot, Format: ledgerFormat, At: s.now()})
	}
	for _, r := range s.state.refunds {
		s.scheduleRefund(r)
	}
	for _, c := range s.state.sessions {
		s.scheduleSession(c)
	}
	for _, ev := range s.state.events {
		s.hooks.enqueue(ev)
	}
	if s.state.format < ledgerFormat {
		return s.begins(entry{Format: ledgerFormat, At: s.now()})
	}
	return nil
}

// begins writes a line that says what follows.
func (s *Simulator) begins(e entry) error {
	s.state.apply(&e)
	seq, err := s.journal.append(marshal(e))
	if err != nil {
		return err
	}
	return s.journal.wait(seq)
}

// now is the instant as the ledger keeps it: UTC, microseconds.
func (s *Simulator) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// Handler answers the API under /v1/, the control endpoints under /_sim/ and the
// hosted payment pages.
func (s *Simulator) Handler() http.Handler { return s.handler }

// SetFaults replaces the plan of faults for the calls that begin from now on.
// A value that is not allowed gives a *FaultsError and changes nothing.
func (s *Simulator) SetFaults(f Faults) error {
	if err := f.Validate(); err != nil {
		return err
	}
	s.faults.Store(&f)
	return nil
}

// MergeFaults changes the fields of the plan that the JSON holds, and leaves
// the others as they are; see [Faults.Merge]. Of two merges at once neither is
// lost.
func (s *Simulator) MergeFaults(plan []byte) error {
	for {
		old := s.faults.Load()
		f, err := old.Merge(plan)
		if err != nil {
			return err
		}
		if s.faults.CompareAndSwap(old, &f) {
			return nil
		}
	}
}

// Faults returns the plan.
func (s *Simulator) Faults() Faults { return *s.faults.Load() }

// SetWebhook changes where events are sent and what signs them, those not
// yet delivered too. An empty url makes no more events; those that wait go on
// waiting.
func (s *Simulator) SetWebhook(url, secret string) error {
	if err := checkWebhook(url); err != nil {
		return err
	}
	s.hooks.set(url, secret)
	return nil
}

// draws are the random numbers of one call, always the same count, so that
// one call's luck does not depend on what befell the calls before.
type draws struct{ fault, effect, later float64 }

func (s *Simulator) draw() draws {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	return draws{s.rand.Float64(), s.rand.Float64(), s.rand.Float64()}
}

// Start serves on addr ("127.0.0.1:0" takes a free port) until ctx is done or
// Close is called, and returns the base URL for clients. A simulator can be
// started once.
func (s *Simulator) Start(ctx context.Context, addr string) (string, error) {
	s.serveMu.Lock()
	defer s.serveMu.Unlock()
	if s.server != nil {
		return "", errors.New("paysim: already started")
	}
	if s.stopped() {
		return "", errors.New("paysim: closed; make a new simulator")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("paysim: listen on %s: %w", addr, err)
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       2 * time.Minute, // answers may be held for long: no WriteTimeout
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
	s.server = server
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Logger.Error("payment simulator stopped serving", "error", err)
		}
	}()
	s.stopCtx = context.AfterFunc(ctx, func() { _ = s.Close() })
	return baseURL(l.Addr()), nil
}

// baseURL names a listener so that a client on this machine reaches it.
func baseURL(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return "http://" + a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func (s *Simulator) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// Close ends held and delayed calls without an answer, stops serving and
// delivering, and closes the ledger. Webhooks not delivered are sent after the
// next New on the same file. It may be called more than once.
func (s *Simulator) Close() error {
	s.stopOnce.Do(func() {
		close(s.stop)
		s.serveMu.Lock()
		server, stopCtx := s.server, s.stopCtx
		s.serveMu.Unlock()
		if stopCtx != nil {
			stopCtx()
		}
		// Calls under way end now. Server.Shutdown would wait for them too, but
		// also five seconds for each connection that a client opened and has
		// not used.
		s.gate.Lock()
		if server != nil {
			_ = server.Close()
		}
		s.gate.Unlock()
		s.mu.Lock()
		for _, timers := range []map[string]*time.Timer{s.timers, s.expiries} {
			for _, t := range timers {
				t.Stop()
			}
		}
		s.mu.Unlock()
		s.hooks.close()
		s.closeErr = s.journal.close()
	})
	return s.closeErr
}
