package web

import (
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// permit takes from a case's page the actions that the user may not take, so
// that nobody is offered what would be refused. The note says why where the
// case is the user's own.
func (s *server) permit(r *http.Request, b *adminCaseBody) ([]note, error) {
	u := user(r)
	has := func(p access.Permission) bool { return access.Has(u.Role, p) }
	var notes []note
	if err := s.Gate.CheckOwner(r.Context(), u, access.ReturnInPath, b.Case.ID); err != nil {
		p := problem.Of(err)
		if p.Internal {
			return nil, err
		}
		notes = append(notes, note{Tone: "info", Text: p.Message})
		has = func(access.Permission) bool { return false }
	}
	decide, ship, inspect := has(access.ReturnsDecide), has(access.ReturnsShip), has(access.ReturnsInspect)
	b.CanAuthorize, b.CanReject = b.CanAuthorize && decide, b.CanReject && decide
	b.CanAsk, b.CanOverride = b.CanAsk && decide, b.CanOverride && decide
	b.CanShip, b.CanReceive, b.CanInspect = b.CanShip && ship, b.CanReceive && inspect, b.CanInspect && inspect
	b.CanRefund = b.CanRefund && has(access.RefundsPay)
	waiting, found, err := s.Approvals.Of(r.Context(), b.Case.ID)
	if err != nil {
		return nil, err
	}
	if found {
		b.CanRefund = false
		notes = append(notes, note{Tone: "warn", Text: "The refund of " + waiting.Amount.String() + ", requested by " +
			waiting.AskerName + ", waits for approval by someone else. It is in the review queue."})
	}
	return notes, nil
}
