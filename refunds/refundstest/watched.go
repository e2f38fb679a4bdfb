package refundstest

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// watched is the store under test, whose calls are the progress of a case.
type watched struct {
	refunds.Store
	t *suite.T
}

func (w watched) Open(
	ctx context.Context,
	r []refunds.OpenRequest,
	decide func(refunds.OpenState) ([]refunds.Change, error),
) ([]refunds.Refund, error) {
	defer w.t.Call("Open")()
	return w.Store.Open(ctx, r, decide)
}

func (w watched) Update(
	ctx context.Context,
	id string,
	change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	defer w.t.Call("Update")()
	return w.Store.Update(ctx, id, change)
}

func (w watched) UpdatePayment(
	ctx context.Context,
	r refunds.OpenRequest,
	change func(refunds.Balance, []refunds.Refund) (refunds.PaymentChange, error),
) ([]refunds.Refund, error) {
	defer w.t.Call("UpdatePayment")()
	return w.Store.UpdatePayment(ctx, r, change)
}

func (w watched) Refund(ctx context.Context, id string) (refunds.Refund, error) {
	defer w.t.Call("Refund")()
	return w.Store.Refund(ctx, id)
}

func (w watched) ByClientReferences(ctx context.Context, references []string) (map[string][]refunds.Refund, error) {
	defer w.t.Call("ByClientReferences")()
	return w.Store.ByClientReferences(ctx, references)
}

func (w watched) List(ctx context.Context, q refunds.Query) ([]refunds.Refund, int, error) {
	defer w.t.Call("List")()
	return w.Store.List(ctx, q)
}

func (w watched) Claim(
	ctx context.Context,
	now time.Time,
	lease time.Duration,
	token string,
	limit int,
) ([]refunds.Refund, error) {
	defer w.t.Call("Claim")()
	return w.Store.Claim(ctx, now, lease, token, limit)
}

func (w watched) Events(ctx context.Context, id string) ([]event.Event, error) {
	defer w.t.Call("Events")()
	return w.Store.Events(ctx, id)
}

func (w watched) NextManualReference(ctx context.Context, m payment.Method) (string, error) {
	defer w.t.Call("NextManualReference")()
	return w.Store.NextManualReference(ctx, m)
}

func (w watched) ByProviderID(ctx context.Context, reference string) (refunds.Refund, error) {
	defer w.t.Call("ByProviderID")()
	return w.Store.ByProviderID(ctx, reference)
}

func (w watched) PaymentState(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
	defer w.t.Call("PaymentState")()
	return w.Store.PaymentState(ctx, r)
}

func (w watched) ProviderAttempts(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error) {
	defer w.t.Call("ProviderAttempts")()
	return w.Store.ProviderAttempts(ctx, q)
}

func (w watched) CarriedRests(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error) {
	defer w.t.Call("CarriedRests")()
	return w.Store.CarriedRests(ctx, after, limit)
}

func (w watched) Book(
	ctx context.Context,
	r refunds.OpenRequest,
	providerID string,
	change func(refunds.Balance, *refunds.Outside, []refunds.Refund) (refunds.OutsideChange, error),
) (refunds.OutsideChange, error) {
	defer w.t.Call("Book")()
	return w.Store.Book(ctx, r, providerID, change)
}

func (w watched) Outside(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error) {
	defer w.t.Call("Outside")()
	return w.Store.Outside(ctx, q)
}

func (w watched) UpdateSweep(
	ctx context.Context,
	change func(refunds.Sweep) (refunds.Sweep, error),
) (refunds.Sweep, error) {
	defer w.t.Call("UpdateSweep")()
	return w.Store.UpdateSweep(ctx, change)
}

func (w watched) Credit(ctx context.Context, e refunds.CreditEntry) (bool, error) {
	defer w.t.Call("Credit")()
	return w.Store.Credit(ctx, e)
}

func (w watched) CreditBalance(ctx context.Context, customerID string, c money.Currency) (int64, error) {
	defer w.t.Call("CreditBalance")()
	return w.Store.CreditBalance(ctx, customerID, c)
}

func (w watched) CreditEntries(ctx context.Context, customerID string) ([]refunds.CreditEntry, error) {
	defer w.t.Call("CreditEntries")()
	return w.Store.CreditEntries(ctx, customerID)
}
