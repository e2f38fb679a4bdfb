package returns_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

// sample is an order of ann with two lines, delivered two days after it was placed.
func sample() purchase.Purchase {
	return purchase.Purchase{
		OrderID: "o", CustomerID: "ann", TermsID: "t", Currency: "USD", Status: purchase.Completed, PlacedAt: start,
		DeliveredAt: start.AddDate(0, 0, 2),
		Payments:    []purchase.Payment{{ID: "p", Method: payment.Card, Captured: 5000}},
		Lines: []purchase.Line{
			{ID: "lamp", Name: "Lamp", Category: "Home", Quantity: 4, Paid: purchase.Paid(
				"USD", money.Components{Price: 4000},
			)},
			{ID: "socks", Name: "Socks", Category: "clothing", Quantity: 20, FinalSale: true, Paid: purchase.Paid(
				"USD", money.Components{Price: 1000},
			)},
		},
	}
}

func number(n int64) returns.Value      { return returns.Value{Kind: "int", Int: n} }
func text(s string) returns.Value       { return returns.Value{Kind: "text", Text: s} }
func instant(t time.Time) returns.Value { return returns.Value{Kind: "time", Time: t} }

// ruleWorld is what a case of ruleCases changes, and ruleDeadline is when 30 days
// after the day of the delivery have ended.
type ruleWorld struct {
	p      *returns.Policy
	o      *purchase.Purchase
	a      *returns.Request
	claims returns.Claims
	at     *time.Time
}

var (
	noValue      = returns.Value{}
	ruleDeadline = time.Date(2026, 6, 6, 0, 0, 0, 0, time.UTC)
	ruleLast     = ruleDeadline.Add(-time.Microsecond)
)

