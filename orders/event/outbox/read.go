package outbox

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// Reader is a log that a program reads, from a place of its own: an export, a search
// index, a second system that asks for what is new. [Memory] is one, and so is the Log
// of orders/event/outboxdb. Who must not miss an event, whatever happens, subscribes
// instead.
type Reader interface {
	// Read returns the events that follow the place of q, the oldest first, those
	// of one instant by aggregate and Seq. It returns ErrCursor for a place that
	// is not the Next of a Page.
	Read(ctx context.Context, q ReadQuery) (Page, error)
}

// ReadQuery says which events a Reader returns.
type ReadQuery struct {
	// After is the Next of the page before; empty means from the first event.
	After string

	// Before leaves out events of this time and later; required. An event has the
	// time of its change and is seen when that has been committed, so later
	// changes may be seen earlier. Give the present less the longest that a
	// transaction takes, a minute for instance: no page that was read gains an
	// event then.
	Before time.Time

	Types []string // nil means all
	Limit int      // 1 to MaxRead; 0 means 100
}

// MaxRead is how many events Read returns at most.
const MaxRead = 1000

// Check returns an error if q is out of range, and q with its defaults.
func (q ReadQuery) Check() (ReadQuery, error) {
	q.Limit = cmp.Or(q.Limit, 100)
	if q.Limit < 1 || q.Limit > MaxRead {
		return q, fmt.Errorf("outbox: read: Limit is %d, allowed is 1 to %d", q.Limit, MaxRead)
	}
	if q.Before.IsZero() {
		return q, errors.New("outbox: read: Before is required")
	}
	return q, nil
}

// Page is a part of the events of a log.
type Page struct {
	Events []event.Event
	Next   string // for ReadQuery.After, also when there is nothing new
}

// ErrCursor is returned for a place in a log that no page gave.
var ErrCursor = errors.New("outbox: the cursor is not one of a page before")

// Cursor is the place of an event in the order of a log: by time, aggregate and
// Seq. Its text is opaque to those who page.
type Cursor struct {
	At          time.Time
	AggregateID string
	Seq         int
}

// CursorOf returns the place of an event.
func CursorOf(e event.Event) Cursor { return Cursor{e.At, e.AggregateID, e.Seq} }

// String returns the text of c, which [ParseCursor] reads.
func (c Cursor) String() string {
	text := fmt.Sprintf("%d %d %s", c.At.UnixMicro(), c.Seq, c.AggregateID)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// ParseCursor reads the text of a Cursor, and returns ErrCursor for any other.
func ParseCursor(s string) (Cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	parts := strings.SplitN(string(raw), " ", 3)
	if len(parts) != 3 || strings.ContainsRune(parts[2], 0) {
		return Cursor{}, ErrCursor
	}
	micros, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	seq, err := strconv.Atoi(parts[1])
	if err != nil || seq < 1 {
		return Cursor{}, ErrCursor
	}
	at := time.UnixMicro(micros).UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return Cursor{}, ErrCursor
	}
	return Cursor{at, parts[2], seq}, nil
}

// Read returns the events that follow a place.
func (m *Memory) Read(_ context.Context, q ReadQuery) (Page, error) {
	q, err := q.Check()
	if err != nil {
		return Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := m.events
	if q.After != "" {
		c, err := ParseCursor(q.After)
		if err != nil {
			return Page{}, err
		}
		place := &entry{event: event.Event{At: c.At, AggregateID: c.AggregateID, Seq: c.Seq}}
		i, found := slices.BinarySearchFunc(rest, place, before)
		if found {
			i++
		}
		rest = rest[i:]
	}
	p := Page{Next: q.After}
	for _, e := range rest {
		if len(p.Events) == q.Limit || !e.event.At.Before(q.Before) {
			break
		}
		if q.Types == nil || slices.Contains(q.Types, e.event.Type) {
			p.Events = append(p.Events, own(e.event))
			p.Next = CursorOf(e.event).String()
		}
	}
	return p, nil
}
