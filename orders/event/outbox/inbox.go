package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/returnkit/returnkit/orders/event"
)

// Message is what another system sent, such as a webhook of a payment provider,
// after it was authenticated.
type Message struct {
	// ID is the sender's: a message of one id is kept once, however often it
	// comes. 1 to 255 characters.
	ID string
	// Type is what subscribers select by, such as "refund.updated".
	Type string
	// By is who sent it.
	By event.Actor
	// Data is what handlers get, as JSON: usually the body.
	Data json.RawMessage
}

// Inbox is a [Log] of messages: each is an event of Seq 1, and its aggregate id is
// the message's. [MemoryInbox] is one, and orders/event/outboxdb has one on
// PostgreSQL and SQLite. An implementation runs outboxtest.TestInbox.
type Inbox interface {
	Log

	// Receive appends e unless there is an event of its id, and reports whether
	// it did.
	Receive(ctx context.Context, e event.Event) (fresh bool, err error)

	// Forget removes the events older than before that were fanned out and have
	// no pending delivery, with their deliveries, and returns how many.
	Forget(ctx context.Context, before time.Time) (int, error)
}

// maxMessageID is how long the id of a message may be, in bytes.
const maxMessageID = 255

// Receive keeps a message in the inbox of a stream, and then calls the stream's
// subscribers with it, as [Dispatcher.DeliverSync] does. It reports whether the
// message is new; one that came before is handed to those alone who have not
// handled it yet.
//
// It returns an error if the message could not be kept, and the sender has to send
// it again. A handler that fails is no such error: the message is kept, and Run
// repeats the call. So a webhook is acknowledged as soon as Receive returns nil.
func (d *Dispatcher) Receive(ctx context.Context, stream string, m Message) (fresh bool, err error) {
	l, err := d.log(stream)
	if err != nil {
		return false, err
	}
	inbox, ok := l.(Inbox)
	if !ok {
		return false, fmt.Errorf("outbox: receive: the log of %s is not an Inbox", stream)
	}
	e, err := m.event(d.cfg.Now())
	if err != nil {
		return false, fmt.Errorf("outbox: receive for %s: %w", stream, err)
	}
	if fresh, err = inbox.Receive(ctx, e); err != nil {
		return false, err
	}
	// What failed is logged and stands in the log; what could not be tried for
	// other reasons is tried by Run.
	if err := d.DeliverSync(ctx, stream, m.ID); err != nil {
		d.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "outbox: a message is kept and handled later",
			slog.String("stream", stream), slog.String("message", m.ID), slog.Any("error", err))
	}
	return fresh, nil
}

// event returns the message as an event of an inbox.
func (m Message) event(at time.Time) (event.Event, error) {
	if len(m.ID) < 1 || len(m.ID) > maxMessageID || !utf8.ValidString(m.ID) || strings.ContainsRune(m.ID, 0) {
		return event.Event{}, fmt.Errorf("%q is not the id of a message; 1 to %d characters are", m.ID, maxMessageID)
	}
	if !json.Valid(m.Data) {
		return event.Event{}, errors.New("the data of message " + m.ID + " is not JSON")
	}
	e, err := event.NewEvent(m.ID, 1, m.Type, event.Stamp{At: at, By: m.By}, m.Data)
	if err != nil {
		return event.Event{}, err
	}
	return e, CheckEvent(e)
}

// MemoryInbox is an [Inbox] in memory.
type MemoryInbox struct{ *Memory }

var _ Inbox = MemoryInbox{}

// NewMemoryInbox returns an empty inbox of the stream.
func NewMemoryInbox(stream string) MemoryInbox { return MemoryInbox{NewMemory(stream)} }

// Receive appends e unless there is an event of its id.
func (m MemoryInbox) Receive(_ context.Context, e event.Event) (fresh bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.aggregates[e.AggregateID]) > 0 {
		return false, nil
	}
	if err := CheckEvent(e); err != nil {
		return false, fmt.Errorf("outbox: append to %s: %w", m.stream, err)
	}
	m.add(e)
	return true, nil
}

// Forget removes what was handled and is old.
func (m MemoryInbox) Forget(_ context.Context, before time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pending := map[string]bool{}
	for _, q := range m.queues {
		for id := range q.pending {
			pending[id] = true
		}
	}
	n := 0
	kept := m.events[:0:0]
	for _, e := range m.events {
		id := e.event.AggregateID
		if !e.event.At.Before(before) || !e.fannedOut || pending[id] {
			kept = append(kept, e)
			continue
		}
		n++
		delete(m.aggregates, id)
		for _, q := range m.queues {
			delete(q.all, e.event.ID)
		}
	}
	m.events = kept
	return n, nil
}
