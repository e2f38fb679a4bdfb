package api

import (
	"encoding/json"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/approval"
)

// approvalJSON is a refund that waits for a second person.
type approvalJSON struct {
	ID       string      `json:"id"`
	ReturnID *string     `json:"return_id"` // null: the rest of refunds of the order
	OrderID  string      `json:"sale_id"`
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
	Method   string      `json:"method"`
	Why      string      `json:"why"`
	AskedBy  string      `json:"requested_by"`
	Since    time.Time   `json:"since"`
}

func approvalOf(w approval.Approval) approvalJSON {
	returnID := &w.ReturnID
	if w.IsRest() {
		returnID = nil
	}
	return approvalJSON{
		ID: w.ID, ReturnID: returnID, OrderID: w.OrderID, Amount: amount(w.Amount.Minor(), w.Amount.Currency()),
		Currency: string(w.Amount.Currency()), Method: say(w.Method), Why: w.Reason, AskedBy: w.AskerName,
		Since: w.AskedAt.UTC(),
	}
}
