package partner

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	leases "github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/defaults"
	"github.com/returnkit/returnkit/refserver/internal/outbound"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/seal"
	"github.com/returnkit/returnkit/returns/budget"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("partner", migrations) }

var (
	// ErrKey is returned for a key that opens nothing: none, wrong, expired or revoked. Who
	// sends it is not told which.
	ErrKey = errors.New("partner: the key is not valid")
	// ErrNotFound is returned for a partner, key or feed that does not exist.
	ErrNotFound = errors.New("partner: not found")
)

// Invalid is an error in what was entered for a partner.
type Invalid struct{ Field, Message string }

// Error implements error.
func (e *Invalid) Error() string { return e.Message }

// Config says what a Service works with. DB, Operations, Save, Secret and Currencies
// are required.
type Config struct {
	DB *sqlstore.DB
	// Operations keeps how far feeds are.
	Operations *progress.Service
	// Save creates a product (id 0) or changes it in the transaction tx.
	Save func(ctx context.Context, tx bun.IDB, id int64, by event.Stamp,
		change func(*orders.Product) error) (orders.Product, error)
	// Saved notes, last in the transaction, what Save changed in it for a feed of the
	// partner; nil: nothing is noted.
	Saved      func(ctx context.Context, tx bun.IDB, p Partner, changes []Change) error
	Secret     []byte           // the shop's: seals the tokens of partners' addresses
	Currencies []money.Currency // that products are sold in; new partners get the first
	// PrivateAddresses has feeds fetched from loopback and private addresses too, for development.
	PrivateAddresses bool
	Formats          []Format         // nil: Formats
	Zone             *time.Location   // of schedules; nil: UTC
	Now              func() time.Time // nil: time.Now
	Log              *slog.Logger     // nil: nothing is logged
}

// Change is a product before and after a feed saved it.
type Change struct {
	Was orders.Product // the zero value for a new one
	Now orders.Product
}

// Service knows partners, their keys and their feeds. It is safe for concurrent use, by any
// number of processes on one database.
type Service struct {
	cfg    Config
	reader *Reader
	tokens seal.Box
	fetch  fetcher
	memory *budget.Budget // of feeds that are read

	mu     sync.Mutex
	pulled time.Time // see pullForward
}

// New returns a Service, or an error that names the field that is missing.
func New(c Config) (*Service, error) {
	switch {
	case c.DB == nil:
		return nil, errors.New("partner: Config.DB is required")
	case c.Operations == nil:
		return nil, errors.New("partner: Config.Operations is required")
	case c.Save == nil:
		return nil, errors.New("partner: Config.Save is required")
	case len(c.Secret) == 0:
		return nil, errors.New("partner: Config.Secret is required")
	case len(c.Currencies) == 0:
		return nil, errors.New("partner: Config.Currencies is required")
	}
	if c.Formats == nil {
		c.Formats = Formats
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	defaults.ClockAndLog(&c.Now, &c.Log)
	tokens, err := seal.New(c.Secret, "partner feed token")
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: c, reader: NewReader(c.Formats...), fetch: newFetcher(c.PrivateAddresses), tokens: tokens}
	s.memory, err = budget.New(budget.Config{Bytes: 2 * MaxBytes, KeyPlaces: 1, KeyQueue: 2})
	return s, err
}

// Partner is somebody who sends product feeds.
type Partner struct {
	ID        string
	Name      string
	Currency  money.Currency // of prices that name none
	FeedURL   string         // empty: the partner sends its feed
	HasToken  bool           // a token is sent to FeedURL
	Schedule  Schedule       // of fetches; empty: only on request
	NextAt    time.Time      // of the next fetch; zero: none
	LastError string         // of the last fetch, in words; empty after a good one
	CreatedAt time.Time
	Keys      []Key // the newest first
}

// Params are what staff enter of a partner.
type Params struct {
	Name     string
	Currency money.Currency // empty: the first of Config.Currencies
	FeedURL  string
	Token    string   // sent to FeedURL as Bearer; empty keeps the one that is there
	Schedule Schedule // empty: only on request
}

type partnerRow struct {
	bun.BaseModel `bun:"table:?(rk)partners,alias:p"`

	leases.Lease // while its feed is fetched

	ID        string `bun:",pk"`
	Name      string
	NameKey   string
	Currency  string
	FeedURL   string
	FeedToken []byte
	Schedule  string
	NextAt    sqldb.Time
	LastError string
	CreatedAt sqldb.Time
}

