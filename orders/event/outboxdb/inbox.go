package outboxdb

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// forgetChunk is how many messages one transaction of Forget removes.
const forgetChunk = 500

// Inbox is an [outbox.Inbox] in the tables of a stream that holds messages alone,
// made by [Migrations].
type Inbox struct{ *Log }

var _ outbox.Inbox = Inbox{}

// NewInbox returns the inbox of a stream; names of streams are as in [New].
func NewInbox(db *sqlstore.DB, stream string) (Inbox, error) {
	l, err := New(db, stream)
	return Inbox{l}, err
}

// Receive appends e unless there is an event of its id.
func (b Inbox) Receive(ctx context.Context, e event.Event) (fresh bool, err error) {
	row, err := newEventRow(e)
	if err != nil {
		return false, err
	}
	err = b.db.Tx(ctx, "outboxdb: receive for "+b.stream, func(ctx context.Context, tx bun.IDB) error {
		fresh, err = sqldb.ChangedOne(tx.NewInsert().Model(&row).ModelTableExpr("?", b.events()).
			On("CONFLICT DO NOTHING").Returning("NULL").Exec(ctx))
		return err
	})
	return fresh, err
}

// Forget removes what was handled and is old.
func (b Inbox) Forget(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		n, err := b.forgetSome(ctx, before)
		total += n
		if err != nil || n < forgetChunk {
			return total, err
		}
	}
}

func (b Inbox) forgetSome(ctx context.Context, before time.Time) (n int, err error) {
	err = b.db.Tx(ctx, "outboxdb: forget messages of "+b.stream, func(ctx context.Context, tx bun.IDB) error {
		var ids []string
		err := tx.NewSelect().TableExpr("? AS e", b.events()).Column("e.id").
			Where("e.at < ?", sqldb.At(before)).Where("e.fanned_out = TRUE").
			Where(
				"NOT EXISTS (SELECT 1 FROM ? AS d WHERE d.event_id = e.id AND d.delivered_at IS NULL)",
				b.deliveries(),
			).
			OrderExpr("e.at, e.aggregate_id, e.seq").Limit(forgetChunk).Scan(ctx, &ids)
		if n = len(ids); err != nil || n == 0 {
			return err
		}
		if _, err := tx.NewRaw("DELETE FROM ? WHERE event_id IN (?)", b.deliveries(),
			bun.List(ids)).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewRaw("DELETE FROM ? WHERE id IN (?)", b.events(), bun.List(ids)).Exec(ctx)
		return err
	})
	return n, err
}
