package orders_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
)

func TestAnOrderIsAPurchase(t *testing.T) {
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	o := orders.Order{
		ID: "o-1", CustomerID: "ann", TermsID: "t-1", Currency: "JPY", Status: orders.StatusCompleted,
		PlacedAt: start, DeliveredAt: start.AddDate(0, 0, 1),
		Lines: []orders.Line{{
			ID: "l-1", ProductID: 7, Name: "Lamp", Category: "home", FinalSale: true, Quantity: 2,
			Paid: money.Components{
				Price: 900, Duty: 45, Shipping: 55,
			},
		}},
		Payment: orders.Payment{
			ID: "p-1", Method: payment.Card, ProviderID: "pi_1", Amount: 1000, Status: orders.PaymentCaptured,
		},
	}
	p := o.Purchase()
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	want := purchase.Line{
		ID: "l-1", ProductID: "7", Name: "Lamp", Category: "home", FinalSale: true, Quantity: 2,
		Paid: purchase.Paid("JPY", money.Components{Price: 900, Duty: 45, Shipping: 55}),
	}
	if p.Lines[0] != want || p.Total() != 1000 || p.Captured() != 1000 || p.Status != purchase.Completed {
		t.Errorf("got %+v", p)
	}
	if p.OrderID != "o-1" || p.CustomerID != "ann" || p.TermsID != "t-1" || !p.PlacedAt.Equal(start) ||
		!p.DeliveredAt.Equal(start.AddDate(0, 0, 1)) {
		t.Errorf("got %+v", p)
	}
	for status, want := range map[orders.Status]purchase.Status{
		orders.StatusSubmitted: purchase.Open, orders.StatusQueued: purchase.Open,
		orders.StatusCanceled: purchase.Canceled,
	} {
		o.Status, o.Payment.Status = status, orders.PaymentUnknown
		if p := o.Purchase(); p.Status != want || p.Captured() != 0 {
			t.Errorf("%s: status %s, captured %d", status, p.Status, p.Captured())
		}
	}
}
