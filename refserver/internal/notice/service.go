package notice

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/defaults"
	"github.com/returnkit/returnkit/resilience"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("notice", migrations) }

// Keep is how long notices are kept.
const Keep = 90 * 24 * time.Hour

// ErrNotFound is returned for a notice that is not the person's.
var ErrNotFound = errors.New("notice: not found")

// Audience is who of the staff is notified.
type Audience string

// The audiences.
const (
	Deciders Audience = "deciders" // of returns
	Payers   Audience = "payers"   // of refunds, who work on the review queue
	Buyers   Audience = "buyers"   // who look after products
)

// Message is a notice.
type Message struct {
	ID      string
	UserID  string
	EventID string // a user has one notice of an event
	Kind    string // such as return.authorized
	Title   string
	Text    string
	Href    string // the page of the shop that it is about, such as /returns/...
	At      time.Time
	ReadAt  time.Time // zero: unread
}

// Config says what a Service works with. All fields but the last four are required.
type Config struct {
	DB *sqlstore.DB
	// Staff returns the ids of the people of an audience.
	Staff func(ctx context.Context, a Audience) ([]string, error)
	// Products returns a page of products, by id, and how many match; LowStock says how many units
	// are few.
	Products func(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error)
	LowStock int
	// Mail mails a customer's notice, in the transaction that makes it. It reads nothing of that
	// transaction. Nil: there are no mails.
	Mail func(ctx context.Context, tx bun.IDB, m Message) error
	// Low is called with how many products are low on stock; nil: nobody is.
	Low func(n int)
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: nothing is logged
}

// Service makes notices and shows them. It is safe for concurrent use, by any number of
// processes on one database.
type Service struct {
	cfg   Config
	hub   *Hub
	retry resilience.Backoff
}

// New returns a Service, or an error that names the field that is missing.
func New(c Config) (*Service, error) {
	switch {
	case c.DB == nil:
		return nil, errors.New("notice: Config.DB is required")
	case c.Staff == nil:
		return nil, errors.New("notice: Config.Staff is required")
	case c.Products == nil:
		return nil, errors.New("notice: Config.Products is required")
	}
	if c.Mail == nil {
		c.Mail = func(context.Context, bun.IDB, Message) error { return nil }
	}
	if c.Low == nil {
		c.Low = func(int) {}
	}
	defaults.ClockAndLog(&c.Now, &c.Log)
	return &Service{
		cfg: c, hub: newHub(c.DB, c.Now),
		retry: resilience.Backoff{Initial: 2 * time.Second, Max: longestRetry * 2 / 3},
	}, nil
}

// Hub says when notices of a user change.
func (s *Service) Hub() *Hub { return s.hub }
