package api

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/returns/budget"
)

// keyHeader is where a partner puts its key.
const keyHeader = "X-API-Key"

func (a *API) partnerRoutes() {
	a.open("POST /api/partner/ingest", a.ingest)
	a.keyed("POST /api/orders/external", a.externalOrder)
	a.use("GET /api/admin/partners", endpoint.ReadPartners, a.listPartners)
	a.use("POST /api/admin/partners", endpoint.CreatePartner, a.createPartner)
	a.use("POST /api/admin/partners/{id}", endpoint.ChangePartner, a.changePartner)
	a.use("POST /api/admin/partners/{id}/fetch", endpoint.FetchPartner, a.fetchPartner)
	a.use("POST /api/admin/partners/{id}/keys", endpoint.ManagePartnerKeys, a.newPartnerKey)
	a.use("POST /api/admin/partners/{id}/keys/{prefix}/revoke", endpoint.ManagePartnerKeys, a.revokePartnerKey)
}

// open registers a handler that checks the caller itself.
func (a *API) open(pattern string, h handler) { a.guarded(pattern, a.adapt(h)) }

// partnerOf is the partner whose key the request has. Without a valid one the answer is
// the same, whatever is wrong with it, and with the body.
func (a *API) partnerOf(r *http.Request) (partner.Partner, error) {
	p, err := a.PartnerOf(r.Context(), r.Header.Get(keyHeader))
	if errors.Is(err, partner.ErrKey) {
		err = problem.New(http.StatusUnauthorized, "API_KEY", "The X-API-Key is not valid. Ask the shop for a new key.")
	}
	if err == nil {
		err = input.Plain(r)
	}
	return p, err
}

// keyed is the door of a partner's small request: its body is read only once the key is known, and
// it then waits its turn among all, as a signed-in user's does.
func (a *API) keyed(pattern string, h func(*http.Request, partner.Partner) (int, any, error)) {
	a.guarded(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := a.partnerOf(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		turn := a.Action(a.adapt(func(r *http.Request) (int, any, error) { return h(r, p) }))
		turn.ServeHTTP(w, r.WithContext(auth.WithCaller(r.Context(), "partner:"+p.ID)))
	}))
}

// ingest receives a feed. A small one is executed before it is answered.
func (a *API) ingest(r *http.Request) (int, any, error) {
	p, err := a.partnerOf(r)
	if err != nil {
		return 0, nil, err
	}
	if !a.Features.On(feature.PartnerIngest, "") {
		return 0, nil, endpoint.FeatureOff(feature.PartnerIngest)
	}
	if r.ContentLength > partner.MaxBytes {
		return 0, nil, feedTooLarge
	}
	release, err := a.Partners.Admit(r.Context(), p, r.ContentLength)
	if errors.Is(err, budget.ErrBusy) {
		err = problem.TooMany("Feeds of yours are being taken in already. Send this one when they are.")
	}
	if err != nil {
		return 0, nil, err
	}
	defer release()
	body, err := io.ReadAll(io.LimitReader(r.Body, partner.MaxBytes+1))
	switch {
	case err != nil:
		return 0, nil, problem.Invalid("body", "The feed did not arrive completely. Send it again.")
	case len(body) > partner.MaxBytes:
		return 0, nil, feedTooLarge
	}
	run, err := a.Partners.Start(r.Context(), p, partner.Feed{
		ContentType: r.Header.Get("Content-Type"), Body: body, IdempotencyKey: r.Header.Get("Idempotency-Key"),
	})
	if err != nil {
		return 0, nil, feedProblem(err)
	}
	if run.State == progress.Running && run.Total <= partner.SmallFeed {
		if run, err = a.Partners.Work(r.Context(), run.ID); err != nil {
			return 0, nil, err
		}
	}
	return ingested(run)
}

func ingested(run partner.Run) (int, any, error) {
	if run.Errors == nil {
		run.Errors = []partner.RowError{}
	}
	body := map[string]any{
		"success": true, "status": "success", "operation_id": run.ID, "accepted": run.Accepted,
		"rejected": run.Rejected,
		"errors":   run.Errors, "processed_items": run.Done, "message": run.Message,
	}
	if run.State == progress.Running {
		body["message"] = "The feed is stored and is being taken in. Its progress is at /api/progress/" + run.ID + "."
		return http.StatusAccepted, body, nil
	}
	return http.StatusOK, body, nil
}

