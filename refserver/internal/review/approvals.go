package review

import (
	"context"
	"fmt"
	"strings"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
)

// Approve has a refund paid that waits for a second person, and says what has
// become of it.
func (q Queue) Approve(ctx context.Context, id string, by event.Actor) (string, error) {
	r, err := q.Approvals.Approve(ctx, id, by)
	if err != nil {
		return "", err
	}
	amount := money.New(r.Amount(), r.Quote.Currency)
	switch {
	case r.Status == refunds.StatusSucceeded:
		return fmt.Sprintf("Approved: %s is refunded.", amount), nil
	case r.Status == refunds.StatusFailed:
		return fmt.Sprintf(
			"Approved, and the refund of %s failed. Nothing was paid; it can be requested again.",
			amount,
		), nil
	}
	state := strings.ToLower(string(r.Status))
	return fmt.Sprintf("Approved: the refund of %s is %s and completes by itself.", amount, state), nil
}

// Decline ends a refund that waits without paying it.
func (q Queue) Decline(ctx context.Context, id, note string, by event.Actor) (string, error) {
	return "The refund is declined. Nothing was paid.", q.Approvals.Decline(ctx, id, note, by)
}
