package notice

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

const (
	hubPoll = time.Second
	// hubOverlap is how much of the time before each look is looked at again: a change is seen
	// when it is committed, which is later than its time.
	hubOverlap = 10 * time.Second
)

// Hub says when the notices of a user have changed, whichever process changed them. It asks
// the database once a second for all who listen, and not at all while nobody does.
type Hub struct {
	db  *sqlstore.DB
	now func() time.Time

	mu        sync.Mutex
	listeners map[string]map[chan struct{}]bool // by person
}

func newHub(db *sqlstore.DB, now func() time.Time) *Hub {
	return &Hub{db: db, now: now, listeners: map[string]map[chan struct{}]bool{}}
}

// Listen returns a channel that gets a value when the notices of the person may have changed,
// and a function that ends that.
func (h *Hub) Listen(userID string) (changed <-chan struct{}, end func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[userID] == nil {
		h.listeners[userID] = map[chan struct{}]bool{}
	}
	h.listeners[userID][c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if delete(h.listeners[userID], c); len(h.listeners[userID]) == 0 {
			delete(h.listeners, userID)
		}
	}
}

// Wake says that the notices of these people may have changed.
func (h *Hub) Wake(userIDs ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range userIDs {
		for c := range h.listeners[id] {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

func (h *Hub) anybody() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners) > 0
}

// Run looks for changes by other processes until ctx ends.
func (h *Hub) Run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(hubPoll)
	defer tick.Stop()
	for since := h.now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := h.now()
		if !h.anybody() {
			since = now
			continue
		}
		ids, err := h.changed(ctx, since.Add(-hubOverlap))
		if err != nil {
			if ctx.Err() == nil {
				log.WarnContext(ctx, "changes of notices are not known, will try again", "error", err)
			}
			continue
		}
		h.Wake(ids...)
		since = now
	}
}

func (h *Hub) changed(ctx context.Context, since time.Time) (ids []string, err error) {
	err = h.db.Read().NewSelect().Model((*noticeRow)(nil)).Distinct().Column("user_id").
		Where("n.changed_at > ?", sqldb.At(since)).Scan(ctx, &ids)
	return ids, err
}
