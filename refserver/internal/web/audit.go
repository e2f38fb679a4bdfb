package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

func (s *server) auditRoutes() {
	s.staff("GET /admin/audit", s.audit)
}

// auditPage is how many changes a page shows.
const auditPage = 50

// auditBody is a page of changes, newest first.
type auditBody struct {
	Changes []changeView
	Filter  auditFilter
	Types   []string
	Next    string // address of the older ones; empty: there are none
	First   string // address of the newest; empty: this is it
}

type auditFilter struct{ Who, About, Address, Request, Type, From, To string }

// changeView is one change: who did what to what, when and from where.
type changeView struct {
	At         time.Time
	When       string
	Who, Role  string
	From       event.Source
	Source     string // by which way an order came in
	What, Note string
	Kind, ID   string // of what it happened to
	Href, Only string // of what it happened to, and of all its changes
}

// auditTypes are the changes there are, for the choice.
var auditTypes = []string{
	orders.EventPlaced, orders.EventQueued, orders.EventCompleted, orders.EventCanceled, orders.EventDelivered,
	orders.EventCharging, orders.EventChargeAttempted, orders.EventChargeRetried, orders.EventChargeWithdrawn,
	orders.EventPageOpened, orders.EventPageAwaited,
	orders.EventReserved, orders.EventReservationChanged, orders.EventReservationUsed, orders.EventReservationExpired,
	orders.EventSaleCreated, orders.EventSaleChanged, orders.EventSaleEnded, returns.EventRequested,
	returns.EventInfoRequested, returns.EventInfoProvided, returns.EventAuthorized, returns.EventRMAAssigned,
	returns.EventRejected, returns.EventCanceled, returns.EventShipped, returns.EventReceived,
	returns.EventInspectionStarted, returns.EventInspected, returns.EventApproved, returns.EventEarlyRefundStarted,
	returns.EventEarlyRefundFailed, returns.EventRefundPaid, returns.EventRefunded, returns.EventRestocked,
	returns.EventOverridden, returns.EventTaskOpened, returns.EventTaskClosed, refunds.EventCreated,
	refunds.EventAttemptCreated, refunds.EventSubmitted, refunds.EventDeferred, refunds.EventUnknown,
	refunds.EventPending, refunds.EventRequiresAction, refunds.EventSucceeded, refunds.EventFailed,
	refunds.EventReversed, refunds.EventReviewRequired, refunds.EventResolved, refunds.EventHeld, refunds.EventReleased,
}

func (s *server) audit(w http.ResponseWriter, r *http.Request) error {
	query, filter, err := s.auditQuery(r)
	notes := filterNotes(err)
	if len(notes) > 0 {
		query, err = &outboxdb.Query{Limit: auditPage}, nil
	}
	if err != nil {
		return err
	}
	body := auditBody{Filter: filter, Types: auditTypes}
	if query != nil {
		page, err := s.Changes(r.Context(), *query)
		if errors.Is(err, outboxdb.ErrCursor) {
			return problem.Invalid("after", "That page does not exist. Start with the newest changes.")
		}
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			change, err := s.changed(e)
			if err != nil {
				return err
			}
			body.Changes = append(body.Changes, change)
		}
		here := r.URL.Query()
		if here.Has("after") {
			here.Del("after")
			body.First = "/admin/audit?" + here.Encode()
		}
		if page.Next != "" {
			here.Set("after", page.Next)
			body.Next = "/admin/audit?" + here.Encode()
		}
	}
	return s.pageStatus(w, r, listStatus(notes), "audit", "Audit", body, notes...)
}

// logPart is what the filters of both logs have: the days and who.
type logPart struct {
	from, to time.Time
	actorID  string
}

// logPart reads the days and the name of a filter; nil where nobody has the name.
func (s *server) logPart(ctx context.Context, from, to, who string) (*logPart, error) {
	var part logPart
	var err error
	if part.from, err = problem.Day("from", from, s.Zone); err != nil {
		return nil, err
	}
	if part.to, err = problem.Day("to", to, s.Zone); err != nil {
		return nil, err
	}
	if !part.to.IsZero() {
		part.to = problem.NextDay(part.to, s.Zone)
	}
	if who == "" {
		return &part, nil
	}
	u, err := s.Auth.UserByName(ctx, who)
	if errors.Is(err, auth.ErrNotFound) {
		return nil, nil
	}
	part.actorID = u.ID
	return &part, err
}

// auditQuery reads the filter. There is no query where nobody has the name
// that is looked for: nothing can be theirs.
func (s *server) auditQuery(r *http.Request) (*outboxdb.Query, auditFilter, error) {
	form := r.URL.Query()
	f := auditFilter{
		Who: strings.TrimSpace(form.Get("who")), About: strings.TrimSpace(form.Get("about")), Type: form.Get("type"),
		Address: strings.TrimSpace(form.Get("address")), Request: strings.TrimSpace(form.Get("request")),
		From: form.Get("from"), To: form.Get("to"),
	}
	q := outboxdb.Query{
		AggregateID: f.About,
		FromAddress: f.Address,
		FromRequest: f.Request,
		After:       form.Get("after"),
		Limit:       auditPage,
	}
	if f.Type != "" {
		if !slices.Contains(auditTypes, f.Type) {
			return nil, f, problem.Invalid(
				"type",
				fmt.Sprintf("%q is not an event type. Choose one from the list.", input.Clip(f.Type)),
			)
		}
		q.Types = []string{f.Type}
	}
	part, err := s.logPart(r.Context(), f.From, f.To, f.Who)
	if err != nil || part == nil {
		return nil, f, err
	}
	q.From, q.To, q.ActorID = part.from, part.to, part.actorID
	return &q, f, nil
}

// changed says a change in words.
func (s *server) changed(e event.Event) (changeView, error) {
	kind, _, _ := strings.Cut(e.Type, ".")
	line := entry{What: auditWords[e.Type]}
	if line.What == "" {
		var err error
		if line, _, err = sentence(e); err != nil {
			return changeView{}, err
		}
	}
	var data struct {
		Source string `json:"source"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return changeView{}, fmt.Errorf("web: event %s: %w", e.ID, err)
	}
	v := changeView{
		At: e.At, When: e.At.In(s.Zone).Format("2 Jan 2006, 15:04:05 MST"), Who: who(e.Actor, true),
		Role: string(e.Actor.Kind), From: e.Source, Source: data.Source, What: line.What, Note: line.Note,
		Kind: words(kind), ID: e.AggregateID, Only: "/admin/audit?about=" + e.AggregateID,
	}
	switch kind {
	case "order":
		v.Href = "/orders/" + e.AggregateID
	case "return":
		v.Href = "/admin/returns/" + e.AggregateID
	}
	return v, nil
}

var auditWords = map[string]string{
	orders.EventPlaced:          "placed the order",
	orders.EventQueued:          "queued the order for its payment",
	orders.EventCompleted:       "completed the order",
	orders.EventCanceled:        "canceled the order",
	orders.EventDelivered:       "recorded the delivery",
	orders.EventCharging:        "started charging the card",
	orders.EventChargeAttempted: "got no answer to a charge attempt",
	orders.EventChargeRetried:   "requested another look-up of the charge",
	orders.EventChargeWithdrawn: "withdrew the charge",
	orders.EventPageOpened:      "opened the payment page",
	orders.EventPageAwaited:     "found the payment page still open",
}
