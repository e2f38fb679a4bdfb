package returnstest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// lamps is an order of two lamps.
func lamps() purchase.Purchase {
	return purchase.Purchase{
		OrderID: "order-1", CustomerID: "ada", Status: purchase.Completed, Currency: "USD",
		Lines: []purchase.Line{{
			ID: "lamp", ProductID: "sku-7", Name: "Lamp", Quantity: 2,
			Paid: purchase.Paid("USD", money.Components{Price: 8_000}),
		}},
		Payments: []purchase.Payment{{ID: "pay-1", Method: payment.Cash, Captured: 8_000}},
	}
}

func ExampleTestStore() {
	_ = func(t *testing.T) { // in a test of your store
		returnstest.TestStore(t, func(*testing.T) returns.Store { return returnstest.NewStore() })
	}
}

func ExampleTestEvidenceStore() {
	_ = func(t *testing.T) { // in a test of your store
		returnstest.TestEvidenceStore(t, func(*testing.T) returns.EvidenceStore {
			return returnstest.NewEvidenceStore()
		})
	}
}

func ExampleTestOrders() {
	_ = func(t *testing.T) { // in a test of your adapter
		returnstest.TestOrders(t, func(*testing.T) returnstest.OrdersUnderTest {
			return returnstest.OrdersUnderTest{Orders: returnstest.NewOrders(lamps()), Completed: "order-1", Lines: 1}
		})
	}
}

func ExampleTestRestocker() {
	_ = func(t *testing.T) { // in a test of your adapter
		returnstest.TestRestocker(t, func(*testing.T) returnstest.RestockerUnderTest {
			shelf := returnstest.NewOrders(lamps())
			return returnstest.RestockerUnderTest{
				Restocker: shelf, ProductID: "sku-7", Stock: func(*testing.T) int { return shelf.Stock("sku-7") },
			}
		})
	}
}

func ExampleNewStore() {
	events := outbox.NewMemory("returns")
	store := returnstest.NewStore(events.Append)
	terms, err := store.Publish(context.Background(), returns.Terms{ID: "terms-1"})
	fmt.Println(terms.Version, err)
	// Output:
	// 1 <nil>
}

func ExampleRecordRefunds() {
	events := outbox.NewMemory("refunds")
	payer, err := refunds.New(refunds.Config{
		Store: returnstest.RecordRefunds(refundstest.NewStore(), events.Append), Gateway: &refundstest.Gateway{},
	})
	if err != nil {
		log.Fatal(err)
	}
	refund, err := payer.Refund(context.Background(), refunds.Request{
		ClientReference: "return-1", OrderID: "order-1",
		Payments: []refunds.Payment{{ID: "pay-1", Method: payment.Cash, Captured: 8_000}},
		Currency: "USD", Customer: "ada", By: event.System("example"),
		Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "lamp", Bought: 2, Units: 1, Paid: money.Components{Price: 8_000}},
		}},
	})
	recorded, _ := events.Events(context.Background(), refund.ID)
	fmt.Println(refund.Status, recorded[len(recorded)-1].Type, err)
	// Output:
	// succeeded refund.succeeded <nil>
}

func ExampleNewOrders() {
	shop := returnstest.NewOrders(lamps())
	p, err := shop.Purchase(context.Background(), "order-1")
	fmt.Println(p.Lines[0].Name, err)
	// Output:
	// Lamp <nil>
}

func ExampleOrders_Restock() {
	shop := returnstest.NewOrders(lamps())
	back := purchase.Restock{Ref: "line-1", ProductID: "sku-7", Quantity: 2}
	for range 2 { // once per Ref
		did, err := shop.Restock(context.Background(), back, event.System("returns"))
		fmt.Println(did, shop.Stock("sku-7"), err)
	}
	// Output:
	// true 2 <nil>
	// false 2 <nil>
}

func ExampleOrders_Put() {
	shop := returnstest.NewOrders()
	shop.Put(lamps())
	p, err := shop.Purchase(context.Background(), "order-1")
	fmt.Println(p.Total(), err)
	// Output:
	// 8000 <nil>
}

func ExampleNewEvidenceStore() {
	photos := returnstest.NewEvidenceStore()
	if err := photos.Put(context.Background(), "2026/05/a.jpg", []byte("a photo")); err != nil {
		log.Fatal(err)
	}
	body, err := photos.Open(context.Background(), "2026/05/a.jpg")
	if err != nil {
		log.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	fmt.Println(string(data), err)
	// Output:
	// a photo <nil>
}
