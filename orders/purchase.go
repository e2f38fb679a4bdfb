package orders

import (
	"context"
	"strconv"

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
	case StatusCancelled:
		p.Status = purchase.Cancelled
	}
	for i, l := range o.Lines {
		p.Lines[i] = purchase.Line{
			ID: l.ID, ProductID: strconv.FormatInt(l.ProductID, 10), Name: l.Name, Category: l.Category, FinalSale: l.FinalSale,
			Quantity: l.Quantity, Paid: purchase.Paid(o.Currency, l.Paid),
		}
	}
	pay := purchase.Payment{ID: o.Payment.ID, Method: o.Payment.Method, ProviderID: o.Payment.ProviderID}
	if o.Payment.Status == PaymentCaptured {
		pay.Captured = o.Payment.Amount
	}
	p.Payments = []purchase.Payment{pay}
	return p
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
