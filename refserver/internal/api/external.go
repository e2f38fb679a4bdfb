package api

import (
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
)

// externalOrder places the order of a reseller, whose customer has paid the reseller. The
// reseller's number is the key: the same number again is the same order.
func (a *API) externalOrder(r *http.Request, p partner.Partner) (int, any, error) {
	if !a.Features.On(feature.PartnerIngest, "") {
		return 0, nil, endpoint.FeatureOff(feature.PartnerIngest)
	}
	adapter, err := partner.FindAdapter(partner.Adapters, r.URL.Query().Get("adapter"))
	if err != nil {
		return 0, nil, endpoint.PartnerProblem(err)
	}
	body, err := input.ReadBody(r, input.MaxBody)
	if err != nil {
		return 0, nil, err
	}
	in, err := adapter.Order(body)
	if err == nil {
		err = in.Check()
	}
	if err != nil {
		return 0, nil, endpoint.PartnerProblem(err)
	}
	o, err := a.Endpoints.ExternalOrder(r.Context(), p, in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"success": true, "order": orderOf(o, nil)}, nil
}