var feedTooLarge = problem.New(http.StatusRequestEntityTooLarge, "TOO_LARGE",
	"The feed is larger than 10 MB. Send it in parts.")

// feedProblem says what is wrong with a feed as a whole.
func feedProblem(err error) error {
	var unreadable *partner.FeedError
	switch {
	case errors.As(err, &unreadable):
		return problem.Invalid("body", "The feed cannot be taken in: "+unreadable.Message+".")
	case errors.Is(err, partner.ErrFormat):
		return problem.New(http.StatusUnsupportedMediaType, "MEDIA_TYPE",
			"The Content-Type must be text/csv, application/json or application/xml, in UTF-8.")
	case errors.Is(err, partner.ErrMismatch):
		return problem.New(http.StatusConflict, "IDEMPOTENCY_MISMATCH",
			"This Idempotency-Key was used for another feed. Use a new key for a new feed.")
	case errors.Is(err, partner.ErrIdempotencyKey):
		return problem.Invalid("Idempotency-Key", "The Idempotency-Key must be 1 to 200 printable ASCII characters.")
	}
	return err
}

// partnerJSON is a partner without anything that is secret.
type partnerJSON struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Currency  string           `json:"currency"`
	FeedURL   string           `json:"feed_url"`
	Schedule  string           `json:"schedule"`
	NextAt    *time.Time       `json:"next_at"`
	LastError string           `json:"last_error"`
	Keys      []partnerKeyJSON `json:"keys"`
}

type partnerKeyJSON struct {
	Prefix     string     `json:"prefix"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func partnerView(p partner.Partner) partnerJSON {
	j := partnerJSON{
		ID: p.ID, Name: p.Name, Currency: string(p.Currency), FeedURL: p.FeedURL,
		Schedule: string(p.Schedule), NextAt: when(p.NextAt), LastError: p.LastError, Keys: []partnerKeyJSON{},
	}
	for _, k := range p.Keys {
		j.Keys = append(j.Keys, partnerKeyOf(k))
	}
	return j
}

func partnerKeyOf(k partner.Key) partnerKeyJSON {
	return partnerKeyJSON{k.Prefix, k.CreatedAt, when(k.ExpiresAt), when(k.RevokedAt), when(k.LastUsedAt)}
}

func (a *API) listPartners(r *http.Request) (int, any, error) {
	list, err := a.Endpoints.Partners(r.Context(), user(r))
	return http.StatusOK, map[string]any{"partners": all(list, partnerView)}, err
}

func (a *API) createPartner(r *http.Request) (int, any, error) {
	var p endpoint.PartnerParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	made, err := a.Endpoints.CreatePartner(r.Context(), user(r), p)
	return http.StatusOK, map[string]any{"success": true, "partner": partnerView(made)}, err
}

func (a *API) changePartner(r *http.Request) (int, any, error) {
	var p endpoint.PartnerParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	changed, err := a.Endpoints.ChangePartner(r.Context(), user(r), r.PathValue("id"), p)
	return http.StatusOK, map[string]any{"success": true, "partner": partnerView(changed)}, err
}

func (a *API) fetchPartner(r *http.Request) (int, any, error) {
	message, err := a.Endpoints.FetchPartner(r.Context(), user(r), r.PathValue("id"))
	return http.StatusOK, map[string]any{"success": true, "message": message}, err
}

// newPartnerKey answers a key, once: it is stored nowhere.
func (a *API) newPartnerKey(r *http.Request) (int, any, error) {
	var p struct {
		ExpiresAt string `json:"expires_at"`
	}
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	expires, err := problem.Instant("expires_at", p.ExpiresAt)
	if err != nil {
		return 0, nil, err
	}
	text, k, err := a.Endpoints.NewPartnerKey(r.Context(), user(r), r.PathValue("id"), expires)
	return http.StatusOK, map[string]any{
		"success": true, "key": text, "details": partnerKeyOf(k), "message": "Keep this key: it is not shown again.",
	}, err
}

func (a *API) revokePartnerKey(r *http.Request) (int, any, error) {
	message, err := a.Endpoints.RevokePartnerKey(r.Context(), user(r), r.PathValue("id"), r.PathValue("prefix"))
	return http.StatusOK, map[string]any{"success": true, "message": message}, err
}
