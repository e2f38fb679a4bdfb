package api

import (
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// returnsPage is how many cases one answer holds.
const returnsPage = 100

func (a *API) returnRoutes() {
	a.use("GET /api/returns", endpoint.ListReturns, a.ownReturns)
	a.photos("POST /api/returns", endpoint.RequestReturn, a.requestReturn)
	a.use("GET /api/returns/estimate", endpoint.EstimateReturn, a.getEstimate)
	a.use("POST /api/returns/estimate", endpoint.EstimateReturn, a.postEstimate)
	a.use("GET /api/returns/{id}", endpoint.ReadReturn, a.ownReturn)
	a.photos("POST /api/returns/{id}/info", endpoint.ProvideInfo, a.provideInfo)
	a.use("POST /api/returns/{id}/cancel", endpoint.CancelReturn, a.cancelReturn)
}

// The inputs with photos: Photos are the names of what was read already.
type (
	returnRequest struct {
		endpoint.ReturnParams

		Photos []string `json:"photos"`
	}
	filingRequest struct {
		endpoint.FilingParams

		Photos []string `json:"photos"`
	}
	infoRequest struct {
		endpoint.InfoParams

		Photos []string `json:"photos"`
	}
)

// listParams reads ?status= and ?page=.
func listParams(r *http.Request) (endpoint.ListParams, error) {
	p := endpoint.ListParams{Size: returnsPage, Uncounted: true}
	err := input.Query(r.URL.Query(), &p)
	p.Text, p.OpenTasks = "", false // are not of this interface
	return p, err
}

func (a *API) ownReturns(r *http.Request) (int, any, error) {
	p, err := listParams(r)
	if err != nil {
		return 0, nil, err
	}
	page, err := a.Endpoints.Returns(r.Context(), user(r), p)
	return a.list(r, page, err, false)
}

// list answers with a page of cases.
func (a *API) list(r *http.Request, page endpoint.ReturnPage, err error, staff bool) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	cases, err := a.Endpoints.Cases(r.Context(), page.Returns)
	if err != nil {
		return 0, nil, err
	}
	views := all(cases, func(c endpoint.Case) returnJSON { return viewOf(c, staff) })
	return http.StatusOK, map[string]any{"returns": views, "total": page.Total}, nil
}

func (a *API) requestReturn(w http.ResponseWriter, r *http.Request) {
	var q returnRequest
	judge := func(object []byte) error {
		var begun returnRequest
		if input.Object(object, &begun) != nil {
			return nil // the whole of it will say
		}
		return a.Endpoints.CheckRequest(r.Context(), user(r), begun.ReturnParams)
	}
	a.readPhotos(w, r, &q, judge, func(r *http.Request, photos []returns.Upload) (int, any, error) {
		if err := namesPhotos(q.Photos, photos); err != nil {
			return 0, nil, err
		}
		c, err := a.Endpoints.RequestReturn(r.Context(), user(r), q.ReturnParams, photos)
		return a.done(r, c, err, false)
	})
}

func (a *API) ownReturn(r *http.Request) (int, any, error) {
	c, err := a.Endpoints.Return(r.Context(), user(r), r.PathValue("id"))
	return a.showReturn(r, c, err, false)
}

func (a *API) showReturn(r *http.Request, c returns.Return, err error, staff bool) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	v, err := a.view(r.Context(), c, nil, staff)
	return http.StatusOK, map[string]any{"return": v}, err
}

func (a *API) provideInfo(w http.ResponseWriter, r *http.Request) {
	c, err := a.Endpoints.Return(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var q infoRequest
	judge := func([]byte) error { return a.Endpoints.CheckInfo(r.Context(), user(r), c.ID) }
	a.readPhotos(w, r, &q, judge, func(r *http.Request, photos []returns.Upload) (int, any, error) {
		if err := namesPhotos(q.Photos, photos); err != nil {
			return 0, nil, err
		}
		c, err := a.Endpoints.ProvideInfo(r.Context(), user(r), c.ID, q.InfoParams, photos)
		return a.done(r, c, err, false)
	})
}

func (a *API) cancelReturn(r *http.Request) (int, any, error) {
	c, err := a.Endpoints.Return(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	if err := input.JSON(r, &struct{}{}); err != nil {
		return 0, nil, err
	}
	changed, err := a.Endpoints.CancelReturn(r.Context(), user(r), c.ID)
	return a.done(r, changed, err, false)
}

// done answers what was done to a case.
func (a *API) done(r *http.Request, c endpoint.ReturnChange, err error, staff bool) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return a.outcome(r, http.StatusOK, c, nil, staff)
}

// outcome is the answer to an action: 200 done, 202 in progress, 409 not done. refund
// is the refund of the case, if it was loaded.
func (a *API) outcome(
	r *http.Request, status int, c endpoint.ReturnChange, refund *refunds.Intent, staff bool,
) (int, any, error) {
	v, err := a.view(r.Context(), c.Return, refund, staff)
	if err != nil {
		return 0, nil, err
	}
	body := map[string]any{"success": status == http.StatusOK, "message": c.Message, "return": v}
	switch status {
	case http.StatusAccepted:
		body["pending"] = true
	case http.StatusConflict:
		body["code"] = "REFUND_FAILED"
	}
	return status, body, nil
}
