package notice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// The streams that events come from.
const (
	ordersStream  = "orders"
	returnsStream = "returns"
	refundsStream = "refunds"
)

// KindLowStock is the kind of the notice that a product is low on stock. Other kinds are the
// types of events.
const KindLowStock = "product.low_stock"

// draft is a notice without who gets it.
type draft struct {
	customer          string   // its id; empty for a notice to staff
	audience          Audience // of a notice to staff
	title, text, href string
}

// StoredTypes are the types of a stream that notices are made of.
func StoredTypes(stream string) []string {
	switch stream {
	case ordersStream:
		return []string{orders.EventCompleted, orders.EventCanceled}
	case returnsStream:
		return []string{
			returns.EventRequested, returns.EventInfoProvided, returns.EventInfoRequested, returns.EventRMAAssigned,
			returns.EventRejected, returns.EventReceived, returns.EventRefunded, returns.EventTaskOpened,
		}
	case refundsStream:
		return []string{refunds.EventFailed, refunds.EventReversed, refunds.EventReviewRequired}
	}
	return nil
}

// histories are all that happened to some aggregates, by stream and id.
type histories map[[2]string][]event.Event

// read reads the histories of aggregates of a stream, as the writer knows them.
func (h histories) read(ctx context.Context, db *sqlstore.DB, stream string, ids ...string) error {
	events, err := outboxdb.Events(ctx, db.Writer(), stream, ids...)
	for _, e := range events {
		key := [2]string{stream, e.AggregateID}
		h[key] = append(h[key], e)
	}
	return err
}

// historiesOf are those that the notices of events are made of: of what they happened to, and
// of the orders of returns.
func (s *Service) historiesOf(ctx context.Context, rows []eventRow) (histories, error) {
	h, ids := histories{}, map[string][]string{}
	add := func(stream, id string) {
		if !slices.Contains(ids[stream], id) {
			ids[stream] = append(ids[stream], id)
		}
	}
	for _, row := range rows {
		add(row.Stream, row.AggregateID)
	}
	for _, stream := range []string{returnsStream, refundsStream} {
		if err := h.read(ctx, s.cfg.DB, stream, ids[stream]...); err != nil {
			return nil, err
		}
	}
	for _, id := range ids[returnsStream] {
		if events := h[[2]string{returnsStream, id}]; len(events) > 0 {
			if r, err := returns.Fold(events[:1]); err == nil { // else its draft says what is wrong
				add(ordersStream, r.OrderID)
			}
		}
	}
	return h, h.read(ctx, s.cfg.DB, ordersStream, ids[ordersStream]...)
}

// draftOf is the notice of an event, nil for none.
func (h histories) draftOf(row eventRow) (*draft, error) {
	history := h[[2]string{row.Stream, row.AggregateID}]
	if len(history) < row.Seq {
		return nil, fmt.Errorf("there are %d events of %s, and this is number %d",
			len(history), row.AggregateID, row.Seq)
	}
	switch row.Stream {
	case ordersStream:
		o, err := orders.Fold(history[:row.Seq])
		return orderDraft(row.Type, o), err
	case refundsStream:
		r, err := refunds.Fold(history[:row.Seq])
		return refundDraft(row.Type, r), err
	case returnsStream:
		r, err := returns.Fold(history[:row.Seq])
		if err != nil {
			return nil, err
		}
		now, err := returns.Fold(history)
		if err != nil {
			return nil, err
		}
		number, err := h.orderNumber(r.OrderID)
		return returnDraft(row.Type, r, now, number), err
	}
	return nil, nil
}

// orderNumber is what people call an order; its id where it is not ours.
func (h histories) orderNumber(id string) (string, error) {
	history := h[[2]string{ordersStream, id}]
	if len(history) == 0 {
		return id, nil
	}
	o, err := orders.Fold(history)
	return o.Number, err
}

func orderDraft(typ string, o orders.Order) *draft {
	d := &draft{customer: o.CustomerID, href: "/orders/" + o.ID}
	if typ == orders.EventCompleted {
		d.title = "Your order " + o.Number + " is paid"
		d.text = "The payment of " + amount(o.Payment.Amount, o.Currency) + " that was waiting has succeeded."
		return d
	}
	d.title = "Your order " + o.Number + " is canceled"
	d.text = "You were not charged, and nothing will be shipped."
	return d
}

func refundDraft(typ string, r refunds.Refund) *draft {
	sum := amount(r.Amount(), r.Quote.Currency)
	switch typ {
	case refunds.EventFailed:
		return &draft{
			customer: r.Customer, href: "/returns/" + r.ClientReference, title: "Your refund of " + sum + " failed",
			text: "The payment did not go through. Our staff will try again or pay by another method.",
		}
	case refunds.EventReversed:
		return &draft{
			customer: r.Customer, href: "/returns/" + r.ClientReference,
			title: "Your refund of " + sum + " was reversed",
			text:  "The payment provider reversed it. Our staff will pay it another way.",
		}
	}
	return &draft{
		audience: Payers, href: "/admin/queue", title: "A refund of " + sum + " needs review",
		text: "Its outcome is unknown. Check it in the review queue.",
	}
}

// returnDraft is of the return r after its event, where now is what it has become since.
func returnDraft(typ string, r, now returns.Return, number string) *draft {
	customer := &draft{customer: r.CustomerID, href: "/returns/" + r.ID}
	staff := &draft{audience: Deciders, href: "/admin/returns/" + r.ID}
	switch typ {
	case returns.EventRequested, returns.EventInfoProvided:
		if now.Status != returns.StatusPendingAuthorization {
			return nil // it waits for nobody any more
		}
		staff.title, staff.text = "A return needs a decision", "Order "+number+", reason: "+words(r.Reason)+"."
		if typ == returns.EventInfoProvided {
			staff.title = "A customer sent more information"
		}
		return staff
	case returns.EventTaskOpened:
		staff.title = "The return " + called(r, number) + " has a new task"
		if n := len(r.Tasks); n > 0 {
			staff.text = r.Tasks[n-1].Note
		}
		return staff
	case returns.EventInfoRequested:
		customer.title = "We have a question about your return"
		customer.text = "Order " + number + ": " + r.Decision
	case returns.EventRMAAssigned:
		customer.title = "Your return " + r.RMA + " is authorized"
		customer.text = "Send us the items of order " + number + ". " +
			"You find the address and a slip on the return's page."
	case returns.EventRejected:
		customer.title = "Your return was rejected"
		customer.text = "Order " + number + ": " + r.Decision
	case returns.EventReceived:
		customer.title = "Your return " + called(r, number) + " arrived"
		customer.text = "We will inspect the items and then refund you."
	case returns.EventRefunded:
		customer.title = "Your return " + called(r, number) + " is refunded"
		customer.text = "The amount and the method are on the return's page. It can take some days to appear on a card."
	}
	customer.text = strings.TrimSpace(customer.text)
	return customer
}

// called is what people call a return.
func called(r returns.Return, number string) string {
	if r.RMA != "" {
		return r.RMA
	}
	return "of the order " + number
}

// words is a code as people read it.
func words[T ~string](code T) string {
	return strings.ToLower(strings.ReplaceAll(string(code), "_", " "))
}

func amount(minor int64, c money.Currency) string { return money.New(minor, c).Format("en") }

// wants reports whether notices are made of a type of a stream.
func wants(stream, typ string) bool { return slices.Contains(StoredTypes(stream), typ) }
