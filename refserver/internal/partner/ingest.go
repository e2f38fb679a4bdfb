package partner

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
)

const (
	batchRows = 50               // products of a transaction
	maxErrors = 100              // that a feed keeps; the others are counted
	lease     = 15 * time.Second // of a feed, renewed with each batch
	// SmallFeed is up to how many products a feed is carried out before it is answered.
	SmallFeed = 200
)

// State says how a feed stands.
type State string

// The states of a feed.
const (
	Running  State = "running"
	Done     State = "done"
	Failed   State = "failed" // by something that no retry mends
	Canceled State = "canceled"
)

// Run is a feed and how far it is.
type Run struct {
	ID         string
	PartnerID  string
	Origin     string // "sent" or "fetched"
	State      State
	Total      int // products
	Done       int // that were looked at; it never falls
	Accepted   int
	Rejected   int
	Errors     []RowError // the first hundred
	Message    string
	StartedAt  time.Time
	FinishedAt time.Time // zero: it is running
}

// Percent returns how much of the feed is done, 0 to 100.
func (r Run) Percent() int {
	if r.Total == 0 {
		return 100
	}
	return r.Done * 100 / r.Total
}

// Feed is a feed as it was sent.
type Feed struct {
	ContentType    string
	Body           []byte
	IdempotencyKey string // empty: none
	Origin         string // empty: "sent"
}

type runRow struct {
	bun.BaseModel `bun:"table:?(rk)partner_runs,alias:r"`

	ID             string `bun:",pk"`
	PartnerID      string
	IdempotencyKey *string
	RequestHash    string
	Origin         string
	MediaType      string
	Body           []byte
	State          State
	Total          int
	Done           int
	Accepted       int
	Rejected       int
	Errors         sqldb.JSON[[]RowError]
	Message        string
	StartedAt      sqldb.Time
	FinishedAt     sqldb.Time
	LeaseUntil     sqldb.Time
	LeaseToken     string
}

func (r runRow) run() Run {
	return Run{
		ID: r.ID, PartnerID: r.PartnerID, Origin: r.Origin, State: r.State, Total: r.Total, Done: r.Done,
		Accepted: r.Accepted, Rejected: r.Rejected, Errors: r.Errors.V, Message: r.Message,
		StartedAt: r.StartedAt.Time(), FinishedAt: r.FinishedAt.Time(),
	}
}

// ErrIdempotencyKey is returned for an idempotency key that is none.
var ErrIdempotencyKey = errors.New("partner: an idempotency key is 1 to 200 printable ASCII characters")

// ErrMismatch is returned for an idempotency key that came with another feed before.
var ErrMismatch = errors.New("partner: this idempotency key was used for another feed")

// Start reads a feed through, so that one that cannot be read is refused whole (*FeedError,
// ErrFormat), and stores it. Work carries it out. Under an idempotency key that was used
// before, it returns the feed of that time.
func (s *Service) Start(ctx context.Context, p Partner, f Feed) (Run, error) {
	if len(f.Body) > MaxBytes {
		return Run{}, &FeedError{
			fmt.Sprintf("the feed has %d bytes; at most %d, send it in parts", len(f.Body), MaxBytes),
		}
	}
	if len(f.IdempotencyKey) > 200 ||
		strings.ContainsFunc(f.IdempotencyKey, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return Run{}, ErrIdempotencyKey
	}
	format, err := s.reader.ByType(f.ContentType)
	if err != nil {
		return Run{}, err
	}
	total := 0
	for _, err := range Records(format, bytes.NewReader(f.Body)) {
		if err != nil {
			return Run{}, err
		}
		total++
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Run{}, err
	}
	sum := sha256.Sum256(append([]byte(f.ContentType+"\n"), f.Body...))
	packed, err := pack(f.Body)
	if err != nil {
		return Run{}, err
	}
	row := runRow{
		ID: id.String(), PartnerID: p.ID, RequestHash: hex.EncodeToString(sum[:]), Origin: cmp.Or(f.Origin, "sent"),
		MediaType: format.MediaTypes()[0], Body: packed, State: Running, Total: total,
		Errors:    sqldb.AsJSON([]RowError{}),
		StartedAt: sqldb.At(s.cfg.Now()),
	}
	if f.IdempotencyKey != "" {
		row.IdempotencyKey = &f.IdempotencyKey
	}
	err = s.cfg.DB.Tx(ctx, "partner: start feed", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
		return err
	})
	if _, ok := sqldb.IsUnique(err); ok && f.IdempotencyKey != "" {
		return s.before(ctx, row)
	}
	return row.run(), err
}

