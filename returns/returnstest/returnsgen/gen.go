package returnsgen

import (
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// Case is all that a verdict depends on.
type Case struct {
	Terms   returns.Terms
	Order   purchase.Purchase
	Claims  returns.Claims
	Request returns.Request
	At      time.Time
}

// Evaluate is the verdict on the case.
func (c Case) Evaluate() returns.Verdict {
	return returns.Evaluate(c.Terms, c.Order, c.Claims, c.Request, c.At)
}

// genReason generates reasons there are.
func genReason() gopter.Gen {
	return gen.OneConstOf(
		returns.ReasonDamaged, returns.ReasonWrongItem, returns.ReasonNotAsDescribed, returns.ReasonOther,
	)
}

// genFees generates up to two fee rules, in minor units and basis points.
func genFees() gopter.Gen {
	fee := gopter.CombineGens(
		gen.OneGenOf(gen.Const(returns.Reason("")), genReason()),
		gen.OneConstOf(returns.Condition(""), returns.ConditionNew, returns.ConditionUsed),
		gen.IntRange(0, 10_000), gen.Int64Range(0, 2_000),
	).Map(func(v []any) returns.FeeRule {
		return returns.FeeRule{
			Reason: v[0].(returns.Reason), Condition: v[1].(returns.Condition), PercentBP: v[2].(int),
			Fixed: v[3].(int64),
		}
	})
	return sliceUpTo(2, fee, reflect.TypeFor[[]returns.FeeRule]())
}

// GenPolicy generates policies that Validate accepts, mostly such as let
// something pass, with windows of 0 to 60 days.
func GenPolicy() gopter.Gen {
	window := gopter.CombineGens(gen.OneConstOf("Home", "toys", ""), genReason(), gen.IntRange(0, 60)).
		Map(func(v []any) returns.Window {
			return returns.Window{Category: v[0].(string), Reason: v[1].(returns.Reason), Days: v[2].(int)}
		})
	return gopter.CombineGens(
		gen.IntRange(0, 9), gen.IntRange(0, 60), sliceUpTo(1, window, reflect.TypeFor[[]returns.Window]()),
		gen.Bool(), gen.IntRange(1, 12),
		gen.IntRange(0, 2), genFees(), genFees(),
		gen.OneConstOf(returns.StatusApproved, returns.StatusReceived, returns.StatusAuthorized),
		gen.OneConstOf(returns.RestockAtRefund, returns.RestockAtInspection), gen.Bool(),
	).Map(func(v []any) returns.Policy {
		return returns.Policy{
			Enabled: v[0].(int) > 0, WindowDays: v[1].(int), Windows: v[2].([]returns.Window), FinalSale: v[3].(bool),
			MaxQuantity:    v[4].(int),
			PhotosRequired: v[5].(int) / 2, MaxPhotos: 3, PhotoTypes: []string{"jpeg", "png"},
			RestockingFees: v[6].([]returns.FeeRule), ReturnShippingFees: v[7].([]returns.FeeRule),
			RefundFrom: v[8].(returns.Status), RestockAt: v[9].(returns.RestockPoint), AutoAuthorize: v[10].(bool),
			Currency: "USD",
			Methods:  []payment.Method{payment.Card, payment.StoreCredit},
		}
	})
}

// purchased is when a generated purchase was made.
var purchased = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// GenPurchase generates completed and paid purchases of one to four lines, in
// JPY, USD or KWD; some are delivered up to ten days later, and some lines are
// final sale. Check accepts them.
func GenPurchase() gopter.Gen {
	line := gopter.CombineGens(
		gen.OneConstOf("Home", "toys", "Clothes"), gen.IntRange(0, 5), gen.IntRange(1, 12), gen.Int64Range(0, 500_000),
		gen.Int64Range(0, 20_000), gen.Int64Range(0, 5_000),
	).Map(func(v []any) purchase.Line {
		return purchase.Line{
			Category: v[0].(string), FinalSale: v[1].(int) == 0, Quantity: v[2].(int),
			Paid: purchase.Amount{
				Components: money.Components{Price: v[3].(int64), Duty: v[4].(int64), Shipping: v[5].(int64)},
			},
		}
	})
	return gopter.CombineGens(
		gen.OneConstOf(money.Currency("JPY"), money.Currency("USD"), money.Currency("KWD")),
		gen.IntRange(1, 4).FlatMap(func(n any) gopter.Gen {
			return sliceOf(n.(int), line, reflect.TypeFor[[]purchase.Line]())
		}, reflect.TypeFor[[]purchase.Line]()),
		gen.Int64Range(-int64(5*24*time.Hour), int64(10*24*time.Hour)),
		gen.OneConstOf(payment.Card, payment.Cash, payment.StoreCredit),
	).Map(func(v []any) purchase.Purchase {
		p := purchase.Purchase{
			OrderID: newID(), CustomerID: "ann", TermsID: "terms", Status: purchase.Completed,
			Currency: v[0].(money.Currency), PlacedAt: purchased,
			Lines: slices.Clone(v[1].([]purchase.Line)),
		}
		if after := time.Duration(v[2].(int64)); after > 0 {
			p.DeliveredAt = purchased.Add(after)
		}
		for i := range p.Lines {
			l := &p.Lines[i]
			n := strconv.Itoa(i + 1)
			l.ID, l.ProductID, l.Name, l.Paid.Currency = n, "sku-"+n, "Thing "+n, p.Currency
		}
		p.Payments = []purchase.Payment{
			{ID: newID(), Method: v[3].(payment.Method), ProviderID: "pi_" + p.OrderID, Captured: p.Total()},
		}
		return p
	})
}

// genClaims generates claims of the order's lines, from none to all of each.
func genClaims(o purchase.Purchase) gopter.Gen {
	return sliceOf(len(o.Lines), gen.IntRange(0, 1_000_000), reflect.TypeFor[[]int]()).Map(
		func(n []int) returns.Claims {
			claims := returns.Claims{}
			for i, l := range o.Lines {
				if n[i]%2 == 1 { // half of the lines have none
					claims[l.ID] = n[i] % (l.Quantity + 1)
				}
			}
			return claims
		},
	)
}

// genAsk generates requests for the order, mostly of its own customer and for
// units that may be there, at times for what can't be.
func genAsk(o purchase.Purchase) gopter.Gen {
	item := gopter.CombineGens(gen.IntRange(0, len(o.Lines)), gen.IntRange(-1, 13)).Map(
		func(v []any) returns.RequestItem {
			it := returns.RequestItem{OrderLineID: "none", Quantity: v[1].(int)}
			if i := v[0].(int); i < len(o.Lines) {
				it.OrderLineID = o.Lines[i].ID
			}
			return it
		},
	)
	return gopter.CombineGens(
		gen.IntRange(0, 9), genReason(), sliceUpTo(4, item, reflect.TypeFor[[]returns.RequestItem]()),
		sliceUpTo(4, gen.OneConstOf("jpeg", "png", "gif"), reflect.TypeFor[[]string]()),
	).Map(func(v []any) returns.Request {
		a := returns.Request{
			CustomerID: o.CustomerID, Reason: v[1].(returns.Reason), Items: v[2].([]returns.RequestItem),
			Photos: v[3].([]string),
		}
		if v[0].(int) == 0 {
			a.CustomerID = "somebody else"
		}
		return a
	})
}

// GenCase generates cases: a policy, an order as a shop makes it, claims, a
// request and an instant up to 80 days after the purchase.
func GenCase() gopter.Gen {
	return GenPurchase().FlatMap(func(v any) gopter.Gen {
		o := v.(purchase.Purchase)
		return gopter.CombineGens(
			GenPolicy(),
			genClaims(o),
			genAsk(o),
			gen.Int64Range(0, int64(80*24*time.Hour)),
		).Map(
			func(v []any) Case {
				return Case{
					Terms: returns.Terms{ID: o.TermsID, Version: 1, Policy: v[0].(returns.Policy)}, Order: o,
					Claims: v[1].(returns.Claims), Request: v[2].(returns.Request),
					At: o.PlacedAt.Add(time.Duration(v[3].(int64))),
				}
			},
		)
	}, reflect.TypeFor[Case]())
}

func sliceOf(n int, g gopter.Gen, typ reflect.Type) gopter.Gen { return gen.SliceOfN(n, g, typ.Elem()) }

func sliceUpTo(limit int, g gopter.Gen, typ reflect.Type) gopter.Gen {
	return gen.IntRange(0, limit).FlatMap(func(n any) gopter.Gen { return sliceOf(n.(int), g, typ) }, typ)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
