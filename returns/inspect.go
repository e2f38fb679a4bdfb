package returns

import (
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders/event"
)

// ReceiptLine is how many units of an order line arrived.
type ReceiptLine struct {
	OrderLineID string
	Received    int // 0 or more
}

// Receive records what has arrived. No lines means all that is outstanding. What
// arrives later is received again and adds up, until the inspection; more than was
// announced is recorded as over and can't be accepted.
func (r *Return) Receive(s event.Stamp, lines []ReceiptLine, notes string) error {
	if r.Status != StatusReceived {
		if err := r.may(StatusReceived, "received"); err != nil {
			return err
		}
	}
	if err := checkText("notes", notes, maxNote); err != nil {
		return err
	}
	arrived, err := r.arrived(lines)
	if err != nil {
		return err
	}
	kind := ReceiptFull
	for _, l := range r.Lines {
		switch total := l.Received + arrived[l.OrderLineID]; {
		case total > l.Quantity:
			kind = ReceiptOver
		case total < l.Quantity && kind == ReceiptFull:
			kind = ReceiptPartial
		}
	}
	return r.record(s, EventReceived, &received{Kind: kind, Lines: arrived, Notes: notes})
}

// arrived returns the units of an arrival by order line id.
func (r *Return) arrived(lines []ReceiptLine) (map[string]int, error) {
	if len(lines) == 0 {
		return r.outstanding()
	}
	arrived := map[string]int{}
	for _, l := range lines {
		if r.line(l.OrderLineID) == nil {
			return nil, r.noSuchLine("lines", l.OrderLineID)
		}
		if _, twice := arrived[l.OrderLineID]; twice {
			return nil, &Error{Code: CodeInvalid, Field: "lines", Message: fmt.Sprintf(
				"The line %s is named twice.", clip(l.OrderLineID))}
		}
		if l.Received < 0 || l.Received > maxUnits {
			return nil, &Error{Code: CodeInvalid, Field: "received", Message: fmt.Sprintf(
				"%d units received; 0 to %d are allowed.", l.Received, maxUnits)}
		}
		arrived[l.OrderLineID] = l.Received
	}
	return arrived, nil
}

// outstanding returns the units that have not arrived yet, by order line id.
func (r *Return) outstanding() (map[string]int, error) {
	missing := map[string]int{}
	for _, l := range r.Lines {
		if n := l.Quantity - l.Received; n > 0 {
			missing[l.OrderLineID] = n
		}
	}
	if len(missing) == 0 {
		return nil, &Error{
			Code: CodeInvalid, Field: "lines",
			Message: "Everything has been received already; the next step is the inspection.",
		}
	}
	return missing, nil
}

// InspectionInput is what an inspection decided.
type InspectionInput struct {
	Result      InspectionResult
	InspectedBy string // a name; required
	Notes       string
	Lines       []InspectionLine
}

// InspectionLine is the decision on one order line.
type InspectionLine struct {
	OrderLineID string
	// Accepted is how many units are accepted; nil means all that were received
	// (none, where the result is REJECTED).
	Accepted    *int
	Disposition Disposition // empty: ProposeDisposition for accepted units, return_to_customer for others
	Condition   Condition   // empty: not recorded
	Note        string
	// Manual leaves the line to staff: the case stays under inspection
	// until it is inspected again.
	Manual bool
}

// ProposeDisposition returns where accepted units go unless staff decide
// otherwise. Units that came back as damaged, or are found damaged or defective,
// are never put back on sale by it.
func ProposeDisposition(reason Reason, c Condition) Disposition {
	switch {
	case reason == ReasonDamaged, c == ConditionDamaged, c == ConditionDefective:
		return Quarantine
	case c == ConditionUsed:
		return Refurbish
	}
	return Restock
}

// Inspect decides on the goods. APPROVED accepts everything received,
// and restocks what its lines do not name,
// PARTIALLY_APPROVED what its lines say and nothing of lines it does not name,
// REJECTED nothing. The case is approved when at least one unit is accepted,
// else rejected; units not accepted are released at once. Where the money is
// back already, and was not taken back since, approval passes to refunded in
// the same step.
func (r *Return) Inspect(s event.Stamp, in InspectionInput) error {
	if r.Status != StatusReceived && r.Status != StatusUnderInspection {
		return r.may(StatusUnderInspection, "inspected")
	}
	decisions, manual, err := r.decide(in)
	if err != nil {
		return err
	}
	if r.Status == StatusReceived {
		if err := r.record(s, EventInspectionStarted, &inspectionStarted{}); err != nil {
			return err
		}
	}
	found := &inspected{Result: in.Result, InspectedBy: in.InspectedBy, Notes: in.Notes, Lines: decisions}
	if err := r.record(s, EventInspected, found); err != nil {
		return err
	}
	if manual {
		return nil
	}
	accepted := 0
	for _, l := range r.Lines {
		accepted += l.Accepted
	}
	if accepted == 0 {
		return r.reject(s, in.Notes)
	}
	if err := r.record(s, EventApproved, &approved{}); err != nil {
		return err
	}
	if !r.paid() {
		return nil
	}
	if err := r.checkEarly(s); err != nil {
		return err
	}
	return r.record(s, EventRefunded, &refunded{RefundID: r.RefundID})
}

