package outbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
)

// Watcher records something of events while they are fanned out. What it writes
// through tx is committed with the mark that they were: tx is the log's transaction,
// a bun.IDB for outboxdb (whose Watcher makes one with that type) and nil for
// [Memory]. It opens no other transaction and calls no DeliverSync.
type Watcher func(ctx context.Context, tx any, events []event.Event) error

// watcher is a Watcher of one log.
type watcher struct {
	log   Log
	types Subscriber // its types alone
	note  Watcher
}

// Watch has note see the events of a stream whose type is in types, or all when
// types is empty, each once. Without a delivery for each event it costs far less
// than a subscription, but while it fails no subscriber gets the events, and it
// sees them in no certain order.
//
// Call Watch before Run and the first DeliverSync.
func (d *Dispatcher) Watch(stream string, types []string, note Watcher) error {
	l, err := d.log(stream)
	if err != nil {
		return err
	}
	if note == nil {
		return fmt.Errorf("outbox: watch %s: a function is needed", stream)
	}
	w := watcher{log: l, note: note}
	if len(types) > 0 {
		w.types.Types = slices.Clone(types)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers = append(d.watchers, w)
	return nil
}

// watch returns one Watcher for all of l, or nil if there is none.
func (d *Dispatcher) watch(l Log) Watcher {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var watchers []watcher
	for _, w := range d.watchers {
		if w.log.Stream() == l.Stream() {
			watchers = append(watchers, w)
		}
	}
	if len(watchers) == 0 {
		return nil
	}
	return func(ctx context.Context, tx any, events []event.Event) error {
		for _, w := range watchers {
			var wanted []event.Event
			for _, e := range events {
				if w.types.Wants(e.Type) {
					wanted = append(wanted, e)
				}
			}
			if len(wanted) == 0 {
				continue
			}
			if err := w.note(ctx, tx, wanted); err != nil {
				return err
			}
		}
		return nil
	}
}
