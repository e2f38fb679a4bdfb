package outboxdb_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
)

// Webhooks that are kept in a database: one that was received is handled, if not
// now then after the next start.
func ExampleNewInbox() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "inbox")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := sqlstore.Open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, outboxdb.Migrations("webhooks")); err != nil {
		fmt.Println(err)
		return
	}
	inbox, err := outboxdb.NewInbox(db, "webhooks")
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := outbox.New(outbox.Config{}, inbox)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = d.Subscribe("webhooks", "refunds", nil, func(_ context.Context, e event.Event) error {
		fmt.Println("handled", e.AggregateID)
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := outbox.Message{ID: "evt_1", Type: "refund.updated", Data: []byte(`{}`)}
	fmt.Println(d.Receive(ctx, "webhooks", m))
	fmt.Println(d.Receive(ctx, "webhooks", m))
	// Output:
	// handled evt_1
	// true <nil>
	// false <nil>
}
