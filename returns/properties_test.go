package returns_test

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest/returnsgen"
)

// holds checks a property many times.
func holds(t *testing.T, times int, name string, check any, gens ...gopter.Gen) {
	t.Helper()
	params := gopter.DefaultTestParameters()
	params.MinSuccessfulTests = times
	properties := gopter.NewProperties(params)
	properties.Property(name, prop.ForAll(check, gens...))
	properties.TestingRun(t)
}

func TestGeneratedPoliciesAreValid(t *testing.T) {
	holds(
		t, 300, "Validate accepts them", func(p returns.Policy) bool { return p.Validate() == nil },
		returnsgen.GenPolicy(),
	)
}

// TestPolicyIsMonotone: I12.
func TestPolicyIsMonotone(t *testing.T) {
	holds(t, 500, "a shorter window lets nothing more pass", func(c returnsgen.Case, less int) bool {
		before := c.Evaluate()
		shown := returns.Returnable(c.Terms, c.Order, c.Claims, c.At)
		c.Terms.Policy.WindowDays = max(0, c.Terms.Policy.WindowDays-less)
		c.Terms.Policy.Windows = slices.Clone(c.Terms.Policy.Windows)
		for i := range c.Terms.Policy.Windows {
			c.Terms.Policy.Windows[i].Days = max(0, c.Terms.Policy.Windows[i].Days-less)
		}
		after := c.Evaluate()
		for i, l := range after.Lines {
			if l.Eligible && !before.Lines[i].Eligible || l.Returnable > before.Lines[i].Returnable {
				return false
			}
		}
		for i, l := range returns.Returnable(c.Terms, c.Order, c.Claims, c.At) {
			if l.Eligible && !shown[i].Eligible || l.Returnable > shown[i].Returnable {
				return false
			}
		}
		return !after.Eligible || before.Eligible
	}, returnsgen.GenCase(), gen.IntRange(0, 60))

	holds(t, 500, "a verdict depends on its inputs alone, and changes none", func(c returnsgen.Case) bool {
		claims, items := maps.Clone(c.Claims), slices.Clone(c.Request.Items)
		v := c.Evaluate()
		if !reflect.DeepEqual(claims, c.Claims) || !slices.Equal(items, c.Request.Items) {
			return false
		}
		c.Claims["a line of another order"] = 7
		c.Order.Lines = slices.Clone(c.Order.Lines)
		slices.Reverse(c.Order.Lines)
		c.Order.TermsID, c.Order.Payments = "other", []purchase.Payment{{Captured: c.Order.Total()}}
		return reflect.DeepEqual(v, c.Evaluate())
	}, returnsgen.GenCase())
}

// TestAnEligibleVerdictNeverGivesMoreThanIsLeft: I2, and the nearest value of
// a quantity passes where it is asked for alone.
func TestAnEligibleVerdictNeverGivesMoreThanIsLeft(t *testing.T) {
	holds(t, 1000, "units", func(c returnsgen.Case) string {
		v := c.Evaluate()
		total := map[string]int{}
		for _, it := range c.Request.Items {
			total[it.OrderLineID] += it.Quantity
		}
		for i, lv := range v.Lines {
			line, ok := c.Order.Line(lv.OrderLineID)
			if v.Eligible &&
				(!ok || c.Claims[line.ID]+total[line.ID] > line.Quantity || total[line.ID] > lv.Returnable) {
				return fmt.Sprintf("%+v passes", c.Request.Items)
			}
			for _, f := range lv.Findings {
				if f.Nearest.Kind != "int" || f.Code == returns.DuplicateLine {
					continue
				}
				again := c
				again.Request.Items = []returns.RequestItem{{OrderLineID: lv.OrderLineID, Quantity: int(f.Nearest.Int)}}
				for _, g := range again.Evaluate().Lines[0].Findings {
					if g.Code != returns.WindowExpired && g.Code != returns.FinalSale {
						return fmt.Sprintf(
							"item %d: %d is named as passing %s, but fails %s", i, f.Nearest.Int, f.Code, g.Code,
						)
					}
				}
			}
		}
		return ""
	}, returnsgen.GenCase())
}

