package ordersgen

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

var (
	sliceOfItems = reflect.TypeFor[[]orders.Item]()
	genInstant   = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
)

// dutyAndShipping are rules as a shop that imports and ships has them.
var dutyAndShipping = orders.Rules{DutyBP: 500, DutyFreeOrigins: []string{"USA"}, ShippingRate: 1500}

// genCurrency generates currencies with 0, 2, 3 and 4 decimals.
func genCurrency() gopter.Gen {
	return gen.OneConstOf(money.Currency("JPY"), money.Currency("USD"), money.Currency("KWD"), money.Currency("CLF"))
}

// GenMoney generates amounts of any size and sign, small ones often.
func GenMoney() gopter.Gen {
	return gopter.CombineGens(
		gen.OneGenOf(gen.Int64Range(-1000, 1000), gen.Int64Range(math.MinInt64, math.MaxInt64)), genCurrency(),
	).Map(func(v []any) money.Money { return money.New(v[0].(int64), v[1].(money.Currency)) })
}

// GenMinor generates amounts of 0 or more minor units: mostly such as shops
// have, at times up to limit.
func GenMinor(limit int64) gopter.Gen {
	return gen.Frequency(map[int]gopter.Gen{
		1: gen.Const(int64(0)),
		6: gen.Int64Range(0, min(limit, 20_000)),
		2: gen.Int64Range(0, limit),
	})
}

// genProduct generates products in the currency that Price accepts, with
// stock for any order that GenItems makes of them.
func genProduct(c money.Currency) gopter.Gen {
	return gopter.CombineGens(
		GenMinor(1_000_000_000), gen.IntRange(0, 10_000), gen.Int64Range(0, 50_000),
		gen.OneConstOf("USA", " usa ", "Germany", ""), gen.Bool(), gen.Bool(), gen.Int64Range(1, 1_000_000),
	).Map(func(v []any) orders.Product {
		id := v[6].(int64)
		return orders.Product{
			ID: id, Name: fmt.Sprintf("Product %d", id), Price: v[0].(int64), Currency: c, Stock: 1_000_000,
			DiscountBP: v[1].(int), ShippingWeight: v[2].(int64), CountryOfOrigin: v[3].(string),
			RequiresShipping: v[4].(bool), FinalSale: v[5].(bool),
		}
	})
}

// GenItems generates 1 to 6 items of different products in one currency.
func GenItems() gopter.Gen {
	return genCurrency().FlatMap(func(c any) gopter.Gen {
		item := gopter.CombineGens(genProduct(c.(money.Currency)), gen.IntRange(1, 12)).Map(func(v []any) orders.Item {
			return orders.Item{Product: v[0].(orders.Product), Quantity: v[1].(int)}
		})
		return gen.IntRange(1, 6).FlatMap(func(n any) gopter.Gen { return gen.SliceOfN(n.(int), item) }, sliceOfItems)
	}, sliceOfItems).Map(func(items []orders.Item) []orders.Item {
		for i := range items {
			items[i].Product.ID = int64(i + 1)
		}
		return items
	})
}

// GenRules generates pricing rules, often those of a shop that imports and ships.
func GenRules() gopter.Gen {
	return gopter.CombineGens(gen.IntRange(0, 3), gen.IntRange(0, 2500), gen.Int64Range(0, 5000),
		GenMinor(1_000_000), GenMinor(1_000_000)).
		Map(func(v []any) orders.Rules {
			r := dutyAndShipping
			if v[0].(int) > 0 {
				r.DutyBP, r.ShippingRate = v[1].(int), v[2].(int64)
				r.OrderDiscount, r.OrderFee = v[3].(int64), v[4].(int64)
			}
			return r
		})
}

// GenOrder generates completed orders as a shop with generated products and
// rules makes them.
func GenOrder() gopter.Gen {
	return gopter.CombineGens(GenItems(), GenRules()).Map(func(v []any) orders.Order {
		o, err := makeOrder(v[0].([]orders.Item), v[1].(orders.Rules))
		if err != nil {
			return orders.Order{} // sieved out below: the sums are beyond int64
		}
		return o
	}).SuchThat(func(o orders.Order) bool { return o.ID != "" })
}

func makeOrder(items []orders.Item, r orders.Rules) (orders.Order, error) {
	lines, err := orders.Price(items, r)
	if err != nil {
		return orders.Order{}, err
	}
	for i := range lines {
		lines[i].ID = newID()
	}
	s := event.Stamp{At: genInstant, By: event.System("test")}
	o, err := orders.NewOrder(orders.Params{
		ID: newID(), CustomerID: "1", CartID: newID(), TermsID: "terms-1", Source: "test",
		Currency: items[0].Product.Currency, Lines: lines,
		PaymentID: newID(), Method: payment.Card, Token: orderstest.TokenPays,
	}, s)
	if err != nil {
		return orders.Order{}, err
	}
	if err := o.Complete(s, "pi_test"); err != nil {
		return orders.Order{}, err
	}
	return o.Clone(), nil
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
