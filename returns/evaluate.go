package returns

import (
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/purchase"
)

// Evaluate judges a request against the terms pinned to its order. It reports
// every rule that fails, not only the first, and depends on nothing but its
// arguments: the same ones give the same verdict at any time, anywhere.
//
// claims are the units of the order's lines that earlier returns hold. at is
// the instant of the request.
func Evaluate(t Terms, o purchase.Purchase, claims Claims, a Request, at time.Time) Verdict {
	v := Verdict{TermsID: t.ID, At: at}
	v.Findings = evaluateCase(t.Policy, o, a)
	open := len(orderFindings(t.Policy, o, a)) == 0
	eligible := len(v.Findings) == 0
	for i, item := range a.Items {
		l := evaluateLine(t.Policy, o, claims, a, i, at, open)
		l.Requested = item.Quantity
		l.Eligible = len(l.Findings) == 0
		eligible = eligible && l.Eligible
		v.Lines = append(v.Lines, l)
	}
	v.Eligible = eligible
	return v
}

// Returnable says of every line of an order how many units its owner could
// return now, until when, and, where it is none, why not. Rules about what
// only a request can tell (its reason, its photos) are left out; the window is
// the longest that some allowed reason gives.
func Returnable(t Terms, o purchase.Purchase, claims Claims, at time.Time) []LineVerdict {
	a := Request{CustomerID: o.CustomerID, Reason: bestReason(t.Policy), Items: make([]RequestItem, len(o.Lines))}
	for i, l := range o.Lines {
		a.Items[i] = RequestItem{OrderLineID: l.ID, Quantity: 1}
	}
	whole := orderFindings(t.Policy, o, a)
	out := make([]LineVerdict, len(o.Lines))
	for i, line := range o.Lines {
		a.Reason = bestReasonFor(t.Policy, line.Category)
		l := evaluateLine(t.Policy, o, claims, a, i, at, len(whole) == 0)
		l.Requested = 0
		l.Findings = append(slices.Clone(whole), l.Findings...)
		l.Eligible = len(l.Findings) == 0
		out[i] = l
	}
	return out
}

// evaluateCase applies the rules about the request as a whole.
func evaluateCase(p Policy, o purchase.Purchase, a Request) []Finding {
	f := orderFindings(p, o, a)
	if allowed := p.reasons(); !slices.Contains(allowed, a.Reason) {
		f = append(
			f, Finding{
				Code: ReasonNotAllowed, Fact: text(string(a.Reason)), Limit: text(join(allowed)),
				Nearest: text(string(allowed[0])),
			},
		)
	}
	if len(a.Items) == 0 {
		f = append(f, Finding{Code: NoLines, Fact: number(0), Limit: number(1), Nearest: number(1)})
	}
	return append(f, photoFindings(p, a)...)
}

// orderFindings applies the rules that the order fails whatever is asked of it.
func orderFindings(p Policy, o purchase.Purchase, a Request) []Finding {
	var f []Finding
	if !p.Enabled {
		f = append(f, Finding{Code: ReturnsDisabled})
	}
	if a.CustomerID != o.CustomerID {
		f = append(f, Finding{Code: NotYourOrder})
	}
	if o.Status != purchase.Completed {
		nearest := text(string(purchase.Completed))
		if o.Status == purchase.Canceled {
			nearest = Value{} // final
		}
		f = append(f, Finding{
			Code: OrderNotCompleted, Fact: text(string(o.Status)), Limit: text(string(purchase.Completed)),
			Nearest: nearest,
		})
	}
	if o.Captured() < o.Total() {
		f = append(
			f, Finding{
				Code: PaymentNotCaptured, Fact: text("pending"), Limit: text("captured"), Nearest: text("captured"),
			},
		)
	}
	return f
}

func photoFindings(p Policy, a Request) []Finding {
	var f []Finding
	n := len(a.Photos)
	if p.PhotosRequired > n && (len(p.PhotosRequiredFor) == 0 || slices.Contains(p.PhotosRequiredFor, a.Reason)) {
		f = append(
			f, Finding{
				Code: PhotosRequired, Fact: number(n), Limit: number(p.PhotosRequired),
				Nearest: number(p.PhotosRequired),
			},
		)
	}
	if n > p.MaxPhotos {
		f = append(
			f, Finding{Code: TooManyPhotos, Fact: number(n), Limit: number(p.MaxPhotos), Nearest: number(p.MaxPhotos)},
		)
	}
	if p.MaxPhotos == 0 {
		return f // none are taken, of no type
	}
	for _, kind := range a.Photos {
		if !slices.Contains(p.PhotoTypes, kind) {
			f = append(
				f, Finding{
					Code: PhotoTypeNotAllowed, Fact: text(kind), Limit: text(join(p.PhotoTypes)),
					Nearest: text(firstOf(p.PhotoTypes)),
				},
			)
			break
		}
	}
	return f
}

