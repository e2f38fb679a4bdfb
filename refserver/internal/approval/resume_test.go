package approval_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	"github.com/returnkit/returnkit/returns"
)

// till quotes one amount for every case, 100.00 where none is set, and pays those that it is not broken for.
type till struct {
	broken func(id string) bool
	paid   map[string]bool
	tries  []string
	quote  money.Money
}

var errBroken = errors.New("the till is broken")

func (*till) ByClientReference(context.Context, string) (refunds.Intent, error) {
	return refunds.Intent{}, refunds.ErrNotFound
}

func (t *till) Preview(context.Context, refunds.Request) (refunds.Quote, refunds.Balance, error) {
	if t.quote.Currency() != "" {
		return refunds.Quote{Amount: t.quote.Minor(), Currency: t.quote.Currency()}, refunds.Balance{}, nil
	}
	return refunds.Quote{Amount: 10000, Currency: "USD"}, refunds.Balance{}, nil
}

func (t *till) Refund(
	_ context.Context, id string, _ event.Actor, _ returns.RefundParams,
) (returns.Return, refunds.Intent, error) {
	t.tries = append(t.tries, id)
	if t.broken(id) {
		return returns.Return{}, refunds.Intent{}, errBroken
	}
	t.paid[id] = true
	return returns.Return{}, refunds.Intent{Refund: refunds.Refund{ID: "refund of " + id}}, nil
}

// front is the till as what the desk stands before; nothing reaches it unapproved here.
type front struct{ till *till }

func (f front) ByClientReference(ctx context.Context, id string) (refunds.Intent, error) {
	return f.till.ByClientReference(ctx, id)
}

func (front) ByID(context.Context, string) (refunds.Refund, error) {
	return refunds.Refund{}, refunds.ErrNotFound
}

func (f front) Preview(ctx context.Context, r refunds.Request) (refunds.Quote, refunds.Balance, error) {
	return f.till.Preview(ctx, r)
}

func (front) Refund(context.Context, refunds.Request) (refunds.Intent, error) {
	return refunds.Intent{}, errBroken
}

func TestAnApprovalThatCannotBePaidHoldsUpNoOther(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		ctx := t.Context()
		if err := sqlstore.Migrate(ctx, db, audit.Migrations(), approval.Migrations()); err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
		clock, none := func() time.Time { return now }, approval.Limits{"USD": 0}
		pay := &till{paid: map[string]bool{}, broken: func(string) bool { return true }}
		desk := approval.New(approval.Config{
			DB: db, Refunder: front{pay}, Audit: audit.New(db, clock, nil), Amount: none, Zone: time.UTC, Now: clock,
		})
		desk.Payer = pay
		const all = 5
		for i := range all {
			now = now.Add(time.Second)
			_, err := desk.Refund(ctx, refunds.Request{
				ClientReference: fmt.Sprintf("case %d", i), OrderID: "order", Currency: "USD", Method: payment.Cash,
				By: event.Actor{Kind: event.ActorStaff, ID: "fin1", Name: "fin1"},
			})
			waits, ok := approval.Waits(err)
			if !ok {
				t.Fatal(err)
			}
			second := event.Actor{Kind: event.ActorStaff, ID: "fin2", Name: "fin2"}
			if _, err := desk.Approve(ctx, waits.ID, second); !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
		}
		// The two oldest stay broken.
		pay.broken = func(id string) bool { return strings.HasSuffix(id, "0") || strings.HasSuffix(id, "1") }
		now = now.Add(time.Hour)
		for range 2 {
			if _, err := desk.Resume(ctx, 3); !errors.Is(err, errBroken) && !pay.paid["case 4"] {
				t.Errorf("the error is %v", err)
			}
		}
		if len(pay.paid) != all-2 {
			t.Errorf("paid are %v of %d, two of which are broken", pay.paid, all)
		}
		// None is tried without end, and each again after a while.
		tries := len(pay.tries)
		if n, err := desk.Resume(ctx, 3); n != 0 || err != nil || len(pay.tries) != tries {
			t.Errorf("%d were tried again at once, %v", n, err)
		}
		pay.broken = func(string) bool { return false }
		now = now.Add(time.Hour)
		if n, err := desk.Resume(ctx, 3); n != 2 || err != nil || len(pay.paid) != all {
			t.Errorf("%d were tried again, %v; paid are %v", n, err, pay.paid)
		}
	})
}
