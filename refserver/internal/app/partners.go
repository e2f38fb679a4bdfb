package app

import (
	"context"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/partner"
)

// How often feeds are looked for.
const (
	feedsEvery = 2 * time.Second
	fetchEvery = 5 * time.Second
)

// openPartners makes what takes in product feeds. Products are saved in the transaction that
// notes how far a feed is.
func (s *App) openPartners(store *ordersdb.Store) (err error) {
	s.Partners, err = partner.New(partner.Config{
		DB: s.DB, Operations: s.Progress, Secret: []byte(s.Config.SecretKey),
		Currencies:       []money.Currency{s.Config.Money()},
		PrivateAddresses: !s.Config.Production(), Zone: s.Config.DefaultTimezone.Location(), Now: s.now,
		Log: observability.Named(s.Log, "partners"),
		Save: func(ctx context.Context, tx bun.IDB, id int64, by event.Stamp, change func(*orders.Product) error) (
			orders.Product, error,
		) {
			return s.Orders.With(store.WithTx(tx)).SaveProduct(ctx, id, by.By, change)
		},
		Saved: s.recordFeed,
	})
	return err
}

// recordFeed puts the products that a feed created or changed into the audit, but for their
// stock.
func (s *App) recordFeed(ctx context.Context, tx bun.IDB, p partner.Partner, changes []partner.Change) error {
	var entries []audit.Entry
	for _, c := range changes {
		e := audit.Entry{
			Type: "product.changed", ActorID: "partner:" + p.ID, ActorName: p.Name, ActorRole: "partner",
			SubjectKind: "product", SubjectID: strconv.FormatInt(c.Now.ID, 10), SubjectName: c.Now.Name,
		}
		now, err := audit.Fields(c.Now, audit.ProductNoise()...)
		if err != nil {
			return err
		}
		var was map[string]string
		if c.Was.ID == 0 {
			e.Type = "product.created"
		} else if was, err = audit.Fields(c.Was, audit.ProductNoise()...); err != nil {
			return err
		}
		if e.Details = audit.Changes(was, now); len(e.Details) > 0 {
			entries = append(entries, e)
		}
	}
	return s.Audit.Append(ctx, tx, entries...)
}
