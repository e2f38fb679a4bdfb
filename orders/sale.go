package orders

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// FlashSale sells one product cheaper for a while. It is on from Starts up to,
// and not including, Ends; no two sales of one product overlap. It is a value:
// its methods change it and record Events.
type FlashSale struct {
	ID        string // UUIDv7
	ProductID int64
	Starts    time.Time
	Ends      time.Time
	// PercentBP is the discount in basis points of the list price, 1 to 10000
	// (20 % is 2000). Where the product's own discount is greater, that holds.
	PercentBP int
	// Cap is how many units are sold at the price of the sale in all,
	// CapPerCustomer to one customer; 0 is no cap. Beyond them the product sells
	// at its own price.
	Cap            int
	CapPerCustomer int
	// Sold are the units of orders that are not canceled, Held the units of
	// reservations. Sold + Held never exceeds Cap.
	Sold, Held int
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int // number of events so far

	changes []event.Event
}

// The types of a flash sale's events.
const (
	EventSaleCreated = "flash_sale.created"
	EventSaleChanged = "flash_sale.changed"
	EventSaleEnded   = "flash_sale.ended" // before its time
)

// FlashSaleParams is what staff decide about a flash sale.
type FlashSaleParams struct {
	ProductID      int64     `json:"product_id"`
	Starts         time.Time `json:"starts"`
	Ends           time.Time `json:"ends"`
	PercentBP      int       `json:"percent_bp"`
	Cap            int       `json:"cap,omitempty"`
	CapPerCustomer int       `json:"cap_per_customer,omitempty"`
}

// params returns what staff decided about the sale.
func (f *FlashSale) params() FlashSaleParams {
	return FlashSaleParams{
		ProductID:      f.ProductID,
		Starts:         f.Starts,
		Ends:           f.Ends,
		PercentBP:      f.PercentBP,
		Cap:            f.Cap,
		CapPerCustomer: f.CapPerCustomer,
	}
}

func (f *FlashSale) apply(d FlashSaleParams) {
	f.ProductID, f.Starts, f.Ends = d.ProductID, instant(d.Starts), instant(d.Ends)
	f.PercentBP, f.Cap, f.CapPerCustomer = d.PercentBP, d.Cap, d.CapPerCustomer
}

// validate reports the first field that is out of its range.
func (d FlashSaleParams) validate() error {
	bad := func(field, format string, args ...any) error {
		return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case d.ProductID < 1:
		return bad("product_id", "%d is not a product", d.ProductID)
	case d.Starts.IsZero() || d.Ends.IsZero():
		return bad("starts", "a flash sale has a start and an end")
	case !instant(d.Ends).After(instant(d.Starts)):
		return bad("ends", "the sale ends on %s, which is not after its start on %s", d.Ends.Format(time.RFC3339),
			d.Starts.Format(time.RFC3339))
	case d.PercentBP < 1 || d.PercentBP > 10_000:
		return bad("percent", "%d basis points are out of range; 1 to 10000", d.PercentBP)
	case d.Cap < 0 || d.Cap > MaxStock:
		return bad("cap", "%d is out of range; 0 (none) to %d", d.Cap, MaxStock)
	case d.CapPerCustomer < 0 || d.CapPerCustomer > maxQuantity:
		return bad("cap_per_customer", "%d is out of range; 0 (none) to %d", d.CapPerCustomer, maxQuantity)
	}
	return nil
}

// newFlashSale makes a sale of the draft.
func newFlashSale(id string, d FlashSaleParams, s event.Stamp) (*FlashSale, error) {
	if id == "" {
		return nil, &Error{Code: CodeInvalid, Field: "id", Message: "it is empty"}
	}
	if err := d.validate(); err != nil {
		return nil, err
	}
	f := &FlashSale{ID: id, CreatedAt: instant(s.At)}
	return f, f.record(s, EventSaleCreated, d)
}

// change makes the sale what the draft says. Its product stays, its start too
// once it is past, the end is not before the stamp, and the cap not below what
// is sold and held. Orders made before keep their price.
func (f *FlashSale) change(s event.Stamp, d FlashSaleParams) error {
	if err := d.validate(); err != nil {
		return err
	}
	at := instant(s.At)
	switch {
	case !f.Ends.After(at):
		return &Error{Code: CodeTransition, Field: "ends", Message: "the flash sale is over; create another one"}
	case d.ProductID != f.ProductID:
		return &Error{
			Code:    CodeInvalid,
			Field:   "product_id",
			Message: "a flash sale keeps its product; create another one",
		}
	case !instant(d.Starts).Equal(f.Starts) && !f.Starts.After(at):
		return &Error{Code: CodeInvalid, Field: "starts", Message: "the flash sale has begun; its start stays"}
	case !instant(d.Ends).After(at):
		return &Error{Code: CodeInvalid, Field: "ends", Message: "the end is in the past; end the sale instead"}
	case d.Cap > 0 && d.Cap < f.Sold+f.Held:
		return &Error{
			Code:    CodeInvalid,
			Field:   "cap",
			Message: fmt.Sprintf("%d is less than the %d units sold and held", d.Cap, f.Sold+f.Held),
		}
	}
	was := *f
	if was.apply(d); was.params() == f.params() {
		return nil
	}
	return f.record(s, EventSaleChanged, d)
}

