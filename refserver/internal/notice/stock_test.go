package notice_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/notice"
)

// TestLowStockIsReadPageByPage: of a large catalog only what is low is read, a page at a time. Where
// products rise or are sold while the pages are read, the next look has the rest, and none is
// notified of again that was low all the time.
func TestLowStockIsReadPageByPage(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		if err := sqlstore.Migrate(t.Context(), db, notice.Migrations()); err != nil {
			t.Fatal(err)
		}
		stock := make([]int, orders.MaxPageSize+2)
		between, low := func() {}, 0
		find := func(_ context.Context, q orders.ProductQuery) (page []orders.Product, n int, err error) {
			if q.StockBelow != 6 || q.PageSize != orders.MaxPageSize || len(q.IDs) > q.PageSize {
				t.Errorf("products are read by %+v", q)
			}
			var all []orders.Product
			for i, units := range stock {
				id := int64(i + 1)
				if units < q.StockBelow && (q.IDs == nil || slices.Contains(q.IDs, id)) {
					all = append(all, orders.Product{ID: id, Name: fmt.Sprint("Part ", id), Stock: units})
				}
			}
			from := min(len(all), (q.Page-1)*q.PageSize)
			page = slices.Clone(all[from:min(len(all), from+q.PageSize)])
			if q.Page == 1 && q.IDs == nil {
				between()
			}
			return page, len(all), nil
		}
		s, err := notice.New(notice.Config{
			DB: db, LowStock: 5, Products: find, Low: func(n int) { low = n },
			Staff: func(context.Context, notice.Audience) ([]string, error) { return []string{"kim"}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		last := len(stock) - 1
		for _, step := range []struct {
			name          string
			before, while func()
			low           int
			want          []string // the titles of all notices, oldest first
		}{
			{"all are low", nil, nil, 1002, []string{"1002 products are low on stock"}},
			{
				"two rise while the pages are read", nil, func() { stock[0], stock[1] = 9, 9 }, 1000,
				[]string{"1002 products are low on stock"},
			},
			{"nothing happens", nil, nil, 1000, []string{"1002 products are low on stock"}},
			{
				"one rises", func() { stock[last] = 6 }, nil, 999,
				[]string{"1002 products are low on stock"},
			},
			{
				"it is sold out", func() { stock[last] = 0 }, nil, 1000,
				[]string{"1002 products are low on stock", "Part 1002 is sold out"},
			},
		} {
			if step.before != nil {
				step.before()
			}
			between = func() {}
			if step.while != nil {
				between = step.while
			}
			if err := s.WatchStock(t.Context()); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			list, _, err := s.List(t.Context(), "kim", notice.Query{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range slices.Backward(list) {
				got = append(got, m.Title)
			}
			if !slices.Equal(got, step.want) || low != step.low {
				t.Errorf("%s: %d are low and the notices are %q, want %d and %q",
					step.name, low, got, step.low, step.want)
			}
		}
	})
}
