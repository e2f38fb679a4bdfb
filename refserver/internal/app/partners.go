package app

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/refserver/internal/partner"
)

// How often feeds are looked for.
const (
	feedsEvery = 2 * time.Second
	fetchEvery = 5 * time.Second
)

// openPartners makes what takes in product feeds. Products are saved in the transaction that
// notes how far a feed is.
func (s *App) openPartners(c orders.Config, store *ordersdb.Store) (err error) {
	s.Partners, err = partner.New(partner.Config{
		DB: s.DB, Secret: []byte(s.Config.SecretKey), Currencies: []money.Currency{s.Config.Money()},
		PrivateAddresses: !s.Config.Production(), Now: s.now, Log: observability.Named(s.Log, "partners"),
		Save: func(ctx context.Context, tx bun.IDB, id int64, by event.Stamp, change func(*orders.Product) error) (
			orders.Product, error,
		) {
			inTx := c
			inTx.Store = store.WithTx(tx)
			products, err := orders.New(inTx)
			if err != nil {
				return orders.Product{}, err
			}
			return products.SaveProduct(ctx, id, by, change)
		},
	})
	return err
}
