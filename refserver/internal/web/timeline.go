package web

import (
	"cmp"
	"context"
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

	staffNote bool // Note is for staff alone
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

// timeline is the history of a case and of its refunds, oldest first: refunds that the
// provider reversed are part of it. Customers are not shown what staff write for
// themselves.
func (s *server) timeline(r *http.Request, c caseView, staff bool) ([]entry, error) {
	events, err := s.Returns.Events(r.Context(), c.ID)
	if err != nil {
		return nil, err
	}
	paid, err := s.caseRefunds(r.Context(), c.Return)
	if err != nil {
		return nil, err
	}
	for _, refund := range paid {
		more, err := s.Refunds.Events(r.Context(), refund.ID)
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
		} else if line.staffNote {
			line.Note = ""
		}
		out = append(out, line)
	}
	return out, nil
}

// caseRefunds returns all refunds of a case, oldest first.
func (s *server) caseRefunds(ctx context.Context, c returns.Return) ([]refunds.Refund, error) {
	all, err := s.Refunds.ByOrder(ctx, c.OrderID)
	out := slices.DeleteFunc(all, func(r refunds.Refund) bool { return r.ClientReference != c.ID })
	slices.Reverse(out)
	return out, err
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

// saying is how a timeline says an event.
type saying struct {
	public bool // its customer sees it
	what   string
	detail func(fact) string // follows what; nil where nothing does
	note   func(fact) string // what somebody wrote; nil where nobody does

	staffNote bool // the note is for staff alone
}

// sentence says an event in words, and whether its customer sees it.
func sentence(e event.Event) (line entry, public bool, err error) {
	var f fact
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return entry{}, false, fmt.Errorf("web: event %s: %w", e.ID, err)
	}
	if e.Type == refunds.EventFailed || e.Type == refunds.EventReversed {
		f.Reason = problem.RefundFailed(f.Code, f.Reason)
	}
	said, ok := sayings[e.Type]
	if !ok {
		return entry{What: strings.ReplaceAll(e.Type, "_", " "), Note: f.Reason}, false, nil
	}
	line.What = said.what
	if said.detail != nil {
		line.What += said.detail(f)
	}
	if said.note != nil {
		line.Note, line.staffNote = said.note(f), said.staffNote
	}
	return line, said.public, nil
}

func (f fact) details() string { return f.Details }
func (f fact) note() string    { return f.Note }
func (f fact) notes() string   { return f.Notes }
func (f fact) reason() string  { return f.Reason }

var sayings = map[string]saying{
	returns.EventRequested:     {public: true, what: "requested the return", note: fact.details},
	returns.EventInfoRequested: {public: true, what: "requested more information", note: fact.note},
	returns.EventInfoProvided:  {public: true, what: "provided more information", note: fact.details},
	returns.EventAuthorized:    {public: true, what: "authorized the return", note: fact.notes},
	returns.EventRMAAssigned: {
		public: true, what: "assigned ",
		detail: func(f fact) string { return f.RMA },
	},
	returns.EventRejected: {public: true, what: "rejected the return", note: fact.notes},
	returns.EventCanceled: {public: true, what: "canceled the return"},
	returns.EventShipped: {
		public: true, what: "recorded the shipment: ", note: fact.notes,
		detail: func(f fact) string { return f.Carrier + ", tracking number " + f.Tracking },
	},
	returns.EventReceived: {
		public: true, what: "received the parcel", note: fact.notes,
		detail: func(f fact) string { return " (" + f.Kind + ")" },
	},
	returns.EventInspectionStarted: {public: true, what: "started the inspection"},
	returns.EventInspected: {
		public: true, what: "recorded the inspection by ", note: fact.notes,
		detail: func(f fact) string { return f.InspectedBy + ": " + strings.ToLower(words(f.Result)) },
	},
	returns.EventApproved:           {public: true, what: "approved the return"},
	returns.EventEarlyRefundStarted: {what: "requested a refund before approval"},
	returns.EventEarlyRefundFailed:  {what: "recorded that the early refund was not paid"},
	returns.EventRefundPaid:         {what: "recorded that the refund was paid"},
	returns.EventRefunded:           {public: true, what: "closed the return as refunded"},
	returns.EventRestocked:          {what: "restocked the accepted units"},
	returns.EventOverridden: {
		what: "overrode the policy: ", note: fact.reason,
		detail: func(f fact) string { return list(f.Rules) },
	},
	returns.EventTaskOpened: {
		what: "opened the task ", note: fact.note,
		detail: func(f fact) string { return "“" + words(f.Kind) + "”" },
	},
	returns.EventTaskClosed: {what: "closed a task", note: fact.note},

	refunds.EventCreated:        {what: "started the refund", note: fact.reason},
	refunds.EventAttemptCreated: {what: "started another attempt", note: fact.reason},
	refunds.EventSubmitted:      {what: "sent the refund to the provider", note: fact.reason},
	refunds.EventDeferred:       {what: "will retry the refund", note: fact.reason},
	refunds.EventUnknown:        {what: "could not confirm the refund; checking with the provider", note: fact.reason},
	refunds.EventPending:        {what: "accepted the refund; it is pending", note: fact.reason},
	refunds.EventRequiresAction: {what: "needs action at the provider", note: fact.reason},
	refunds.EventSucceeded:      {public: true, what: "paid the refund", note: fact.reason},
	refunds.EventFailed:         {what: "reported that the refund failed", note: fact.reason},
	refunds.EventReversed:       {public: true, what: "reversed the refund", note: fact.reason, staffNote: true},
	refunds.EventReviewRequired: {what: "sent the refund to the review queue", note: fact.reason},
	refunds.EventResolved:       {what: "resolved the refund", note: fact.reason},
	refunds.EventHeld:           {what: "put the refund on hold", note: fact.reason},
	refunds.EventReleased:       {what: "released the refund", note: fact.reason},
}