// pack makes a feed small, to be stored.
func pack(feed []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(feed); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

// before returns the feed that came under the key.
func (s *Service) before(ctx context.Context, row runRow) (Run, error) {
	var was runRow
	err := s.cfg.DB.Read().NewSelect().Model(&was).ExcludeColumn("body").Where("partner_id = ?", row.PartnerID).
		Where("idempotency_key = ?", *row.IdempotencyKey).Scan(ctx)
	if err == nil && was.RequestHash != row.RequestHash {
		err = ErrMismatch
	}
	return was.run(), err
}

// Run returns a feed, or ErrNotFound.
func (s *Service) Run(ctx context.Context, id string) (Run, error) {
	row := runRow{ID: id}
	err := s.cfg.DB.Read().NewSelect().Model(&row).ExcludeColumn("body").WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, ErrNotFound
	}
	return row.run(), err
}

// Runs returns the newest feeds of a partner, at most limit.
func (s *Service) Runs(ctx context.Context, partnerID string, limit int) ([]Run, error) {
	var rows []runRow
	err := s.cfg.DB.Read().NewSelect().Model(&rows).ExcludeColumn("body").Where("partner_id = ?", partnerID).
		Order("started_at DESC", "id DESC").Limit(int64(limit)).Scan(ctx)
	out := make([]Run, len(rows))
	for i, r := range rows {
		out[i] = r.run()
	}
	return out, err
}

// Cancel ends a feed where it stands: the products that are in stay. A feed that is finished
// stays as it is.
func (s *Service) Cancel(ctx context.Context, id string) (Run, error) {
	var row runRow
	err := s.cfg.DB.Tx(ctx, "partner: cancel feed", func(ctx context.Context, tx bun.IDB) error {
		row = runRow{ID: id}
		err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil || row.State != Running {
			return err
		}
		s.finish(&row, Canceled, fmt.Sprintf("Canceled after %d of %d products.", row.Done, row.Total))
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
	return row.run(), err
}

func (s *Service) finish(row *runRow, state State, message string) {
	row.State, row.Message, row.FinishedAt = state, message, sqldb.At(s.cfg.Now())
	row.Body, row.LeaseUntil, row.LeaseToken = nil, sqldb.Time{}, ""
}

// Work carries out a feed to its end, unless another process is carrying it out, and returns
// how it stands.
func (s *Service) Work(ctx context.Context, id string) (Run, error) { return s.work(ctx, id, false) }

// work is Work; with later, a feed that fails keeps its lease, so that it is tried again when
// that ends and others have their turn meanwhile.
func (s *Service) work(ctx context.Context, id string, later bool) (Run, error) {
	token := rand.Text()
	row, mine, err := s.claim(ctx, id, token)
	if err != nil || !mine {
		return row.run(), err
	}
	err = s.execute(ctx, &row)
	if err != nil && !errors.Is(err, errLost) {
		if !later || ctx.Err() != nil {
			s.release(ctx, row)
		}
		return row.run(), err
	}
	return s.Run(ctx, id)
}

// WorkDue carries out one feed that no process is carrying out; more reports whether there
// was one. A feed that can't be carried out keeps no other from it: the next one is taken, and
// the feed again when its lease ends.
func (s *Service) WorkDue(ctx context.Context) (more bool, err error) {
	attempted := []string{""}
	var failed error
	for ctx.Err() == nil {
		now := s.cfg.Now()
		var ids []string
		err := s.cfg.DB.Read().NewSelect().Model((*runRow)(nil)).Column("id").Where("state = ?", Running).
			Where("id NOT IN (?)", bun.List(attempted)).
			WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery { return free(q, now) }).
			Order("started_at", "id").Limit(1).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return false, errors.Join(failed, err)
		}
		if _, err = s.work(ctx, ids[0], true); err == nil {
			return failed == nil, failed
		}
		attempted, failed = append(attempted, ids[0]), errors.Join(failed, fmt.Errorf("feed %s: %w", ids[0], err))
	}
	return false, errors.Join(failed, ctx.Err())
}

// free selects what nobody holds. A lease that ends later than one taken now could was taken
// before the clock was set back.
func free(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("lease_until IS NULL").WhereOr("lease_until <= ?", sqldb.At(now)).
		WhereOr("lease_until > ?", sqldb.At(now.Add(2*lease)))
}

