package payment

import (
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// Finding is how a provider's refund is found again after a call without an
// answer.
type Finding string

// The ways to find a refund again.
const (
	// FindByOurID: FindRefund finds it by the attempt's id. The zero value.
	FindByOurID Finding = ""
	// FindByItsID: FindRefund finds it by the provider's id of it, once that is
	// known, in RefundRequest.ProviderID.
	FindByItsID Finding = "provider_id"
	// FindByMessage: there is no look-up; the provider sends a message (see
	// WebhookEvent). FindRefund is not called.
	FindByMessage Finding = "message"
)

// Capabilities are what a provider can and can't do with a refund. They are asked
// before anything is committed, so that what can't be done is refused and can be
// paid by another method, instead of failing at the provider. The zero value is
// a provider without limits that finds refunds by our id.
type Capabilities struct {
	Find Finding
	// KeyLife is how long the provider knows an idempotency key; 0: as long as the
	// caller is configured to believe.
	KeyLife time.Duration
	// WholeOnly: a payment is refunded whole, or not at all.
	WholeOnly bool
	// OldestPayment is the age up to which a payment can be refunded; 0: any.
	OldestPayment time.Duration
	// Smallest is the smallest refund in minor units of a currency; nil or 0: any.
	Smallest func(money.Currency) int64
	// Nearest returns the nearest amounts in minor units that the provider can
	// carry, at or below and at or above the one given: both are that amount where
	// it can. ok is false where the provider does not take the currency. nil: it
	// carries every amount in every currency.
	Nearest func(amount int64, c money.Currency) (below, above int64, ok bool)
}

// Capable is a gateway that states its capabilities. One that does not has those
// of the zero value.
type Capable interface {
	Capabilities() Capabilities
}

// CapabilitiesOf returns the capabilities that a gateway states.
func CapabilitiesOf(g RefundGateway) Capabilities {
	if c, ok := g.(Capable); ok {
		return c.Capabilities()
	}
	return Capabilities{}
}
