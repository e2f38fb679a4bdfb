package purchase_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
)

func good() purchase.Purchase {
	return purchase.Purchase{
		OrderID: "o-1", CustomerID: "ann", Status: purchase.Completed, Currency: "EUR",
		PlacedAt: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC),
		Lines: []purchase.Line{
			{ID: "1", ProductID: "lamp", Name: "Lamp", Quantity: 2, Paid: purchase.Paid(
				"EUR", money.Components{Price: 8000, Shipping: 499},
			)},
			{ID: "2", ProductID: "gift", Name: "Gift", Quantity: 1, Paid: purchase.Paid("EUR", money.Components{})},
		},
		Payments: []purchase.Payment{
			{ID: "p-1", Method: payment.StoreCredit, Captured: 499},
			{ID: "p-2", Method: payment.Card, ProviderID: "pi_1", Captured: 8000},
		},
	}
}

// fields returns the fields that err names, sorted.
func fields(err error) []string {
	var out []string
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			var wrong *purchase.Error
			if errors.As(e, &wrong) {
				out = append(out, wrong.Field)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestCheckNamesEachWrongField(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		name  string
		alter func(p *purchase.Purchase)
		want  []string
	}{
		{"a whole purchase", func(*purchase.Purchase) {}, nil},
		{"an id of 255 characters", func(p *purchase.Purchase) { p.OrderID = strings.Repeat("é", 255) }, nil},
		{"delivery not known", func(p *purchase.Purchase) { p.DeliveredAt = time.Time{} }, nil},
		{"money that has yet to arrive", func(p *purchase.Purchase) { p.Payments[1].Captured = 0 }, nil},
		{"nothing at all", func(p *purchase.Purchase) { *p = purchase.Purchase{} },
			[]string{"Currency", "CustomerID", "Lines", "OrderID", "Payments", "PlacedAt", "Status"}},
		{"PlacedAt unset", func(p *purchase.Purchase) { p.PlacedAt = time.Time{} }, []string{"PlacedAt"}},
		{"an unknown currency", func(p *purchase.Purchase) { p.Currency = "eur" }, []string{"Currency"}},
		{"an unknown status", func(p *purchase.Purchase) { p.Status = "paid" }, []string{"Status"}},
		{"Paid unset", func(p *purchase.Purchase) { p.Lines[1].Paid = purchase.Amount{} }, []string{"Lines[1].Paid"}},
		{"Paid in another currency", func(p *purchase.Purchase) { p.Lines[1].Paid.Currency = "USD" },
			[]string{"Lines[1].Paid.Currency"}},
		{"a negative part", func(p *purchase.Purchase) { p.Lines[0].Paid.Duty = -1 }, []string{"Lines[0].Paid.Duty"}},
		{"sums beyond int64", func(p *purchase.Purchase) { p.Lines[1].Paid.Price = math.MaxInt64 },
			[]string{"Lines[1].Paid.Price"}},
		{"an id twice", func(p *purchase.Purchase) { p.Lines[1].ID = "1" }, []string{"Lines[1].ID"}},
		{"an id that is too long", func(p *purchase.Purchase) { p.Lines[0].ProductID = long },
			[]string{"Lines[0].ProductID"}},
		{"an id that is not text", func(p *purchase.Purchase) { p.OrderID, p.CustomerID = "a\x00", "\xff" },
			[]string{"CustomerID", "OrderID"}},
		{"no units", func(p *purchase.Purchase) { p.Lines[0].Quantity = 0 }, []string{"Lines[0].Quantity"}},
		{"no method", func(p *purchase.Purchase) { p.Payments[1].Method = "" }, []string{"Payments[1].Method"}},
		{"a method nobody named", func(p *purchase.Purchase) { p.Payments[1].Method = "ideal" },
			[]string{"Payments[1].Method"}},
		{"a method in capitals", func(p *purchase.Purchase) { p.Payments[1].Method = "CARD" },
			[]string{"Payments[1].Method"}},
		{"the original method", func(p *purchase.Purchase) { p.Payments[1].Method = payment.OriginalMethod },
			[]string{"Payments[1].Method"}},
		{"a card payment without its id", func(p *purchase.Purchase) { p.Payments[1].ProviderID = "" },
			[]string{"Payments[1].ProviderID"}},
		{"a payment twice", func(p *purchase.Purchase) { p.Payments[1].ID = "p-1" }, []string{"Payments[1].ID"}},
		{"more captured than paid", func(p *purchase.Purchase) { p.Payments[1].Captured++ }, []string{"Payments"}},
		{"two wrong fields", func(p *purchase.Purchase) { p.PlacedAt, p.Currency = time.Time{}, "" },
			[]string{"Currency", "PlacedAt"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := good()
			c.alter(&p)
			err := p.Check()
			if got := fields(err); !slices.Equal(got, c.want) || (err == nil) != (len(c.want) == 0) {
				t.Errorf("it names %q, want %q: %v", got, c.want, err)
			}
		})
	}
}

func TestCheckTakesTheMethodsOfTheShop(t *testing.T) {
	p := good()
	p.Payments[1].Method = "ideal"
	if err := p.Check("ideal", payment.Card); err != nil {
		t.Error(err)
	}
	p.Payments[1].ProviderID = ""
	if got := fields(p.Check("ideal")); !slices.Equal(got, []string{"Payments[1].ProviderID"}) {
		t.Errorf("without the provider's id: %q", got)
	}
}

func TestCheckRestock(t *testing.T) {
	if err := (purchase.Restock{Ref: "r", ProductID: "p", Quantity: 1}).Check(); err != nil {
		t.Error(err)
	}
	got := fields(purchase.Restock{}.Check())
	if want := []string{"ProductID", "Quantity", "Ref"}; !slices.Equal(got, want) {
		t.Errorf("an empty one names %q, want %q", got, want)
	}
}

func ExamplePurchase_Check() {
	p := good()
	p.Payments[1].Method = "CARD"
	p.Lines[0].Paid = purchase.Amount{} // never filled in
	fmt.Println(p.Check())
	// Output:
	// purchase: Lines[0].Paid: It is not set; an amount with its currency is needed, also when it is zero.
	// purchase: Payments[1].Method: It is "CARD"; it must be one of card, cash, store_credit.
	// purchase: Payments: They captured 84.99 EUR, but the lines were paid 0.00 EUR; the two must be equal.
}
