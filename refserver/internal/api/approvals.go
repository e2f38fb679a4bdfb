package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/approval"
)

// approvalJSON is a refund that waits for a second person.
type approvalJSON struct {
	ID       string      `json:"id"`
	ReturnID string      `json:"return_id"`
	OrderID  string      `json:"sale_id"`
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
	Method   string      `json:"method"`
	Why      string      `json:"why"`
	AskedBy  string      `json:"requested_by"`
	Since    time.Time   `json:"since"`
}

func approvalOf(w approval.Approval) approvalJSON {
	return approvalJSON{
		ID: w.ID, ReturnID: w.ReturnID, OrderID: w.OrderID, Amount: amount(w.Amount.Minor(), w.Amount.Currency()),
		Currency: string(w.Amount.Currency()), Method: say(w.Method), Why: w.Reason, AskedBy: w.AskerName,
		Since: w.AskedAt.UTC(),
	}
}

func (a *API) approve(r *http.Request) (int, any, error) {
	return settled(a.Queue.Approve(r.Context(), r.PathValue("id"), actor(r)))
}

func (a *API) decline(r *http.Request) (int, any, error) {
	var q noteRequest
	if err := decode(r, maxJSON, &q); err != nil {
		return 0, nil, err
	}
	return settled(a.Queue.Decline(r.Context(), r.PathValue("id"), q.Note, actor(r)))
}
