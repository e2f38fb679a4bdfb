// Package mailing sends the shop's mails: notices to customers, and what concerns the security
// of an account. A mail is a row, written in the transaction of the change it reports, and sent
// by whichever process claims it first. While the mail server is down it is retried for two
// days; then it is a dead letter, which staff see and can send again.
package mailing

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
	"github.com/returnkit/returnkit/refserver/internal/defaults"
	"github.com/returnkit/returnkit/resilience"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("mailing", migrations) }

// ErrNotFound is returned for a mail that does not exist.
var ErrNotFound = errors.New("mailing: not found")

// Kind says what a mail is for.
type Kind string

// The kinds. News, which are notices, can be unsubscribed from.
const (
	News     Kind = "notice"
	Security Kind = "security"
	// Reset is a mail with a link to reset a password. The link is made when the mail is sent,
	// so that it is good for its time and stands nowhere before.
	Reset Kind = "password_reset"
)

const (
	// GiveUpAfter is how long a mail is retried.
	GiveUpAfter = 48 * time.Hour

	leaseFor  = time.Minute
	keepEnded = 30 * 24 * time.Hour
)

// Mail is a mail to send.
type Mail struct {
	Key     string // what it is about; a second one of the key is not sent
	UserID  string
	Address string // empty: the account's when it is sent
	Kind    Kind
	Content Content
}

// Sender sends a message: *mail.SMTP or *mail.Outbox.
type Sender interface {
	Send(ctx context.Context, m mail.Message) error
}

// Config says what a Queue works with. DB, Sender and User are required.
type Config struct {
	DB     *sqlstore.DB
	Sender Sender
	// User returns the account of an id, or auth.ErrNotFound.
	User func(ctx context.Context, id string) (auth.User, error)
	// ResetLink makes a link, from the root of the shop, by which the account's password can be
	// reset; nil: there are no such mails.
	ResetLink func(ctx context.Context, u auth.User) (string, error)
	BaseURL   string           // address of the shop in mails
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: nothing is logged
	// Retry is the wait between attempts. The zero value is 30 s, growing to an hour.
	Retry resilience.Backoff
}

// Queue keeps mails until they are sent. It is safe for concurrent use, by any number of
// processes on one database.
type Queue struct{ cfg Config }

// New returns a Queue, or an error that names the field that is missing.
func New(c Config) (*Queue, error) {
	switch {
	case c.DB == nil:
		return nil, errors.New("mailing: Config.DB is required")
	case c.Sender == nil:
		return nil, errors.New("mailing: Config.Sender is required")
	case c.User == nil:
		return nil, errors.New("mailing: Config.User is required")
	}
	defaults.ClockAndLog(&c.Now, &c.Log)
	if c.Retry.Initial == 0 {
		c.Retry = resilience.Backoff{Initial: 30 * time.Second, Max: time.Hour, Jitter: resilience.Spread(20)}
	}
	return &Queue{cfg: c}, nil
}

type mailRow struct {
	bun.BaseModel `bun:"table:?(rk)mails,alias:m"`

	ID        string `bun:",pk"`
	Key       string
	UserID    string
	Address   string
	Kind      Kind
	Content   sqldb.JSON[Content]
	CreatedAt sqldb.Time
	NextAt    sqldb.Time
	Attempts  int
	LastError string
	SentAt    sqldb.Time
	DeadAt    sqldb.Time
	lease.Lease
}

// Add has a mail sent when tx commits; nil is a transaction of its own.
func (q *Queue) Add(ctx context.Context, tx bun.IDB, m Mail) error {
	if tx != nil {
		return Add(ctx, tx, m, q.cfg.Now())
	}
	return q.cfg.DB.Tx(ctx, "mailing: add", func(ctx context.Context, tx bun.IDB) error {
		return Add(ctx, tx, m, q.cfg.Now())
	})
}

// Add has a mail sent, by whichever process has a Queue, when tx commits.
func Add(ctx context.Context, tx bun.IDB, m Mail, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	at := sqldb.At(now)
	row := mailRow{
		ID: id.String(), Key: m.Key, UserID: m.UserID, Address: m.Address, Kind: m.Kind,
		Content: sqldb.AsJSON(m.Content), CreatedAt: at, NextAt: at,
	}
	_, err = tx.NewInsert().Model(&row).On("CONFLICT (key) DO NOTHING").Returning("NULL").Exec(ctx)
	return err
}

// QueueReset implements auth.ResetQueue.
func (q *Queue) QueueReset(ctx context.Context, request string, u auth.User) error {
	return q.Add(ctx, nil, Mail{Key: "reset:" + request + ":" + u.ID, UserID: u.ID, Address: u.Email, Kind: Reset,
		Content: Content{Subject: resetSubject}})
}

const resetSubject = "Reset your password"

type refusalRow struct {
	bun.BaseModel `bun:"table:?(rk)mail_refusals,alias:r"`

	UserID string `bun:",pk"`
	At     sqldb.Time
}

// Wants reports whether an account gets notices by mail.
func (q *Queue) Wants(ctx context.Context, userID string) (bool, error) {
	refused, err := q.cfg.DB.Read().NewSelect().Model((*refusalRow)(nil)).Where("r.user_id = ?", userID).Exists(ctx)
	return !refused, err
}

// SetWants says whether an account gets notices by mail, those that wait included.
func (q *Queue) SetWants(ctx context.Context, userID string, wants bool) error {
	return q.cfg.DB.Tx(ctx, "mailing: subscribe", func(ctx context.Context, tx bun.IDB) error {
		if wants {
			_, err := tx.NewDelete().Model((*refusalRow)(nil)).Where("user_id = ?", userID).Exec(ctx)
			return err
		}
		row := refusalRow{UserID: userID, At: sqldb.At(q.cfg.Now())}
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (user_id) DO NOTHING").Returning("NULL").Exec(ctx)
		return err
	})
}
