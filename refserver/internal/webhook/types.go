package webhook

import (
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// The streams that events come from.
const (
	ordersStream  = "orders"
	returnsStream = "returns"
	refundsStream = "refunds"
)

// TypePing is the type of a test, which every endpoint gets when staff send one.
const TypePing = "webhook.ping"

// Type is a kind of event that is sent out.
type Type struct {
	Name string // such as return.authorized
	What string // what has happened, in words
	from string // the type as the stores name it
}

// Stream is the log that events of the type come from.
func (t Type) Stream() string {
	object, _, _ := strings.Cut(t.from, ".")
	return object + "s"
}

// types are all of them, in the order of the documentation.
var types = []Type{
	{"order.queued", "An order was accepted; its payment is still to come.", orders.EventQueued},
	{"order.completed", "An order is paid.", orders.EventCompleted},
	{"order.cancelled", "An order was canceled or declined; its stock is free again.", orders.EventCanceled},
	{"order.delivered", "The delivery of an order was recorded.", orders.EventDelivered},
	{"return.requested", "A customer, or staff for them, requested a return.", returns.EventRequested},
	{"return.info_requested", "Staff asked the customer for more information.", returns.EventInfoRequested},
	{"return.info_provided", "The customer gave more information.", returns.EventInfoProvided},
	{"return.authorized", "A return was authorized and has its RMA number.", returns.EventRMAAssigned},
	{"return.rejected", "A return was rejected.", returns.EventRejected},
	{"return.cancelled", "The customer canceled a return.", returns.EventCanceled},
	{"return.shipped", "The items are on their way to the shop.", returns.EventShipped},
	{"return.received", "A parcel of the return arrived.", returns.EventReceived},
	{"return.inspected", "The items were inspected.", returns.EventInspected},
	{"return.refunded", "The items are decided and the money was refunded.", returns.EventRefunded},
	{"refund.created", "A refund was decided.", refunds.EventCreated},
	{"refund.completed", "The money of a refund went to the customer.", refunds.EventSucceeded},
	{"refund.failed", "A refund certainly failed. It may be tried again.", refunds.EventFailed},
	{"refund.reversed", "The payment provider reversed a refund: the customer does not have the money.",
		refunds.EventReversed},
}

// Types returns the types of events that are sent out.
func Types() []Type { return slices.Clone(types) }

// Streams are the logs that a dispatcher watches for a Service.
func Streams() []string { return []string{ordersStream, refundsStream, returnsStream} }

// StoredTypes are the types of a stream that lead to a public one, as the stores name them.
func StoredTypes(stream string) []string {
	var found []string
	for _, t := range types {
		if t.Stream() == stream {
			found = append(found, t.from)
		}
	}
	return found
}

// storedAs is how the stores name public types of a stream.
func storedAs(stream string, public []string) []string {
	var found []string
	for _, t := range types {
		if t.Stream() == stream && slices.Contains(public, t.Name) {
			found = append(found, t.from)
		}
	}
	return found
}

// publicType is the public name of a stored type; empty where there is none.
func publicType(stored string) string {
	i := slices.IndexFunc(types, func(t Type) bool { return t.from == stored })
	if i < 0 {
		return ""
	}
	return types[i].Name
}

func known(name string) bool {
	return slices.ContainsFunc(types, func(t Type) bool { return t.Name == name })
}
