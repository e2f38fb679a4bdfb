package invariants

import (
	"context"
	"fmt"
)

// digits are the decimals of the minor units of ISO 4217, written out a second time for
// the currencies that tests use.
var digits = map[string]int{"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3, "UGX": 0}

// ours is an amount of the provider's in our unit. It reports one that is none, I20.
func (a *audit) ours(what string, amount int64, currency string, decimals int) int64 {
	own, known := digits[currency]
	if !known {
		a.report("I20: %s is in %q, which this audit has no unit of", what, currency)
		return amount
	}
	for ; decimals > own; decimals-- {
		if amount%10 != 0 {
			a.report("I20: %s of %d has more decimals than %s", what, amount, currency)
		}
		amount /= 10
	}
	for ; decimals < own; decimals++ {
		amount *= 10
	}
	return amount
}

// outside compares with the provider's ledger, I18: each refund that others made of a charge,
// and each dispute that was lost, is booked against its payment as what it is.
func (a *audit) outside(ctx context.Context) error {
	var rows []struct {
		ProviderID, Currency, OrderID string
		CountedMinor                  int64
	}
	err := a.db.Reader().
		NewRaw(`SELECT provider_id, currency, order_id, counted_minor FROM ?(rk)refund_outside`).
		Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("I18: %w", err)
	}
	booked := map[string]int64{}
	for _, r := range rows {
		booked[r.ProviderID] = r.CountedMinor
	}
	want := map[string]int64{}
	for _, r := range a.ledger.Refunds {
		if r.Outside {
			want[r.ID] = 0
			if !dead(r.Status) {
				want[r.ID] = a.ours("refund "+r.ID, r.Amount, r.Currency, r.Digits)
			}
		}
	}
	for _, d := range a.ledger.Disputes {
		if want[d.ID] = 0; d.Status == "lost" {
			want[d.ID] = a.ours("dispute "+d.ID, d.Withdrawn, d.Currency, d.Digits)
		}
	}
	for id, amount := range want {
		if counted, there := booked[id]; !there || counted != amount {
			a.report("I18: %s of others took %d, and is booked with %d (%t)", id, amount, counted, there)
		}
		delete(booked, id)
	}
	for id, counted := range booked {
		if counted != 0 {
			a.report("I18: %s is booked with %d, and the provider has no such refund of others", id, counted)
		}
	}
	return nil
}

// sales recounts the units of flash sales: sold is what orders that are not canceled took,
// held what live reservations do, and both together are within the cap.
func (a *audit) sales(ctx context.Context) error {
	return a.wrong(ctx, "I4", `SELECT 'flash sale ' || id || ': sold ' || sold || ' of ' || taken || ' taken, held '
		|| held || ' of ' || reserved || ' reserved, cap ' || cap
		FROM (SELECT f.id, f.sold, f.held, f.cap,
			(SELECT COALESCE(SUM(l.quantity), 0) FROM ?(rk)order_lines l JOIN ?(rk)orders o ON o.id = l.order_id
			WHERE l.sale_id = f.id AND o.status <> 'cancelled') AS taken,
			(SELECT COALESCE(SUM(s.quantity), 0) FROM ?(rk)stock_reservations s
			WHERE s.sale_id = f.id AND s.status = 'held') AS reserved
			FROM ?(rk)flash_sales f) AS x
		WHERE sold <> taken OR held <> reserved OR cap > 0 AND taken + reserved > cap`)
}
