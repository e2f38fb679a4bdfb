package orders_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

func (s *shop) sale(percentBP, limit, perCustomer int) orders.FlashSale {
	s.t.Helper()
	f, err := s.CreateFlashSale(s.t.Context(), staff, orders.FlashSaleParams{
		ProductID: s.mouse.ID, Starts: time.Now(), Ends: time.Now().Add(time.Hour), PercentBP: percentBP, Cap: limit,
		CapPerCustomer: perCustomer,
	})
	must(s.t, err)
	return f
}

func TestThePriceOfAFlashSaleIsShownAndCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(2)
		_, err := s.CreateFlashSale(t.Context(), staff, orders.FlashSaleParams{
			ProductID: s.mouse.ID, Starts: time.Now().Add(time.Minute), Ends: time.Now().Add(time.Hour),
			PercentBP: 3333, Cap: 5, CapPerCustomer: 3,
		})
		must(t, err)
		price := func() string {
			v, err := s.Cart(t.Context(), "ann")
			must(t, err)
			return fmt.Sprint(v.Items[0].UnitDiscounted, v.Total, v.Items[0].Available, v.Items[0].Sale != nil)
		}
		s.expect("before it starts", price(), "1000 2000 10 false")
		on, err := s.FlashSales(t.Context(), false)
		must(t, err)
		s.expect("on before it starts", len(on), 0)
		time.Sleep(time.Minute)
		s.expect("from its start", price(), "667 1334 10 true")
		o, err := s.Checkout(t.Context(), cash())
		must(t, err)
		s.expect("charged", []any{o.Total(), o.Lines[0].UnitDiscount, o.Lines[0].SaleID != ""}, "[1334 333 true]")
		s.fill(1)
		s.expect("once more", price(), "667 667 8 true")
		time.Sleep(59 * time.Minute)
		s.expect("from its end", price(), "1000 1000 8 false")
	})
}

// A cap limits what is sold at the price of the sale, in all and to one
// customer, and never what is sold.
func TestBeyondTheCapsOfAFlashSaleTheProductSellsAtItsOwnPrice(t *testing.T) {
	for _, c := range []struct {
		name             string
		limit, customer  int
		others, quantity int
		atSale           int
	}{
		{"within the caps", 5, 3, 0, 3, 3},
		{"beyond the customer's cap", 5, 3, 0, 4, 3},
		{"beyond the cap", 5, 0, 3, 4, 2},
		{"the cap is used up", 3, 0, 3, 2, 0},
		{"no caps", 0, 0, 3, 4, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, nil)
			f := s.sale(3000, c.limit, c.customer)
			if c.others > 0 {
				_, err := s.AddToCart(t.Context(), "bob", s.mouse.ID, c.others)
				must(t, err)
				_, err = s.Checkout(t.Context(),
					orders.CheckoutRequest{Customer: event.Actor{ID: "bob"}, Method: payment.Cash})
				must(t, err)
			}
			s.fill(c.quantity)
			v, err := s.Cart(t.Context(), "ann")
			must(t, err)
			it, want := v.Items[0], int64(c.atSale*700+(c.quantity-c.atSale)*1000)
			s.expect("shown", []any{it.AtSale, it.Subtotal, v.Total, v.Orderable()}, []any{c.atSale, want, want, true})
			o, err := s.Checkout(t.Context(),
				orders.CheckoutRequest{Customer: ann, Method: payment.Cash, Total: money.New(v.Total, v.Currency)})
			must(t, err)
			s.expect("charged", []any{o.Total(), s.stock()}, []any{want, 10 - c.others - c.quantity})
			sold := min(c.others, max(c.limit, c.others)) + c.atSale
			f, err = s.FlashSale(t.Context(), f.ID)
			must(t, err)
			s.expect("sold in the sale", f.Sold, sold)
			for _, l := range o.Lines {
				s.expect("price of a unit", l.UnitList-l.UnitDiscount,
					map[bool]int64{true: 700, false: 1000}[l.SaleID == f.ID])
			}
		})
	}
}

