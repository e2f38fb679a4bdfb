package orders

import (
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// Reservation holds units of a product for a customer during a flash sale,
// for a limited time (the StockReservation of the shop). The units are off
// the stock and count against the sale's caps until the reservation ends.
type Reservation struct {
	ID         string // UUIDv7
	SaleID     string
	ProductID  int64
	CustomerID string
	Quantity   int // 1 or more
	Status     ReservationStatus
	OrderID    string // the order it was used for
	ExpiresAt  time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int // number of events so far
}

// ReservationStatus is the state of a Reservation.
type ReservationStatus string

// The states of a reservation. held leads to used or expired, which are final.
const (
	ReservationHeld    ReservationStatus = "held"
	ReservationUsed    ReservationStatus = "used"    // the customer ordered; what the order did not take went back
	ReservationExpired ReservationStatus = "expired" // its units went back
)

// The types of a reservation's events. Their data is the reservation.
const (
	EventReserved           = "reservation.made"
	EventReservationChanged = "reservation.changed"
	EventReservationUsed    = "reservation.used"
	EventReservationExpired = "reservation.expired"
)

// reserved is the data of a reservation's event: all that can change.
type reserved struct {
	SaleID     string            `json:"sale_id"`
	ProductID  int64             `json:"product_id"`
	CustomerID string            `json:"customer_id"`
	Quantity   int               `json:"quantity"`
	Status     ReservationStatus `json:"status"`
	OrderID    string            `json:"order_id,omitempty"`
	ExpiresAt  time.Time         `json:"expires_at"`
}

// reserve returns the reservation of so many units for the customer that p
// was loaded for, and its event. id and expires are for a new one; one
// that holds units already gets the new quantity and keeps its end, so that
// nobody holds units for longer by asking again. It ends with the sale.
//
// No sale that is on under saleID is CodeSaleNotActive, beyond the caps
// CodeSaleLimit, beyond the stock CodeOutOfStock.
func (p *Product) reserve(saleID, customerID, id string, quantity int, expires time.Time,
	s event.Stamp) (Reservation, []event.Event, error) {
	if err := checkQuantity(quantity); err != nil {
		return Reservation{}, nil, err
	}
	at := instant(s.At)
	sale := p.SaleAt(at)
	if sale == nil || sale.ID != saleID {
		return Reservation{}, nil, &Error{
			Code:      CodeSaleNotActive,
			Field:     "flash_sale",
			ProductID: p.ID,
			Message:   "the flash sale is not on; look at the list of those that are",
		}
	}
	if err := p.checkLeft(sale, quantity); err != nil {
		return Reservation{}, nil, err
	}
	if err := p.checkAvailable(quantity, at); err != nil {
		return Reservation{}, nil, err
	}
	r := sale.Reserved
	switch {
	case r.ID == "":
		r = Reservation{
			ID: id, SaleID: saleID, ProductID: p.ID, CustomerID: customerID, Quantity: quantity,
			Status: ReservationHeld, ExpiresAt: instant(expires), CreatedAt: at,
		}
		if r.ExpiresAt.After(sale.Ends) {
			r.ExpiresAt = sale.Ends
		}
		return r.record(s, EventReserved)
	case r.Quantity == quantity:
		return r, nil, nil
	}
	r.Quantity = quantity
	return r.record(s, EventReservationChanged)
}

// Use ends the reservation by an order of its customer.
func (r Reservation) Use(orderID string, s event.Stamp) (Reservation, []event.Event, error) {
	r.Status, r.OrderID = ReservationUsed, orderID
	return r.record(s, EventReservationUsed)
}

// Expire ends the reservation, whose time is up.
func (r Reservation) Expire(s event.Stamp) (Reservation, []event.Event, error) {
	r.Status = ReservationExpired
	return r.record(s, EventReservationExpired)
}

// Shorten brings the end of the reservation to the instant, when its sale is
// ended.
func (r Reservation) Shorten(to time.Time, s event.Stamp) (Reservation, []event.Event, error) {
	if !r.ExpiresAt.After(instant(to)) {
		return r, nil, nil
	}
	r.ExpiresAt = instant(to)
	return r.record(s, EventReservationChanged)
}

func (r Reservation) record(s event.Stamp, typ string) (Reservation, []event.Event, error) {
	e, err := event.NewEvent(r.ID, r.Version+1, typ, s, reserved{
		SaleID: r.SaleID, ProductID: r.ProductID, CustomerID: r.CustomerID, Quantity: r.Quantity,
		Status: r.Status, OrderID: r.OrderID, ExpiresAt: r.ExpiresAt,
	})
	if err != nil {
		return Reservation{}, nil, err
	}
	events := []event.Event{e}
	if err := checkTexts(events); err != nil {
		return Reservation{}, nil, err
	}
	r.Version, r.UpdatedAt = e.Seq, e.At
	return r, events, nil
}

// FoldReservation replays the events of one reservation, in order of Seq
// from 1.
func FoldReservation(events []event.Event) (Reservation, error) {
	var r Reservation
	payload := func(typ string) (*reserved, bool) {
		switch typ {
		case EventReserved, EventReservationChanged, EventReservationUsed, EventReservationExpired:
			return &reserved{}, true
		}
		return nil, false
	}
	err := event.Fold(events, payload, func(e event.Event, d *reserved) {
		at := instant(e.At)
		if e.Seq == 1 {
			r.CreatedAt = at
		}
		r = Reservation{
			ID: e.AggregateID, SaleID: d.SaleID, ProductID: d.ProductID, CustomerID: d.CustomerID, Quantity: d.Quantity,
			Status: d.Status, OrderID: d.OrderID, ExpiresAt: instant(d.ExpiresAt),
			CreatedAt: r.CreatedAt, UpdatedAt: at, Version: e.Seq,
		}
	})
	if err != nil {
		return Reservation{}, foldError(err)
	}
	return r, nil
}