// evaluateLine applies the rules about item i of the request. open is whether
// the order as a whole can be returned from.
func evaluateLine(p Policy, o purchase.Purchase, claims Claims, a Request, i int, at time.Time, open bool) LineVerdict {
	item := a.Items[i]
	v := LineVerdict{OrderLineID: item.OrderLineID}
	fail := func(f Finding) {
		f.Line = item.OrderLineID
		v.Findings = append(v.Findings, f)
	}
	for _, earlier := range a.Items[:i] {
		if earlier.OrderLineID == item.OrderLineID {
			fail(Finding{Code: DuplicateLine, Fact: text(item.OrderLineID), Limit: number(1), Nearest: number(1)})
			break
		}
	}
	line, found := o.Line(item.OrderLineID)
	if !found {
		fail(Finding{Code: LineNotFound, Fact: text(item.OrderLineID)})
		return v
	}
	left := max(0, line.Quantity-max(0, claims[line.ID])) // no claim is below zero
	days := p.window(line.Category, a.Reason)
	start, waits := p.windowStart(o)
	v.AwaitsDelivery = waits
	if !waits {
		v.Deadline = p.deadline(start, min(max(days, 0), maxWindowDays))
	}
	expired := !waits && !at.Before(v.Deadline)
	final := p.FinalSale && line.FinalSale
	if open && !expired && !final {
		v.Returnable = min(left, p.MaxQuantity)
	}
	if expired {
		fail(Finding{
			Code: WindowExpired, Fact: moment(at), Limit: number(days), Deadline: v.Deadline, Zone: p.Zone,
			Nearest: moment(v.Deadline.Add(-time.Microsecond)), // what stores keep
		})
	}
	if final {
		fail(Finding{Code: FinalSale, Fact: text(line.Name)})
	}
	for _, f := range quantityFindings(item.Quantity, p.MaxQuantity, line.Quantity, left) {
		fail(f)
	}
	return v
}

// quantityFindings applies the rules about how many units are requested: how many were
// bought, and how many are left.
func quantityFindings(requested, allowed, bought, left int) []Finding {
	var f []Finding
	var nearest Value
	if limit := min(left, allowed); limit != 0 {
		nearest = number(limit)
	}
	if requested < 1 {
		f = append(f, Finding{Code: QuantityNotPositive, Fact: number(requested), Limit: number(1), Nearest: nearest})
	}
	if requested > allowed {
		f = append(f, Finding{
			Code: QuantityOverPolicy, Fact: number(requested), Limit: number(allowed), Nearest: nearest,
		})
	}
	switch {
	case requested > bought:
		f = append(f, Finding{
			Code: QuantityOverPurchased, Fact: number(requested), Limit: number(bought), Nearest: nearest,
		})
	case requested > left:
		f = append(f, Finding{
			Code: AlreadyReturned, Fact: number(bought - left), Limit: number(bought), Nearest: nearest,
		})
	}
	return f
}

// windowStart returns the instant the return window counts from, or reports that
// it waits for a delivery that is not known.
func (p Policy) windowStart(o purchase.Purchase) (start time.Time, waits bool) {
	switch {
	case p.Start == FromPurchase:
		return o.PlacedAt, false
	case !o.DeliveredAt.IsZero():
		return o.DeliveredAt, false
	}
	return o.PlacedAt, p.Start == FromDelivery
}

// window is how many days a line of the category may be returned for the
// reason: the most specific exception, else the rule.
func (p Policy) window(category string, r Reason) int {
	days, best := p.WindowDays, 0
	for _, w := range p.Windows {
		if w.Category != "" && !strings.EqualFold(w.Category, category) || w.Reason != "" && w.Reason != r {
			continue
		}
		rank := 0
		if w.Category != "" {
			rank++
		}
		if w.Reason != "" {
			rank += 2
		}
		if rank > best {
			days, best = w.Days, rank
		}
	}
	return days
}

// bestReason is an allowed reason; bestReasonFor the one with the longest
// window for a category.
func bestReason(p Policy) Reason { return p.reasons()[0] }

func bestReasonFor(p Policy, category string) Reason {
	best, days := bestReason(p), -1
	for _, r := range p.reasons() {
		if d := p.window(category, r); d > days {
			best, days = r, d
		}
	}
	return best
}

// AllReasons are the reasons there are.
func AllReasons() []Reason {
	return []Reason{ReasonDamaged, ReasonWrongItem, ReasonNotAsDescribed, ReasonOther}
}

var allReasons = AllReasons()

func (p Policy) reasons() []Reason {
	if len(p.Reasons) == 0 {
		return allReasons
	}
	return p.Reasons
}

func number(n int) Value       { return Value{Kind: kindInt, Int: int64(n)} }
func text(s string) Value      { return Value{Kind: kindText, Text: s} }
func moment(t time.Time) Value { return Value{Kind: kindTime, Time: t} }

func firstOf(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

func join[T ~string](words []T) string {
	s := make([]string, len(words))
	for i, w := range words {
		s[i] = string(w)
	}
	return strings.Join(s, ", ")
}