var ruleCases = []struct {
	change func(w ruleWorld)
	want   returns.Finding
	words  string
}{
	{
		func(w ruleWorld) { w.p.Enabled = false }, returns.Finding{Code: returns.ReturnsDisabled},
		"We don't accept returns at the moment",
	},
	{func(w ruleWorld) { w.a.CustomerID = "bob" }, returns.Finding{Code: returns.NotYourOrder}, "another account"},
	{
		func(w ruleWorld) { w.o.Status = purchase.Open },
		returns.Finding{
			Code: returns.OrderNotCompleted, Fact: text("open"), Limit: text("completed"),
			Nearest: text("completed"),
		},
		"not completed yet",
	},
	{
		func(w ruleWorld) { w.o.Status = purchase.Canceled },
		returns.Finding{Code: returns.OrderNotCompleted, Fact: text("cancelled"), Limit: text("completed")},
		"was canceled",
	},
	{
		func(w ruleWorld) { w.o.Payments[0].Captured = 4999 },
		returns.Finding{
			Code: returns.PaymentNotCaptured, Fact: text("pending"), Limit: text("captured"),
			Nearest: text("captured"),
		},
		"has not arrived",
	},
	{
		func(w ruleWorld) { *w.at = ruleDeadline },
		returns.Finding{
			Code: returns.WindowExpired, Line: "lamp", Fact: instant(ruleDeadline), Limit: number(30),
			Deadline: ruleDeadline, Nearest: instant(ruleLast),
		},
		"window of 30 days ended on Friday, 5 June.",
	},
	{
		func(w ruleWorld) { w.a.Items[0] = returns.RequestItem{OrderLineID: "socks", Quantity: 1} },
		returns.Finding{Code: returns.FinalSale, Line: "socks", Fact: text("Socks")}, "final sale",
	},
	{
		func(w ruleWorld) { w.a.Items[0].OrderLineID = "none" },
		returns.Finding{Code: returns.LineNotFound, Line: "none", Fact: text("none")}, "no such item",
	},
	{
		func(w ruleWorld) { w.a.Items = append(w.a.Items, w.a.Items[0]) },
		returns.Finding{
			Code: returns.DuplicateLine, Line: "lamp", Fact: text("lamp"), Limit: number(1), Nearest: number(1),
		},
		"more than once",
	},
	{
		func(w ruleWorld) { w.a.Items[0].Quantity = 0 },
		returns.Finding{
			Code: returns.QuantityNotPositive, Line: "lamp", Fact: number(0), Limit: number(1), Nearest: number(4),
		},
		"The quantity is 0.",
	},
	{
		func(w ruleWorld) { w.a.Items[0].Quantity, w.p.MaxQuantity = 3, 2 },
		returns.Finding{
			Code: returns.QuantityOverPolicy, Line: "lamp", Fact: number(3), Limit: number(2), Nearest: number(2),
		},
		"up to 2",
	},
	{
		func(w ruleWorld) { w.a.Items[0].Quantity = 5 },
		returns.Finding{
			Code: returns.QuantityOverPurchased, Line: "lamp", Fact: number(5), Limit: number(4),
			Nearest: number(4),
		},
		"only 4 were bought. You can return up to 4.",
	},
	{
		func(w ruleWorld) { w.claims["lamp"], w.a.Items[0].Quantity = 3, 2 },
		returns.Finding{
			Code: returns.AlreadyReturned, Line: "lamp", Fact: number(3), Limit: number(4), Nearest: number(1),
		},
		"3 of 4 units of this item are in a return already. You can return up to 1.",
	},
	{
		func(w ruleWorld) { w.claims["lamp"] = 4 },
		returns.Finding{
			Code: returns.AlreadyReturned, Line: "lamp", Fact: number(4), Limit: number(4), Nearest: noValue,
		},
		"All units",
	},
	{
		func(w ruleWorld) { w.a.Reason = "BORED" },
		returns.Finding{
			Code: returns.ReasonNotAllowed, Fact: text("BORED"),
			Limit: text("DAMAGED, WRONG_ITEM, NOT_AS_DESCRIBED, OTHER"), Nearest: text("DAMAGED"),
		},
		`"BORED" is not a reason`,
	},
	{
		func(w ruleWorld) { w.a.Reason = "" },
		returns.Finding{
			Code: returns.ReasonNotAllowed, Fact: text(""),
			Limit: text("DAMAGED, WRONG_ITEM, NOT_AS_DESCRIBED, OTHER"), Nearest: text("DAMAGED"),
		},
		"Choose a reason for the return: DAMAGED, ",
	},
	{
		func(w ruleWorld) { w.p.Reasons = []returns.Reason{returns.ReasonOther} },
		returns.Finding{
			Code: returns.ReasonNotAllowed, Fact: text("DAMAGED"), Limit: text("OTHER"), Nearest: text("OTHER"),
		},
		"Choose one of: OTHER",
	},
	{
		func(w ruleWorld) { w.p.PhotosRequired = 1 },
		returns.Finding{Code: returns.PhotosRequired, Fact: number(0), Limit: number(1), Nearest: number(1)},
		"at least 1 photo that shows the problem",
	},
	{
		func(w ruleWorld) {
			w.p.PhotosRequired, w.p.PhotosRequiredFor = 2, []returns.Reason{returns.ReasonDamaged}
		},
		returns.Finding{Code: returns.PhotosRequired, Fact: number(0), Limit: number(2), Nearest: number(2)},
		"at least 2 photos that show the problem",
	},
	{
		func(w ruleWorld) { w.a.Photos = slices.Repeat([]string{"jpeg"}, 4) },
		returns.Finding{Code: returns.TooManyPhotos, Fact: number(4), Limit: number(3), Nearest: number(3)},
		"There are 4 photos. At most 3",
	},
	{
		func(w ruleWorld) { w.p.MaxPhotos, w.p.PhotoTypes, w.a.Photos = 0, nil, []string{"jpeg"} },
		returns.Finding{Code: returns.TooManyPhotos, Fact: number(1), Limit: number(0), Nearest: number(0)},
		"Photos can't be added to this request.",
	},
	{
		func(w ruleWorld) { w.a.Photos = []string{"gif", "webp"} },
		returns.Finding{
			Code: returns.PhotoTypeNotAllowed, Fact: text("gif"), Limit: text("jpeg, png"), Nearest: text("jpeg"),
		},
		"Photos can be jpeg, png",
	},
	{
		func(w ruleWorld) { w.a.Items = nil },
		returns.Finding{Code: returns.NoLines, Fact: number(0), Limit: number(1), Nearest: number(1)},
		"at least one item",
	},
}

