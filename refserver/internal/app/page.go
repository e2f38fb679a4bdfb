package app

import (
	"context"
	"fmt"

	"github.com/stripe/stripe-go/v85"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/refserver/internal/review"
)

// paymentPages has customers pay by card on the provider's page, where the settings
// say so. They come back, paid or not, to the address that looks their payment up.
func (s *App) paymentPages() orders.Pages {
	if !s.Config.CardPage() {
		return orders.Pages{}
	}
	back := func(orderID string) string { return s.Config.BaseURL() + "/orders/" + orderID + "/payment" }
	return orders.Pages{PaidURL: back, UnpaidURL: back}
}

// PageOrigin is where the provider's payment pages are, such as
// https://checkout.stripe.com; empty where nobody pays on one.
func (s *App) PageOrigin() string {
	if !s.Config.CardPage() {
		return ""
	}
	built := ""
	if s.Simulator != nil {
		built = s.provider
	}
	return s.Config.PageOrigin(built)
}

// handlePageEvent has the page of an order looked up now. What the message says
// changes nothing; one that contradicts what the shop knows is raised.
func (s *App) handlePageEvent(ctx context.Context, o orders.Order, e stripegateway.Event) (string, error) {
	paid := e.Status == string(stripe.CheckoutSessionStatusComplete)
	wrong := ""
	switch p := o.Payment; {
	case p.ID != e.PaymentID:
		wrong = fmt.Sprintf("it was made for payment %s, and the order's payment is %s", e.PaymentID, p.ID)
	case p.Page.ProviderID != "" && p.Page.ProviderID != e.Reference:
		wrong = "the payment page of the order is " + p.Page.ProviderID
	case p.ProviderID != "" && e.PaymentReference != "" && p.ProviderID != e.PaymentReference:
		wrong = fmt.Sprintf("it was paid by %s, and the payment of the order is %s", e.PaymentReference, p.ProviderID)
	case o.Status == orders.StatusCanceled:
		wrong = "the order is cancelled"
	}
	switch {
	case wrong != "" && paid:
		return hookAlarm, s.raise(ctx, aboutPayment, review.Discrepancy{
			ID: e.ID, OrderID: o.ID, ProviderID: e.Reference,
			Message: fmt.Sprintf("The provider says that the payment page %s of order %s is complete, but %s.",
				e.Reference, o.Number, wrong),
		})
	case wrong != "" || o.Status == orders.StatusCompleted || o.Status == orders.StatusCanceled:
		return hookHandled, nil // a page that was never shown has expired, or the order is settled
	}
	return s.lookAgain(ctx, o, e)
}
