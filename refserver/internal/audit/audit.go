// Package audit keeps what happened to accounts, products, prices, policies,
// settings and exports, and what was refused: who, when, from where, by which request. What happens to
// orders, returns and refunds is in their own trails.
//
// Entries are added and never changed; triggers refuse the rest. Each carries
// the hash of the one before, so that one that was changed, removed or slipped in
// breaks the chain; [Log.Verify] names the first such entry. A [Log] may be
// shared by any number of processes on one database.
package audit

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

//go:embed migrations
var migrations embed.FS

// Migrations is the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("audit", migrations) }

// Entry is something that happened.
type Entry struct {
	Day string // UTC day of the chain's segment; set by Append
	Seq int64  // 1 for the first of the day; set by Append
	At  time.Time

	Type        string // object and past participle, such as account.signed_in
	ActorID     string // empty: nobody was signed in, or the shop itself
	ActorName   string
	ActorRole   string
	SubjectKind string // account, product, policy, ...
	SubjectID   string
	SubjectName string
	Address     string
	Request     string
	Details     map[string]string

	Previous string // hash of the entry before
	Hash     string
}

type entryRow struct {
	bun.BaseModel `bun:"table:?(rk)audit_entries,alias:e"`

	Day         string `bun:",pk"`
	Seq         int64  `bun:",pk"`
	At          sqldb.Time
	Type        string
	ActorID     string
	ActorName   string
	ActorRole   string
	SubjectKind string
	SubjectID   string
	SubjectName string
	Address     string
	Request     string
	Details     string
	Previous    string
	Hash        string
}

type headRow struct {
	bun.BaseModel `bun:"table:?(rk)audit_head,alias:h"`

	ID   int `bun:",pk"`
	Day  string
	Seq  int64
	Hash string
}

// Log is the audit. Make one with New.
type Log struct {
	db      *sqlstore.DB
	now     func() time.Time
	log     *slog.Logger
	appends *batch.Batcher[*appendCall]
	refused refusals
}

// appendCall is entries that are added in a transaction of their own.
type appendCall struct {
	entries []Entry
	err     error
}

// maxCombined is how many such calls share a transaction.
const maxCombined = 64

// New returns the audit in db, which must have been migrated. now may be nil
// for time.Now, log for none.
func New(db *sqlstore.DB, now func() time.Time, log *slog.Logger) *Log {
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Log{db: db, now: now, log: log, refused: newRefusals()}
	l.appends = batch.New(nil, maxCombined, l.appendAll)
	return l
}

// Append adds entries, in tx or, where that is nil, in a transaction of its own, which calls that
// meet share: the chain is one line, and each of its links would wait for the commit of the one before.
// Time, actor, address and request come from ctx where an entry leaves them
// out. The head of the chain is locked until the transaction ends: append last.
func (l *Log) Append(ctx context.Context, tx bun.IDB, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for i := range entries {
		entries[i].fill(ctx, l.now())
	}
	if tx != nil {
		return l.append(ctx, tx, entries)
	}
	c := &appendCall{entries: entries}
	if err := l.appends.Do(ctx, c); err != nil {
		return fmt.Errorf("audit: append: %w", err)
	}
	return c.err
}

// appendAll adds the entries of all calls in one transaction; where that fails, each call gets a
// transaction of its own.
func (l *Log) appendAll(ctx context.Context, calls []*appendCall) {
	var all []Entry
	for _, c := range calls {
		all = append(all, c.entries...)
	}
	err := l.db.Tx(ctx, "audit: append", func(ctx context.Context, tx bun.IDB) error {
		return l.append(ctx, tx, all)
	})
	if err != nil && len(calls) > 1 {
		for _, c := range calls {
			l.appendAll(ctx, []*appendCall{c})
		}
		return
	}
	for _, c := range calls {
		c.err = err
	}
}

