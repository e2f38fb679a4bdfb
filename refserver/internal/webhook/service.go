package webhook

import (
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/defaults"
	"github.com/returnkit/returnkit/refserver/internal/outbound"
	"github.com/returnkit/returnkit/refserver/internal/seal"
	"github.com/returnkit/returnkit/resilience"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("webhook", migrations) }

const (
	// MaxEndpoints is how many there may be.
	MaxEndpoints = 50
	// GiveUpAfter is how long a delivery is retried.
	GiveUpAfter = 72 * time.Hour
	// OldSecretSigns is how long a secret signs after it was rotated.
	OldSecretSigns = 24 * time.Hour

	callTimeout = 15 * time.Second
	leaseFor    = 2 * callTimeout
	perEndpoint = 8 // calls at a time of one process to one endpoint
	maxAnswer   = 1 << 10
	replayPage  = 500
	keepEnded   = 30 * 24 * time.Hour
)

// ErrTwoSecrets is returned where a new secret would end one that still signs.
var ErrTwoSecrets = errors.New("webhook: the secret before the last signs still")

// ErrNotFound is returned for an endpoint or a delivery that does not exist.
var ErrNotFound = errors.New("webhook: not found")

// Invalid is an error in what was entered.
type Invalid struct{ Field, Message string }

// Error implements error.
func (e *Invalid) Error() string { return e.Message }

// Config says what a Service works with. DB and Secret are required.
type Config struct {
	DB     *sqlstore.DB
	Secret []byte // the shop's: seals the secrets of endpoints
	// PrivateAddresses has loopback and private addresses called too, and http.
	PrivateAddresses bool
	Now              func() time.Time // nil: time.Now
	Log              *slog.Logger     // nil: nothing is logged
	// Retry is the wait between attempts. The zero value is 5 s, growing to 6 h.
	Retry resilience.Backoff
	// Poll is how often Run looks for work; 0 means 1 s.
	Poll time.Duration
	// Sent is called with the result of each attempt: delivered, failed or dead; nil: nobody is.
	Sent func(result string)
}

// Service knows endpoints and sends them events. It is safe for concurrent use, by any number
// of processes on one database.
type Service struct {
	cfg    Config
	keys   seal.Box
	client *http.Client
	logs   map[string]*outboxdb.Log // by stream
	wake   chan struct{}

	mu    sync.Mutex
	calls map[string]int // in progress in this process, by endpoint
}

// New returns a Service, or an error that names the field that is missing.
func New(c Config) (*Service, error) {
	switch {
	case c.DB == nil:
		return nil, errors.New("webhook: Config.DB is required")
	case len(c.Secret) == 0:
		return nil, errors.New("webhook: Config.Secret is required")
	}
	defaults.ClockAndLog(&c.Now, &c.Log)
	if c.Retry.Initial == 0 {
		c.Retry = resilience.Backoff{Initial: 5 * time.Second, Max: 6 * time.Hour, Jitter: resilience.Spread(20)}
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Sent == nil {
		c.Sent = func(string) {}
	}
	s := &Service{
		cfg: c, client: outbound.NewClient(callTimeout, c.PrivateAddresses), logs: map[string]*outboxdb.Log{},
		wake: make(chan struct{}, 1), calls: map[string]int{},
	}
	for _, stream := range Streams() {
		l, err := outboxdb.New(c.DB, stream)
		if err != nil {
			return nil, err
		}
		s.logs[stream] = l
	}
	var err error
	s.keys, err = seal.New(c.Secret, "webhook secret")
	return s, err
}

// Wake has Run look for work now.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