// decide turns the input into a decision for every line, or says what does not fit
// together.
func (r *Return) decide(in InspectionInput) (decisions []decision, manual bool, err error) {
	if err := in.check(); err != nil {
		return nil, false, err
	}
	named := map[string]InspectionLine{}
	for _, l := range in.Lines {
		if r.line(l.OrderLineID) == nil {
			return nil, false, r.noSuchLine("lines", l.OrderLineID)
		}
		if _, twice := named[l.OrderLineID]; twice {
			return nil, false, &Error{Code: CodeInvalid, Field: "lines", Message: fmt.Sprintf(
				"The line %s is named twice.", clip(l.OrderLineID))}
		}
		named[l.OrderLineID] = l
	}
	accepted, possible := 0, 0
	for _, l := range r.Lines {
		given, isNamed := named[l.OrderLineID]
		d, err := decideLine(l, given, isNamed, in.Result, r.Reason)
		if err != nil {
			return nil, false, err
		}
		manual = manual || d.Acceptance == AcceptanceManual
		accepted += d.Accepted
		possible += min(l.Received, l.Quantity)
		decisions = append(decisions, d)
	}
	if !manual {
		err = in.Result.check(accepted, possible)
	}
	return decisions, manual, err
}

// check reports what is wrong with the input whatever the case is.
func (in InspectionInput) check() error {
	results := []InspectionResult{InspectionApproved, InspectionPartiallyApproved, InspectionRejected}
	if !slices.Contains(results, in.Result) {
		return &Error{Code: CodeInvalid, Field: "result", Message: fmt.Sprintf(
			"%q is not a result; one of %s.", clip(string(in.Result)), join(results))}
	}
	if err := needText("inspected_by", in.InspectedBy, maxName, "Say who inspected the goods."); err != nil {
		return err
	}
	if err := checkText("notes", in.Notes, maxNote); err != nil {
		return err
	}
	if in.Result == InspectionPartiallyApproved && len(in.Lines) == 0 {
		return &Error{
			Code: CodeInvalid, Field: "lines", Message: "PARTIALLY_APPROVED needs the accepted units of each line.",
		}
	}
	return nil
}

// check reports a result that contradicts the lines, which accept so many units of the
// possible ones.
func (result InspectionResult) check(accepted, possible int) error {
	var message string
	switch {
	case result == InspectionApproved && possible == 0:
		message = "Nothing has been received, so nothing can be accepted; REJECTED closes the case."
	case result == InspectionApproved && accepted < possible:
		message = fmt.Sprintf("APPROVED accepts all %d units received, but the lines accept %d; "+
			"use PARTIALLY_APPROVED.", possible, accepted)
	case result == InspectionPartiallyApproved && accepted == 0:
		message = "The lines accept nothing; use REJECTED."
	case result == InspectionRejected && accepted > 0:
		message = fmt.Sprintf("REJECTED accepts nothing, but the lines accept %d; use PARTIALLY_APPROVED.", accepted)
	default:
		return nil
	}
	return &Error{Code: CodeInvalid, Field: "result", Message: message}
}

func decideLine(l Line, given InspectionLine, named bool, result InspectionResult, reason Reason) (decision, error) {
	d := decision{
		OrderLineID: l.OrderLineID, Disposition: given.Disposition, Condition: given.Condition, Note: given.Note,
	}
	if err := d.check(l.Name); err != nil {
		return d, err
	}
	if given.Manual {
		d.Acceptance = AcceptanceManual
		return d, nil
	}
	possible := min(l.Received, l.Quantity)
	switch {
	case given.Accepted != nil:
		d.Accepted = *given.Accepted
	case result == InspectionApproved, result == InspectionPartiallyApproved && named:
		d.Accepted = possible
	}
	if d.Accepted < 0 || d.Accepted > possible {
		return d, &Error{Code: CodeNotReceived, Field: "accepted", Message: fmt.Sprintf(
			"%s: %d units accepted; 0 to %d are possible, because %d were received and %d requested.",
			l.Name, d.Accepted, possible, l.Received, l.Quantity)}
	}
	if d.Accepted > 0 {
		return d.accept(l.Name, named, reason)
	}
	return d.reject(l.Received), nil
}

// check refuses a condition, a disposition or a note that there is not.
func (d decision) check(name string) error {
	bad := func(field, format string, args ...any) error {
		return &Error{Code: CodeInvalid, Field: field, Message: name + ": " + fmt.Sprintf(format, args...)}
	}
	if d.Condition != "" && !slices.Contains(AllConditions(), d.Condition) {
		return bad("condition", "%q is not a condition; one of %s.", clip(string(d.Condition)), join(AllConditions()))
	}
	if d.Disposition != "" && !slices.Contains(AllDispositions(), d.Disposition) {
		return bad("disposition", "%q is not a disposition; one of %s.",
			clip(string(d.Disposition)), join(AllDispositions()))
	}
	return checkText("note", d.Note, maxNote)
}

// accept says where accepted units go.
func (d decision) accept(name string, named bool, reason Reason) (decision, error) {
	d.Acceptance = AcceptanceAccepted
	switch {
	case d.Disposition != "":
	case named:
		d.Disposition = ProposeDisposition(reason, d.Condition)
	default:
		d.Disposition = Restock
	}
	if d.Disposition == ReturnToCustomer || d.Disposition == Missing {
		return d, &Error{Code: CodeInvalid, Field: "disposition", Message: fmt.Sprintf(
			"%s: Accepted units can't be %s; one of restock, quarantine, refurbish, scrap.",
			name, words(Status(d.Disposition)))}
	}
	return d, nil
}

// reject says where the units of a line go when none is accepted.
func (d decision) reject(received int) decision {
	d.Acceptance = AcceptanceRejected
	if d.Disposition == "" || d.Disposition == Restock {
		d.Disposition = ReturnToCustomer // a form always sends one; nothing accepted, nothing restocked
	}
	if received == 0 {
		d.Disposition = Missing
	}
	return d
}

func (r *Return) line(orderLineID string) *Line {
	for i := range r.Lines {
		if r.Lines[i].OrderLineID == orderLineID {
			return &r.Lines[i]
		}
	}
	return nil
}

func (r *Return) noSuchLine(field, id string) error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf("The case has no line %q.", clip(id))}
}