// end ends the sale at the stamp, also one that has not begun. Ending one
// that is over changes nothing.
func (f *FlashSale) end(s event.Stamp) error {
	at := instant(s.At)
	if !f.Ends.After(at) {
		return nil
	}
	d := f.params()
	d.Ends = at
	if d.Starts.After(at) {
		d.Starts = at
	}
	return f.record(s, EventSaleEnded, d)
}

func (f *FlashSale) record(s event.Stamp, typ string, d FlashSaleParams) error {
	d.Starts, d.Ends = instant(d.Starts), instant(d.Ends)
	e, err := event.NewEvent(f.ID, f.Version+1, typ, s, d)
	if err != nil {
		return err
	}
	if err := checkTexts([]event.Event{e}); err != nil {
		return err
	}
	f.apply(d)
	f.Version, f.UpdatedAt = e.Seq, e.At
	f.changes = append(f.changes, e)
	return nil
}

// PendingEvents returns the events recorded since the sale was loaded or made.
func (f *FlashSale) PendingEvents() []event.Event { return f.changes }

// Clone is the sale as a store keeps it: without the events recorded since.
func (f FlashSale) Clone() FlashSale {
	f.changes = nil
	return f
}

// FoldFlashSale replays the events of one sale, in order of Seq from 1. Sold
// and Held come from orders and reservations; they are left zero.
func FoldFlashSale(events []event.Event) (FlashSale, error) {
	var f FlashSale
	payload := func(typ string) (*FlashSaleParams, bool) {
		switch typ {
		case EventSaleCreated, EventSaleChanged, EventSaleEnded:
			return &FlashSaleParams{}, true
		}
		return nil, false
	}
	err := event.Fold(events, payload, func(e event.Event, d *FlashSaleParams) {
		if e.Seq == 1 {
			f.ID, f.CreatedAt = e.AggregateID, instant(e.At)
		}
		f.apply(*d)
		f.Version, f.UpdatedAt = e.Seq, instant(e.At)
	})
	if err != nil {
		return FlashSale{}, foldError(err)
	}
	return f, nil
}

// On reports whether the sale is on at the instant.
func (f *FlashSale) On(at time.Time) bool { return !at.Before(f.Starts) && at.Before(f.Ends) }

// overlaps reports whether there is an instant at which both sales are on.
func (f *FlashSale) overlaps(g FlashSale) bool {
	return f.ProductID == g.ProductID && f.Starts.Before(f.Ends) && g.Starts.Before(g.Ends) &&
		f.Starts.Before(g.Ends) && g.Starts.Before(f.Ends)
}

// CheckOverlap refuses a sale that overlaps another one of its product, as
// CodeSaleOverlap.
func (f *FlashSale) CheckOverlap(others []FlashSale) error {
	for _, g := range others {
		if g.ID != f.ID && f.overlaps(g) {
			return &Error{Code: CodeSaleOverlap, Field: "starts", ProductID: f.ProductID, Message: fmt.Sprintf(
				"product %d has a flash sale from %s to %s already", f.ProductID, g.Starts.Format(time.RFC3339),
				g.Ends.Format(time.RFC3339))}
		}
	}
	return nil
}

// SaleState is a sale as it stands for one customer.
type SaleState struct {
	FlashSale
	Bought   int         // units of the customer's orders in the sale that are not canceled
	Reserved Reservation // the customer's reservation while it holds units, else zero
}

// Left is how many units the customer can have in the sale now, in one order,
// those reserved for them included and the stock left aside.
func (s *SaleState) Left() int {
	left := maxQuantity
	if s.Cap > 0 {
		left = min(left, s.Cap-s.Sold-s.Held+s.Reserved.Quantity)
	}
	if s.CapPerCustomer > 0 {
		left = min(left, s.CapPerCustomer-s.Bought)
	}
	return max(left, 0)
}

// SaleAt returns the product's flash sale that is on at the instant, or nil.
func (p *Product) SaleAt(at time.Time) *SaleState {
	for i := range p.Sales {
		if p.Sales[i].On(at) {
			return &p.Sales[i]
		}
	}
	return nil
}

// availableAt is how many units the customer that p was loaded for can have at
// the instant: what is in stock, and what a flash sale that is on holds for them.
// The caps of a sale limit its price, not what is sold.
func (p *Product) availableAt(at time.Time) int {
	sale := p.SaleAt(at)
	if sale == nil {
		return p.Stock
	}
	return p.Stock + min(sale.Reserved.Quantity, sale.Left())
}

// checkAvailable refuses more units than AvailableAt, as CodeOutOfStock.
func (p *Product) checkAvailable(wanted int, at time.Time) error {
	available := p.availableAt(at)
	if wanted <= available {
		return nil
	}
	return &Error{Code: CodeOutOfStock, Field: "quantity", ProductID: p.ID, Available: available,
		Message: fmt.Sprintf("%d of %s requested, %d in stock", wanted, p.Name, available)}
}

// checkLeft refuses to reserve more units than the sale has left for the
// customer, as CodeSaleLimit.
func (p *Product) checkLeft(sale *SaleState, wanted int) error {
	if left := sale.Left(); wanted > left {
		return &Error{Code: CodeSaleLimit, Field: "quantity", ProductID: p.ID, Available: left,
			Message: fmt.Sprintf("%d of %s requested, the flash sale has %d left for you", wanted, p.Name, left)}
	}
	return nil
}
