package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// entry is one thing that happened to a case, in words.
type entry struct {
	At   time.Time
	Who  string
	From event.Source // for staff alone
	What string
	Note string // what somebody wrote
}

// fact is what the events of a case and of its refund may hold, as far as
// words are made of it.
type fact struct {
	Note        string   `json:"note"`
	Notes       string   `json:"notes"`
	Details     string   `json:"details"`
	RMA         string   `json:"rma"`
	Carrier     string   `json:"carrier"`
	Tracking    string   `json:"tracking_number"`
	Kind        string   `json:"kind"`
	Result      string   `json:"result"`
	InspectedBy string   `json:"inspected_by"`
	Rules       []string `json:"rules"`
	Reason      string   `json:"reason"`
	Code        string   `json:"code"`
}

// timeline is the history of a case with that of its refund, oldest first.
// Customers are not shown what staff write for themselves.
func (s *server) timeline(r *http.Request, c caseView, staff bool) ([]entry, error) {
	events, err := s.Returns.Events(r.Context(), c.ID)
	if err != nil {
		return nil, err
	}
	if c.Refund != nil {
		more, err := s.Refunds.Events(r.Context(), c.Refund.ID)
		if err != nil {
			return nil, err
		}
		events = append(events, more...)
	}
	slices.SortStableFunc(events, func(a, b event.Event) int { return a.At.Compare(b.At) })
	var out []entry
	for _, e := range events {
		line, public, err := sentence(e)
		if err != nil {
			return nil, err
		}
		if !staff && !public {
			continue
		}
		line.At, line.Who = e.At, who(e.Actor, staff)
		if staff {
			line.From = e.Source
		}
		out = append(out, line)
	}
	return out, nil
}

// who did it. Customers see that it was staff, not which of them.
func who(a event.Actor, staff bool) string {
	switch a.Kind {
	case event.ActorSystem:
		return "the shop"
	case event.ActorProvider:
		return "the payment provider"
	case event.ActorStaff:
		if !staff {
			return "our staff"
		}
	}
	return cmp.Or(a.Name, string(a.Kind))
}

// sentence says an event in words, and whether its customer sees it.
func sentence(e event.Event) (line entry, public bool, err error) {
	var f fact
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return entry{}, false, fmt.Errorf("web: event %s: %w", e.ID, err)
	}
	switch e.Type {
	case returns.EventRequested:
		return entry{What: "asked for the return", Note: f.Details}, true, nil
	case returns.EventInfoRequested:
		return entry{What: "asked the customer for more information", Note: f.Note}, true, nil
	case returns.EventInfoProvided:
		return entry{What: "gave more information", Note: f.Details}, true, nil
	case returns.EventAuthorized:
		return entry{What: "authorised the return", Note: f.Notes}, true, nil
	case returns.EventRMAAssigned:
		return entry{What: "gave it the number " + f.RMA}, true, nil
	case returns.EventRejected:
		return entry{What: "rejected the return", Note: f.Notes}, true, nil
	case returns.EventCanceled:
		return entry{What: "cancelled the return"}, true, nil
	case returns.EventShipped:
		return entry{
			What: fmt.Sprintf("noted that the goods were sent with %s, tracking number %s", f.Carrier, f.Tracking),
			Note: f.Notes,
		}, true, nil
	case returns.EventReceived:
		return entry{What: "received the goods (" + f.Kind + ")", Note: f.Notes}, true, nil
	case returns.EventInspectionStarted:
		return entry{What: "began the inspection"}, true, nil
	case returns.EventInspected:
		return entry{
			What: fmt.Sprintf("recorded the inspection by %s: %s", f.InspectedBy, strings.ToLower(words(f.Result))),
			Note: f.Notes,
		}, true, nil
	case returns.EventApproved:
		return entry{What: "approved the return"}, true, nil
	case returns.EventEarlyRefundStarted:
		return entry{What: "asked for a refund before the approval"}, false, nil
	case returns.EventEarlyRefundFailed:
		return entry{What: "noted that the early refund was not paid"}, false, nil
	case returns.EventRefundPaid:
		return entry{What: "noted that the money is back"}, false, nil
	case returns.EventRefunded:
		return entry{What: "closed the case as refunded"}, true, nil
	case returns.EventRestocked:
		return entry{What: "put the accepted units back on the shelf"}, false, nil
	case returns.EventOverridden:
		return entry{What: "set rules aside: " + ruleList(f.Rules), Note: f.Reason}, false, nil
	case returns.EventTaskOpened:
		return entry{What: "opened the task “" + words(f.Kind) + "”", Note: f.Note}, false, nil
	case returns.EventTaskClosed:
		return entry{What: "closed a task", Note: f.Note}, false, nil
	}
	if e.Type == refunds.EventFailed || e.Type == refunds.EventReversed {
		f.Reason = problem.RefundFailed(f.Code, f.Reason)
	}
	what, ok := refundWords[e.Type]
	if !ok {
		what = strings.ReplaceAll(e.Type, "_", " ")
	}
	return entry{What: what, Note: f.Reason}, e.Type == refunds.EventSucceeded, nil
}

var refundWords = map[string]string{
	refunds.EventCreated:        "decided the refund",
	refunds.EventAttemptCreated: "began another attempt at the refund",
	refunds.EventSubmitted:      "handed the refund in",
	refunds.EventDeferred:       "put the refund off: nothing has happened yet",
	refunds.EventUnknown:        "got no certain answer about the refund; it is looked up",
	refunds.EventPending:        "accepted the refund; it is pending at the provider",
	refunds.EventRequiresAction: "was told that the provider waits for a person",
	refunds.EventSucceeded:      "paid the refund",
	refunds.EventFailed:         "was told that the refund failed",
	refunds.EventReversed:       "took the refund back",
	refunds.EventReviewRequired: "put the refund before a person",
	refunds.EventResolved:       "told how the refund ended",
	refunds.EventHeld:           "held the refund back",
	refunds.EventReleased:       "released the refund",
}

func ruleList(rules []string) string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = strings.ToLower(words(r))
	}
	return strings.Join(out, ", ")
}
