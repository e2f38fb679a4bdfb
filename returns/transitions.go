package returns

import (
	"fmt"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Limits of what people write, in characters.
const (
	maxID      = 255
	maxDetails = 2000
	maxNote    = 2000
	maxName    = 200
)

// next is where each status leads. What is not in it is final.
var next = map[Status][]Status{
	StatusPendingCustomerInfo:  {StatusPendingAuthorization, StatusCanceled},
	StatusPendingAuthorization: {StatusPendingCustomerInfo, StatusAuthorized, StatusRejected, StatusCanceled},
	StatusAuthorized:           {StatusInTransit, StatusReceived, StatusRejected, StatusCanceled},
	StatusInTransit:            {StatusReceived},
	StatusReceived:             {StatusUnderInspection},
	StatusUnderInspection:      {StatusApproved, StatusRejected},
	StatusApproved:             {StatusRefunded},
}

// Next is where a case in this status can go; nothing for a final one.
func (s Status) Next() []Status { return slices.Clone(next[s]) }

// Final reports whether a case in this status stays in it.
func (s Status) Final() bool { return len(next[s]) == 0 }

// Statuses are all statuses, in the order a case passes them.
func Statuses() []Status {
	return []Status{
		StatusPendingCustomerInfo, StatusPendingAuthorization, StatusAuthorized, StatusInTransit, StatusReceived,
		StatusUnderInspection, StatusApproved, StatusRefunded, StatusRejected, StatusCanceled,
	}
}

// may reports, as CodeTransition, that the case can't go to a status.
func (r *Return) may(to Status, action string) error {
	if slices.Contains(next[r.Status], to) {
		return nil
	}
	var from []string
	for _, s := range Statuses() {
		if slices.Contains(next[s], to) {
			from = append(from, words(s))
		}
	}
	return &Error{Code: CodeTransition, Field: "status", Message: fmt.Sprintf(
		"The case is %s, so it can't be %s; that is possible from: %s.",
		words(r.Status),
		action,
		strings.Join(from, ", "),
	)}
}

func words(s Status) string { return strings.ReplaceAll(string(s), "_", " ") }

// Params is what a case is made of.
type Params struct {
	ID         string // UUIDv7
	OrderID    string
	CustomerID string
	TermsID    string
	Reason     Reason
	Details    string
	Lines      []Line // ids, order lines, snapshots and quantities
	Evidence   []Evidence
	Verdict    Verdict
	Override   *Override // the rules that were set aside, if any
	Authorize  bool      // the policy authorizes it at once
	// RMA is the number that the case has in another system, if it comes from one;
	// it is authorized at once. Stores give all others their numbers.
	RMA string
}

// NewReturn returns a case that waits for authorization, or that is authorized
// where the policy says so.
func NewReturn(s event.Stamp, p Params) (*Return, error) {
	lines, err := p.check()
	if err != nil {
		return nil, err
	}
	r := &Return{ID: p.ID}
	if err := r.record(s, EventRequested, &requested{
		OrderID: p.OrderID, CustomerID: p.CustomerID, TermsID: p.TermsID, Reason: p.Reason, Details: p.Details,
		Lines: lines, Evidence: p.Evidence, Verdict: p.Verdict,
	}); err != nil {
		return nil, err
	}
	if p.Override != nil {
		if err := r.Override(s, *p.Override); err != nil {
			return nil, err
		}
	}
	if p.Authorize || p.RMA != "" {
		if err := r.record(s, EventAuthorized, &authorized{Notes: "authorized by the policy"}); err != nil {
			return nil, err
		}
	}
	if p.RMA != "" {
		return r, r.assignRMA(s, p.RMA)
	}
	return r, nil
}

// check returns the lines of the case as they begin, or what is wrong.
func (p Params) check() ([]Line, error) {
	if p.ID == "" || p.OrderID == "" || p.CustomerID == "" || len(p.Lines) == 0 {
		return nil, &Error{
			Code: CodeInvalid, Field: "params",
			Message: "A case needs an id, an order, a customer and at least one line.",
		}
	}
	for _, f := range []struct{ name, value string }{
		{"id", p.ID}, {"order_id", p.OrderID}, {"customer_id", p.CustomerID}, {"terms_id", p.TermsID},
	} {
		if err := checkText(f.name, f.value, maxID); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(allReasons, p.Reason) {
		return nil, &Error{Code: CodeInvalid, Field: "reason", Message: fmt.Sprintf(
			"%q is not a reason; one of %s.", clip(string(p.Reason)), join(allReasons))}
	}
	seen := map[string]bool{}
	lines := slices.Clone(p.Lines)
	for i := range lines {
		l := &lines[i]
		if l.ID == "" || l.OrderLineID == "" || l.Quantity < 1 || seen[l.OrderLineID] {
			return nil, &Error{
				Code: CodeInvalid, Field: fmt.Sprintf("lines[%d]", i),
				Message: "A line needs an id, an order line that no other line has, and a quantity of 1 or more.",
			}
		}
		seen[l.OrderLineID] = true
		l.Received, l.Accepted, l.Acceptance, l.Disposition, l.Condition = 0, 0, AcceptancePending, "", ""
	}
	return lines, checkText("details", p.Details, maxDetails)
}

// RequestInfo asks the customer for something.
func (r *Return) RequestInfo(s event.Stamp, note string) error {
	if err := r.may(StatusPendingCustomerInfo, "sent back to the customer"); err != nil {
		return err
	}
	if err := needText("note", note, maxNote, "Say what the customer should tell or show."); err != nil {
		return err
	}
	return r.record(s, EventInfoRequested, &infoRequested{Note: note})
}

// ProvideInfo adds what the customer answered: details, photos, or both.
func (r *Return) ProvideInfo(s event.Stamp, details string, photos []Evidence) error {
	if err := r.mayProvideInfo(); err != nil {
		return err
	}
	if err := checkInfo(details, len(photos)); err != nil {
		return err
	}
	return r.record(s, EventInfoProvided, &infoProvided{Details: details, Evidence: photos})
}

func (r *Return) mayProvideInfo() error {
	if r.Status != StatusPendingCustomerInfo {
		return &Error{
			Code: CodeTransition, Field: "status", Message: fmt.Sprintf(
				"Nothing was asked of you: the case is %s.", words(r.Status),
			),
		}
	}
	return nil
}

func checkInfo(details string, photos int) error {
	if err := checkText("details", details, maxDetails); err != nil {
		return err
	}
	if strings.TrimSpace(details) == "" && photos == 0 {
		return &Error{Code: CodeInvalid, Field: "details", Message: "Write what was requested, or add a photo."}
	}
	return nil
}

// Authorize lets the customer send the goods. The store gives the case its
// RMA number in the same transaction.
func (r *Return) Authorize(s event.Stamp, notes string) error {
	if err := r.may(StatusAuthorized, "authorized"); err != nil {
		return err
	}
	if err := checkText("decision_notes", notes, maxNote); err != nil {
		return err
	}
	return r.record(s, EventAuthorized, &authorized{Notes: notes})
}

// needsRMA reports whether the case is authorized and has no RMA number yet.
func (r *Return) needsRMA() bool { return r.Status == StatusAuthorized && r.RMA == "" }

// assignRMA gives the case its RMA number, once.
func (r *Return) assignRMA(s event.Stamp, rma string) error {
	if !r.needsRMA() || rma == "" {
		return &Error{
			Code: CodeTransition, Field: "rma", Message: "Only an authorized case without an RMA number gets one.",
		}
	}
	return r.record(s, EventRMAAssigned, &rmaAssigned{RMA: rma})
}

// rmaNumber is the number n (1 for the first) of a UTC day: RMA-20260131-00042.
func rmaNumber(day string, n int) string { return fmt.Sprintf("RMA-%s-%05d", day, n) }

// Reject ends a case without taking the goods back. All units are released.
func (r *Return) Reject(s event.Stamp, notes string) error {
	if r.Status == StatusUnderInspection {
		return &Error{
			Code: CodeTransition, Field: "status", Message: "The goods are under inspection; the inspection decides.",
		}
	}
	if err := r.may(StatusRejected, "rejected"); err != nil {
		return err
	}
	if err := checkText("decision_notes", notes, maxNote); err != nil {
		return err
	}
	return r.reject(s, notes)
}

func (r *Return) reject(s event.Stamp, notes string) error {
	if err := r.record(s, EventRejected, &rejected{Notes: notes}); err != nil {
		return err
	}
	if r.EarlyRefund {
		return r.OpenTask(
			s,
			TaskRefundedButRejected,
			"A refund of this case was started before it was rejected. "+
				"Get the money back, or keep it as goodwill and say so.",
		)
	}
	return nil
}

// Cancel ends a case before work on the goods has started.
func (r *Return) Cancel(s event.Stamp) error {
	if err := r.may(StatusCanceled, "canceled"); err != nil {
		return err
	}
	if r.EarlyRefund {
		return &Error{
			Code: CodeTransition, Field: "refund",
			Message: "A refund of this case has been started, so it can't be canceled. Send the goods, or contact us.",
		}
	}
	return r.record(s, EventCanceled, &canceled{})
}

// Ship notes that the goods are on their way.
func (r *Return) Ship(s event.Stamp, d ReverseShipment) error {
	if err := r.may(StatusInTransit, "sent"); err != nil {
		return err
	}
	if err := needText("carrier", d.Carrier, maxName, "Name the carrier, such as UPS."); err != nil {
		return err
	}
	if err := needText("tracking_number", d.TrackingNumber, maxName, "Give the tracking number."); err != nil {
		return err
	}
	if err := checkText("notes", d.Notes, maxNote); err != nil {
		return err
	}
	return r.record(s, EventShipped, &shipped{Carrier: d.Carrier, TrackingNumber: d.TrackingNumber, Notes: d.Notes})
}

// Override records that staff overrode the policy: who, why, and which rules.
func (r *Return) Override(s event.Stamp, o Override) error {
	if s.By.Kind != "staff" && s.By.Kind != "system" {
		return &Error{Code: CodeForbidden, Field: "override", Message: "Only staff can override the policy."}
	}
	if r.Status.Final() {
		return &Error{
			Code: CodeTransition, Field: "status", Message: fmt.Sprintf(
				"The case is %s; there is nothing left to override.", words(r.Status),
			),
		}
	}
	if err := o.validate(); err != nil {
		return err
	}
	return r.record(s, EventOverridden, &overridden{Rules: slices.Clone(o.Rules), Reason: o.Reason})
}

func (o Override) validate() error {
	if err := needText("reason", o.Reason, maxNote, "Say why the rules are set aside."); err != nil {
		return err
	}
	if len(o.Rules) == 0 {
		return &Error{
			Code: CodeInvalid, Field: "rules",
			Message: "Name the rules that are set aside: " + strings.Join(Rules(), ", ") + ".",
		}
	}
	for _, rule := range o.Rules {
		if !slices.Contains(Rules(), rule) {
			return &Error{
				Code: CodeInvalid, Field: "rules", Message: fmt.Sprintf(
					"%q is not a rule; one of %s.", clip(rule), strings.Join(Rules(), ", "),
				),
			}
		}
	}
	return nil
}

// Rules are all rules that an override may name. Those about what can't be
// true (the order of another customer, more units than were bought) are not.
func Rules() []string {
	return []string{
		string(ReturnsDisabled), string(WindowExpired), string(FinalSale), string(QuantityOverPolicy),
		string(ReasonNotAllowed),
		string(PhotosRequired), string(TooManyPhotos), RuleRestockingFee, RuleReturnShippingFee, RuleRefundMethod,
		RuleRefundEarly,
	}
}

// Overridden reports whether a recorded override sets the rule aside.
func (r *Return) Overridden(rule string) bool {
	for _, o := range r.Overrides {
		if slices.Contains(o.Rules, rule) {
			return true
		}
	}
	return false
}

// claimedUnits returns how many units of each order line the case claims: all
// that were requested until the inspection has decided, then those accepted, and
// none when it is rejected or canceled.
//
// While a refund that was asked for before the inspection may be on its way or
// is paid, all units stay claimed: the money for them is given or held, so that a
// second request for one could never be paid back.
func (r *Return) claimedUnits() map[string]int {
	held := make(map[string]int, len(r.Lines))
	for _, l := range r.Lines {
		switch {
		case r.EarlyRefund:
			held[l.OrderLineID] = l.Quantity
		case r.Status == StatusRejected, r.Status == StatusCanceled:
		case r.Status == StatusApproved, r.Status == StatusRefunded:
			held[l.OrderLineID] = l.Accepted
		default:
			held[l.OrderLineID] = l.Quantity
		}
	}
	return held
}

// OpenTasks are the tasks that nobody has closed.
func (r *Return) OpenTasks() []Task {
	var open []Task
	for _, t := range r.Tasks {
		if t.ClosedAt.IsZero() {
			open = append(open, t)
		}
	}
	return open
}

// The kinds of tasks.
const (
	TaskRefundedButRejected = "refunded_but_rejected"
	TaskRefundedTooMuch     = "refunded_more_than_accepted"
	TaskRefundReversed      = "refund_reversed"
	TaskPaymentDisputed     = "payment_disputed"
)

// OpenTask has staff look at the case. One of a kind is open at a time.
func (r *Return) OpenTask(s event.Stamp, kind, note string) error {
	for _, t := range r.OpenTasks() {
		if t.Kind == kind {
			return nil
		}
	}
	return r.record(s, EventTaskOpened, &taskOpened{ID: len(r.Tasks) + 1, Kind: kind, Note: note})
}

// CloseTask notes that a task is dealt with, and how.
func (r *Return) CloseTask(s event.Stamp, id int, note string) error {
	for _, t := range r.OpenTasks() {
		if t.ID == id {
			if err := needText("note", note, maxNote, "Say what was done."); err != nil {
				return err
			}
			return r.record(s, EventTaskClosed, &taskClosed{ID: id, Note: note})
		}
	}
	return &Error{Code: CodeInvalid, Field: "task", Message: fmt.Sprintf("The case has no open task %d.", id)}
}

// checkTexts returns CodeInvalid, with the field, if a text in the values is not valid UTF-8
// or contains a NUL.
func checkTexts(values ...any) error {
	if field := event.BadText(values...); field != "" {
		return &Error{Code: CodeInvalid, Field: field, Message: purchase.CheckText("\x00", 1)}
	}
	return nil
}

func checkText(field, value string, limit int) error {
	if problem := purchase.CheckText(value, limit); problem != "" {
		return &Error{Code: CodeInvalid, Field: field, Message: problem}
	}
	return nil
}

func needText(field, value string, limit int, hint string) error {
	if strings.TrimSpace(value) == "" {
		return &Error{Code: CodeInvalid, Field: field, Message: hint}
	}
	return checkText(field, value, limit)
}

// clip shortens what was sent, for a message that quotes it.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
