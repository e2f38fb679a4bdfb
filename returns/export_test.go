package returns

import (
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

// What tests of the pure core look at, and callers need not.

func (r *Return) PendingEvents() []event.Event { return r.changes }

func (r *Return) ClaimedUnits() map[string]int { return r.claimedUnits() }

func (r *Return) AssignRMA(s event.Stamp, rma string) error { return r.assignRMA(s, rma) }

func (r *Return) RefundFailed(s event.Stamp) error { return r.refundFailed(s) }

func (r *Return) RestockDue(p Policy) []purchase.Restock { return r.restockDue(p) }

func (f Finding) MessageIn(zone *time.Location) string { return f.messageIn(zone) }

func (d Day) Add(n int) Day { return d.add(n) }

func (d Day) Weekday() time.Weekday { return d.weekday() }

func (p Policy) Deadline(start time.Time, days int) time.Time { return p.deadline(start, days) }

// CleanImage is what Create makes of a photo.
var CleanImage = cleanImage

type CleanedPhoto = cleanedPhoto

func (r *Return) RefundRequest(
	o purchase.Purchase, p Policy, m payment.Method, by event.Actor,
) (refunds.Request, error) {
	return r.refundRequest(o, p, m, by)
}

func (r Return) Paid() bool { return r.paid() }

func (v Verdict) First() (Finding, bool) { return v.first() }

var NewChange = newChange
