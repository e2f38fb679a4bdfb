package orderstest

import (
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// testPage: an order that is paid on a page of the provider's keeps the page, is
// found by the worker, and is completed by what the provider says.
func testPage(b *bench) {
	gateway := &Gateway{}
	at := func(id string) string { return "https://shop.example/orders/" + id }
	service, err := orders.New(orders.Config{
		Store: b.store, Gateway: gateway, Currency: "USD", Pages: orders.Pages{PaidURL: at, UnpaidURL: at},
	})
	b.ok(err)
	p := b.product("Mouse", 5)
	_, err = service.AddToCart(b.ctx, "page-customer", p.ID, 2)
	b.ok(err)
	o, err := service.Checkout(b.ctx, orders.CheckoutRequest{
		Customer: event.Actor{Kind: event.ActorCustomer, ID: "page-customer"}, Method: payment.Card, OnPage: true,
	})
	b.ok(err)
	stored, err := b.store.Order(b.ctx, o.ID)
	b.ok(err)
	b.equal("page as stored", stored.Payment.Page, o.Payment.Page)
	b.equal("page", []any{o.Payment.Page.URL, o.Payment.Status, o.Payment.OnPage()},
		[]any{"https://pay.example/cs_00001", orders.PaymentUnknown, true})
	b.folded(o.ID)
	b.equal("the customer pays", gateway.PayPage(o.Payment.Page.ProviderID), true)
	o, err = service.CheckPayment(b.ctx, o.ID)
	b.ok(err)
	b.equal("paid", []any{o.Status, o.Payment.ProviderID}, []any{orders.StatusCompleted, "pi_cs_00001"})
	b.folded(o.ID)
}
