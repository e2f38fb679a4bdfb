package outboxdb

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
)

// Watcher notes something of events in the transaction that fans them out. It
// writes through db and calls nothing that opens another transaction.
type Watcher func(ctx context.Context, db bun.IDB, events []event.Event) error

// watcher is a Watcher of the events of one prefix.
type watcher struct {
	prefix string
	types  []string // nil: all
	note   Watcher
}

// Watch has note see the events of prefix whose type is in types, or all when
// types is empty, each once: what it writes is committed with the mark that the
// event was fanned out. Without a delivery for each event it costs far less
// than a subscription, but while it fails nobody gets the events, and it sees
// them in no certain order. Watch before Run and the first DeliverSync.
func (d *Dispatcher) Watch(prefix string, types []string, note Watcher) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	if note == nil {
		return fmt.Errorf("outbox: watch %s: a function is needed", prefix)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers = append(d.watchers, &watcher{prefix: prefix, types: slices.Clone(types), note: note})
	return nil
}

// watched shows events to the watchers of prefix.
func (d *Dispatcher) watched(ctx context.Context, db bun.IDB, prefix string, rows []eventRow) error {
	d.mu.RLock()
	watchers := slices.Clone(d.watchers)
	d.mu.RUnlock()
	for _, w := range watchers {
		if w.prefix != prefix {
			continue
		}
		var events []event.Event
		for _, r := range rows {
			if len(w.types) == 0 || slices.Contains(w.types, r.Type) {
				events = append(events, r.event())
			}
		}
		if len(events) == 0 {
			continue
		}
		if err := w.note(ctx, db, events); err != nil {
			return err
		}
	}
	return nil
}
