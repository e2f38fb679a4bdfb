package partner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

type productRow struct {
	bun.BaseModel `bun:"table:?(rk)partner_products,alias:m"`

	PartnerID  string `bun:",pk"`
	ExternalID string `bun:",pk"`
	ProductID  int64
}

// save writes the products: first the ones that are there, by id, so that no two feeds wait
// for each other in a circle, then the new ones in the order of the feed. ctx is the
// caller's, since Save opens its own part of the transaction.
func (s *Service) save(ctx, inner context.Context, tx bun.IDB, p Partner, items []Item,
	stamp event.Stamp,
) (refused []RowError, err error) {
	known, err := s.known(inner, tx, p, items)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b Item) int {
		x, y := known[a.ExternalID], known[b.ExternalID]
		if x == 0 || y == 0 { // the new ones last
			return cmp.Compare(min(y, 1), min(x, 1))
		}
		return cmp.Compare(x, y)
	})
	var changes []Change
	for _, item := range items {
		id := known[item.ExternalID]
		var was orders.Product
		saved, err := s.cfg.Save(ctx, tx, id, stamp, func(p *orders.Product) error {
			was = *p
			return item.change(id)(p)
		})
		var wrong *orders.Error
		if errors.As(err, &wrong) && wrong.Code != orders.CodeNotFound {
			refused = append(refused, RowError{item.Row, wrong.Field, wrong.Error()})
			continue
		}
		if err != nil {
			return nil, err
		}
		if changes = append(changes, Change{was, saved}); id != 0 {
			continue
		}
		known[item.ExternalID] = saved.ID // a second row of the feed may have the same id
		link := productRow{PartnerID: p.ID, ExternalID: item.ExternalID, ProductID: saved.ID}
		if _, err := tx.NewInsert().Model(&link).Returning("NULL").Exec(inner); err != nil {
			return nil, err
		}
	}
	if s.cfg.Saved != nil && len(changes) > 0 {
		return refused, s.cfg.Saved(inner, tx, p, changes)
	}
	return refused, nil
}

// known returns the shop's ids of the partner's products.
func (s *Service) known(ctx context.Context, tx bun.IDB, p Partner, items []Item) (map[string]int64, error) {
	out := map[string]int64{}
	if len(items) == 0 {
		return out, nil
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.ExternalID
	}
	// Locked with the partner: another feed of the same partner may bring the same products.
	owner := partnerRow{ID: p.ID}
	if err := sqldb.ForUpdate(tx.NewSelect().Model(&owner).Column("id").WherePK()).Scan(ctx); err != nil {
		return nil, err
	}
	var rows []productRow
	err := tx.NewSelect().Model(&rows).
		Where("partner_id = ?", p.ID).
		Where("external_id IN (?)", bun.List(ids)).Scan(ctx)
	for _, r := range rows {
		out[r.ExternalID] = r.ProductID
	}
	return out, err
}

// change sets what the feed says; a product that is there keeps its currency, and a new one is
// shipped unless the feed says that it is not.
func (i Item) change(id int64) func(*orders.Product) error {
	return func(p *orders.Product) error {
		if id == 0 {
			p.Currency, p.RequiresShipping = i.Currency, true
		} else if p.Currency != i.Currency {
			return &orders.Error{
				Code: orders.CodeInvalid, Field: "currency",
				Message: fmt.Sprintf("the price is in %s; the product is sold in %s", i.Currency, p.Currency),
			}
		}
		i.apply(p)
		return nil
	}
}
