package returns

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// The types of a return's events.
const (
	EventRequested          = "return.requested"
	EventInfoRequested      = "return.info_requested"
	EventInfoProvided       = "return.info_provided"
	EventAuthorized         = "return.authorized"
	EventRMAAssigned        = "return.rma_assigned"
	EventRejected           = "return.rejected"
	EventCanceled           = "return.cancelled"
	EventShipped            = "return.shipped"
	EventReceived           = "return.received"
	EventInspectionStarted  = "return.inspection_started"
	EventInspected          = "return.inspected"
	EventApproved           = "return.approved"
	EventEarlyRefundStarted = "return.early_refund_started"
	EventEarlyRefundFailed  = "return.early_refund_failed"
	EventRefundPaid         = "return.refund_paid" // before approval: the status stays
	EventRefunded           = "return.refunded"
	EventRestocked          = "return.restocked"
	EventOverridden         = "return.overridden"
	EventTaskOpened         = "return.task_opened"
	EventTaskClosed         = "return.task_closed"
)

// payload is the data of an event. The same apply serves the change itself
// and Fold, so that the two can't differ.
type payload interface {
	apply(r *Return, at time.Time, by event.Actor)
}

// record applies the data to the return and notes the event.
func (r *Return) record(s event.Stamp, typ string, data payload) error {
	e, err := event.NewEvent(r.ID, r.Version+1, typ, s, data)
	if err != nil {
		return err
	}
	data.apply(r, e.At, e.Actor)
	r.Version, r.UpdatedAt = e.Seq, e.At
	r.changes = append(r.changes, e)
	return nil
}

// payloads makes the empty data of each type of event.
var payloads = map[string]func() payload{
	EventRequested:          func() payload { return &requested{} },
	EventInfoRequested:      func() payload { return &infoRequested{} },
	EventInfoProvided:       func() payload { return &infoProvided{} },
	EventAuthorized:         func() payload { return &authorized{} },
	EventRMAAssigned:        func() payload { return &rmaAssigned{} },
	EventRejected:           func() payload { return &rejected{} },
	EventCanceled:           func() payload { return &canceled{} },
	EventShipped:            func() payload { return &shipped{} },
	EventReceived:           func() payload { return &received{} },
	EventInspectionStarted:  func() payload { return &inspectionStarted{} },
	EventInspected:          func() payload { return &inspected{} },
	EventApproved:           func() payload { return &approved{} },
	EventEarlyRefundStarted: func() payload { return &earlyRefund{} },
	EventEarlyRefundFailed:  func() payload { return &earlyRefundFailed{} },
	EventRefundPaid:         func() payload { return &refundPaid{} },
	EventRefunded:           func() payload { return &refunded{} },
	EventRestocked:          func() payload { return &restocked{} },
	EventOverridden:         func() payload { return &overridden{} },
	EventTaskOpened:         func() payload { return &taskOpened{} },
	EventTaskClosed:         func() payload { return &taskClosed{} },
}

// Fold replays the events of one return, in order of Seq from 1, and returns
// the case they make.
func Fold(events []event.Event) (Return, error) {
	var r Return
	known := func(typ string) (payload, bool) {
		make, ok := payloads[typ]
		if !ok {
			return nil, false
		}
		return make(), true
	}
	err := event.Fold(events, known, func(e event.Event, data payload) {
		r.ID = e.AggregateID
		data.apply(&r, e.At.UTC(), e.Actor)
		r.Version, r.UpdatedAt = e.Seq, e.At.UTC()
	})
	_, isHistory := errors.AsType[*event.HistoryError](err)
	switch {
	case errors.Is(err, event.ErrNoHistory):
		return Return{}, &Error{Code: CodeInvalid, Field: "events", Message: "There are no events to fold.", Err: err}
	case isHistory:
		return Return{}, &Error{
			Code: CodeInvalid, Field: "events", Message: "They are not one history: " + err.Error() + ".", Err: err,
		}
	case err != nil:
		return Return{}, fmt.Errorf("returns: fold %w", err)
	}
	return r, nil
}

