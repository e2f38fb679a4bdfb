package endpoint

import (
	"context"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/review"
)

// DecisionOnMoney is what staff say of a refund or a charge whose outcome is
// unknown. Package review judges it.
type DecisionOnMoney struct {
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason" form:"verbatim"`
	ProviderID string `json:"provider_reference"`
}

func (p DecisionOnMoney) by(u auth.User) review.Decision {
	return review.Decision{Outcome: p.Outcome, Reason: p.Reason, ProviderID: p.ProviderID, By: actor(u)}
}

// ReviewQueue returns what needs review.
func (e *Endpoints) ReviewQueue(ctx context.Context, by auth.User) (review.Items, error) {
	if err := ReadQueue.Permit(by); err != nil {
		return review.Items{}, err
	}
	return e.d.Review.Items(ctx)
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

// CloseDiscrepancy closes a discrepancy with a note.
func (e *Endpoints) CloseDiscrepancy(ctx context.Context, by auth.User, id string, p NoteParams) (string, error) {
	if err := CloseDiscrepancy.Permit(by); err != nil {
		return "", err
	}
	return e.d.Review.CloseDiscrepancy(ctx, id, p.Note, actor(by))
}
