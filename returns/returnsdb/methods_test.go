package returnsdb_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// undeclared are payment methods that no Config names. Each was once treated as cash, or could be.
var undeclared = map[string]payment.Method{
	"ideal":                "ideal",
	"paypal":               "paypal",
	"capitals":             "CARD",
	"a capital":            "Cash",
	"nothing":              "",
	"a space before":       " card",
	"a space after":        "cash ",
	"a line's end":         "card\n",
	"a NUL":                "card\x00",
	"no UTF-8":             "card\xff",
	"very long":            payment.Method(strings.Repeat("card", 1000)),
	"a Cyrillic letter":    "c\u0430rd",
	"letters of all width": "\uff43\uff41\uff52\uff44",
	"an invisible letter":  "cash\u200b",
	"a hyphen":             "store-credit",
}

// threeStores are one store of each service.
type threeStores struct {
	orders  orders.Store
	refunds refunds.Store
	returns returns.Store
}

func inSQL(t *testing.T, db *sqlstore.DB) threeStores {
	t.Helper()
	sqlstoretest.Migrated(t, db, ordersdb.Migrations(), refundsdb.Migrations(), returnsdb.Migrations())
	return threeStores{ordersdb.New(db), refundsdb.New(db), returnsdb.New(db)}
}

// TestAnUnknownPaymentMethodIsRefusedEverywhere: orders, refunds and returns refuse it by its
// field on each store, keep nothing, and call no provider.
func TestAnUnknownPaymentMethodIsRefusedEverywhere(t *testing.T) {
	for store, open := range map[string]func(t *testing.T) threeStores{
		"memory": func(*testing.T) threeStores {
			return threeStores{orderstest.NewStore(), refundstest.NewStore(), returnstest.NewStore()}
		},
		"SQLite":     func(t *testing.T) threeStores { return inSQL(t, sqlstoretest.SQLite(t)) },
		"PostgreSQL": func(t *testing.T) threeStores { return inSQL(t, sqlstoretest.Postgres(t)) },
	} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s := newMethodShop(t, open(t))
			for name, m := range undeclared {
				t.Run(name+" in orders", func(t *testing.T) { s.inOrders(t, m) })
				t.Run(name+" in refunds", func(t *testing.T) { s.inRefunds(t, m) })
				t.Run(name+" in returns", func(t *testing.T) { s.inReturns(t, m) })
			}
			s.keptNothing(t)
		})
	}
}

// methodShop is the three services on three stores, with providers that count their calls.
type methodShop struct {
	threeStores
	shop     *orders.Service
	payer    *refunds.Service
	cases    *returns.Service
	bought   *returnstest.Orders
	charges  *orderstest.Gateway
	payouts  *refundstest.Gateway
	product  orders.Product
	approved returns.Return // and nothing is refunded of it
}

var (
	mo  = event.Actor{Kind: event.ActorStaff, ID: "7", Name: "Mo"}
	ann = event.Actor{Kind: event.ActorCustomer, ID: "ann"}
)

func newMethodShop(t *testing.T, stores threeStores) *methodShop {
	t.Helper()
	s := &methodShop{
		threeStores: stores, bought: returnstest.NewOrders(),
		charges: &orderstest.Gateway{}, payouts: &refundstest.Gateway{},
	}
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.shop, err = orders.New(orders.Config{Store: s.orders, Gateway: s.charges, Currency: "USD"})
	must()
	s.payer, err = refunds.New(refunds.Config{Store: s.refunds, Gateway: s.payouts})
	must()
	s.cases, err = returns.New(returns.Config{
		Store: s.returns, Orders: s.bought, Refunder: s.payer, Restocker: s.bought,
	})
	must()
	_, err = s.cases.EnsureTerms(t.Context(), mo, returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 10, RestockAt: returns.RestockAtRefund, Currency: "USD",
		AutoAuthorize: true,
	})
	must()
	s.product, err = s.shop.SaveProduct(t.Context(), 0, mo, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock = "Lamp", 4000, 10
		return nil
	})
	must()
	_, err = s.shop.AddToCart(t.Context(), ann.ID, s.product.ID, 1)
	must()
	p := s.purchase("order-1", payment.Card)
	s.bought.Put(p)
	s.approved, err = s.cases.Create(t.Context(), ann, askFor(p))
	must()
	_, err = s.cases.Receive(t.Context(), s.approved.ID, mo, returns.ReceiveParams{})
	must()
	one := 1
	s.approved, err = s.cases.Inspect(t.Context(), s.approved.ID, mo, returns.InspectionInput{
		Result: returns.InspectionApproved, InspectedBy: "Mo",
		Lines: []returns.InspectionLine{{OrderLineID: "1", Accepted: &one, Disposition: returns.Restock}},
	})
	must()
	return s
}