// fill completes an entry from the request.
func (e *Entry) fill(ctx context.Context, now time.Time) {
	if e.At.IsZero() {
		e.At = now
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	source := event.SourceOf(ctx)
	e.Address, e.Request = source.Address, source.Request
	u, signedIn := auth.FromContext(ctx)
	switch {
	case e.ActorID != "" || e.ActorName != "":
	case signedIn:
		e.ActorID, e.ActorName, e.ActorRole = u.ID, u.Username, string(u.Role)
	case e.Request == "":
		e.ActorName, e.ActorRole = "the shop", "system"
	}
	e.Type, e.ActorName, e.SubjectName = clean(e.Type), clean(e.ActorName), clean(e.SubjectName)
	e.SubjectID = clean(e.SubjectID) // of a path that was refused before it was looked at
	details := make(map[string]string, len(e.Details))
	for k, v := range e.Details {
		details[clean(k)] = clean(v)
	}
	e.Details = details
}

// maxText is the most bytes of one text of an entry.
const maxText = 4000

// clean is a text that every database stores as it is.
func clean(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

func (l *Log) append(ctx context.Context, tx bun.IDB, entries []Entry) error {
	head := headRow{ID: 1}
	if err := sqldb.ForUpdate(tx.NewSelect().Model(&head).WherePK()).Scan(ctx); err != nil {
		return fmt.Errorf("audit: read the head of the chain: %w", err)
	}
	rows := make([]entryRow, len(entries))
	for i, e := range entries {
		// A clock that is behind adds to the day that is open: the chain only grows.
		day := max(head.Day, e.At.Format(time.DateOnly))
		if head.Day != "" && day != head.Day {
			l.log.InfoContext(ctx, "audit day closed; keep its hash elsewhere", "day", head.Day, "entries", head.Seq,
				"hash", head.Hash)
		}
		e.Day, e.Seq, e.Previous = day, 1, head.Hash
		if day == head.Day {
			e.Seq = head.Seq + 1
		}
		row, err := e.row()
		if err != nil {
			return err
		}
		rows[i] = row
		head.Day, head.Seq, head.Hash = row.Day, row.Seq, row.Hash
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("audit: append %s: %w", entries[0].Type, err)
	}
	if _, err := tx.NewUpdate().Model(&head).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("audit: move the head of the chain: %w", err)
	}
	return nil
}

// row is the entry as it is stored, with its hash.
func (e Entry) row() (entryRow, error) {
	details, err := json.Marshal(e.Details) // keys in order
	if err != nil {
		return entryRow{}, fmt.Errorf("audit: details: %w", err)
	}
	r := entryRow{
		Day: e.Day, Seq: e.Seq, At: sqldb.At(e.At), Type: e.Type, ActorID: e.ActorID, ActorName: e.ActorName,
		ActorRole: e.ActorRole, SubjectKind: e.SubjectKind, SubjectID: e.SubjectID, SubjectName: e.SubjectName,
		Address: e.Address, Request: e.Request, Details: string(details), Previous: e.Previous,
	}
	r.Hash, err = r.sum()
	return r, err
}

// sum is the SHA-256 of all columns but the hash, as a JSON list.
func (r entryRow) sum() (string, error) {
	text, err := json.Marshal([]any{
		r.Day, r.Seq, r.At.Time().UnixMicro(), r.Type, r.ActorID, r.ActorName, r.ActorRole,
		r.SubjectKind, r.SubjectID, r.SubjectName, r.Address, r.Request, r.Details, r.Previous,
	})
	if err != nil {
		return "", fmt.Errorf("audit: hash: %w", err)
	}
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:]), nil
}

func (r entryRow) entry() (Entry, error) {
	e := Entry{
		Day: r.Day, Seq: r.Seq, At: r.At.Time(), Type: r.Type, ActorID: r.ActorID, ActorName: r.ActorName,
		ActorRole: r.ActorRole, SubjectKind: r.SubjectKind, SubjectID: r.SubjectID, SubjectName: r.SubjectName,
		Address: r.Address, Request: r.Request, Previous: r.Previous, Hash: r.Hash,
	}
	if err := json.Unmarshal([]byte(r.Details), &e.Details); err != nil {
		return e, fmt.Errorf("audit: details of entry %d of %s: %w", r.Seq, r.Day, err)
	}
	return e, nil
}