func (s *Service) claim(ctx context.Context, id, token string) (row runRow, mine bool, err error) {
	err = s.cfg.DB.Tx(ctx, "partner: claim feed", func(ctx context.Context, tx bun.IDB) error {
		row, mine = runRow{ID: id}, false
		err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		now, until := s.cfg.Now(), row.LeaseUntil.Time()
		if err != nil || row.State != Running || until.After(now) && !until.After(now.Add(2*lease)) {
			return err
		}
		mine = true
		row.LeaseUntil, row.LeaseToken = sqldb.At(now.Add(lease)), token
		_, err = tx.NewUpdate().Model(&row).WherePK().Column("lease_until", "lease_token").Exec(ctx)
		return err
	})
	return row, mine, err
}

// release lets another process go on at once.
func (s *Service) release(ctx context.Context, row runRow) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.cfg.DB.Tx(ctx, "partner: release feed", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Model((*runRow)(nil)).Set("lease_until = NULL").Where("id = ?", row.ID).
			Where("lease_token = ?", row.LeaseToken).Exec(ctx)
		return err
	})
	if err != nil {
		s.cfg.Log.WarnContext(
			ctx,
			"a feed is not released; it is carried on when its lease ends",
			"feed",
			row.ID,
			"error",
			err,
		)
	}
}

// errLost says that the feed is no longer ours: canceled, or taken over.
var errLost = errors.New("partner: the feed was taken over or canceled")

// execute goes through the products after those that are done.
func (s *Service) execute(ctx context.Context, row *runRow) error {
	format, err := s.reader.ByType(row.MediaType)
	if err != nil {
		return err
	}
	p, err := s.Partner(ctx, row.PartnerID)
	if err != nil {
		return err
	}
	feed, err := gzip.NewReader(bytes.NewReader(row.Body))
	if err != nil {
		return err
	}
	skip := row.Done
	var batch []Record
	for rec, err := range Records(format, feed) {
		if err != nil {
			return err // it was read through before, so that this is a fault of ours
		}
		if rec.Row <= skip {
			continue
		}
		if batch = append(batch, rec); len(batch) == batchRows {
			if err := s.batch(ctx, p, row, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return s.batch(ctx, p, row, batch)
}

// batch commits some products together with how far the feed is.
func (s *Service) batch(ctx context.Context, p Partner, row *runRow, records []Record) error {
	items, wrong := s.parse(p, records)
	stamp := event.Stamp{
		At: s.cfg.Now(), By: event.System("partner " + p.ID), Source: event.SourceOf(ctx),
	}
	var next runRow
	err := s.cfg.DB.Tx(ctx, "partner: carry out feed", func(inner context.Context, tx bun.IDB) error {
		next = runRow{ID: row.ID}
		q := tx.NewSelect().Model(&next).ExcludeColumn("body").WherePK().Where("state = ?", Running).
			Where("lease_token = ?", row.LeaseToken)
		if err := sqldb.ForUpdate(q).Scan(inner); errors.Is(err, sql.ErrNoRows) {
			return errLost
		} else if err != nil {
			return err
		}
		refused, err := s.save(ctx, inner, tx, p, items, stamp)
		if err != nil {
			return err
		}
		s.advance(&next, records, slices.Concat(wrong, refused))
		update := tx.NewUpdate().Model(&next).WherePK()
		if next.State == Running {
			update.ExcludeColumn("body") // it stays until the feed is finished
		}
		_, err = update.Exec(inner)
		return err
	})
	if err == nil {
		next.Body = row.Body
		*row = next
	}
	return err
}

func (s *Service) parse(p Partner, records []Record) (items []Item, wrong []RowError) {
	for _, rec := range records {
		item, bad := ParseItem(rec, p.Currency)
		switch {
		case len(bad) > 0:
			wrong = append(wrong, bad...)
		case !s.sells(item.Currency):
			wrong = append(
				wrong,
				RowError{rec.Row, "currency", fmt.Sprintf("the shop does not sell in %s", item.Currency)},
			)
		default:
			items = append(items, item)
		}
	}
	return items, wrong
}

// advance counts a batch, and ends the feed with its last.
func (s *Service) advance(row *runRow, records []Record, wrong []RowError) {
	bad := map[int]bool{}
	for _, e := range wrong {
		bad[e.Row] = true
	}
	row.Done += len(records)
	row.Accepted += len(records) - len(bad)
	row.Rejected += len(bad)
	slices.SortStableFunc(wrong, func(a, b RowError) int { return cmp.Compare(a.Row, b.Row) })
	if room := maxErrors - len(row.Errors.V); room > 0 {
		row.Errors.V = append(row.Errors.V, wrong[:min(room, len(wrong))]...)
	}
	row.LeaseUntil = sqldb.At(s.cfg.Now().Add(lease))
	if row.Done >= row.Total {
		s.finish(row, Done, "Catalog ingest completed successfully")
	}
}