// requested is the whole case as it begins.
type requested struct {
	OrderID    string     `json:"order_id"`
	CustomerID string     `json:"customer_id"`
	TermsID    string     `json:"terms_id"`
	Reason     Reason     `json:"reason"`
	Details    string     `json:"details,omitempty"`
	Lines      []Line     `json:"lines"`
	Evidence   []Evidence `json:"evidence,omitempty"`
	Verdict    Verdict    `json:"verdict"`
}

func (d *requested) apply(r *Return, at time.Time, by event.Actor) {
	r.OrderID, r.CustomerID, r.TermsID = d.OrderID, d.CustomerID, d.TermsID
	r.Reason, r.Details, r.Verdict = d.Reason, d.Details, d.Verdict
	r.Lines, r.Evidence = slices.Clone(d.Lines), slices.Clone(d.Evidence)
	r.Status, r.Filed, r.CreatedAt = StatusPendingAuthorization, by, at
}

type infoRequested struct {
	Note string `json:"note"`
}

func (d *infoRequested) apply(r *Return, _ time.Time, _ event.Actor) {
	r.Status, r.Decision = StatusPendingCustomerInfo, d.Note
}

type infoProvided struct {
	Details  string     `json:"details,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
}

func (d *infoProvided) apply(r *Return, _ time.Time, _ event.Actor) {
	r.Status = StatusPendingAuthorization
	if d.Details != "" {
		if r.Details != "" {
			r.Details += "\n\n"
		}
		r.Details += d.Details
	}
	r.Evidence = append(r.Evidence, d.Evidence...)
}

type authorized struct {
	Notes string `json:"notes,omitempty"`
}

func (d *authorized) apply(r *Return, _ time.Time, _ event.Actor) {
	r.Status, r.Decision = StatusAuthorized, d.Notes
}

type rmaAssigned struct {
	RMA string `json:"rma"`
}

func (d *rmaAssigned) apply(r *Return, _ time.Time, _ event.Actor) { r.RMA = d.RMA }

type rejected struct {
	Notes string `json:"notes,omitempty"`
}

func (d *rejected) apply(r *Return, at time.Time, _ event.Actor) {
	r.Status, r.ClosedAt = StatusRejected, at
	if d.Notes != "" {
		r.Decision = d.Notes
	}
}

type canceled struct{}

func (d *canceled) apply(r *Return, at time.Time, _ event.Actor) {
	r.Status, r.ClosedAt = StatusCanceled, at
}

type shipped struct {
	Carrier        string `json:"carrier"`
	TrackingNumber string `json:"tracking_number"`
	Notes          string `json:"notes,omitempty"`
}

func (d *shipped) apply(r *Return, at time.Time, _ event.Actor) {
	r.Status = StatusInTransit
	r.Shipment = &ReverseShipment{Carrier: d.Carrier, TrackingNumber: d.TrackingNumber, ShippedAt: at, Notes: d.Notes}
}

type received struct {
	Kind  ReceiptKind    `json:"kind"`
	Lines map[string]int `json:"lines"`
	Notes string         `json:"notes,omitempty"`
}

func (d *received) apply(r *Return, at time.Time, _ event.Actor) {
	r.Status = StatusReceived
	for i := range r.Lines {
		r.Lines[i].Received += d.Lines[r.Lines[i].OrderLineID]
	}
	r.Receipts = append(r.Receipts, Receipt{At: at, Kind: d.Kind, Lines: d.Lines, Notes: d.Notes})
	if r.Shipment != nil && r.Shipment.ReceivedAt.IsZero() {
		shipment := *r.Shipment
		shipment.ReceivedAt = at
		r.Shipment = &shipment
	}
}

type inspectionStarted struct{}

func (d *inspectionStarted) apply(r *Return, _ time.Time, _ event.Actor) {
	r.Status = StatusUnderInspection
}

// inspected is what the inspection found on each line.
type inspected struct {
	Result      InspectionResult `json:"result"`
	InspectedBy string           `json:"inspected_by"`
	Notes       string           `json:"notes,omitempty"`
	Lines       []decision       `json:"lines"`
}

// decision is the decision on one line.
type decision struct {
	OrderLineID string      `json:"order_line_id"`
	Accepted    int         `json:"accepted"`
	Acceptance  Acceptance  `json:"acceptance"`
	Disposition Disposition `json:"disposition,omitempty"`
	Condition   Condition   `json:"condition,omitempty"`
	Note        string      `json:"note,omitempty"`
}

func (d *inspected) apply(r *Return, at time.Time, _ event.Actor) {
	r.Inspection = &Inspection{Result: d.Result, InspectedBy: d.InspectedBy, InspectedAt: at, Notes: d.Notes}
	short := false
	for i := range r.Lines {
		l := &r.Lines[i]
		short = short || l.Received < l.Quantity
		for _, c := range d.Lines {
			if c.OrderLineID == l.OrderLineID {
				l.Accepted, l.Acceptance, l.Disposition = c.Accepted, c.Acceptance, c.Disposition
				l.Condition, l.Note = c.Condition, c.Note
			}
		}
	}
	if n := len(r.Receipts); short && n > 0 && r.Receipts[n-1].Kind == ReceiptPartial {
		r.Receipts = slices.Clone(r.Receipts)
		r.Receipts[n-1].Kind = ReceiptShort // nothing more is waited for
	}
}

type approved struct{}

func (d *approved) apply(r *Return, _ time.Time, _ event.Actor) { r.Status = StatusApproved }

type earlyRefund struct{}

func (d *earlyRefund) apply(r *Return, _ time.Time, _ event.Actor) { r.EarlyRefund = true }

type earlyRefundFailed struct{}

func (d *earlyRefundFailed) apply(r *Return, _ time.Time, _ event.Actor) { r.EarlyRefund = false }

type refundPaid struct {
	RefundID string       `json:"refund_id"`
	Parts    []RefundPart `json:"parts,omitempty"`
}

func (d *refundPaid) apply(r *Return, at time.Time, _ event.Actor) {
	r.RefundID = d.RefundID
	r.notePaid(d.RefundID, d.Parts, at)
	if r.Status == StatusRefunded {
		r.EarlyRefund = false // the early one was taken back, and this one paid for what was accepted
	}
}

type refunded struct {
	RefundID string       `json:"refund_id"`
	Parts    []RefundPart `json:"parts,omitempty"`
}

func (d *refunded) apply(r *Return, at time.Time, _ event.Actor) {
	r.Status, r.RefundID, r.ClosedAt = StatusRefunded, d.RefundID, at
	r.notePaid(d.RefundID, d.Parts, at)
}

type restocked struct{}

func (d *restocked) apply(r *Return, _ time.Time, _ event.Actor) { r.Restocked = true }

type overridden struct {
	Rules  []string `json:"rules"`
	Reason string   `json:"reason"`
}

func (d *overridden) apply(r *Return, at time.Time, by event.Actor) {
	r.Overrides = append(r.Overrides, Override{Rules: d.Rules, Reason: d.Reason, By: by, At: at})
}

type taskOpened struct {
	ID   int    `json:"id"`
	Kind string `json:"kind"`
	Ref  string `json:"ref,omitempty"`
	Note string `json:"note"`
}

func (d *taskOpened) apply(r *Return, at time.Time, _ event.Actor) {
	r.Tasks = append(r.Tasks, Task{ID: d.ID, Kind: d.Kind, Ref: d.Ref, Note: d.Note, OpenedAt: at})
	if d.Kind == TaskRefundReversed && d.Ref != "" {
		r.noteRefund(d.Ref, func(p *PaidRefund) { p.ReversedAt = at })
	}
}

type taskClosed struct {
	ID   int    `json:"id"`
	Note string `json:"note"`
}

func (d *taskClosed) apply(r *Return, at time.Time, by event.Actor) {
	r.Tasks = slices.Clone(r.Tasks)
	for i := range r.Tasks {
		if t := &r.Tasks[i]; t.ID == d.ID {
			t.ClosedAt, t.ClosedBy = at, by
			if d.Note != "" {
				t.Note += "\n\n" + d.Note
			}
		}
	}
}