type keyRow struct {
	bun.BaseModel `bun:"table:?(rk)partner_keys,alias:k"`

	Prefix     string `bun:",pk"`
	PartnerID  string
	Hash       []byte
	CreatedAt  sqldb.Time
	ExpiresAt  sqldb.Time
	RevokedAt  sqldb.Time
	LastUsedAt sqldb.Time
}

func (r partnerRow) partner() Partner {
	return Partner{
		ID: r.ID, Name: r.Name, Currency: money.Currency(r.Currency), FeedURL: r.FeedURL,
		HasToken: len(r.FeedToken) > 0, Schedule: Schedule(r.Schedule), NextAt: r.NextAt.Time(),
		LastError: r.LastError, CreatedAt: r.CreatedAt.Time(),
	}
}

func (r keyRow) key() Key {
	return Key{
		Prefix: r.Prefix, CreatedAt: r.CreatedAt.Time(), ExpiresAt: r.ExpiresAt.Time(), RevokedAt: r.RevokedAt.Time(),
		LastUsedAt: r.LastUsedAt.Time(),
	}
}

// Partners returns all partners by name, with their keys.
func (s *Service) Partners(ctx context.Context) ([]Partner, error) {
	var rows []partnerRow
	var keys []keyRow
	if err := s.cfg.DB.Read().NewSelect().Model(&rows).Order("name_key").Scan(ctx); err != nil {
		return nil, fmt.Errorf("partner: list: %w", err)
	}
	if err := s.cfg.DB.Read().NewSelect().Model(&keys).Order("created_at DESC", "prefix").Scan(ctx); err != nil {
		return nil, fmt.Errorf("partner: list keys: %w", err)
	}
	of := map[string][]Key{}
	for _, k := range keys {
		of[k.PartnerID] = append(of[k.PartnerID], k.key())
	}
	out := make([]Partner, len(rows))
	for i, r := range rows {
		out[i] = r.partner()
		out[i].Keys = of[r.ID]
	}
	return out, nil
}

// Partner returns a partner with its keys, or ErrNotFound.
func (s *Service) Partner(ctx context.Context, id string) (Partner, error) {
	row := partnerRow{ID: id}
	err := s.cfg.DB.Read().NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Partner{}, ErrNotFound
	}
	if err != nil {
		return Partner{}, fmt.Errorf("partner: read: %w", err)
	}
	var keys []keyRow
	err = s.cfg.DB.Read().NewSelect().
		Model(&keys).
		Where("partner_id = ?", id).
		Order("created_at DESC", "prefix").Scan(ctx)
	if err != nil {
		return Partner{}, fmt.Errorf("partner: read keys: %w", err)
	}
	p := row.partner()
	for _, k := range keys {
		p.Keys = append(p.Keys, k.key())
	}
	return p, nil
}

// Admit waits until there is memory for a feed of size bytes of the partner, of whose feeds
// one is taken in at a time, and returns how to give it back. The error wraps
// budget.ErrBusy for a partner that has too many feeds waiting, and budget.ErrTooLarge.
func (s *Service) Admit(ctx context.Context, p Partner, size int64) (release func(), err error) {
	if size < 0 {
		size = MaxBytes // it does not say
	}
	return s.memory.Acquire(ctx, p.ID, min(size, MaxBytes))
}

// Create adds a partner, or returns an *Invalid that names the field.
func (s *Service) Create(ctx context.Context, p Params) (Partner, error) {
	if err := s.check(&p); err != nil {
		return Partner{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Partner{}, err
	}
	row := partnerRow{ID: id.String(), CreatedAt: sqldb.At(s.cfg.Now())}
	if err := s.fill(&row, p); err != nil {
		return Partner{}, err
	}
	err = s.cfg.DB.Tx(ctx, "partner: create", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
		return err
	})
	return row.partner(), taken(err, p)
}