func TestEachRuleSaysWhatFailedAndWhatWouldPass(t *testing.T) {
	for _, c := range ruleCases {
		p, o, at := policy(), sample(), ruleLast
		a := returns.Request{
			CustomerID: "ann", Reason: returns.ReasonDamaged, Items: []returns.RequestItem{
				{OrderLineID: "lamp", Quantity: 1},
			},
		}
		w := ruleWorld{&p, &o, &a, returns.Claims{}, &at}
		c.change(w)
		v := returns.Evaluate(returns.Terms{ID: "t", Policy: p}, o, w.claims, a, at)
		got, failed := v.First()
		if !failed || v.Eligible || got != c.want || len(v.Reasons()) != 1 {
			t.Errorf("%s: eligible %v, %v,\n got %+v\nwant %+v", c.want.Code, v.Eligible, v.Reasons(), got, c.want)
		}
		if m := v.Message(); !strings.Contains(m, c.words) || m != got.Message() {
			t.Errorf("%s: message %q does not say %q", c.want.Code, m, c.words)
		}
	}
}

func TestAllRulesThatFailAreReported(t *testing.T) {
	a := returns.Request{
		CustomerID: "bob", Reason: "BORED", Items: []returns.RequestItem{
			{OrderLineID: "socks", Quantity: 99}, {OrderLineID: "socks", Quantity: -1},
		},
	}
	o := sample()
	o.Status, o.Payments = purchase.Open, nil
	p := policy()
	p.Enabled, p.PhotosRequired = false, 1
	v := returns.Evaluate(returns.Terms{Policy: p}, o, nil, a, start.AddDate(1, 0, 0))
	want := []returns.NonReturnableReason{
		returns.ReturnsDisabled, returns.NotYourOrder, returns.OrderNotCompleted, returns.PaymentNotCaptured,
		returns.ReasonNotAllowed, returns.PhotosRequired,
		returns.WindowExpired, returns.FinalSale, returns.QuantityOverPolicy, returns.QuantityOverPurchased,
		returns.DuplicateLine, returns.QuantityNotPositive,
	}
	if got := v.Reasons(); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if v.Lines[0].Returnable != 0 {
		t.Errorf("%d units can be returned of an order that can't", v.Lines[0].Returnable)
	}
}

