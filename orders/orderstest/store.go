package orderstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// Store is an orders.Store in memory: the same promises as ordersdb, one lock
// around everything. Make one with NewStore.
type Store struct {
	mu       sync.Mutex
	nextID   int64
	products map[int64]orders.Product
	carts    map[string]orders.Cart  // by id
	open     map[string]string       // customer -> id of the open cart
	orders   map[string]orders.Order // by id
	keys     map[[2]string]string    // customer and idempotency key -> order
	numbers  map[string]string       // order number -> order
	events   map[string][]event.Event
	refs     map[string]bool // restocks done
	ledger   orders.CreditLedger
	sales
}

var _ orders.Store = (*Store)(nil)

// WithCredit has orders paid by store credit of the ledger, such as a
// refundstest.Store. Call it before the store is used; it returns the store.
func (s *Store) WithCredit(ledger orders.CreditLedger) *Store {
	s.ledger = ledger
	return s
}

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{
		products: map[int64]orders.Product{}, carts: map[string]orders.Cart{}, open: map[string]string{},
		orders: map[string]orders.Order{}, keys: map[[2]string]string{}, numbers: map[string]string{},
		events: map[string][]event.Event{}, refs: map[string]bool{}, sales: newSales(),
	}
}

func notFound(what string, id any) error {
	return &orders.Error{Code: orders.CodeNotFound, Field: what, Message: fmt.Sprintf("there is no %s %v", what, id)}
}

// storable refuses what no database keeps as text.
func storable(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return noText(field)
	}
	return nil
}

func noText(field string) error {
	return &orders.Error{Code: orders.CodeInvalid, Field: field, Message: "it holds bytes that are no text"}
}

// Product implements orders.Store.
func (s *Store) Product(ctx context.Context, id int64) (orders.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Product{}, err
	}
	p, ok := s.products[id]
	if !ok {
		return orders.Product{}, notFound("product", id)
	}
	return s.productFor(p, ""), nil
}

// Products implements orders.Store.
func (s *Store) Products(ctx context.Context) ([]orders.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := slices.SortedFunc(maps.Values(s.products), func(a, b orders.Product) int { return cmp.Compare(a.ID, b.ID) })
	for i, p := range all {
		all[i] = s.productFor(p, "")
	}
	return all, nil
}

// FindProducts implements orders.Store.
func (s *Store) FindProducts(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
	all, err := s.Products(ctx)
	if err != nil {
		return nil, 0, err
	}
	q = q.Normalize()
	text := strings.ToLower(q.Text)
	found := slices.DeleteFunc(all, func(p orders.Product) bool {
		return q.IDs != nil && !slices.Contains(q.IDs, p.ID) || q.StockBelow != 0 && p.Stock >= q.StockBelow ||
			!strings.Contains(strings.ToLower(p.Name), text) && !strings.Contains(strings.ToLower(p.Category), text)
	})
	return paging.Cut(found, q.Page, q.PageSize), len(found), nil
}

// SaveProduct implements orders.Store.
func (s *Store) SaveProduct(ctx context.Context, id int64, st event.Stamp,
	change func(*orders.Product) error) (orders.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Product{}, err
	}
	p, ok := s.products[id]
	if id != 0 && !ok {
		return orders.Product{}, notFound("product", id)
	}
	if err := change(&p); err != nil {
		return orders.Product{}, err
	}
	if field := event.BadText(&st, &p); field != "" {
		return orders.Product{}, noText(field)
	}
	p.UpdatedAt = instant(st.At)
	if id == 0 {
		s.nextID++
		id, p.CreatedAt = s.nextID, p.UpdatedAt
	}
	p.ID, p.Sales = id, nil
	s.products[id] = p
	return p, nil
}

// Restock implements orders.Store.
func (s *Store) Restock(ctx context.Context, r orders.Restock, st event.Stamp) (bool, error) {
	if err := r.Validate(); err != nil {
		return false, err
	}
	if field := event.BadText(&st); field != "" {
		return false, noText(field)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	p, ok := s.products[r.ProductID]
	if !ok {
		return false, notFound("product", r.ProductID)
	}
	if s.refs[r.Ref] {
		return false, nil
	}
	if err := p.CheckRestock(r.Quantity); err != nil {
		return false, err
	}
	s.refs[r.Ref] = true
	p.Stock += r.Quantity
	s.products[p.ID] = p
	return true, nil
}

// Cart implements orders.Store.
func (s *Store) Cart(ctx context.Context, customerID string) (orders.Cart, map[int64]orders.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Cart{}, nil, err
	}
	id, ok := s.open[customerID]
	if !ok {
		return orders.Cart{CustomerID: customerID}, map[int64]orders.Product{}, nil
	}
	c := copyCart(s.carts[id])
	return c, s.productsOf(c, nil), nil
}

// UpdateCart implements orders.Store.
func (s *Store) UpdateCart(ctx context.Context, customerID, newCartID string, productIDs []int64,
	change func(*orders.Cart, map[int64]orders.Product) error) (orders.Cart, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Cart{}, err
	}
	if err := storable("customer", customerID); err != nil {
		return orders.Cart{}, err
	}
	c := orders.Cart{ID: newCartID, CustomerID: customerID}
	if id, ok := s.open[customerID]; ok {
		c = copyCart(s.carts[id])
	}
	products := s.productsOf(c, productIDs)
	if err := change(&c, products); err != nil {
		return orders.Cart{}, err
	}
	for _, it := range c.Items {
		if _, ok := s.products[it.ProductID]; !ok {
			return orders.Cart{}, notFound("product", it.ProductID)
		}
	}
	c.UpdatedAt = instant(c.UpdatedAt)
	s.carts[c.ID], s.open[customerID] = copyCart(c), c.ID
	return copyCart(c), nil
}

