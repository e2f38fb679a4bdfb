package ordersdb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

type saleRow struct {
	bun.BaseModel `bun:"table:?(rk)flash_sales,alias:f"`

	ID             string `bun:",pk"`
	ProductID      int64
	Starts         sqldb.Time
	Ends           sqldb.Time
	PercentBP      int64 `bun:"percent_bp"`
	Cap            int64
	CapPerCustomer int64
	Sold           int64
	Held           int64
	Closed         bool
	CreatedAt      sqldb.Time
	UpdatedAt      sqldb.Time
	Version        int64
}

func rowOfSale(f orders.FlashSale) saleRow {
	return saleRow{
		ID: f.ID, ProductID: f.ProductID, Starts: sqldb.At(f.Starts), Ends: sqldb.At(f.Ends),
		PercentBP: int64(f.PercentBP),
		Cap:       int64(f.Cap), CapPerCustomer: int64(f.CapPerCustomer), Sold: int64(f.Sold), Held: int64(f.Held),
		CreatedAt: sqldb.At(f.CreatedAt), UpdatedAt: sqldb.At(f.UpdatedAt), Version: int64(f.Version),
	}
}

func (r saleRow) sale() orders.FlashSale {
	return orders.FlashSale{
		ID: r.ID, ProductID: r.ProductID, Starts: r.Starts.Time(), Ends: r.Ends.Time(), PercentBP: int(r.PercentBP),
		Cap: int(r.Cap), CapPerCustomer: int(r.CapPerCustomer), Sold: int(r.Sold), Held: int(r.Held),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: int(r.Version),
	}
}

type buyerRow struct {
	bun.BaseModel `bun:"table:?(rk)flash_sale_buyers,alias:y"`

	SaleID     string `bun:",pk"`
	CustomerID string `bun:",pk"`
	Bought     int64
}

type reservationRow struct {
	bun.BaseModel `bun:"table:?(rk)stock_reservations,alias:r"`

	ID         string `bun:",pk"`
	SaleID     string
	ProductID  int64
	CustomerID string
	Quantity   int64
	Status     string
	OrderID    string
	ExpiresAt  sqldb.Time
	CreatedAt  sqldb.Time
	UpdatedAt  sqldb.Time
	Version    int64
}

func rowOfReservation(r orders.Reservation) reservationRow {
	return reservationRow{
		ID: r.ID, SaleID: r.SaleID, ProductID: r.ProductID, CustomerID: r.CustomerID, Quantity: int64(r.Quantity),
		Status: string(r.Status), OrderID: r.OrderID, ExpiresAt: sqldb.At(r.ExpiresAt),
		CreatedAt: sqldb.At(r.CreatedAt), UpdatedAt: sqldb.At(r.UpdatedAt), Version: int64(r.Version),
	}
}

func (r reservationRow) reservation() orders.Reservation {
	return orders.Reservation{
		ID: r.ID, SaleID: r.SaleID, ProductID: r.ProductID, CustomerID: r.CustomerID, Quantity: int(r.Quantity),
		Status: orders.ReservationStatus(r.Status), OrderID: r.OrderID, ExpiresAt: r.ExpiresAt.Time(),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: int(r.Version),
	}
}

type buyer struct{ sale, customer string }

// saleBook is the flash sales that one transaction works on, under the locks
// of their products, and what it changes of them.
type saleBook struct {
	sales  []*orders.FlashSale // by start
	byID   map[string]*orders.FlashSale
	bought map[buyer]int
	held   map[buyer]orders.Reservation

	expired []orders.Reservation
	back    map[int64]int // product -> units that rejoin the stock

	counted map[string]bool // sales whose counts changed
	buyers  map[buyer]bool  // whose count changed
	kept    []orders.Reservation
	events  []event.Event
}

func newSaleBook(rows []saleRow) *saleBook {
	b := &saleBook{
		byID: make(
			map[string]*orders.FlashSale,
			len(rows),
		), bought: map[buyer]int{}, held: map[buyer]orders.Reservation{},
		back: map[int64]int{}, counted: map[string]bool{}, buyers: map[buyer]bool{},
	}
	for _, r := range rows {
		f := r.sale()
		b.sales, b.byID[f.ID] = append(b.sales, &f), &f
	}
	return b
}

func (b *saleBook) loadBuyers(ctx context.Context, db bun.IDB, ids, customers []string) error {
	var rows []buyerRow
	err := db.NewSelect().Model(&rows).
		Where("y.sale_id IN (?)", bun.List(ids)).
		Where("y.customer_id IN (?)", bun.List(customers)).Scan(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		b.bought[buyer{r.SaleID, r.CustomerID}] = int(r.Bought)
	}
	return nil
}

// state is the sale as it stands for the customer now.
func (b *saleBook) state(f *orders.FlashSale, customerID string) orders.SaleState {
	k := buyer{f.ID, customerID}
	return orders.SaleState{FlashSale: *f, Bought: b.bought[k], Reserved: b.held[k]}
}

// product is p with its sales as they stand for the customer now.
func (b *saleBook) product(p orders.Product, customerID string) orders.Product {
	p.Sales = nil
	for _, f := range b.sales {
		if f.ProductID == p.ID {
			p.Sales = append(p.Sales, b.state(f, customerID))
		}
	}
	return p
}

// hold makes the sale hold n units more (or less) for reservation r.
func (b *saleBook) hold(r orders.Reservation, n int) {
	b.byID[r.SaleID].Held += n
	b.counted[r.SaleID] = true
	b.back[r.ProductID] -= n
}