// Update changes a partner, or returns ErrNotFound or an *Invalid that names the field.
func (s *Service) Update(ctx context.Context, id string, p Params) (Partner, error) {
	var row partnerRow
	err := s.cfg.DB.Tx(ctx, "partner: update", func(ctx context.Context, tx bun.IDB) error {
		row = partnerRow{ID: id}
		err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := s.check(&p); err != nil {
			return err
		}
		if row.FeedURL != p.FeedURL {
			row.FeedToken = nil // it was for the old address alone
		}
		if err := s.fill(&row, p); err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
	return row.partner(), taken(err, p)
}

func taken(err error, p Params) error {
	if _, ok := sqldb.IsUnique(err); ok {
		return &Invalid{"name", fmt.Sprintf("There is a partner named %s already.", p.Name)}
	}
	return err
}

// fill puts what was entered into the row.
func (s *Service) fill(row *partnerRow, p Params) error {
	row.Name, row.NameKey, row.Currency = p.Name, strings.ToLower(p.Name), string(p.Currency)
	row.FeedURL, row.Schedule, row.NextAt = p.FeedURL, string(p.Schedule),
		sqldb.At(p.Schedule.first(s.cfg.Now(), s.cfg.Zone))
	if p.Token != "" {
		row.FeedToken = s.tokens.Seal(row.ID, []byte(p.Token))
	}
	return nil
}

// open returns the token that was sealed; empty where there is none.
func (s *Service) open(row partnerRow) (string, error) {
	if len(row.FeedToken) == 0 {
		return "", nil
	}
	token, err := s.tokens.Open(row.ID, row.FeedToken)
	switch {
	case errors.Is(err, seal.ErrDamaged):
		return "", errors.New("the token is damaged; enter it again")
	case err != nil:
		return "", errors.New("the token was sealed under another SECRET_KEY; enter it again")
	}
	return string(token), nil
}

const (
	maxName  = 100
	maxToken = 1000
	maxURL   = 2000
)

// check returns an *Invalid for each field that cannot be kept, joined, and tidies the others.
func (s *Service) check(p *Params) error {
	p.Name, p.FeedURL, p.Token = strings.TrimSpace(p.Name), strings.TrimSpace(p.FeedURL), strings.TrimSpace(p.Token)
	p.Schedule = Schedule(strings.TrimSpace(string(p.Schedule)))
	if p.Currency == "" {
		p.Currency = s.cfg.Currencies[0]
	}
	var wrong []error
	if n := utf8.RuneCountInString(p.Name); n == 0 || n > maxName || !printable(p.Name) {
		wrong = append(wrong, &Invalid{"name", fmt.Sprintf("Enter a name of 1 to %d characters.", maxName)})
	}
	if !s.sells(p.Currency) {
		wrong = append(wrong, &Invalid{
			"currency", fmt.Sprintf("The shop does not sell in %s.", clip(string(p.Currency))),
		})
	}
	if len(p.Token) > maxToken || !printable(p.Token) {
		wrong = append(wrong, &Invalid{"token", fmt.Sprintf("Enter a token of at most %d characters.", maxToken)})
	}
	return errors.Join(append(wrong, s.checkAddress(*p), p.Schedule.check())...)
}

// checkAddress is check for where the feed is fetched from.
func (s *Service) checkAddress(p Params) error {
	switch {
	case p.FeedURL == "" && p.Schedule != "":
		return &Invalid{"feed_url", "Enter the address that the feed is fetched from, or no schedule."}
	case p.FeedURL == "" && p.Token != "":
		return &Invalid{"feed_url", "Enter the address that the token is for."}
	case p.FeedURL == "":
		return nil
	}
	u, err := url.Parse(p.FeedURL)
	switch {
	case err != nil || len(p.FeedURL) > maxURL || !outbound.Callable(u) || u.User != nil || !printable(p.FeedURL):
		return &Invalid{
			"feed_url",
			"Enter an address such as https://partner.example/products.csv, without a name or password in it.",
		}
	case u.Scheme != "https" && (u.Scheme != "http" || !s.cfg.PrivateAddresses):
		return &Invalid{"feed_url", "Enter an address that begins with https://."}
	case !s.cfg.PrivateAddresses && outbound.InPrivate(u):
		return &Invalid{
			"feed_url", "The address leads into a private network. Enter one that can be reached from the internet.",
		}
	}
	return nil
}

// printable reports whether a text is UTF-8 without control characters.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

func (s *Service) sells(c money.Currency) bool {
	for _, have := range s.cfg.Currencies {
		if have == c {
			return true
		}
	}
	return false
}
