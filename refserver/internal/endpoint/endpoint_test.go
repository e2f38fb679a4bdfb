package endpoint_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// members are the use cases for whoever is signed in; all others are for staff.
var members = []string{
	"AddToCart", "CancelOrder", "CancelReturn", "Cart", "CheckInfo", "CheckPayment", "CheckRequest",
	"Checkout", "ClearCart", "CreditOffer", "EstimateReturn", "Features", "FindProducts", "Notices", "OnSale",
	"Order", "OrderHistory", "Photo", "Products", "ProvideInfo", "ReadNotice", "RequestReturn",
	"ReserveFlashSale", "Return", "Returns", "SetCartQuantity", "SetMail", "StoreCredit", "WantsMail",
}

// ask calls a use case as somebody, with nothing else, and returns its status;
// 0 if it was let through to services that do not exist.
func ask(t *testing.T, m reflect.Value, by auth.User) (status int) {
	t.Helper()
	in := make([]reflect.Value, m.Type().NumIn())
	for i := range in {
		in[i] = reflect.Zero(m.Type().In(i))
	}
	in[0], in[1] = reflect.ValueOf(t.Context()), reflect.ValueOf(by)
	defer func() {
		if recover() != nil {
			status = 0
		}
	}()
	out := m.Call(in)
	err, _ := out[len(out)-1].Interface().(error)
	if err == nil {
		return http.StatusOK
	}
	return problem.Of(err).Status
}

func TestEveryUseCaseAsksWhoMay(t *testing.T) {
	e := reflect.ValueOf(endpoint.New(endpoint.Deps{}))
	seen := 0
	for i := range e.NumMethod() {
		name, m := e.Type().Method(i).Name, e.Method(i)
		if m.Type().NumIn() < 2 || m.Type().In(1) != reflect.TypeFor[auth.User]() {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) {
			if got := ask(t, m, auth.User{}); got != http.StatusUnauthorized {
				t.Errorf("nobody gets %d, want 401", got)
			}
			if got := ask(t, m, auth.User{ID: "a", Role: auth.Admin}); got == 401 || got == 403 {
				t.Errorf("staff get %d", got)
			}
			got := ask(t, m, auth.User{ID: "c", Role: auth.Customer})
			if open := slices.Contains(members, name); (got == http.StatusForbidden) == open {
				t.Errorf("a customer gets %d; it is for members: %v", got, open)
			}
		})
	}
	if seen < 40 {
		t.Errorf("only %d use cases were found", seen)
	}
}

func TestEveryRequiredFieldHasWords(t *testing.T) {
	e := reflect.TypeFor[*endpoint.Endpoints]()
	for i := range e.NumMethod() {
		m := e.Method(i)
		for j := range m.Type.NumIn() {
			kind := m.Type.In(j)
			if kind.Kind() != reflect.Struct || !strings.HasSuffix(kind.Name(), "Params") {
				continue
			}
			err := input.Check(reflect.Zero(kind).Interface())
			if err != nil && strings.Contains(err.Error(), "another value") {
				t.Errorf("%s, %s: %v", m.Name, kind, err)
			}
		}
	}
}

func TestWhatIsCreatedOrMovesMoneyIsCarriedOutOncePerKey(t *testing.T) {
	for _, a := range []endpoint.Action{
		endpoint.Checkout, endpoint.CreateProduct, endpoint.CreateFlashSale, endpoint.RequestReturn,
		endpoint.FileReturn,
		endpoint.ProvideInfo, endpoint.RefundReturn, endpoint.ResolveRefund, endpoint.ReleaseRefund,
		endpoint.ResolveOrder, endpoint.PayRest,
	} {
		if !a.Once {
			t.Errorf("%s is not", a.Name)
		}
	}
}

// TestAllProductsOnSaleAreListed: a list of sales, and one of products by id, ends after a thousand.
func TestAllProductsOnSaleAreListed(t *testing.T) {
	by, now := event.Actor{Kind: event.ActorStaff, ID: "s"}, time.Now()
	s, err := orders.New(orders.Config{
		Store: orderstest.NewStore(), Gateway: &orderstest.Gateway{}, Currency: "USD",
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	const many = orders.MaxPageSize + 2
	for i := range many {
		p, err := s.SaveProduct(t.Context(), 0, by, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock = fmt.Sprint("Part ", i), 100, 1
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f := orders.FlashSaleParams{ProductID: p.ID, Starts: now, Ends: now.Add(time.Hour), PercentBP: 1000}
		if _, err := s.CreateFlashSale(t.Context(), by, f); err != nil {
			t.Fatal(err)
		}
	}
	e := endpoint.New(endpoint.Deps{Orders: s, Now: func() time.Time { return now }})
	products, err := e.OnSale(t.Context(), auth.User{ID: "a", Role: auth.Customer})
	if err != nil || len(products) != many {
		t.Errorf("%d of %d products are on sale, %v", len(products), many, err)
	}
}
