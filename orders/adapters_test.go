package orders_test

import (
	"strconv"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// A Service is what package returns needs of a shop: it passes the suites that
// any other shop's adapters pass.
func TestAServiceIsTheOrdersAndTheRestockerOfReturns(t *testing.T) {
	shop := func(t *testing.T) (*orders.Service, orders.Product) {
		t.Helper()
		s, err := orders.New(
			orders.Config{Store: orderstest.NewStore(), Gateway: &orderstest.Gateway{}, Currency: "USD"},
		)
		must(t, err)
		p, err := s.SaveProduct(t.Context(), 0, event.System("test"), func(p *orders.Product) error {
			p.Name, p.Price, p.Currency, p.Stock = "Lamp", 4_000, "USD", 10
			return nil
		})
		must(t, err)
		return s, p
	}
	t.Run("orders", func(t *testing.T) {
		returnstest.TestOrders(t, func(t *testing.T) returnstest.OrdersUnderTest {
			s, p := shop(t)
			_, err := s.AddToCart(t.Context(), "ada", p.ID, 3)
			must(t, err)
			ada := event.Actor{Kind: event.ActorCustomer, ID: "ada"}
			o, err := s.Checkout(
				t.Context(),
				orders.CheckoutRequest{Customer: ada, Method: payment.Card, Token: orderstest.TokenPays},
			)
			must(t, err)
			return returnstest.OrdersUnderTest{Orders: s, Completed: o.ID, Lines: 1}
		})
	})
	t.Run("restocker", func(t *testing.T) {
		returnstest.TestRestocker(t, func(t *testing.T) returnstest.RestockerUnderTest {
			s, p := shop(t)
			return returnstest.RestockerUnderTest{
				Restocker: s,
				ProductID: strconv.FormatInt(p.ID, 10),
				Stock: func(t *testing.T) int {
					now, err := s.Product(t.Context(), p.ID)
					must(t, err)
					return now.Stock
				},
			}
		})
	})
}
