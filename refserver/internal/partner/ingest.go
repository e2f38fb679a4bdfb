package partner

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/progress"
)

const (
	batchRows = 50  // products of a transaction
	maxErrors = 100 // that a feed keeps; the others are counted
	// SmallFeed is up to how many products a feed is executed before it is answered.
	SmallFeed = 200
)

// Operation is the kind of operation that a feed is.
const Operation = "partner_feed"

// Run is a feed and how far it is.
type Run struct {
	progress.Operation

	PartnerID string
	Origin    string // "sent" or "fetched"
	Accepted  int    // of the products that were looked at
	Rejected  int
	Errors    []RowError // the first hundred
}

// RunOf returns the feed that an operation is.
func RunOf(o progress.Operation) (Run, error) {
	r := Run{Operation: o, PartnerID: o.OwnerID}
	var asked feedParams
	var found feedResult
	if o.ID != "" {
		if err := errors.Join(json.Unmarshal(o.Params, &asked), json.Unmarshal(o.Result, &found)); err != nil {
			return r, fmt.Errorf("partner: feed %s: %w", o.ID, err)
		}
	}
	r.Origin, r.Accepted, r.Rejected, r.Errors = asked.Origin, found.Accepted, found.Rejected, found.Errors
	return r, nil
}

// runOf is RunOf for what a call of package progress returned.
func runOf(o progress.Operation, err error) (Run, error) {
	r, wrong := RunOf(o)
	switch {
	case errors.Is(err, progress.ErrNotFound):
		err = ErrNotFound
	case errors.Is(err, progress.ErrMismatch):
		err = ErrMismatch
	}
	return r, errors.Join(err, wrong)
}

// Feed is a feed as it was sent.
type Feed struct {
	ContentType    string
	Body           []byte
	IdempotencyKey string // empty: none
	Origin         string // empty: "sent"
}

// feedParams and feedResult are what an operation keeps of a feed.
type (
	feedParams struct {
		Origin    string `json:"origin"`
		MediaType string `json:"media_type"`
	}
	feedResult struct {
		Accepted int        `json:"accepted"`
		Rejected int        `json:"rejected"`
		Errors   []RowError `json:"errors"`
	}
)

// ErrIdempotencyKey is returned for an idempotency key that is none.
var ErrIdempotencyKey = errors.New("partner: an idempotency key is 1 to 200 printable ASCII characters")

// ErrMismatch is returned for an idempotency key that came with another feed before.
var ErrMismatch = errors.New("partner: this idempotency key was used for another feed")

// Start reads a feed through, so that one that cannot be read is refused whole (*FeedError,
// ErrFormat), and stores it. Work executes it. Under an idempotency key that was used
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
	sum := sha256.Sum256(append([]byte(f.ContentType+"\n"), f.Body...))
	packed, err := pack(f.Body)
	if err != nil {
		return Run{}, err
	}
	return runOf(s.cfg.Operations.Start(ctx, progress.Params{
		Kind: Operation, Title: "Feed of " + p.Name, OwnerID: p.ID, Total: total, Input: packed,
		Params:         feedParams{cmp.Or(f.Origin, "sent"), format.MediaTypes()[0]},
		IdempotencyKey: f.IdempotencyKey, RequestHash: hex.EncodeToString(sum[:]),
	}))
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

// Run returns a feed, or ErrNotFound.
func (s *Service) Run(ctx context.Context, id string) (Run, error) {
	o, err := s.cfg.Operations.Operation(ctx, id)
	if err == nil && o.Kind != Operation {
		return Run{}, ErrNotFound
	}
	return runOf(o, err)
}

