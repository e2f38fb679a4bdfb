package orders

import (
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// What the tests of this package see, and no other package.

const MaxQuantity = maxQuantity

func (o *Order) Resolve(s event.Stamp, captured bool, reason string) error {
	return o.resolve(s, captured, reason)
}

func (o *Order) Retry(s event.Stamp, reason string) error { return o.retry(s, reason) }

func (o *Order) NeedsCharge() bool                    { return o.needsCharge() }
func (o *Order) ChargeRequest() payment.ChargeRequest { return o.chargeRequest() }
func (o *Order) PendingEvents() []event.Event         { return o.changes }
func Number(id string, at time.Time) string           { return orderNumber(id, at) }

var NewFlashSale = newFlashSale