func TestTheGreaterDiscountHolds(t *testing.T) {
	s := open(t, nil)
	_, err := s.SaveProduct(t.Context(), s.mouse.ID, staff,
		func(p *orders.Product) error { p.DiscountBP = 2500; return nil })
	must(t, err)
	f := s.sale(1000, 0, 0)
	s.fill(1)
	o, err := s.Checkout(t.Context(), cash())
	must(t, err)
	s.expect("line", []any{o.Lines[0].UnitDiscount, o.Lines[0].SaleID == f.ID}, "[250 true]")
}

func TestReservedUnitsAreTheCustomersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, func(c *orders.Config) { c.ReservationTime = 5 * time.Minute })
		f := s.sale(2000, 0, 0)
		r, err := s.ReserveFlashSale(t.Context(), f.ID, ann, 10)
		must(t, err)
		s.expect("expires", r.ExpiresAt.Sub(time.Now().UTC()), 5*time.Minute)
		_, err = s.AddToCart(t.Context(), "bob", s.mouse.ID, 1)
		s.expect("another adds one", orders.CodeOf(err), orders.CodeOutOfStock)
		s.fill(10)
		o, err := s.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("ordered", []any{o.Status, o.Total(), s.stock()}, "[completed 8000 0]")
		r, err = s.Reservation(t.Context(), r.ID)
		must(t, err)
		s.expect("used", []any{r.Status, r.OrderID}, []any{orders.ReservationUsed, o.ID})
	})
}

func TestADeclinedOrderGivesTheSaleItsUnitsBack(t *testing.T) {
	s := open(t, nil)
	f := s.sale(2000, 3, 3)
	_, err := s.ReserveFlashSale(t.Context(), f.ID, ann, 3)
	must(t, err)
	s.fill(3)
	s.gateway.Script(orderstest.CallConfirm, orderstest.FaultDecline)
	_, err = s.Checkout(t.Context(), card(""))
	s.expect("declined", orders.CodeOf(err), orders.CodePaymentDeclined)
	f, err = s.FlashSale(t.Context(), f.ID)
	must(t, err)
	s.expect("sold, held, stock", []any{f.Sold, f.Held, s.stock()}, "[0 0 10]")
	_, err = s.Checkout(t.Context(), cash())
	must(t, err)
}

