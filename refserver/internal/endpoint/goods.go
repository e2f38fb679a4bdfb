package endpoint

import (
	"cmp"
	"context"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/returns"
)

// DecisionParams is what staff decide about a request.
type DecisionParams struct {
	Approve *bool  `json:"approve" validate:"required"`
	Notes   string `json:"decision_notes"`
}

// DecideReturn authorizes or rejects a return.
func (e *Endpoints) DecideReturn(
	ctx context.Context, by auth.User, id string, p DecisionParams,
) (ReturnChange, error) {
	return act(DecideReturn, by, p, func() (ReturnChange, error) {
		if *p.Approve {
			c, err := e.d.Returns.Authorize(ctx, id, actor(by), p.Notes)
			return ReturnChange{c, "The return is authorized: " + c.RMA + "."}, err
		}
		c, err := e.d.Returns.Reject(ctx, id, actor(by), p.Notes)
		return ReturnChange{c, "The return is rejected."}, err
	})
}

// act executes what staff do with a case, after the checks.
func act(a Action, by auth.User, params any, do func() (ReturnChange, error)) (ReturnChange, error) {
	if err := a.Permit(by); err != nil {
		return ReturnChange{}, err
	}
	if err := input.Check(params); err != nil {
		return ReturnChange{}, err
	}
	return do()
}

// NoteParams is the text that goes with an action.
type NoteParams struct {
	Note string `json:"note" form:"verbatim"`
}

// RequestInfo asks the customer for something.
func (e *Endpoints) RequestInfo(ctx context.Context, by auth.User, id string, p NoteParams) (ReturnChange, error) {
	return act(RequestInfo, by, p, func() (ReturnChange, error) {
		c, err := e.d.Returns.RequestInfo(ctx, id, actor(by), p.Note)
		return ReturnChange{c, "Your question was sent to the customer."}, err
	})
}

// ShipmentParams is the parcel that is on its way to us.
type ShipmentParams struct {
	Carrier        string `json:"carrier" validate:"required"`
	TrackingNumber string `json:"tracking_number" validate:"required"`
	Notes          string `json:"notes"`
}

// ShipReturn records that the items are on their way.
func (e *Endpoints) ShipReturn(ctx context.Context, by auth.User, id string, p ShipmentParams) (ReturnChange, error) {
	return act(ShipReturn, by, p, func() (ReturnChange, error) {
		sent := returns.ReverseShipment{Carrier: p.Carrier, TrackingNumber: p.TrackingNumber, Notes: p.Notes}
		c, err := e.d.Returns.Ship(ctx, id, actor(by), sent)
		return ReturnChange{c, "The shipment is recorded."}, err
	})
}

// ReceiptParams is what arrived; without lines all that was announced did.
type ReceiptParams struct {
	Lines []ReceiptLine `json:"lines" validate:"max=200,dive"`
	Notes string        `json:"notes"`
}

// ReceiptLine is how many units of a line arrived.
type ReceiptLine struct {
	OrderLineID string `json:"sale_item_id" validate:"required"`
	Received    *int   `json:"received" validate:"required,min=0"`
}

// ReceiveReturn records what arrived.
func (e *Endpoints) ReceiveReturn(
	ctx context.Context, by auth.User, id string, p ReceiptParams,
) (ReturnChange, error) {
	return act(ReceiveReturn, by, p, func() (ReturnChange, error) {
		var lines []returns.ReceiptLine
		for _, l := range p.Lines {
			lines = append(lines, returns.ReceiptLine{OrderLineID: l.OrderLineID, Received: *l.Received})
		}
		c, err := e.d.Returns.Receive(ctx, id, actor(by), returns.ReceiveParams{Lines: lines, Notes: p.Notes})
		return ReturnChange{c, "The parcel is marked as received."}, err
	})
}

// InspectionParams is what an inspection found.
type InspectionParams struct {
	Result      string           `json:"result" validate:"required,known=results"`
	InspectedBy string           `json:"inspected_by"` // empty: who asks
	Notes       string           `json:"notes"`
	Lines       []InspectionLine `json:"lines" validate:"max=200,dive"`
}

// InspectionLine is what was found of a line; an empty field leaves the choice
// to the result.
type InspectionLine struct {
	OrderLineID string `json:"sale_item_id" validate:"required"`
	Accepted    *int   `json:"accepted" validate:"omitempty,min=0"`
	Disposition string `json:"disposition" validate:"omitempty,known=dispositions"`
	Condition   string `json:"condition" validate:"omitempty,known=conditions"`
	Note        string `json:"note"`
}

// InspectReturn records an inspection.
func (e *Endpoints) InspectReturn(
	ctx context.Context, by auth.User, id string, p InspectionParams,
) (ReturnChange, error) {
	return act(InspectReturn, by, p, func() (ReturnChange, error) {
		in := returns.InspectionInput{
			Result:      returns.InspectionResult(strings.ToUpper(p.Result)),
			InspectedBy: cmp.Or(p.InspectedBy, by.Username), Notes: p.Notes,
		}
		for _, l := range p.Lines {
			in.Lines = append(in.Lines, returns.InspectionLine{
				OrderLineID: l.OrderLineID, Accepted: l.Accepted, Note: l.Note,
				Disposition: returns.Disposition(strings.ToLower(l.Disposition)),
				Condition:   returns.Condition(strings.ToUpper(l.Condition)),
			})
		}
		c, err := e.d.Returns.Inspect(ctx, id, actor(by), in)
		state := strings.ReplaceAll(string(c.Status), "_", " ")
		return ReturnChange{c, "The inspection is recorded: " + state + "."}, err
	})
}

// OverridePolicy records that staff override rules of the policy for a case.
func (e *Endpoints) OverridePolicy(
	ctx context.Context, by auth.User, id string, p OverrideParams,
) (ReturnChange, error) {
	return act(OverridePolicy, by, p, func() (ReturnChange, error) {
		c, err := e.d.Returns.Override(ctx, id, actor(by), *p.override())
		return ReturnChange{c, "The policy is overridden for this return."}, err
	})
}

// CloseReturnTask notes that a task of a case is dealt with, and how.
func (e *Endpoints) CloseReturnTask(
	ctx context.Context, by auth.User, id string, task int, p NoteParams,
) (ReturnChange, error) {
	return act(CloseReturnTask, by, p, func() (ReturnChange, error) {
		c, err := e.d.Returns.CloseTask(ctx, id, actor(by), returns.Task{ID: task, Note: p.Note})
		return ReturnChange{c, "The task is closed."}, err
	})
}