// Runs returns the newest feeds of a partner, at most limit.
func (s *Service) Runs(ctx context.Context, partnerID string, limit int) ([]Run, error) {
	all, err := s.cfg.Operations.Operations(
		ctx, progress.Query{Kind: Operation, OwnerID: partnerID, Limit: limit},
	)
	if err != nil {
		return nil, err
	}
	out := make([]Run, len(all))
	for i, o := range all {
		if out[i], err = RunOf(o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Cancel ends a feed where it stands: the products that are in stay. A feed that is finished
// stays as it is.
func (s *Service) Cancel(ctx context.Context, id string) (Run, error) {
	if r, err := s.Run(ctx, id); err != nil {
		return r, err
	}
	return runOf(s.cfg.Operations.Cancel(ctx, id))
}

// kind says how a feed is executed.
func (s *Service) kind() progress.Kind {
	return progress.Kind{Name: Operation, Resumes: true, Work: s.execute}
}

// Work executes a feed to its end, unless another process is executing it, and returns
// how it stands.
func (s *Service) Work(ctx context.Context, id string) (Run, error) {
	return runOf(s.cfg.Operations.Work(ctx, s.kind(), id))
}

// WorkDue executes one feed that no process is executing; more reports whether there
// was one. A feed that can't be executed keeps no other from it.
func (s *Service) WorkDue(ctx context.Context) (more bool, err error) {
	return s.cfg.Operations.WorkDue(ctx, s.kind())
}

// execute goes through the products after those that are done.
func (s *Service) execute(ctx context.Context, t *progress.Task) error {
	run, err := RunOf(t.Operation)
	if err != nil {
		return err
	}
	var asked feedParams
	if err := json.Unmarshal(t.Params, &asked); err != nil {
		return err
	}
	format, err := s.reader.ByType(asked.MediaType)
	if err != nil {
		return err
	}
	p, err := s.Partner(ctx, run.PartnerID)
	if err != nil {
		return err
	}
	feed, err := gzip.NewReader(bytes.NewReader(t.Input))
	if err != nil {
		return err
	}
	skip := t.Done
	var batch []Record
	for rec, err := range Records(format, feed) {
		if err != nil {
			return err // it was read through before, so that this is a fault of ours
		}
		if rec.Row <= skip {
			continue
		}
		if batch = append(batch, rec); len(batch) == batchRows {
			if err := s.batch(ctx, p, t, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if t.State != progress.Running {
		return nil
	}
	return s.batch(ctx, p, t, batch)
}

// batch commits some products together with how far the feed is.
func (s *Service) batch(ctx context.Context, p Partner, t *progress.Task, records []Record) error {
	items, wrong := s.parse(p, records)
	stamp := event.Stamp{
		At: s.cfg.Now(), By: event.System("partner " + p.ID), Source: event.SourceOf(ctx),
	}
	return t.Step(ctx, progress.Advance{}, func(inner context.Context, tx bun.IDB) (progress.Advance, error) {
		refused, err := s.save(ctx, inner, tx, p, items, stamp)
		if err != nil {
			return progress.Advance{}, err
		}
		return advance(t.Operation, records, slices.Concat(wrong, refused))
	})
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
func advance(o progress.Operation, records []Record, wrong []RowError) (progress.Advance, error) {
	run, err := RunOf(o)
	if err != nil {
		return progress.Advance{}, err
	}
	bad := map[int]bool{}
	for _, e := range wrong {
		bad[e.Row] = true
	}
	found := feedResult{
		Accepted: run.Accepted + len(records) - len(bad), Rejected: run.Rejected + len(bad),
		Errors: slices.Clone(run.Errors),
	}
	slices.SortStableFunc(wrong, func(a, b RowError) int { return cmp.Compare(a.Row, b.Row) })
	if room := maxErrors - len(found.Errors); room > 0 {
		found.Errors = append(found.Errors, wrong[:min(room, len(wrong))]...)
	}
	a := progress.Advance{Done: len(records), Message: "The feed is being taken in.", Result: found}
	if o.Done+len(records) >= o.Total {
		a.Finish, a.Message = progress.Done, "Catalog ingest completed successfully"
	}
	return a, nil
}
