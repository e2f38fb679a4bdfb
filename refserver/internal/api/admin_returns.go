package api

import (
	"context"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/returns"
)

func (a *API) adminReturnRoutes() {
	e := a.Endpoints
	a.use("GET /api/admin/returns", endpoint.ListAllReturns, a.allReturns)
	a.photos("POST /api/admin/returns", endpoint.FileReturn, a.fileReturn)
	a.use("GET /api/admin/returns/{id}", endpoint.ReadAnyReturn, a.anyReturn)
	a.use("POST /api/admin/returns/{id}/authorize", endpoint.DecideReturn, act(a, e.DecideReturn))
	a.use("POST /api/admin/returns/{id}/request-info", endpoint.RequestInfo, act(a, e.RequestInfo))
	a.use("POST /api/admin/returns/{id}/shipment", endpoint.ShipReturn, act(a, e.ShipReturn))
	a.use("POST /api/admin/returns/{id}/receive", endpoint.ReceiveReturn, act(a, e.ReceiveReturn))
	a.use("POST /api/admin/returns/{id}/inspection", endpoint.InspectReturn, act(a, e.InspectReturn))
	a.use("POST /api/admin/returns/{id}/override", endpoint.OverridePolicy, act(a, e.OverridePolicy))
	a.use("POST /api/admin/returns/{id}/refund", endpoint.RefundReturn, a.refund)
	a.use("POST /api/admin/orders/{id}/rest", endpoint.PayRest, a.payRest)
}

func (a *API) allReturns(r *http.Request) (int, any, error) {
	p, err := listParams(r)
	if err != nil {
		return 0, nil, err
	}
	page, err := a.Endpoints.AllReturns(r.Context(), user(r), p)
	return a.list(r, page, err, true)
}

func (a *API) anyReturn(r *http.Request) (int, any, error) {
	c, err := a.Endpoints.AnyReturn(r.Context(), user(r), r.PathValue("id"))
	return a.showReturn(r, c, err, true)
}

// fileReturn files a case for a customer.
func (a *API) fileReturn(w http.ResponseWriter, r *http.Request) {
	var q filingRequest
	// An override may come behind the photos: the request is judged when all of
	// it is there, and before a photo is decoded.
	a.readPhotos(w, r, &q, nil, func(r *http.Request, photos []returns.Upload) (int, any, error) {
		if err := namesPhotos(q.Photos, photos); err != nil {
			return 0, nil, err
		}
		c, err := a.Endpoints.FileReturn(r.Context(), user(r), q.FilingParams, photos)
		return a.done(r, c, err, true)
	})
}

// act answers what staff do with the case that the address names. A case that
// does not exist is found out by do.
func act[P any](a *API, do func(context.Context, auth.User, string, P) (endpoint.ReturnChange, error)) handler {
	return func(r *http.Request) (int, any, error) {
		var p P
		if err := input.JSON(r, &p); err != nil {
			return 0, nil, err
		}
		c, err := do(r.Context(), user(r), r.PathValue("id"), p)
		return a.done(r, c, err, true)
	}
}

// progressStatus is the status that says how far a refund is.
var progressStatus = map[endpoint.Progress]int{
	endpoint.RefundPaid: http.StatusOK, endpoint.RefundOpen: http.StatusAccepted,
	endpoint.RefundFailed: http.StatusConflict,
}

// payRest pays what refunds of an order left, or says that it waits for a second person.
func (a *API) payRest(r *http.Request) (int, any, error) {
	var p endpoint.RestParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	p.Key = r.Header.Get(idempotency.Header)
	c, err := a.Endpoints.PayRest(r.Context(), user(r), r.PathValue("id"), p)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{"success": c.Paid, "message": c.Message}
	if !c.Paid {
		answer["pending"] = true
		return http.StatusAccepted, answer, nil
	}
	return http.StatusOK, answer, nil
}

// refund refunds a case, or says how far that is.
func (a *API) refund(r *http.Request) (int, any, error) {
	var p endpoint.RefundParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	c, err := a.Endpoints.RefundReturn(r.Context(), user(r), r.PathValue("id"), p)
	if err != nil {
		return 0, nil, err
	}
	change := endpoint.ReturnChange{Return: c.Return, Message: c.Message}
	return a.outcome(r, progressStatus[c.Progress], change, &c.Refund, true)
}