func (s *Store) productsOf(c orders.Cart, more []int64) map[int64]orders.Product {
	products := map[int64]orders.Product{}
	for _, it := range c.Items {
		products[it.ProductID] = s.productFor(s.products[it.ProductID], c.CustomerID)
	}
	for _, id := range more {
		if p, ok := s.products[id]; ok {
			products[id] = s.productFor(p, c.CustomerID)
		}
	}
	return products
}

// Order implements orders.Store.
func (s *Store) Order(ctx context.Context, id string) (orders.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Order{}, err
	}
	o, ok := s.orders[id]
	if !ok {
		return orders.Order{}, notFound("order", id)
	}
	return o.Clone(), nil
}

// Update implements orders.Store.
func (s *Store) Update(ctx context.Context, id string, change func(*orders.Order) error) (orders.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Order{}, err
	}
	was, ok := s.orders[id]
	if !ok {
		return orders.Order{}, notFound("order", id)
	}
	o := was.Clone()
	if err := change(&o); err != nil {
		return orders.Order{}, err
	}
	c, err := orders.NewChange(was, o)
	if err != nil {
		return orders.Order{}, err
	}
	if err := s.moveCredit(ctx, c); err != nil {
		return orders.Order{}, err
	}
	s.events[id] = append(s.events[id], event.Clone(c.Events)...)
	if c.FreesKey != "" {
		delete(s.keys, [2]string{o.CustomerID, c.FreesKey})
	}
	s.orders[id] = c.After
	for productID, n := range c.Stock {
		p := s.products[productID]
		p.Stock += n
		s.products[productID] = p
	}
	for saleID, n := range c.Sales {
		s.sell(saleID, o.CustomerID, n)
	}
	if c.OpensCart {
		s.reopen(o)
	}
	return c.After.Clone(), nil
}

// reopen gives the customer the cart of a canceled order back, unless they
// have another one with something in it.
func (s *Store) reopen(o orders.Order) {
	cart, ok := s.carts[o.CartID]
	if !ok || cart.OrderID != o.ID {
		return
	}
	if other, ok := s.open[o.CustomerID]; ok {
		if len(s.carts[other].Items) > 0 {
			return
		}
		delete(s.carts, other)
	}
	cart.OrderID = ""
	s.carts[cart.ID], s.open[o.CustomerID] = cart, cart.ID
}

// List implements orders.Store.
func (s *Store) List(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	q = q.Normalize()
	var found []orders.Order
	for _, o := range s.orders {
		if matches(o, q) {
			found = append(found, o.Clone())
		}
	}
	slices.SortFunc(found, func(a, b orders.Order) int {
		return cmp.Or(b.PlacedAt.Compare(a.PlacedAt), cmp.Compare(b.ID, a.ID))
	})
	page, total := paging.CutCounted(found, q.Page, q.PageSize, q.CountUpTo)
	return page, total, nil
}

func matches(o orders.Order, q orders.Query) bool {
	switch {
	case len(q.IDs) > 0 && !slices.Contains(q.IDs, o.ID),
		q.CustomerID != "" && o.CustomerID != q.CustomerID,
		len(q.Status) > 0 && !slices.Contains(q.Status, o.Status),
		q.NeedsReview && !o.Payment.Work.NeedsReview,
		!q.From.IsZero() && o.PlacedAt.Before(q.From),
		!q.To.IsZero() && !o.PlacedAt.Before(q.To):
		return false
	}
	text := strings.ToLower(q.Text)
	return text == "" || strings.Contains(strings.ToLower(o.Number), text) ||
		slices.ContainsFunc(o.Lines,
			func(l orders.Line) bool { return strings.Contains(strings.ToLower(l.Name), text) })
}

// Claim implements orders.Store.
func (s *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, token string,
	limit int) ([]orders.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ahead := func(at time.Time) bool { return at.After(now) && !at.After(now.Add(orders.Horizon)) }
	var due []orders.Order
	for _, o := range s.orders {
		w := o.Payment.Work
		if !w.NextAt.IsZero() && !ahead(w.NextAt) && !ahead(w.LeaseUntil) && !w.NeedsReview {
			due = append(due, o.Clone())
		}
	}
	slices.SortFunc(due, func(a, b orders.Order) int {
		return cmp.Or(cmp.Compare(b.Payment.Priority, a.Payment.Priority), a.PlacedAt.Compare(b.PlacedAt),
			cmp.Compare(a.ID, b.ID))
	})
	due = due[:min(len(due), max(limit, 0))]
	for i := range due {
		due[i].Payment.Work.Lease(token, now.Add(lease))
		s.orders[due[i].ID] = due[i].Clone()
	}
	return due, nil
}

// Events implements orders.Store.
func (s *Store) Events(ctx context.Context, id string) ([]event.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	events, ok := s.events[id]
	if !ok {
		return nil, notFound("order", id)
	}
	return event.Clone(events), nil
}

func copyCart(c orders.Cart) orders.Cart {
	c.Items = slices.Clone(c.Items)
	return c
}

func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
