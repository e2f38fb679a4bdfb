package refunds

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// Call is one answer of the provider, recorded with the event that it led to.
type Call struct {
	Attempt    int             `json:"-"` // number of the attempt it was about; filled in by ProviderCalls
	At         time.Time       `json:"at"`
	Kind       string          `json:"call"` // CallCreate or CallFind
	Outcome    payment.Outcome `json:"outcome"`
	HTTP       int             `json:"http,omitempty"` // status; 0 when there was no answer
	Code       string          `json:"code,omitempty"` // the provider's
	Status     string          `json:"status,omitempty"`
	ProviderID string          `json:"reference,omitempty"`
	Amount     int64           `json:"amount,omitempty"` // minor units, where known
	Replayed   bool            `json:"replayed,omitempty"`
	Message    string          `json:"message,omitempty"` // cut to 300 characters
}

// The kinds of a Call.
const (
	CallCreate = "create" // requested the refund
	CallFind   = "find"   // looked it up
	// CallMessage is no call of ours: the provider's message, where there are no
	// look-ups.
	CallMessage = "message"
)

// maxCalls bounds what one event keeps of a run with many calls, and a message
// of it.
const (
	maxCalls       = 20
	maxCallMessage = 300
)

// newCall is the answer as it is recorded.
func newCall(call string, at time.Time, a payment.Result) Call {
	message := a.Message
	if utf8.RuneCountInString(message) > maxCallMessage {
		message = string([]rune(message)[:maxCallMessage])
	}
	return Call{
		At: at, Kind: call, Outcome: a.Outcome, HTTP: a.HTTP, Code: a.Code, Status: a.Status,
		ProviderID: a.ProviderID, Amount: a.Amount, Replayed: a.Replayed, Message: message,
	}
}

// ProviderCalls returns what the provider answered, oldest first: the last limit
// answers that the events of one refund, in order, recorded.
func ProviderCalls(events []event.Event, limit int) ([]Call, error) {
	attempt := 0
	var all []Call
	for _, e := range events {
		switch e.Type {
		case EventCreated, EventAttemptCreated:
			attempt++
			continue
		}
		var told struct {
			Calls []Call `json:"answers"`
		}
		if err := json.Unmarshal(e.Data, &told); err != nil {
			return nil, fmt.Errorf("refunds: answers of event %s (%s): %w", e.ID, e.Type, err)
		}
		for _, a := range told.Calls {
			a.Attempt = attempt
			all = append(all, a)
		}
	}
	return all[max(0, len(all)-max(limit, 0)):], nil
}

// find looks a refund up by its current attempt, no matter which process executes it.
func (s *Service) find(ctx context.Context, r Refund) payment.Result {
	if !s.cfg.findable(r.Attempt()) {
		return payment.Result{Outcome: payment.OutcomeUnknown, Message: "the provider can't be asked about refunds"}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.LookupTimeout)
	defer cancel()
	return checked(CallFind, s.cfg.Gateway.FindRefund(ctx, r.lookUpRequest()))
}

// checked is the result of a call with what can't be believed or stored taken
// out.
func checked(call string, a payment.Result) payment.Result {
	a.Outcome = recognized(call, a.Outcome)
	return a.Bounded()
}

// recognized is the outcome of a call, unknown where a call of that kind can't
// end so.
func recognized(call string, o payment.Outcome) payment.Outcome {
	switch {
	case effective(o), o == payment.OutcomeDeclined, o == payment.OutcomeNoEffect && call == CallCreate,
		o == payment.OutcomeAbsent && call == CallFind:
		return o
	}
	return payment.OutcomeUnknown
}
