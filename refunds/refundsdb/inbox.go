package refundsdb

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// Inbox remembers which of the provider's messages were dealt with, so that
// one that is delivered again is dropped. It is safe for concurrent use, and by
// many processes on one database.
type Inbox struct{ db *sqlstore.DB }

// NewInbox returns an Inbox on a database that was migrated.
func NewInbox(db *sqlstore.DB) *Inbox { return &Inbox{db: db} }

type providerEventRow struct {
	bun.BaseModel `bun:"table:?(rk)refund_provider_events,alias:pe"`

	ID        string `bun:",pk"`
	Type      string
	HandledAt sqldb.Time
}

// Once runs handle for the message of the id unless it was handled before, and
// reports whether it ran. A message is noted when handle has succeeded: after
// an error, or a crash, it may come again. Two deliveries at the same time may
// both run, so handle must bear being repeated, as looking a refund up does.
func (b *Inbox) Once(
	ctx context.Context, id, kind string, now time.Time, handle func(context.Context) error,
) (bool, error) {
	if id == "" || len(id) > 255 || !storable(id) || !storable(kind) {
		return false, fmt.Errorf("refundsdb: %q is not the id of a message; 1 to 255 characters", id)
	}
	seen, err := b.db.Read().NewSelect().Model((*providerEventRow)(nil)).Where("pe.id = ?", id).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("refundsdb: message %s: %w", id, err)
	}
	if seen {
		return false, nil
	}
	if err := handle(ctx); err != nil {
		return true, err
	}
	err = b.db.Tx(ctx, "refundsdb: note message", func(ctx context.Context, tx bun.IDB) error {
		row := &providerEventRow{ID: id, Type: kind, HandledAt: sqldb.At(now)}
		_, err := tx.NewInsert().Model(row).On("CONFLICT (id) DO NOTHING").Returning("NULL").Exec(ctx)
		return err
	})
	return true, err
}

// Forget removes the notes of messages handled before the instant and returns
// how many. A provider that tries again for three days, as Stripe does
// (https://docs.stripe.com/webhooks#retries), allows anything older.
func (b *Inbox) Forget(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := b.db.Tx(ctx, "refundsdb: forget messages", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*providerEventRow)(nil)).
			Where("handled_at < ?", sqldb.At(before)).Exec(ctx))
		return err
	})
	return n, err
}
