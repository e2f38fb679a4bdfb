package endpoint

import (
	"context"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/review"
)

// DecisionOnMoney is what staff say of a refund or a charge whose outcome is
// unknown. Package review judges it.
type DecisionOnMoney struct {
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason" form:"verbatim"`
	ProviderID string `json:"provider_reference"`
	// Confirm is the amount, entered again where the provider's answer is against Outcome.
	Confirm input.Number `json:"confirm_amount"`
}

func (p DecisionOnMoney) by(u auth.User) review.Decision {
	return review.Decision{Outcome: p.Outcome, Reason: p.Reason, ProviderID: p.ProviderID,
		Confirm: p.Confirm.String(), By: actor(u)}
}

// ReviewQueue returns what needs review.
func (e *Endpoints) ReviewQueue(ctx context.Context, by auth.User) (review.Items, error) {
	if err := ReadQueue.Permit(by); err != nil {
		return review.Items{}, err
	}
	items, err := e.d.Review.Items(ctx)
	for i, r := range items.Refunds {
		items.Refunds[i].NoCredit = !e.d.Features.On(feature.StoreCredit, r.Customer)
	}
	return items, err
}

// ResolveRefund ends a refund whose outcome is unknown, and says how.
func (e *Endpoints) ResolveRefund(ctx context.Context, by auth.User, id string, p DecisionOnMoney) (string, error) {
	if err := ResolveRefund.Permit(by); err != nil {
		return "", err
	}
	return e.d.Review.ResolveRefund(ctx, id, p.by(by))
}

// ReleaseRefund ends the hold of a dispute.
func (e *Endpoints) ReleaseRefund(ctx context.Context, by auth.User, id string, p DecisionOnMoney) (string, error) {
	if err := ReleaseRefund.Permit(by); err != nil {
		return "", err
	}
	return e.d.Review.ReleaseRefund(ctx, id, p.by(by))
}

// ResolveOrder ends a charge whose outcome is unknown, or looks it up again.
func (e *Endpoints) ResolveOrder(ctx context.Context, by auth.User, id string, p DecisionOnMoney) (string, error) {
	if err := ResolveOrder.Permit(by); err != nil {
		return "", err
	}
	return e.d.Review.ResolveOrder(ctx, id, p.by(by))
}

// ApproveRefund has a refund paid that waits for a second person.
func (e *Endpoints) ApproveRefund(ctx context.Context, by auth.User, id string, _ struct{}) (string, error) {
	if err := ApproveRefund.Permit(by); err != nil {
		return "", err
	}
	return e.d.Review.Approve(ctx, id, actor(by))
}

// DeclineRefund ends a refund that waits for a second person, with a note.
func (e *Endpoints) DeclineRefund(ctx context.Context, by auth.User, id string, p NoteParams) (string, error) {
	if err := DeclineRefund.Permit(by); err != nil {
		return "", err
	}
	return e.d.Review.Decline(ctx, id, p.Note, actor(by))
}

// CloseDiscrepancy closes a discrepancy with a note.
func (e *Endpoints) CloseDiscrepancy(ctx context.Context, by auth.User, id string, p NoteParams) (string, error) {
	if err := CloseDiscrepancy.Permit(by); err != nil {
		return "", err
	}
	return e.d.Review.CloseDiscrepancy(ctx, id, p.Note, actor(by))
}