func TestFlashSalesRefuse(t *testing.T) {
	s := open(t, nil)
	now := time.Now()
	good := orders.FlashSaleParams{
		ProductID:      s.mouse.ID,
		Starts:         now,
		Ends:           now.Add(time.Hour),
		PercentBP:      1000,
		Cap:            5,
		CapPerCustomer: 2,
	}
	for name, c := range map[string]struct {
		change func(*orders.FlashSaleParams)
		want   orders.Code
	}{
		"no product":          {func(d *orders.FlashSaleParams) { d.ProductID = 0 }, orders.CodeInvalid},
		"unknown product":     {func(d *orders.FlashSaleParams) { d.ProductID = 99 }, orders.CodeNotFound},
		"no end":              {func(d *orders.FlashSaleParams) { d.Ends = time.Time{} }, orders.CodeInvalid},
		"ends when it starts": {func(d *orders.FlashSaleParams) { d.Ends = d.Starts }, orders.CodeInvalid},
		"over before it begins": {func(d *orders.FlashSaleParams) {
			d.Starts, d.Ends = now.Add(-2*time.Hour),
				now.Add(-time.Hour)
		}, orders.CodeInvalid},
		"0 percent":               {func(d *orders.FlashSaleParams) { d.PercentBP = 0 }, orders.CodeInvalid},
		"more than 100 percent":   {func(d *orders.FlashSaleParams) { d.PercentBP = 10_001 }, orders.CodeInvalid},
		"negative cap":            {func(d *orders.FlashSaleParams) { d.Cap = -1 }, orders.CodeInvalid},
		"negative customer's cap": {func(d *orders.FlashSaleParams) { d.CapPerCustomer = -1 }, orders.CodeInvalid},
	} {
		d := good
		c.change(&d)
		if _, err := s.CreateFlashSale(t.Context(), staff, d); orders.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	f, err := s.CreateFlashSale(t.Context(), staff, good)
	must(t, err)
	for name, c := range map[string]struct {
		change func(*orders.FlashSaleParams)
		want   orders.Code
	}{
		"another product": {func(d *orders.FlashSaleParams) { d.ProductID++ }, orders.CodeInvalid},
		"another start": {func(d *orders.FlashSaleParams) { d.Starts = d.Starts.Add(time.Minute) },
			orders.CodeInvalid},
		"an end that past": {func(d *orders.FlashSaleParams) {
			d.Starts, d.Ends = now.Add(-time.Hour),
				now.Add(-time.Minute)
		}, orders.CodeInvalid},
		"0 percent": {func(d *orders.FlashSaleParams) { d.PercentBP = 0 }, orders.CodeInvalid},
	} {
		_, err := s.UpdateFlashSale(t.Context(), f.ID, staff,
			func(d *orders.FlashSaleParams) error { c.change(d); return nil })
		if orders.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	reserve := func(id string, who event.Actor, n int) orders.Code {
		_, err := s.ReserveFlashSale(t.Context(), id, who, n)
		return orders.CodeOf(err)
	}
	s.expect("reserve 0", reserve(f.ID, ann, 0), orders.CodeInvalid)
	s.expect("reserve beyond the cap", reserve(f.ID, ann, 3), orders.CodeSaleLimit)
	s.expect("reserve for nobody", reserve(f.ID, event.Actor{}, 1), orders.CodeInvalid)
	s.expect("reserve in no sale", reserve("nothing", ann, 1), orders.CodeNotFound)
	_, err = s.EndFlashSale(t.Context(), f.ID, staff)
	must(t, err)
	_, err = s.EndFlashSale(t.Context(), f.ID, staff)
	must(t, err)
	s.expect("reserve after the end", reserve(f.ID, ann, 1), orders.CodeSaleNotActive)
	_, err = s.UpdateFlashSale(t.Context(), f.ID, staff,
		func(d *orders.FlashSaleParams) error { d.Ends = now.Add(2 * time.Hour); return nil })
	s.expect("change after the end", orders.CodeOf(err), orders.CodeTransition)
}

func TestFoldOfSalesAndReservationsRefusesWhatIsNoHistory(t *testing.T) {
	f, err := orders.NewFlashSale("f",
		orders.FlashSaleParams{ProductID: 1, Starts: time.Unix(0, 0), Ends: time.Unix(1, 0), PercentBP: 1},
		event.Stamp{At: time.Unix(0, 0)})
	must(t, err)
	e := f.PendingEvents()[0]
	gap, odd, bad := e, e, e
	gap.Seq, odd.Type, bad.Data = 2, "order.placed", []byte(`{"cap":"x"}`)
	for name, events := range map[string][]event.Event{"none": nil, "a gap": {gap}, "another type": {odd},
		"no data": {bad}} {
		if _, err := orders.FoldFlashSale(events); err == nil {
			t.Errorf("%s: a sale was folded", name)
		}
		if _, err := orders.FoldReservation(events); err == nil {
			t.Errorf("%s: a reservation was folded", name)
		}
	}
}

func ExampleService_ReserveFlashSale() {
	ctx := context.Background()
	shop, err := orders.New(
		orders.Config{Store: orderstest.NewStore(), Gateway: &orderstest.Gateway{}, Currency: "USD"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Close(ctx)
	staff, ann := event.Actor{Kind: event.ActorStaff, ID: "1"}, event.Actor{Kind: event.ActorCustomer, ID: "ann"}
	mouse, err := shop.SaveProduct(ctx, 0, staff, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock, p.CountryOfOrigin = "Mouse", 1999, 10, "USA"
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sale, err := shop.CreateFlashSale(ctx, staff, orders.FlashSaleParams{
		ProductID: mouse.ID, Starts: time.Now(), Ends: time.Now().Add(time.Hour), PercentBP: 2500, Cap: 8,
		CapPerCustomer: 2,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := shop.ReserveFlashSale(ctx, sale.ID, ann, 2)
	fmt.Println(r.Quantity, r.Status, err)
	if _, err := shop.AddToCart(ctx, "ann", mouse.ID, 2); err != nil {
		fmt.Println(err)
		return
	}
	o, err := shop.Checkout(ctx, orders.CheckoutRequest{Customer: ann, Method: payment.Cash})
	fmt.Println(o.Status, money.New(o.Total(), o.Currency), err)
	_, err = shop.ReserveFlashSale(ctx, sale.ID, ann, 1)
	fmt.Println(err)
	// Output:
	// 2 held <nil>
	// completed 29.98 USD <nil>
	// orders: SALE_LIMIT: quantity: 1 of Mouse requested, the flash sale has 0 left for you
}

func ExampleFlashSale_CheckOverlap() {
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	first := orders.FlashSale{ProductID: 1, Starts: noon, Ends: noon.Add(time.Hour)}
	next := orders.FlashSale{ID: "next", ProductID: 1, Starts: first.Ends, Ends: first.Ends.Add(time.Hour)}
	fmt.Println(first.On(noon), first.On(first.Ends), next.CheckOverlap([]orders.FlashSale{first}))
	next.Starts = noon.Add(59 * time.Minute)
	fmt.Println(orders.CodeOf(next.CheckOverlap([]orders.FlashSale{first})))
	// Output:
	// true false <nil>
	// SALE_OVERLAP
}

func TestNoFlashSaleCountsWhileTheyAreSwitchedOff(t *testing.T) {
	on := true
	s := open(t, func(c *orders.Config) { c.FlashSales = func(context.Context) bool { return on } })
	f := s.sale(3000, 0, 0)
	held, err := s.ReserveFlashSale(t.Context(), f.ID, ann, 2)
	must(t, err)
	s.fill(2)
	prices := func() string {
		p, err := s.Product(t.Context(), s.mouse.ID)
		must(t, err)
		all, err := s.Products(t.Context())
		must(t, err)
		listed := 0
		for _, one := range all {
			listed += len(one.Sales)
		}
		now, err := s.FlashSales(t.Context(), false)
		must(t, err)
		planned, err := s.FlashSales(t.Context(), true)
		must(t, err)
		v, err := s.Cart(t.Context(), "ann")
		must(t, err)
		return fmt.Sprint(len(p.Sales), listed, len(now), len(planned), v.Total)
	}
	s.expect("on", prices(), "1 1 1 1 1400")

	on = false
	s.expect("off", prices(), "0 0 0 1 2000")
	_, err = s.ReserveFlashSale(t.Context(), f.ID, ann, 1)
	s.expect("reserved while off", orders.CodeOf(err), orders.CodeSaleNotActive)
	_, err = s.AddToCart(t.Context(), "ann", s.mouse.ID, 7)
	s.expect("beyond the stock, which has no reserved units", orders.CodeOf(err), orders.CodeOutOfStock)
	o, err := s.Checkout(t.Context(), cash())
	must(t, err)
	s.expect("charged while off", []any{o.Total(), o.Lines[0].SaleID}, "[2000 ]")
	r, err := s.Reservation(t.Context(), held.ID)
	must(t, err)
	s.expect("the reservation", r.Status, orders.ReservationHeld)
	f, err = s.FlashSale(t.Context(), f.ID)
	must(t, err)
	s.expect("sold in the sale", f.Sold, 0)

	on = true
	s.fill(1)
	s.expect("on again", prices(), "1 1 1 1 700")
	o, err = s.Checkout(t.Context(), cash())
	must(t, err)
	s.expect("charged", []any{o.Total(), o.Lines[0].SaleID == f.ID}, "[700 true]")
}
