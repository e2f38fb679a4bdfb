package feature

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

// channel is what processes listen to.
const channel = "rk_feature_switches"

// Postgres is the signal by NOTIFY. URL must lead to the database itself: a pooler in
// transaction mode passes no notifications on.
type Postgres struct {
	DB  *sqlstore.DB
	URL string
}

// Publish notifies.
func (p Postgres) Publish(ctx context.Context) error {
	_, err := p.DB.Writer().ExecContext(ctx, "NOTIFY "+channel)
	return err
}

// Listen waits for notifications on a connection of its own.
func (p Postgres) Listen(ctx context.Context, changed func()) error {
	conn, err := pgx.Connect(ctx, p.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	changed() // what happened before
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		changed()
	}
}