// TestARefundIsTheQuoteOfItsTerms: I3, recounted from the terms and overrides,
// and I8 where the provider refuses.
func TestARefundIsTheQuoteOfItsTerms(t *testing.T) {
	holds(t, 60, "amount", func(p returns.Policy, bought, asked, taken int, waive, refuse bool) string {
		p.Enabled, p.WindowDays, p.Windows, p.MaxQuantity, p.PhotosRequired, p.RefundFrom = true, 30, nil, 12, 0, ""
		s := newShop(t, p)
		o := s.bought(bought)
		asked = 1 + asked%bought
		taken = 1 + taken%asked
		r := s.filed(o, asked)
		if r.Status == returns.StatusPendingAuthorization {
			if _, err := s.svc.Authorize(s.ctx, r.ID, kim, ""); err != nil {
				return err.Error()
			}
		}
		if waive {
			_, err := s.svc.Override(
				s.ctx, r.ID, kim, returns.Override{Rules: []string{returns.RuleRestockingFee}, Reason: "goodwill"},
			)
			s.ok(err)
		}
		_, err := s.svc.Receive(s.ctx, r.ID, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
		s.ok(err)
		s.inspected(r.ID, taken)

		// The amount once more, worked out here.
		part := func(n int64) int64 { return n * int64(taken) / int64(bought) }
		paid := o.Lines[0].Paid
		want := part(paid.Price) + part(paid.Duty) + part(paid.Shipping)
		fee := func(rules []returns.FeeRule, kind refunds.FeeKind, waived bool) refunds.FeeRule {
			for _, f := range rules {
				if (f.Reason == "" || f.Reason == r.Reason) && f.Condition == "" {
					return refunds.FeeRule{Kind: kind, PercentBP: f.PercentBP, Fixed: f.Fixed, Waived: waived}
				}
			}
			return refunds.FeeRule{Kind: kind}
		}
		restocking := fee(p.RestockingFees, refunds.RestockingFee, waive)
		restocking.OrderLineID = o.Lines[0].ID
		quote, err := refunds.NewQuote(refunds.QuoteRequest{
			Currency: "USD", Lines: []refunds.QuoteRequestLine{
				{OrderLineID: o.Lines[0].ID, Bought: bought, Paid: paid.Components, Units: taken},
			},
			Fees: []refunds.FeeRule{restocking, fee(p.ReturnShippingFees, refunds.ReturnShippingFee, false)},
		}, nil)
		s.ok(err)
		if quote.Gross != want {
			return fmt.Sprintf("the quote is of %d, the floor law says %d", quote.Gross, want)
		}
		if refuse && quote.Amount > 0 {
			stock, was := s.stock(), s.get(r.ID)
			s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
			got, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: payment.Card})
			if err != nil {
				return err.Error()
			}
			if refund.Status == refunds.StatusFailed && (!reflect.DeepEqual(got, was) || s.stock() != stock) {
				return "I8: a failed refund changed the case or the stock"
			}
		}
		_, refund, err := s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{Method: ""})
		if err != nil {
			return err.Error()
		}
		if refund.Amount() != quote.Amount || s.gateway.PaidOut("pi_"+o.OrderID) != quote.Amount {
			return fmt.Sprintf(
				"refund %d, paid out %d, want %d", refund.Amount(), s.gateway.PaidOut("pi_"+o.OrderID), quote.Amount,
			)
		}
		s.get(r.ID)
		return ""
	}, returnsgen.GenPolicy(), gen.IntRange(1, 9), gen.IntRange(0, 9), gen.IntRange(0, 9), gen.Bool(), gen.Bool())
}

// TestPhotosAreOurs: I16 for photos that were damaged on their way.
func TestPhotosAreOurs(t *testing.T) {
	seeds := [][]byte{jpegOf(20, 10), pngOf(20, 10), gifOf(20, 10), turned(jpegOf(20, 10), 5)}
	holds(t, 500, "a JPEG or PNG within the limits, or a refusal", func(which, at int, with uint8, cut bool) string {
		sent := append(bytes.Clone(seeds[which]), "SECRET"...)
		sent[at%len(sent)] ^= with
		if cut {
			sent = sent[:at%len(sent)]
		}
		p, err := returns.CleanImage(bytes.NewReader(sent), returns.ImageLimits{MaxPixels: 1 << 20, MaxSide: 16})
		switch {
		case err != nil && returns.CodeOf(err) == "":
			return "a refusal without a code: " + err.Error()
		case err != nil:
			return ""
		case bytes.Contains(p.Data, []byte("SECRET")):
			return "what was sent is still in it"
		}
		return badPhoto(p, 16)
	}, gen.IntRange(0, len(seeds)-1), gen.IntRange(0, 2000), gen.UInt8(), gen.Bool())
}
