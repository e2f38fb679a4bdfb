package returns

import (
	"maps"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// Status is the state of a Return.
type Status string

// The states of a return and where they lead:
//
//	pending_customer_info -> pending_authorization | "cancelled"
//	pending_authorization -> pending_customer_info | authorized | rejected | "cancelled"
//	authorized            -> in_transit | received | rejected | "cancelled"
//	in_transit            -> received
//	received              -> under_inspection
//	under_inspection      -> approved | rejected
//	approved              -> refunded
//
// The states refunded, rejected and "cancelled" are final.
const (
	StatusPendingCustomerInfo  Status = "pending_customer_info"
	StatusPendingAuthorization Status = "pending_authorization"
	StatusAuthorized           Status = "authorized"
	StatusInTransit            Status = "in_transit"
	StatusReceived             Status = "received"
	StatusUnderInspection      Status = "under_inspection"
	StatusApproved             Status = "approved"
	StatusRefunded             Status = "refunded"
	StatusRejected             Status = "rejected"
	StatusCanceled             Status = "cancelled"
)

// Reason is why something comes back.
type Reason string

// The reasons for a return.
const (
	ReasonDamaged        Reason = "DAMAGED"
	ReasonWrongItem      Reason = "WRONG_ITEM"
	ReasonNotAsDescribed Reason = "NOT_AS_DESCRIBED"
	ReasonOther          Reason = "OTHER"
)

// Return is one return case (an RMA): some units of one order. It is a value;
// functions of this package change it and record Events.
type Return struct {
	ID         string // UUIDv7
	RMA        string // RMA-YYYYMMDD-NNNNN, empty until authorized, unique
	OrderID    string
	CustomerID string
	TermsID    string // the policy version pinned to the order
	Status     Status
	Reason     Reason
	Details    string
	Lines      []Line
	Evidence   []Evidence
	Shipment   *ReverseShipment
	Receipts   []Receipt
	Inspection *Inspection
	Overrides  []Override
	Tasks      []Task
	Decision   string      // notes of the last authorization, rejection or request for information
	Verdict    Verdict     // of the request, as it was judged then
	Filed      event.Actor // who asked: the customer, or staff for them
	RefundID   string      // of the refund that succeeded last, empty before
	// Refunds are all refunds of the case that succeeded, in the order they became
	// known, those that the provider took back later included. Where several payments
	// paid the order they are the parts.
	Refunds []PaidRefund
	// EarlyRefund says that a refund was asked for before approval, and may be on
	// its way or is paid: the case can't be canceled, a rejection opens a task, and
	// its units stay claimed. It is cleared when the refund is known to have
	// failed or never to have begun, and when another was paid after the inspection.
	EarlyRefund bool
	Restocked   bool // the units that go back on the shelf are there
	CreatedAt   time.Time
	UpdatedAt   time.Time
	ClosedAt    time.Time // zero until refunded, rejected or canceled
	Version     int       // number of events so far

	changes []event.Event
}

// Line is some units of one order line.
type Line struct {
	ID          string // UUIDv7
	OrderLineID string
	ProductID   string
	Name        string
	Category    string
	Quantity    int // units asked for; they are claimed until decided
	Received    int // units that arrived, more than Quantity when over
	Accepted    int // units accepted by inspection
	Acceptance  Acceptance
	Disposition Disposition // of the accepted units (of all, when none is accepted); empty until inspected
	Condition   Condition   // empty when not recorded
	Note        string
}

// Acceptance is what the inspection decided on a line.
type Acceptance string

// The acceptances of a line. Manual means that staff have yet to decide;
// the case stays under inspection until nobody has to.
const (
	AcceptancePending  Acceptance = "pending"
	AcceptanceAccepted Acceptance = "accepted"
	AcceptanceRejected Acceptance = "rejected"
	AcceptanceManual   Acceptance = "manual"
)

// Disposition is where units go after inspection. Only [Restock] changes the stock.
//
// To add one: a constant here, its place in [AllDispositions], and the CHECK of
// rk_return_lines in both migrations of returnsdb. [ProposeDisposition] says for what it is
// proposed. The reference shop takes and shows what AllDispositions has.
type Disposition string

// The dispositions.
const (
	Restock          Disposition = "restock"
	Quarantine       Disposition = "quarantine"
	Refurbish        Disposition = "refurbish"
	Scrap            Disposition = "scrap"
	ReturnToCustomer Disposition = "return_to_customer"
	Missing          Disposition = "missing"
)

// AllDispositions are the dispositions there are.
func AllDispositions() []Disposition {
	return []Disposition{Restock, Quarantine, Refurbish, Scrap, ReturnToCustomer, Missing}
}

// Condition is the state goods came back in.
type Condition string

// The conditions.
const (
	ConditionNew       Condition = "NEW"
	ConditionOpened    Condition = "OPENED"
	ConditionUsed      Condition = "USED"
	ConditionDamaged   Condition = "DAMAGED"
	ConditionDefective Condition = "DEFECTIVE"
)

// Evidence is a stored photo: a JPEG or PNG made by us.
type Evidence struct {
	ID          string    `json:"id"` // UUIDv7
	Path        string    `json:"path"`
	ContentType string    `json:"content_type"` // image/jpeg or image/png
	Bytes       int64     `json:"bytes"`
	Width       int       `json:"width"`  // pixels
	Height      int       `json:"height"` // pixels
	UploadedAt  time.Time `json:"uploaded_at"`
}

// ReverseShipment is how goods travel back.
type ReverseShipment struct {
	Carrier        string    `json:"carrier"`
	TrackingNumber string    `json:"tracking_number"`
	ShippedAt      time.Time `json:"shipped_at"`
	ReceivedAt     time.Time `json:"received_at"` // zero until the first receipt
	Notes          string    `json:"notes,omitempty"`
}

// ReceiptKind says how what arrived compares with what was announced.
type ReceiptKind string

// The kinds of a receipt. Partial: fewer so far, the rest may follow. Short:
// inspected with fewer than announced. Over: more of some line than announced.
const (
	ReceiptFull    ReceiptKind = "full"
	ReceiptPartial ReceiptKind = "partial"
	ReceiptShort   ReceiptKind = "short"
	ReceiptOver    ReceiptKind = "over"
)

// Receipt is one arrival of goods.
type Receipt struct {
	At    time.Time      `json:"at"`
	Kind  ReceiptKind    `json:"kind"`
	Lines map[string]int `json:"lines"` // units of this arrival by order line id
	Notes string         `json:"notes,omitempty"`
}

// InspectionResult is the outcome of an inspection for the whole case.
type InspectionResult string

// The results of an inspection.
const (
	InspectionApproved          InspectionResult = "APPROVED"
	InspectionPartiallyApproved InspectionResult = "PARTIALLY_APPROVED"
	InspectionRejected          InspectionResult = "REJECTED"
)

// Inspection records who looked and what they found.
type Inspection struct {
	Result      InspectionResult `json:"result"`
	InspectedBy string           `json:"inspected_by"`
	InspectedAt time.Time        `json:"inspected_at"`
	Notes       string           `json:"notes,omitempty"`
}

// Override is a decision by staff to override the policy: who, why, which rules.
type Override struct {
	Rules  []string    `json:"rules"` // NonReturnableReasons, fee kinds, or the Rule constants
	Reason string      `json:"reason"`
	By     event.Actor `json:"by"`
	At     time.Time   `json:"at"`
}

// Rules that an override may set aside beside the NonReturnableReasons.
const (
	RuleRestockingFee     = "RESTOCKING_FEE"
	RuleReturnShippingFee = "RETURN_SHIPPING_FEE"
	RuleRefundMethod      = "REFUND_METHOD"
	RuleRefundEarly       = "REFUND_BEFORE_APPROVAL"
)

// PaidRefund is a refund of a case that succeeded, or the part of it that one payment
// of the order gave back.
type PaidRefund struct {
	ID         string    `json:"id"`
	PaymentID  string    `json:"payment_id,omitempty"` // of a part; empty: one payment paid the order
	PaidAt     time.Time `json:"paid_at"`              // zero if its reversal became known first
	ReversedAt time.Time `json:"reversed_at"`          // when its reversal became known; zero if it stands
	Current    bool      `json:"current,omitempty"`    // the case is paid by it, or it is a part of what does
}

// Task is something that staff have to look at.
type Task struct {
	ID       int         `json:"id"` // 1 for the first of the case
	Kind     string      `json:"kind"`
	Ref      string      `json:"ref,omitempty"` // what it is about, such as the id of a refund; may be empty
	Note     string      `json:"note"`
	OpenedAt time.Time   `json:"opened_at"`
	ClosedAt time.Time   `json:"closed_at"` // zero while open
	ClosedBy event.Actor `json:"closed_by"`
}

// Clone is the return as a store keeps it: without the events recorded since
// it was loaded, and sharing nothing that a change could reach.
func (r Return) Clone() Return {
	r.changes = nil
	r.Lines = slices.Clone(r.Lines)
	r.Evidence = slices.Clone(r.Evidence)
	r.Shipment, r.Inspection = cloned(r.Shipment), cloned(r.Inspection)
	r.Receipts = slices.Clone(r.Receipts)
	for i := range r.Receipts {
		r.Receipts[i].Lines = maps.Clone(r.Receipts[i].Lines)
	}
	r.Overrides = slices.Clone(r.Overrides)
	for i := range r.Overrides {
		r.Overrides[i].Rules = slices.Clone(r.Overrides[i].Rules)
	}
	r.Tasks = slices.Clone(r.Tasks)
	r.Refunds = slices.Clone(r.Refunds)
	r.Verdict.Findings, r.Verdict.Lines = slices.Clone(r.Verdict.Findings), slices.Clone(r.Verdict.Lines)
	for i := range r.Verdict.Lines {
		r.Verdict.Lines[i].Findings = slices.Clone(r.Verdict.Lines[i].Findings)
	}
	return r
}

func cloned[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}
