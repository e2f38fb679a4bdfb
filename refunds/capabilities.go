package refunds

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// checkCapable refuses an amount that the provider can't pay back, before
// anything is committed, and says what can be done instead.
func (o *opening) checkCapable(p Payment, amount, captured int64, now time.Time) error {
	if o.methodOf(p).Manual() {
		return nil
	}
	can, c := payment.CapabilitiesOf(o.s.cfg.Gateway), o.Currency
	refuse := func(format string, args ...any) error {
		return &Error{Code: CodeMethod, Field: "amount", Message: fmt.Sprintf(format,
			args...) + "; choose cash or store_credit"}
	}
	if age := now.Sub(p.PaidAt); can.OldestPayment > 0 && !p.PaidAt.IsZero() && age > can.OldestPayment {
		return refuse("the provider pays back for %d days, and the payment is %d days old",
			days(can.OldestPayment), days(age))
	}
	if can.WholeOnly && amount != captured {
		return refuse("the provider pays back %s as a whole only, and %s is requested", money.New(captured, c),
			money.New(amount, c))
	}
	if can.Smallest != nil && amount < can.Smallest(c) {
		return refuse("the provider pays back %s or more, and %s is requested", money.New(can.Smallest(c), c),
			money.New(amount, c))
	}
	if can.Nearest == nil {
		return nil
	}
	switch below, above, ok := can.Nearest(amount, c); {
	case !ok:
		return refuse("the provider pays nothing back in %s", c)
	case below != amount || above != amount:
		return refuse("the provider can't pay back %s; the nearest amounts are %s and %s",
			money.New(amount, c), money.New(below, c), money.New(above, c))
	}
	return nil
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// keyMaxAge is how long a key is sent again: as configured, and no longer than
// the provider knows it.
func (c Config) keyMaxAge() time.Duration {
	if life := payment.CapabilitiesOf(c.Gateway).KeyLife; life > 0 {
		return min(c.KeyMaxAge, life)
	}
	return c.KeyMaxAge
}

// findable reports whether the provider can be asked about the attempt.
func (c Config) findable(a *Attempt) bool {
	switch payment.CapabilitiesOf(c.Gateway).Find {
	case payment.FindByMessage:
		return false
	case payment.FindByItsID:
		return a.ProviderID != ""
	}
	return true
}
