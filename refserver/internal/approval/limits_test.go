package approval_test

import (
	"errors"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refunds"
)

// A limit holds for its currency alone: an amount in another one is neither compared with it,
// nor added to what was refunded in it, nor let pass without a limit.
func TestALimitIsOfItsCurrency(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		ctx := t.Context()
		if err := sqlstore.Migrate(ctx, db, audit.Migrations(), approval.Migrations()); err != nil {
			t.Fatal(err)
		}
		pay := &till{}
		desk := approval.New(approval.Config{
			DB: db, Refunder: front{pay}, Audit: audit.New(db, nil, nil), Zone: time.UTC,
			Now: func() time.Time { return time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC) },
		})
		for i, step := range []struct {
			amount, perDay approval.Limits
			currency       money.Currency
			minor          int64
			waits          string // why; empty: it does not
		}{
			{approval.Limits{"USD": 10000}, nil, "USD", 10000, ""},
			{approval.Limits{"USD": 10000}, nil, "USD", 10001, "it is above the limit of 100.00 USD for a refund"},
			{approval.Limits{"USD": 10000}, nil, "JPY", 1,
				"no limit is set for JPY, so every refund in JPY needs approval"},
			{approval.Limits{"USD": 10000}, nil, "JPY", 0, ""},
			{approval.Limits{"USD": 10000, "JPY": 20000}, nil, "JPY", 20000, ""},
			{approval.Limits{"USD": 10000, "JPY": 20000}, nil, "JPY", 20001,
				"it is above the limit of 20000 JPY for a refund"},
			{nil, approval.Limits{"USD": 500, "JPY": 800}, "USD", 501,
				"it is above the limit of 5.00 USD for what one person refunds in a day"},
			{nil, approval.Limits{"USD": 500, "JPY": 800}, "USD", 500, ""},
			{nil, approval.Limits{"USD": 500, "JPY": 800}, "USD", 1, "with the 5.00 USD that fin1 refunded today, " +
				"it is above the limit of 5.00 USD for what one person refunds in a day"},
			{nil, approval.Limits{"USD": 500, "JPY": 800}, "JPY", 700, ""},
			{nil, approval.Limits{"USD": 500, "JPY": 800}, "JPY", 101, "with the 700 JPY that fin1 refunded today, " +
				"it is above the limit of 800 JPY for what one person refunds in a day"},
			{nil, approval.Limits{"USD": 500, "JPY": 800}, "KWD", 1,
				"no limit is set for KWD, so every refund in KWD needs approval"},
		} {
			desk.Amount, desk.PerDay, pay.quote = step.amount, step.perDay, money.New(step.minor, step.currency)
			_, err := desk.Refund(ctx, refunds.Request{
				ClientReference: "case " + string(rune('a'+i)), OrderID: "order", Currency: step.currency,
				Method: payment.Cash, By: event.Actor{Kind: event.ActorStaff, ID: "fin1", Name: "fin1"},
			})
			a, waits := approval.Waits(err)
			if a.Reason != step.waits || waits != (step.waits != "") || !waits && !errors.Is(err, errBroken) {
				t.Errorf("step %d, %s: waits because %q, want %q; %v", i, pay.quote, a.Reason, step.waits, err)
			}
		}
	})
}
