package orders

import (
	"context"
	"strconv"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Purchase returns the order as packages returns and refunds see it.
func (o *Order) Purchase() purchase.Purchase {
	p := purchase.Purchase{
		OrderID: o.ID, CustomerID: o.CustomerID, TermsID: o.TermsID, Status: purchase.Open, Currency: o.Currency,
		Lines: make([]purchase.Line, len(o.Lines)), PlacedAt: o.PlacedAt, DeliveredAt: o.DeliveredAt,
	}
	switch o.Status {
	case StatusCompleted:
		p.Status = purchase.Completed
	case StatusCanceled:
		p.Status = purchase.Canceled
	}
	for i, l := range o.Lines {
		p.Lines[i] = purchase.Line{
			ID: l.ID, ProductID: strconv.FormatInt(l.ProductID, 10), Name: l.Name, Category: l.Category,
			FinalSale: l.FinalSale,
			Quantity:  l.Quantity, Paid: purchase.Paid(o.Currency, l.Paid),
		}
	}
	for _, part := range o.Payments() {
		pay := purchase.Payment{ID: part.ID, Method: part.Method, ProviderID: part.ProviderID}
		if part.Status == PaymentCaptured {
			pay.Captured = part.Amount
		}
		p.Payments = append(p.Payments, pay)
	}
	return p
}

// Purchases returns the purchase of each order.
func Purchases(list []Order) []purchase.Purchase {
	out := make([]purchase.Purchase, len(list))
	for i := range list {
		out[i] = list[i].Purchase()
	}
	return out
}

// Purchase returns the purchase of the order, or ErrNotFound. With it a Service
// is the Orders of package returns.
func (s *Service) Purchase(ctx context.Context, orderID string) (purchase.Purchase, error) {
	o, err := s.store.Order(ctx, orderID)
	if err != nil {
		return purchase.Purchase{}, err
	}
	return o.Purchase(), nil
}

// Restock puts units back on the shelf, once per Ref; it reports whether this
// call did it. With it a Service is the Restocker of package returns.
func (s *Service) Restock(ctx context.Context, r purchase.Restock, by event.Actor) (bool, error) {
	if err := r.Check(); err != nil {
		return false, &Error{Code: CodeInvalid, Field: "restock", Message: err.Error(), Err: err}
	}
	product, err := strconv.ParseInt(r.ProductID, 10, 64)
	if err != nil || strconv.FormatInt(product, 10) != r.ProductID {
		return false, &Error{
			Code: CodeNotFound, Field: "product", Message: "there is no product " + quoted(r.ProductID),
			Err: ErrNotFound,
		}
	}
	own := Restock{Ref: r.Ref, ProductID: product, Quantity: r.Quantity}
	if err := own.Validate(); err != nil {
		return false, err
	}
	return s.store.Restock(ctx, own, s.stamp(ctx, by))
}
