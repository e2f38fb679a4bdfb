package notice

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
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

// fewProducts is up to how many products that fall at once have a notice each. A feed may
// bring thousands that are low from the start: one notice says how many.
const fewProducts = 10

// WatchStock notifies staff of each product whose stock has fallen to Config.LowStock or below,
// once until it has been above.
func (s *Service) WatchStock(ctx context.Context) error {
	var rows []stockRow
	if err := s.cfg.DB.Writer().NewSelect().Model(&rows).Scan(ctx); err != nil {
		return fmt.Errorf("notice: products that are low on stock: %w", err)
	}
	known := map[int64]bool{}
	for _, r := range rows {
		known[r.ProductID] = true
	}
	low, fallen := 0, []orders.Product(nil)
	err := s.eachLow(ctx, nil, func(p orders.Product) {
		low++
		if !known[p.ID] {
			fallen = append(fallen, p)
		}
		delete(known, p.ID)
	})
	if err != nil {
		return err
	}
	s.cfg.Low(low)
	if err := s.fell(ctx, fallen); err != nil {
		return err
	}
	risen := slices.Sorted(maps.Keys(known))
	// Where one before it rose while the pages were read, one that is still low was on none of them.
	for chunk := range slices.Chunk(risen, orders.MaxPageSize) {
		if err := s.eachLow(ctx, chunk, func(p orders.Product) { delete(known, p.ID) }); err != nil {
			return err
		}
	}
	return s.rose(ctx, slices.DeleteFunc(risen, func(id int64) bool { return !known[id] }))
}

// eachLow calls f with each product that is low on stock, or with each of those that have an id
// of ids, which are a page at most.
func (s *Service) eachLow(ctx context.Context, ids []int64, f func(orders.Product)) error {
	q := orders.ProductQuery{IDs: ids, StockBelow: s.cfg.LowStock + 1, PageSize: orders.MaxPageSize}
	for q.Page = 1; ; q.Page++ {
		products, _, err := s.cfg.Products(ctx, q)
		if err != nil {
			return fmt.Errorf("notice: products: %w", err)
		}
		for _, p := range products {
			f(p)
		}
		if len(products) < q.PageSize {
			return nil
		}
	}
}

// fell notifies staff of products that are low, but for those that another process did.
func (s *Service) fell(ctx context.Context, fallen []orders.Product) error {
	if len(fallen) == 0 {
		return nil
	}
	people, err := s.cfg.Staff(ctx, Buyers)
	if err != nil {
		return err
	}
	slices.SortFunc(fallen, func(a, b orders.Product) int { return cmp.Compare(a.ID, b.ID) })
	if len(fallen) > fewProducts {
		return s.fellTogether(ctx, fallen, people)
	}
	for _, p := range fallen {
		d := s.lowStock(p)
		key := func(at time.Time) string { return fmt.Sprintf("stock:%d:%d", p.ID, at.UnixMicro()) }
		if err := s.notifyFallen(ctx, []orders.Product{p}, people, key, func(int) draft { return d }); err != nil {
			return err
		}
	}
	return nil
}

// lowStock is the notice of one product.
func (s *Service) lowStock(p orders.Product) draft {
	d := draft{
		audience: Buyers, href: fmt.Sprintf("/admin/products/%d", p.ID), title: p.Name + " is low on stock",
		text: fmt.Sprintf("%d left; %d or fewer counts as low.", p.Stock, s.cfg.LowStock),
	}
	if p.Stock == 0 {
		d.title, d.text = p.Name+" is sold out", "There are none left."
	}
	return d
}

// fellTogether is fell for many products: one notice.
func (s *Service) fellTogether(ctx context.Context, fallen []orders.Product, people []string) error {
	key := func(at time.Time) string { return fmt.Sprintf("stock:many:%d", at.UnixMicro()) }
	return s.notifyFallen(ctx, fallen, people, key, func(n int) draft {
		return draft{
			audience: Buyers, href: "/admin/products?stock=low",
			title: fmt.Sprintf("%d products are low on stock", n),
			text:  fmt.Sprintf("%s is one of them. %d units or fewer count as low.", fallen[0].Name, s.cfg.LowStock),
		}
	})
}

// notifyFallen notes that staff know of the products, and notifies them of products that were not
// known before, with the notice of that number.
func (s *Service) notifyFallen(
	ctx context.Context, fallen []orders.Product, people []string, key func(time.Time) string, of func(int) draft,
) error {
	at, fresh := s.cfg.Now().UTC().Truncate(time.Microsecond), 0
	err := s.cfg.DB.Tx(ctx, "notice: low stock", func(ctx context.Context, tx bun.IDB) error {
		fresh = 0
		for chunk := range slices.Chunk(fallen, insertRows) {
			rows := make([]stockRow, len(chunk))
			for i, p := range chunk {
				rows[i] = stockRow{ProductID: p.ID, Since: sqldb.At(at)}
			}
			n, err := sqldb.Changed(tx.NewInsert().Model(&rows).On("CONFLICT (product_id) DO NOTHING").
				Returning("NULL").Exec(ctx))
			if err != nil {
				return err
			}
			fresh += n
		}
		if fresh == 0 {
			return nil // another process was first
		}
		d := of(fresh)
		fall := eventRow{EventID: key(at), Type: KindLowStock, At: sqldb.At(at)}
		return s.insert(ctx, tx, []news{{row: fall, draft: &d, people: people}})
	})
	if err == nil && fresh > 0 {
		s.hub.Wake(people...)
	}
	return err
}

// rose has staff notified again when the products fall.
func (s *Service) rose(ctx context.Context, ids []int64) error {
	for chunk := range slices.Chunk(ids, insertRows) {
		err := s.cfg.DB.Tx(ctx, "notice: stock is back", func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewDelete().Model((*stockRow)(nil)).Where("product_id IN (?)", bun.List(chunk)).Exec(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