// purchase is an order of one lamp that was paid by the method.
func (s *methodShop) purchase(id string, m payment.Method) purchase.Purchase {
	return purchase.Purchase{
		OrderID: id, CustomerID: ann.ID, Currency: "USD", Status: purchase.Completed, PlacedAt: time.Now(),
		Lines: []purchase.Line{{
			ID: "1", ProductID: "lamp", Name: "Lamp", Quantity: 1,
			Paid: purchase.Paid("USD", money.Components{Price: 4000}),
		}},
		Payments: []purchase.Payment{{ID: "pay-" + id, Method: m, ProviderID: "pi_" + id, Captured: 4000}},
	}
}

func askFor(p purchase.Purchase) returns.CreateParams {
	return returns.CreateParams{
		OrderID: p.OrderID, CustomerID: p.CustomerID, Reason: returns.ReasonDamaged,
		Items: []returns.RequestItem{{OrderLineID: "1", Quantity: 1}},
	}
}

func (s *methodShop) inOrders(t *testing.T, m payment.Method) {
	_, err := s.shop.Checkout(t.Context(), orders.CheckoutRequest{
		Customer: ann, Method: m, Token: orderstest.TokenPays,
	})
	var e *orders.Error
	if !errors.As(err, &e) || e.Code != orders.CodeInvalid || e.Field != "payment_method" {
		t.Errorf("checkout by %.20q: error %v, want %s of payment_method", m, err, orders.CodeInvalid)
	}
}

func (s *methodShop) inRefunds(t *testing.T, m payment.Method) {
	request := func(paidBy, back payment.Method) refunds.Request {
		return refunds.Request{
			ClientReference: "return-2", OrderID: "order-2", Currency: "USD", Customer: ann.ID, Method: back, By: mo,
			Payments: []refunds.Payment{{ID: "pay-2", Method: paidBy, ProviderID: "pi_2", Captured: 4000}},
			Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
				{OrderLineID: "1", Bought: 1, Units: 1, Paid: money.Components{Price: 4000}},
			}},
		}
	}
	refused := func(what string, q refunds.Request, code refunds.Code, field string) {
		_, err := s.payer.Refund(t.Context(), q)
		var e *refunds.Error
		if !errors.As(err, &e) || e.Code != code || e.Field != field {
			t.Errorf("%s %.20q: error %v, want %s of %s", what, m, err, code, field)
		}
	}
	refused("paid by", request(m, ""), refunds.CodeInvalid, "payment_method")
	refused("paid by, and cash requested,", request(m, payment.Cash), refunds.CodeInvalid, "payment_method")
	if m != "" { // which is the original method
		refused("requested", request(payment.Card, m), refunds.CodeMethod, "method")
	}
}

func (s *methodShop) inReturns(t *testing.T, m payment.Method) {
	p := s.purchase("order-2", m)
	s.bought.Put(p)
	_, err := s.cases.Create(t.Context(), ann, askFor(p))
	if returns.CodeOf(err) != returns.CodePurchase || !strings.Contains(err.Error(), "Payments[0].Method") {
		t.Errorf("the return of what was paid by %.20q: error %v, want %s of Payments[0].Method", m, err,
			returns.CodePurchase)
	}
	if m == "" {
		return
	}
	_, _, err = s.cases.Refund(t.Context(), s.approved.ID, mo, returns.RefundParams{Method: m})
	var e *returns.Error
	if !errors.As(err, &e) || e.Field != "method" {
		t.Errorf("the refund of a case by %.20q: error %v, want one of method", m, err)
	}
}

// keptNothing checks that all of it left no trace.
func (s *methodShop) keptNothing(t *testing.T) {
	_, placed, err := s.orders.List(t.Context(), orders.Query{Page: 1, PageSize: 10})
	if err != nil || placed != 0 {
		t.Errorf("%d orders are kept, %v", placed, err)
	}
	if p, err := s.orders.Product(t.Context(), s.product.ID); err != nil || p.Stock != 10 {
		t.Errorf("%d of 10 are in stock, %v", p.Stock, err)
	}
	_, made, err := s.refunds.List(t.Context(), refunds.Query{Page: 1, PageSize: 10})
	if err != nil || made != 0 {
		t.Errorf("%d refunds are kept, %v", made, err)
	}
	_, filed, err := s.returns.List(t.Context(), returns.Query{Page: 1, PageSize: 10})
	if err != nil || filed != 1 {
		t.Errorf("%d returns are kept besides the first, %v", filed-1, err)
	}
	r, err := s.returns.Return(t.Context(), s.approved.ID)
	if err != nil || r.Status != returns.StatusApproved || r.Version != s.approved.Version {
		t.Errorf("the case is %s of version %d, %v; it was %s of %d", r.Status, r.Version, err, s.approved.Status,
			s.approved.Version)
	}
	calls := s.payouts.Calls(refundstest.CallCreate) + s.payouts.Calls(refundstest.CallFind) +
		s.charges.Calls(orderstest.CallCreate) + s.charges.Calls(orderstest.CallConfirm)
	if calls != 0 {
		t.Errorf("the providers were called %d times", calls)
	}
}
