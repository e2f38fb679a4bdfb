package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// returnsPage is how many cases one answer holds.
const returnsPage = 100

func (a *API) returnRoutes() {
	a.member("GET /api/returns", a.ownReturns)
	a.memberPhotos("POST /api/returns", a.requestReturn)
	a.member("GET /api/returns/estimate", a.getEstimate)
	a.member("POST /api/returns/estimate", a.postEstimate)
	a.member("GET /api/returns/{id}", a.ownReturn)
	a.memberPhotos("POST /api/returns/{id}/info", a.provideInfo)
	a.member("POST /api/returns/{id}/cancel", a.cancelReturn)
}

// returnRequest is what is asked for; the last two are for staff alone.
type returnRequest struct {
	OrderID string    `json:"sale_id"`
	Reason  string    `json:"reason"`
	Details string    `json:"details"`
	Items   []askItem `json:"items"`
	Photos  []string  `json:"photos"`
	// Estimate is the amount that the caller was shown, in Currency; optional.
	Estimate *json.Number `json:"estimate"`
	Currency string       `json:"currency"`
}

type askItem struct {
	OrderLineID string `json:"sale_item_id"`
	Quantity    *int   `json:"quantity"`
}

type infoRequest struct {
	Details string   `json:"details"`
	Photos  []string `json:"photos"`
}

// request checks the shape of what is asked for. Whether it may be asked for
// is for the policy to say.
func (q returnRequest) request(r *http.Request) (returns.CreateParams, error) {
	out := returns.CreateParams{
		OrderID: q.OrderID,
		Details: q.Details,
		Items:   make([]returns.RequestItem, 0, len(q.Items)),
	}
	if q.OrderID == "" {
		return out, missing("sale_id", "it is the id of the order, as GET /api/orders gives it")
	}
	if q.Reason == "" {
		return out, missing("reason", "it is one of "+list(reasons))
	}
	// Whether it is one that is taken is for the policy to say too. Words are
	// upper case here, as everywhere.
	out.Reason = returns.Reason(strings.ToUpper(strings.TrimSpace(q.Reason)))
	for i, it := range q.Items {
		field := fmt.Sprintf("items[%d]", i)
		if it.OrderLineID == "" {
			return out, missing(field+".sale_item_id", "it is the id of a line of the order")
		}
		if it.Quantity == nil {
			return out, missing(field+".quantity", "it is a whole number from 1 on")
		}
		out.Items = append(out.Items, returns.RequestItem{OrderLineID: it.OrderLineID, Quantity: *it.Quantity})
	}
	if err := q.consent(&out); err != nil {
		return out, err
	}
	return out, nil
}

func (a *API) ownReturns(r *http.Request) (int, any, error) {
	return a.listReturns(r, returns.Query{CustomerID: user(r).ID}, false)
}

// listReturns answers with a page of the cases that q and ?status= select.
func (a *API) listReturns(r *http.Request, q returns.Query, staff bool) (int, any, error) {
	var err error
	if q.Page, err = pageOf(r); err != nil {
		return 0, nil, err
	}
	if q.Status, err = statusOf(r); err != nil {
		return 0, nil, err
	}
	q.PageSize = returnsPage
	found, total, err := a.Returns.Returns(r.Context(), q)
	if err != nil {
		return 0, nil, err
	}
	out, err := a.views(r.Context(), found, staff)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"returns": out, "total": total}, nil
}

func (a *API) requestReturn(w http.ResponseWriter, r *http.Request) {
	var q returnRequest
	a.takeIn(w, r, &q, func(object []byte) error {
		var q returnRequest
		if decodeObject(object, &q) != nil {
			return nil // the whole of it will tell
		}
		request, err := q.request(r)
		if err != nil {
			return nil // what is missing may come behind the photos
		}
		request.CustomerID = user(r).ID
		return a.Returns.Check(r.Context(), actor(r), request)
	}, func(r *http.Request, photos []returns.Upload) (int, any, error) {
		request, err := q.request(r)
		if err != nil {
			return 0, nil, err
		}
		if err := placed(q.Photos, photos); err != nil {
			return 0, nil, err
		}
		request.CustomerID, request.Photos = user(r).ID, photos
		c, err := a.Returns.Create(r.Context(), actor(r), request)
		return a.done(r, c, err, false)
	})
}

