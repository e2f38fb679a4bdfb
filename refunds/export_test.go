package refunds

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// What the tests of this package see, and no other package.

func GridOf(c Config, m payment.Method, captured int64, currency money.Currency, carried int64) Grid {
	return c.gridOf(m, captured, currency, carried)
}

func EvenOut(c Config, payments []SplitPayment, parts []int64, currency money.Currency) {
	c.evenOut(payments, parts, currency)
}

func (r *Refund) Expedite(at time.Time) { r.expedite(at) }

func (r *Refund) ProviderRequest() payment.RefundRequest { return r.providerRequest() }

func (s *Service) Compare(ctx context.Context, from, to time.Time, each func(Match) error) (Totals, error) {
	return s.compare(ctx, from, to, each)
}

// CarriedRests is the store's method, for tests.
func (s *Service) CarriedRests(ctx context.Context, after string, limit int) ([]CarriedRest, error) {
	return s.store.CarriedRests(ctx, after, limit)
}

// OpenRest is payRest, for tests.
func (s *Service) OpenRest(ctx context.Context, rest CarriedRest, by event.Actor) (bool, error) {
	return s.payRest(ctx, rest, by)
}
