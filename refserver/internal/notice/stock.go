package notice

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
)

// stockRow says that a product is low on stock and that staff know it.
type stockRow struct {
	bun.BaseModel `bun:"table:?(rk)notice_stock,alias:s"`

	ProductID int64 `bun:",pk"`
	Since     sqldb.Time
}

// WatchStock notifies staff of each product whose stock has fallen to Config.LowStock or below,
// once until it has been above.
func (s *Service) WatchStock(ctx context.Context) error {
	products, err := s.cfg.Products(ctx)
	if err != nil {
		return fmt.Errorf("notice: products: %w", err)
	}
	var rows []stockRow
	if err := s.cfg.DB.Writer().NewSelect().Model(&rows).Scan(ctx); err != nil {
		return fmt.Errorf("notice: products that are low on stock: %w", err)
	}
	told := map[int64]bool{}
	for _, r := range rows {
		told[r.ProductID] = true
	}
	low := 0
	for _, p := range products {
		if p.Stock > s.cfg.LowStock {
			continue
		}
		low++
		if !told[p.ID] {
			if err := s.fell(ctx, p); err != nil {
				return err
			}
		}
		delete(told, p.ID)
	}
	s.cfg.Low(low)
	for id := range told {
		if err := s.rose(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// fell notifies staff that a product is low, unless another process did.
func (s *Service) fell(ctx context.Context, p orders.Product) error {
	people, err := s.cfg.Staff(ctx, Buyers)
	if err != nil {
		return err
	}
	at := s.cfg.Now().UTC().Truncate(time.Microsecond)
	d := &draft{
		audience: Buyers, href: fmt.Sprintf("/admin/products/%d", p.ID), title: p.Name + " is low on stock",
		text: fmt.Sprintf("%d left, and %d or fewer is low.", p.Stock, s.cfg.LowStock),
	}
	if p.Stock == 0 {
		d.title, d.text = p.Name+" is sold out", "No unit is left."
	}
	err = s.cfg.DB.Tx(ctx, "notice: low stock", func(ctx context.Context, tx bun.IDB) error {
		row := stockRow{ProductID: p.ID, Since: sqldb.At(at)}
		first, err := sqldb.ChangedOne(tx.NewInsert().Model(&row).On("CONFLICT (product_id) DO NOTHING").
			Returning("NULL").Exec(ctx))
		if err != nil || !first {
			return err
		}
		fall := eventRow{
			EventID: fmt.Sprintf("stock:%d:%d", p.ID, at.UnixMicro()), Type: KindLowStock, At: sqldb.At(at),
		}
		return s.insert(ctx, tx, []news{{row: fall, draft: d, people: people}})
	})
	if err == nil {
		s.hub.Wake(people...)
	}
	return err
}

// rose has staff notified again when the product falls.
func (s *Service) rose(ctx context.Context, id int64) error {
	return s.cfg.DB.Tx(ctx, "notice: stock is back", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewDelete().Model((*stockRow)(nil)).Where("product_id = ?", id).Exec(ctx)
		return err
	})
}