func TestTheMostSpecificWindowCounts(t *testing.T) {
	p := policy()
	p.Windows = []returns.Window{
		{Category: "home", Days: 10}, {Reason: returns.ReasonDamaged, Days: 60},
		{Category: "HOME", Reason: returns.ReasonWrongItem, Days: 90},
		{Category: "home", Reason: returns.ReasonDamaged, Days: 0},
	}
	for _, c := range []struct {
		line   string
		reason returns.Reason
		days   int
	}{
		{"lamp", returns.ReasonOther, 10}, {"lamp", returns.ReasonWrongItem, 90}, {"lamp", returns.ReasonDamaged, 0},
		{"socks", returns.ReasonDamaged, 60}, {"socks", returns.ReasonOther, 30},
	} {
		a := returns.Request{
			CustomerID: "ann", Reason: c.reason, Items: []returns.RequestItem{{OrderLineID: c.line, Quantity: 1}},
		}
		o := sample()
		v := returns.Evaluate(returns.Terms{Policy: p}, o, nil, a, start)
		midnight := time.Date(2026, 5, 7, 0, 0, 0, 0, time.UTC) // when the day of the delivery has ended
		if want := midnight.AddDate(0, 0, c.days); !v.Lines[0].Deadline.Equal(want) {
			t.Errorf("%s for %s: until %s, want %s", c.line, c.reason, v.Lines[0].Deadline, want)
		}
		o.DeliveredAt = time.Time{}
		v = returns.Evaluate(returns.Terms{Policy: p}, o, nil, a, start)
		if want := midnight.AddDate(0, 0, c.days-2); !v.Lines[0].Deadline.Equal(want) {
			t.Errorf("%s for %s, not delivered: until %s, want %s", c.line, c.reason, v.Lines[0].Deadline, want)
		}
	}
	// What a customer sees is the longest that a reason gives.
	lines := returns.Returnable(returns.Terms{Policy: p}, sample(), returns.Claims{"lamp": 1}, start.AddDate(0, 0, 50))
	if l := lines[0]; !l.Eligible || l.Returnable != 3 ||
		!l.Deadline.Equal(time.Date(2026, 8, 5, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("lamp: %+v", l)
	}
	if l := lines[1]; l.Eligible || l.Returnable != 0 || l.Findings[0].Code != returns.FinalSale {
		t.Errorf("socks: %+v", l)
	}
}

func TestAPolicyIsChecked(t *testing.T) {
	if err := policy().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(p *returns.Policy){
		"window_days":         func(p *returns.Policy) { p.WindowDays = -1 },
		"windows[0].days":     func(p *returns.Policy) { p.Windows = []returns.Window{{Category: "x", Days: 36501}} },
		"windows[0]":          func(p *returns.Policy) { p.Windows = []returns.Window{{Days: 1}} },
		"windows[0].reason":   func(p *returns.Policy) { p.Windows = []returns.Window{{Reason: "BORED"}} },
		"windows[0].category": func(p *returns.Policy) { p.Windows = []returns.Window{{Category: "x\x00"}} },
		"windows[1]": func(p *returns.Policy) {
			p.Windows = []returns.Window{
				{Category: "toys"}, {Category: "Toys"},
			}
		},
		"rules": func(p *returns.Policy) { p.RestockingFees = make([]returns.FeeRule, 201) },
		"start": func(p *returns.Policy) { p.Start = "shipment" },
		"zone":  func(p *returns.Policy) { p.Zone = "Europe/Atlantis" },
		"holidays[0].day": func(p *returns.Policy) {
			p.Holidays = []returns.Holiday{{Name: "some day"}}
		},
		"refund_within_days":  func(p *returns.Policy) { p.RefundWithinDays = -1 },
		"max_quantity":        func(p *returns.Policy) { p.MaxQuantity = 0 },
		"reasons":             func(p *returns.Policy) { p.Reasons = []returns.Reason{"BORED"} },
		"photos_required_for": func(p *returns.Policy) { p.PhotosRequiredFor = []returns.Reason{"BORED"} },
		"max_photos":          func(p *returns.Policy) { p.MaxPhotos = 101 },
		"photos_required":     func(p *returns.Policy) { p.PhotosRequired = 4 },
		"photo_types":         func(p *returns.Policy) { p.PhotoTypes = []string{"svg"} },
		"currency":            func(p *returns.Policy) { p.Currency = "usd" },
		"restocking_fees[0].percent_bp": func(p *returns.Policy) {
			p.RestockingFees = []returns.FeeRule{{PercentBP: 10_001}}
		},
		"return_shipping_fees[0].fixed": func(p *returns.Policy) {
			p.ReturnShippingFees = []returns.FeeRule{{Fixed: -1}}
		},
		"restocking_fees[0].condition": func(p *returns.Policy) {
			p.RestockingFees = []returns.FeeRule{{Condition: "WET"}}
		},
		"return_shipping_fees[0].reason": func(p *returns.Policy) {
			p.ReturnShippingFees = []returns.FeeRule{{Reason: "BORED"}}
		},
		"methods":     func(p *returns.Policy) { p.Methods = append(p.Methods, "barter") },
		"refund_from": func(p *returns.Policy) { p.RefundFrom = returns.StatusRejected },
		"restock_at":  func(p *returns.Policy) { p.RestockAt = "" },
	} {
		p := policy()
		spoil(&p)
		if err := p.Validate(); returns.CodeOf(err) != returns.CodeInvalid ||
			!strings.Contains(err.Error(), " "+want+": ") {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
