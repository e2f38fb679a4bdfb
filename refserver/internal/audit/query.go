package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
)

// Query selects entries. Zero fields select all.
type Query struct {
	Text    string // part of a name, a subject or a detail, in any case
	Type    string // the whole type, or its beginning up to a dot
	ActorID string
	Subject string // id of the subject
	Address string
	Request string
	From    time.Time // first instant
	To      time.Time // first instant after
	After   string    // Page.Next of the page before
	Limit   int       // 1 to 1000; 0 means 50
}

// Page is a page of entries, newest first. Next is where the older ones begin,
// empty where there are none.
type Page struct {
	Entries []Entry
	Next    string
}

// ErrCursor is returned for an After that is no Page.Next.
var ErrCursor = errors.New("audit: there is no such page")

// Entries returns a page of the entries that match, newest first.
func (l *Log) Entries(ctx context.Context, q Query) (Page, error) {
	limit := q.Limit
	if limit < 1 || limit > 1000 {
		limit = 50
	}
	var rows []entryRow
	sel := q.where(l.db.Reader().NewSelect().Model(&rows))
	if q.After != "" {
		day, number, found := strings.Cut(q.After, ".")
		seq, err := strconv.ParseInt(number, 10, 64)
		if _, bad := time.Parse(time.DateOnly, day); !found || err != nil || bad != nil {
			return Page{}, ErrCursor
		}
		sel = sel.Where("(e.day < ? OR e.day = ? AND e.seq < ?)", day, day, seq)
	}
	if err := sel.Order("e.day DESC", "e.seq DESC").Limit(int64(limit + 1)).Scan(ctx); err != nil {
		return Page{}, fmt.Errorf("audit: entries: %w", err)
	}
	var out Page
	rows, more := paging.More(rows, limit)
	for _, r := range rows {
		e, err := r.entry()
		if err != nil {
			return Page{}, err
		}
		out.Entries = append(out.Entries, e)
	}
	if more {
		last := out.Entries[limit-1]
		out.Next = fmt.Sprintf("%s.%d", last.Day, last.Seq)
	}
	return out, nil
}

func (q Query) where(sel *bun.SelectQuery) *bun.SelectQuery {
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace
	for column, value := range map[string]string{
		"actor_id": q.ActorID, "subject_id": q.Subject, "address": q.Address, "request": q.Request,
	} {
		if value != "" {
			sel = sel.Where("e.? = ?", bun.Ident(column), clean(value))
		}
	}
	if kind := clean(q.Type); kind != "" {
		sel = sel.Where(`(e.type = ? OR e.type LIKE ? ESCAPE '\')`, kind, escape(kind)+".%")
	}
	if text := strings.ToLower(clean(q.Text)); text != "" {
		like := "%" + escape(text) + "%"
		sel = sel.Where(`(LOWER(e.actor_name) LIKE ? ESCAPE '\' OR LOWER(e.subject_name) LIKE ? ESCAPE '\' OR `+
			`LOWER(e.details) LIKE ? ESCAPE '\' OR e.type LIKE ? ESCAPE '\')`, like, like, like, like)
	}
	if !q.From.IsZero() {
		sel = sel.Where("e.at >= ?", sqldb.At(q.From))
	}
	if !q.To.IsZero() {
		sel = sel.Where("e.at < ?", sqldb.At(q.To))
	}
	return sel
}

// Day is a verified segment of the chain.
type Day struct {
	Day     string
	Entries int64
	Hash    string // of the last entry: kept elsewhere, it proves the day
}

// BrokenError is the first entry at which the chain is broken.
type BrokenError struct {
	Day string
	Seq int64
	Why string
}

// Error says which entry it is and what is wrong.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("the audit is broken at entry %d of %s: %s", e.Seq, e.Day, e.Why)
}

// verifyBatch is how many entries are read at a time.
const verifyBatch = 1000

// Verify reads the whole audit and checks the chain. It returns the days that
// are whole, and a *BrokenError that names the first entry that was changed,
// removed or slipped in.
func (l *Log) Verify(ctx context.Context) ([]Day, error) {
	// The head first: what is added while this reads stands behind it.
	head := headRow{ID: 1}
	if err := l.db.Reader().NewSelect().Model(&head).WherePK().Scan(ctx); err != nil {
		return nil, fmt.Errorf("audit: read the head of the chain: %w", err)
	}
	var days []Day
	last := Day{}
	for reached := head.Seq == 0; ; {
		var rows []entryRow
		err := l.db.Reader().NewSelect().Model(&rows).
			Where("(e.day > ? OR e.day = ? AND e.seq > ?)", last.Day, last.Day, last.Entries).
			Order("e.day", "e.seq").Limit(verifyBatch).Scan(ctx)
		if err != nil {
			return days, fmt.Errorf("audit: verify: %w", err)
		}
		for _, r := range rows {
			next, err := last.follow(r)
			if err != nil {
				return days, err
			}
			if next.Day != last.Day && last.Day != "" {
				days = append(days, last)
			}
			last = next
			reached = reached || r.Day == head.Day && r.Seq == head.Seq && r.Hash == head.Hash
		}
		if len(rows) < verifyBatch {
			if !reached {
				return days, &BrokenError{
					head.Day,
					head.Seq,
					"the newest entries are missing, or are not those that were added",
				}
			}
			break
		}
	}
	if last.Day != "" {
		days = append(days, last)
	}
	return days, nil
}

// follow checks that r is the entry after the last one of d, and returns the day
// with it.
func (d Day) follow(r entryRow) (Day, error) {
	broken := func(why string) (Day, error) { return d, &BrokenError{r.Day, r.Seq, why} }
	want := int64(1)
	if r.Day == d.Day {
		want = d.Entries + 1
	}
	if r.Seq != want {
		return d, &BrokenError{r.Day, want, fmt.Sprintf("it is missing; entry %d follows", r.Seq)}
	}
	if r.Previous != d.Hash {
		return broken("it does not follow the entry before, which was changed or removed")
	}
	sum, err := r.sum()
	if err != nil {
		return d, err
	}
	if sum != r.Hash {
		return broken("its content was changed")
	}
	return Day{Day: r.Day, Entries: r.Seq, Hash: r.Hash}, nil
}

// Count returns how many entries match; After and Limit are left aside.
func (l *Log) Count(ctx context.Context, q Query) (int, error) {
	n, err := q.where(l.db.Reader().NewSelect().Model((*entryRow)(nil))).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("audit: count: %w", err)
	}
	return int(n), nil
}