// own is the id of the case the address names, if it is the user's. Somebody
// else's is as good as none.
func (a *API) own(r *http.Request) (returns.Return, error) {
	c, err := a.Returns.Return(r.Context(), r.PathValue("id"))
	if err != nil {
		return returns.Return{}, err
	}
	if c.CustomerID != user(r).ID {
		return returns.Return{}, fmt.Errorf("api: return %s of another customer: %w", c.ID, returns.ErrNotFound)
	}
	return c, nil
}

func (a *API) ownReturn(r *http.Request) (int, any, error) {
	c, err := a.own(r)
	if err != nil {
		return 0, nil, err
	}
	return a.showReturn(r, c, false)
}

func (a *API) showReturn(r *http.Request, c returns.Return, staff bool) (int, any, error) {
	v, err := a.view(r.Context(), c, nil, staff)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"return": v}, nil
}

func (a *API) provideInfo(w http.ResponseWriter, r *http.Request) {
	c, err := a.own(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var q infoRequest
	a.takeIn(w, r, &q, func([]byte) error {
		return a.Returns.CheckInfo(r.Context(), c.ID, actor(r))
	}, func(r *http.Request, photos []returns.Upload) (int, any, error) {
		if err := placed(q.Photos, photos); err != nil {
			return 0, nil, err
		}
		c, err := a.Returns.ProvideInfo(
			r.Context(),
			c.ID,
			actor(r),
			returns.InfoParams{Details: q.Details, Photos: photos},
		)
		return a.done(r, c, err, false)
	})
}

func (a *API) cancelReturn(r *http.Request) (int, any, error) {
	c, err := a.own(r)
	if err != nil {
		return 0, nil, err
	}
	if err := decode(r, maxJSON, &struct{}{}); err != nil {
		return 0, nil, err
	}
	c, err = a.Returns.Cancel(r.Context(), c.ID, actor(r))
	return a.done(r, c, err, false)
}

// done answers what was done to a case.
func (a *API) done(r *http.Request, c returns.Return, err error, staff bool) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return a.outcome(r, http.StatusOK, c, nil, doneMessage(c), staff)
}

// outcome is the answer to an action: 200 done, 202 under way, 409 not done.
// refund is that of the case where it is at hand.
func (a *API) outcome(
	r *http.Request,
	status int,
	c returns.Return,
	refund *refunds.Refund,
	message string,
	staff bool,
) (int, any, error) {
	v, err := a.view(r.Context(), c, refund, staff)
	if err != nil {
		return 0, nil, err
	}
	body := map[string]any{"success": status == http.StatusOK, "message": message, "return": v}
	switch status {
	case http.StatusAccepted:
		body["pending"] = true
	case http.StatusConflict:
		body["code"] = "REFUND_FAILED"
	}
	return status, body, nil
}

// doneMessage says where a case stands and what comes next.
func doneMessage(c returns.Return) string {
	switch c.Status {
	case returns.StatusPendingCustomerInfo:
		return "The customer is asked for more information."
	case returns.StatusPendingAuthorization:
		return "The return is requested and waits for our staff."
	case returns.StatusAuthorized:
		return "The return is authorised under " + c.RMA + "; the goods can be sent back."
	case returns.StatusInTransit:
		return "The goods are on their way."
	case returns.StatusReceived:
		return "The goods are received and wait for inspection."
	case returns.StatusUnderInspection:
		return "The goods are being inspected."
	case returns.StatusApproved:
		return "The return is approved and can be refunded."
	case returns.StatusRefunded:
		return "The return is refunded."
	case returns.StatusRejected:
		return "The return is rejected."
	case returns.StatusCanceled:
		return "The return is cancelled."
	}
	return "The return is " + say(c.Status) + "."
}

// returnable is how many units of each line of the orders may be returned
// now, by line id.
func (a *API) returnable(ctx context.Context, list []orders.Order) (map[string]int, error) {
	found, err := a.Returns.Returnable(ctx, orders.Purchases(list)...)
	if err != nil {
		return nil, err
	}
	units := make(map[string]int, len(found))
	for _, lines := range found {
		for _, l := range lines {
			units[l.OrderLineID] = l.Returnable
		}
	}
	return units, nil
}
