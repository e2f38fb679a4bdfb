package invariants_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// till is a shop that makes a small history.
type till struct {
	*testing.T
	*app.App
}

func (s till) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// bought is an order of two keyboards.
func (s till) bought(customer string, method payment.Method) orders.Order {
	s.Helper()
	return s.boughtWith(customer, method, money.Money{})
}

// boughtWith is bought with store credit that pays a part of it.
func (s till) boughtWith(customer string, method payment.Method, credit money.Money) orders.Order {
	s.Helper()
	cart, err := s.Orders.SetCartQuantity(s.Context(), customer, 3, 2)
	s.must(err)
	req := orders.CheckoutRequest{
		Customer: event.Actor{
			Kind: event.ActorCustomer,
			ID:   customer,
		}, CartID: cart.Cart.ID, Method: method, Source: "test", Credit: credit,
	}
	if method == payment.Card {
		req.Token, err = s.TokenFor("4242424242424242", "12/2099", "Visa")
		s.must(err)
	}
	o, err := s.Orders.Checkout(s.Context(), req)
	s.must(err)
	return o
}

// returned takes one unit of an order back: accepted or not.
func (s till) returned(o orders.Order, result returns.InspectionResult) returns.Return {
	s.Helper()
	r, err := s.Returns.Create(s.Context(), clerk, returns.CreateParams{
		OrderID: o.ID, CustomerID: o.CustomerID, Reason: returns.ReasonDamaged, Details: "broken",
		Items: []returns.RequestItem{{OrderLineID: o.Lines[0].ID, Quantity: 1}},
	})
	s.must(err)
	_, err = s.Returns.Authorize(s.Context(), r.ID, clerk, "")
	s.must(err)
	_, err = s.Returns.Receive(s.Context(), r.ID, clerk, returns.ReceiveParams{Lines: nil, Notes: ""})
	s.must(err)
	r, err = s.Returns.Inspect(s.Context(), r.ID, clerk, returns.InspectionInput{Result: result, InspectedBy: "clerk"})
	s.must(err)
	return r
}

func (s till) refund(r returns.Return, m payment.Method) refunds.Refund {
	s.Helper()
	_, refund, err := s.Returns.Refund(s.Context(), r.ID, clerk, returns.RefundParams{Method: m})
	s.must(err)
	return refund.Refund
}

// history makes a shop in a file, closes it, and gives the file and the ledger.
// One return was paid back to the card, one in store credit, one by card after
// a first attempt had failed, one is approved and unpaid, one rejected. Two orders
// were paid with store credit, one of which was canceled.
func history(t *testing.T) (file string, ledger client.Ledger) {
	t.Helper()
	c, err := config.Load([]string{"DATA_DIR=" + t.TempDir()}, "")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := app.Open(t.Context(), c, testlog.New(t, slog.LevelError, nil), metrics, app.WithWeakHashes())
	if err != nil {
		t.Fatal(err)
	}
	s := till{t, opened}
	s.refund(s.returned(s.bought("ann", payment.Card), returns.InspectionApproved), payment.Card)
	s.refund(s.returned(s.bought("bob", payment.Cash), returns.InspectionApproved), payment.StoreCredit)
	again := s.returned(s.bought("cyd", payment.Card), returns.InspectionApproved)
	s.must(s.Simulator.SetFaults(paysim.Faults{Refund: paysim.CallFaults{Error4xx: 1}}))
	if r := s.refund(again, payment.Card); r.Status != refunds.StatusFailed {
		t.Fatalf("the first attempt is %s", r.Status)
	}
	s.must(s.Simulator.SetFaults(paysim.Faults{}))
	s.refund(again, payment.Card)
	s.returned(s.bought("dan", payment.Card), returns.InspectionApproved)
	s.returned(s.bought("eve", payment.Card), returns.InspectionRejected)
	s.boughtWith("bob", payment.Card, money.New(1000, "USD"))
	s.must(s.Simulator.SetFaults(paysim.Faults{Charge: paysim.CallFaults{Error5xx: 1}}))
	queued := s.boughtWith("bob", payment.Card, money.New(500, "USD"))
	_, err = s.Orders.Cancel(s.Context(), queued.ID, clerk, "never mind")
	s.must(err)
	data, err := json.Marshal(s.Simulator.Ledger())
	s.must(err)
	s.must(json.Unmarshal(data, &ledger))
	ctx, cancel := testreq.Context(t)
	defer cancel()
	s.must(s.Close(ctx))
	return c.SQLiteFile(), ledger
}

// of is the id of the one row of a customer in a table, in SQL.
func of(customer, table string) string {
	return fmt.Sprintf("(SELECT id FROM ?(rk)%s WHERE customer_id = '%s')", table, customer)
}

// violation is planted in the rows or in the ledger.
type violation struct {
	name string
	want string // how the violation begins; empty: there is none
	plan string // SQL
	ruin func(l *client.Ledger)
}
