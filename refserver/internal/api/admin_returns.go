package api

import (
	"fmt"
	"net/http"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

func (a *API) adminReturnRoutes() {
	a.staff("GET /api/admin/returns", a.allReturns)
	a.staffPhotos("POST /api/admin/returns", a.fileReturn)
	a.staff("GET /api/admin/returns/{id}", a.anyReturn)
	a.staff("POST /api/admin/returns/{id}/authorize", a.authorize)
	a.staff("POST /api/admin/returns/{id}/request-info", a.requestInfo)
	a.staff("POST /api/admin/returns/{id}/shipment", a.ship)
	a.staff("POST /api/admin/returns/{id}/receive", a.receive)
	a.staff("POST /api/admin/returns/{id}/inspection", a.inspect)
	a.staff("POST /api/admin/returns/{id}/override", a.override)
	a.staffOnce("POST /api/admin/returns/{id}/refund", a.refund)
}

type filing struct {
	returnRequest
	CustomerID string           `json:"customer_id"`
	Override   *overrideRequest `json:"override"`
}

type overrideRequest struct {
	Reason string   `json:"reason"`
	Rules  []string `json:"rules"`
}

type decisionRequest struct {
	Approve *bool  `json:"approve"`
	Notes   string `json:"decision_notes"`
}

type noteRequest struct {
	Note string `json:"note"`
}

type shipmentRequest struct {
	Carrier        string `json:"carrier"`
	TrackingNumber string `json:"tracking_number"`
	Notes          string `json:"notes"`
}

type receiptRequest struct {
	Lines []receiptLine `json:"lines"`
	Notes string        `json:"notes"`
}

type receiptLine struct {
	OrderLineID string `json:"sale_item_id"`
	Received    *int   `json:"received"`
}

type inspectionRequest struct {
	Result      string           `json:"result"`
	InspectedBy string           `json:"inspected_by"`
	Notes       string           `json:"notes"`
	Lines       []inspectionLine `json:"lines"`
}

type inspectionLine struct {
	OrderLineID string `json:"sale_item_id"`
	Accepted    *int   `json:"accepted"`
	Disposition string `json:"disposition"`
	Condition   string `json:"condition"`
	Note        string `json:"note"`
}

type refundRequest struct {
	Method string `json:"method"`
	// Available is what the caller means to pay back; any other is refused.
	Available *number `json:"refund_amount_available"`
}

func (a *API) allReturns(r *http.Request) (int, any, error) {
	return a.listReturns(r, returns.Query{}, true)
}

func (a *API) anyReturn(r *http.Request) (int, any, error) {
	c, err := a.Returns.Return(r.Context(), r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	return a.showReturn(r, c, true)
}

// fileReturn files a case for a customer.
func (a *API) fileReturn(w http.ResponseWriter, r *http.Request) {
	var q filing
	// An override may come behind the photos: the request is judged when all of
	// it is there, and before a photo is decoded.
	a.takeIn(w, r, &q, nil, func(r *http.Request, photos []returns.Upload) (int, any, error) {
		return a.fileTaken(r, q, photos)
	})
}

func (a *API) fileTaken(r *http.Request, q filing, photos []returns.Upload) (int, any, error) {
	if q.CustomerID == "" {
		return 0, nil, missing("customer_id", "it is the id of the customer whose order it is")
	}
	request, err := q.request(r)
	if err != nil {
		return 0, nil, err
	}
	if err := a.Gate.CheckOwner(r.Context(), user(r), access.OrderInBody, request.OrderID); err != nil {
		return 0, nil, err
	}
	if err := placed(q.Photos, photos); err != nil {
		return 0, nil, err
	}
	request.CustomerID, request.Photos = q.CustomerID, photos
	if q.Override != nil {
		o, err := q.Override.override("override.", r, a)
		if err != nil {
			return 0, nil, err
		}
		request.Override = &o
	}
	c, err := a.Returns.Create(r.Context(), actor(r), request)
	return a.done(r, c, err, true)
}

// override checks the shape; at names what it is part of.
func (q overrideRequest) override(at string, r *http.Request, a *API) (returns.Override, error) {
	o := returns.Override{Reason: q.Reason, By: actor(r), At: a.Now()}
	if q.Reason == "" {
		return o, missing(at+"reason", "say why the rules are set aside")
	}
	if len(q.Rules) == 0 {
		return o, missing(at+"rules", "it is a list of "+list(rules))
	}
	for i, text := range q.Rules {
		rule, err := needWord(fmt.Sprintf("%srules[%d]", at, i), text, rules)
		if err != nil {
			return o, err
		}
		o.Rules = append(o.Rules, string(rule))
	}
	return o, nil
}

// act decodes a body, does something to the case the address names, and
// answers. A case that is not there is found out by do.
func act[T any](
	a *API,
	r *http.Request,
	do func(id string, q T, by event.Actor) (returns.Return, error),
) (int, any, error) {
	var q T
	if err := decode(r, maxJSON, &q); err != nil {
		return 0, nil, err
	}
	c, err := do(r.PathValue("id"), q, actor(r))
	return a.done(r, c, err, true)
}

func (a *API) authorize(r *http.Request) (int, any, error) {
	return act(a, r, func(id string, q decisionRequest, by event.Actor) (returns.Return, error) {
		switch {
		case q.Approve == nil:
			return returns.Return{}, missing("approve", "it is true or false")
		case *q.Approve:
			return a.Returns.Authorize(r.Context(), id, by, q.Notes)
		}
		return a.Returns.Reject(r.Context(), id, by, q.Notes)
	})
}

func (a *API) requestInfo(r *http.Request) (int, any, error) {
	return act(a, r, func(id string, q noteRequest, by event.Actor) (returns.Return, error) {
		return a.Returns.RequestInfo(r.Context(), id, by, q.Note)
	})
}

func (a *API) ship(r *http.Request) (int, any, error) {
	return act(a, r, func(id string, q shipmentRequest, by event.Actor) (returns.Return, error) {
		return a.Returns.Ship(
			r.Context(),
			id,
			by,
			returns.Shipment{Carrier: q.Carrier, TrackingNumber: q.TrackingNumber, Notes: q.Notes},
		)
	})
}

// receive records what arrived; without lines all that was announced did.
func (a *API) receive(r *http.Request) (int, any, error) {
	return act(a, r, func(id string, q receiptRequest, by event.Actor) (returns.Return, error) {
		var lines []returns.ReceiptLine
		for i, l := range q.Lines {
			if err := namedLine(i, l.OrderLineID, "received", l.Received); err != nil {
				return returns.Return{}, err
			}
			if l.Received == nil {
				return returns.Return{}, missing(fmt.Sprintf("lines[%d].received", i), "it is a whole number from 0 on")
			}
			lines = append(lines, returns.ReceiptLine{OrderLineID: l.OrderLineID, Received: *l.Received})
		}
		return a.Returns.Receive(r.Context(), id, by, returns.ReceiveParams{Lines: lines, Notes: q.Notes})
	})
}

// namedLine checks that line i names an order line, and that the units in the
// field, where they are given, are 0 or more.
func namedLine(i int, id, field string, units *int) error {
	at := fmt.Sprintf("lines[%d].", i)
	switch {
	case id == "":
		return missing(at+"sale_item_id", "it is the id of a line of the return")
	case units != nil && *units < 0:
		return problem.Invalid(
			at+field,
			fmt.Sprintf("%s%s is %d; it must be a whole number from 0 on", at, field, *units),
		)
	}
	return nil
}

func (a *API) inspect(r *http.Request) (int, any, error) {
	return act(a, r, func(id string, q inspectionRequest, by event.Actor) (returns.Return, error) {
		in := returns.InspectionInput{InspectedBy: q.InspectedBy, Notes: q.Notes}
		if in.InspectedBy == "" {
			in.InspectedBy = by.Name
		}
		var err error
		if in.Result, err = needWord("result", q.Result, results); err != nil {
			return returns.Return{}, err
		}
		for i, l := range q.Lines {
			line := returns.InspectionLine{OrderLineID: l.OrderLineID, Accepted: l.Accepted, Note: l.Note}
			if err := namedLine(i, l.OrderLineID, "accepted", l.Accepted); err != nil {
				return returns.Return{}, err
			}
			if line.Disposition, err = word(fmt.Sprintf("lines[%d].disposition", i), l.Disposition, dispositions); err != nil {
				return returns.Return{}, err
			}
			if line.Condition, err = word(fmt.Sprintf("lines[%d].condition", i), l.Condition, conditions); err != nil {
				return returns.Return{}, err
			}
			in.Lines = append(in.Lines, line)
		}
		return a.Returns.Inspect(r.Context(), id, by, in)
	})
}

func (a *API) override(r *http.Request) (int, any, error) {
	return act(a, r, func(id string, q overrideRequest, by event.Actor) (returns.Return, error) {
		o, err := q.override("", r, a)
		if err != nil {
			return returns.Return{}, err
		}
		return a.Returns.Override(r.Context(), id, by, o)
	})
}

// refund pays a case back, or says how far that is.
func (a *API) refund(r *http.Request) (int, any, error) {
	var q refundRequest
	if err := decode(r, maxJSON, &q); err != nil {
		return 0, nil, err
	}
	method, err := word("method", q.Method, methods)
	if err != nil {
		return 0, nil, err
	}
	c, paid, err := a.payBack(r, method, q.Available)
	if waits, ok := approval.Waits(err); ok {
		paid = refunds.Refund{
			ID: waits.ID, Method: waits.Method, Status: refunds.StatusCreated, CreatedAt: waits.AskedAt,
			Quote: refunds.Quote{Amount: waits.Amount.Minor(), Currency: waits.Amount.Currency()},
		}
		return a.outcome(r, http.StatusAccepted, c, &paid, err.Error(), true)
	}
	if err != nil {
		return 0, nil, err
	}
	answer := func(status int, message string) (int, any, error) {
		return a.outcome(r, status, c, &paid, message, true)
	}
	money := money.New(paid.Amount(), paid.Quote.Currency)
	switch {
	case paid.Status == refunds.StatusSucceeded:
		return answer(http.StatusOK, fmt.Sprintf("%s is refunded by %s.", money, say(paid.Method)))
	case paid.Status == refunds.StatusUnknown:
		return answer(http.StatusAccepted, fmt.Sprintf(
			"Whether %s was refunded is not known yet: the provider gave no usable answer. It is looked up and never paid twice; ask again later.",
			money,
		))
	case paid.OnHold():
		return answer(http.StatusAccepted, paid.HoldMessage())
	case paid.Status.Open() && paid.Method.Manual():
		return answer(
			http.StatusAccepted,
			fmt.Sprintf(
				"The refund of %s by %s is being recorded by another request at this moment; ask again.",
				money,
				say(paid.Method),
			),
		)
	case paid.Status.Open():
		return answer(
			http.StatusAccepted,
			fmt.Sprintf("The refund of %s is on its way and waits for the provider; ask again later.", money),
		)
	}
	return answer(http.StatusConflict, fmt.Sprintf(
		"The refund of %s failed: %s. Nothing was paid; try again or choose another method.",
		money,
		failureOf(paid, true),
	))
}