// keep notes a reservation to be saved, with its events.
func (b *saleBook) keep(r orders.Reservation, events []event.Event, err error) error {
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	b.kept, b.events = append(b.kept, r), append(b.events, events...)
	k := buyer{r.SaleID, r.CustomerID}
	if delete(b.held, k); r.Status == orders.ReservationHeld {
		b.held[k] = r
	}
	return nil
}

// expire ends the reservations whose time is up.
func (b *saleBook) expire(at time.Time, from event.Source) error {
	st := event.Stamp{At: at, By: event.System("flash sales"), Source: from}
	for _, r := range b.expired {
		b.hold(r, -r.Quantity)
		if err := b.keep(r.Expire(st)); err != nil {
			return err
		}
	}
	b.expired = nil
	return nil
}

// check refuses a new order beyond the caps of its sales.
func (b *saleBook) check(c orders.Change) error {
	for _, l := range c.After.Lines {
		if l.SaleID == "" {
			continue
		}
		f := b.byID[l.SaleID]
		if f == nil || f.ProductID != l.ProductID {
			return &orders.Error{
				Code:      orders.CodeSaleNotActive,
				Field:     "flash_sale",
				ProductID: l.ProductID,
				Message:   "the flash sale is over",
			}
		}
		if st := b.state(f, c.After.CustomerID); c.Sales[l.SaleID] > st.Left() {
			return &orders.Error{
				Code:      orders.CodeSaleLimit,
				Field:     "quantity",
				ProductID: l.ProductID,
				Available: st.Left(),
				Message:   "beyond the cap of the flash sale",
			}
		}
	}
	return nil
}

// sell counts a new order in its sales and ends the reservations it uses.
func (b *saleBook) sell(c orders.Change) error {
	for _, id := range c.Reservations {
		if r := b.held[buyer{id, c.After.CustomerID}]; r.ID != "" {
			b.hold(r, -r.Quantity)
			if err := b.keep(r.Use(c.After.ID, c.Stamp())); err != nil {
				return err
			}
		}
	}
	for id, n := range c.Sales {
		b.count(id, c.After.CustomerID, n)
	}
	return nil
}

// count counts n units (negative: given back) as sold to the customer.
func (b *saleBook) count(saleID, customerID string, n int) {
	k := buyer{saleID, customerID}
	b.byID[saleID].Sold += n
	b.bought[k] += n
	b.counted[saleID], b.buyers[k] = true, true
}

// save writes what changed, one statement a table, and the events.
func (s *Store) saveSales(ctx context.Context, tx bun.IDB, b *saleBook) error {
	if err := b.saveRows(ctx, tx); err != nil || len(b.events) == 0 {
		return err
	}
	return s.append(ctx, tx, b.events)
}

func (b *saleBook) saveRows(ctx context.Context, tx bun.IDB) error {
	if err := b.saveCounts(ctx, tx); err != nil {
		return err
	}
	var buyers []buyerRow
	for k := range b.buyers {
		buyers = append(buyers, buyerRow{SaleID: k.sale, CustomerID: k.customer, Bought: int64(b.bought[k])})
	}
	if len(buyers) > 0 {
		slices.SortFunc(buyers, func(a, b buyerRow) int {
			return cmp.Or(cmp.Compare(a.SaleID, b.SaleID), cmp.Compare(a.CustomerID, b.CustomerID))
		})
		_, err := tx.NewInsert().Model(&buyers).
			On("CONFLICT (sale_id, customer_id) DO UPDATE").
			Set("bought = EXCLUDED.bought").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return b.saveReservations(ctx, tx)
}

func (b *saleBook) saveCounts(ctx context.Context, tx bun.IDB) error {
	var sold, held strings.Builder
	var soldArgs, heldArgs []any
	var ids []string
	for _, f := range b.sales {
		if b.counted[f.ID] {
			ids = append(ids, f.ID)
			sold.WriteString(" WHEN ? THEN ?")
			held.WriteString(" WHEN ? THEN ?")
			soldArgs, heldArgs = append(soldArgs, f.ID, f.Sold), append(heldArgs, f.ID, f.Held)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.NewUpdate().TableExpr("?(rk)flash_sales").Set("sold = CASE id"+sold.String()+" END", soldArgs...).
		Set("held = CASE id"+held.String()+" END", heldArgs...).Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}

// saveReservations writes each reservation as it is in the end, old ones in
// place of what is stored.
func (b *saleBook) saveReservations(ctx context.Context, tx bun.IDB) error {
	if len(b.kept) == 0 {
		return nil
	}
	last := map[string]orders.Reservation{}
	for _, r := range b.kept {
		last[r.ID] = r
	}
	isNew := map[string]bool{}
	for _, e := range b.events {
		if e.Type == orders.EventReserved {
			isNew[e.AggregateID] = true
		}
	}
	var rows []reservationRow
	var old []string
	for _, id := range slices.Sorted(maps.Keys(last)) {
		rows = append(rows, rowOfReservation(last[id]))
		if !isNew[id] {
			old = append(old, id)
		}
	}
	if len(old) > 0 {
		if _, err := tx.NewDelete().TableExpr("?(rk)stock_reservations").Where("id IN (?)",
			bun.List(old)).Exec(ctx); err != nil {
			return err
		}
	}
	_, err := tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}
