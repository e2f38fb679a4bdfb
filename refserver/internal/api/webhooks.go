package api

import (
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

func (a *API) webhookRoutes() {
	const one = "/api/admin/webhooks/{id}"
	a.use("GET /api/admin/webhooks", endpoint.ReadWebhooks, a.listWebhooks)
	a.use("POST /api/admin/webhooks", endpoint.ChangeWebhooks, a.addWebhook)
	a.use("GET "+one, endpoint.ReadWebhooks, a.readWebhook)
	a.use("POST "+one, endpoint.ChangeWebhooks, a.changeWebhook)
	a.use("POST "+one+"/rotate", endpoint.ChangeWebhooks, a.rotateWebhook)
	a.use("POST "+one+"/replay", endpoint.ChangeWebhooks, a.replayWebhook)
	a.use("POST "+one+"/deliveries/{event}/resend", endpoint.ChangeWebhooks, a.resendDelivery)
	a.use("GET "+one+"/deliveries", endpoint.ReadWebhooks, a.listDeliveries)
	a.use("POST "+one+"/enable", endpoint.ChangeWebhooks, a.webhookAction(endpoint.EnableWebhook))
	a.use("POST "+one+"/disable", endpoint.ChangeWebhooks, a.webhookAction(endpoint.DisableWebhook))
	a.use("POST "+one+"/delete", endpoint.ChangeWebhooks, a.webhookAction(endpoint.DeleteWebhook))
	a.use("POST "+one+"/ping", endpoint.ChangeWebhooks, a.webhookAction(endpoint.PingWebhook))
	a.use("POST "+one+"/resend", endpoint.ChangeWebhooks, a.webhookAction(endpoint.ResendWebhook))
}

// webhookJSON is a webhook without its secret.
type webhookJSON struct {
	ID             string     `json:"id"`
	URL            string     `json:"url"`
	Events         []string   `json:"events"`
	Enabled        bool       `json:"enabled"`
	DisabledReason string     `json:"disabled_reason"`
	CreatedAt      time.Time  `json:"created_at"`
	OldSecretUntil *time.Time `json:"old_secret_until"`
	ReplayingSince *time.Time `json:"replaying_since"`
	Waiting        int        `json:"waiting"`
	Dead           int        `json:"dead"`
}

func (a *API) webhookOf(w endpoint.WebhookView) webhookJSON {
	return webhookJSON{
		ID: w.ID, URL: w.URL, Events: w.Types, Enabled: w.Enabled(), DisabledReason: w.DisabledWhy,
		CreatedAt: w.CreatedAt.UTC(), OldSecretUntil: when(endpoint.OnlyUntil(w.Endpoint, a.Now())),
		ReplayingSince: when(w.Replaying), Waiting: w.Waiting, Dead: w.Dead,
	}
}

// deliveryJSON is an event for a webhook.
type deliveryJSON struct {
	ID         string        `json:"id"`
	Type       string        `json:"type"`
	Timestamp  time.Time     `json:"timestamp"`
	State      webhook.State `json:"state"`
	Attempts   int           `json:"attempts"`
	NextAt     *time.Time    `json:"next_at"`
	LastAt     *time.Time    `json:"last_at"`
	LastStatus int           `json:"last_status"` // 0: there was no answer
	LastAnswer string        `json:"last_answer"`
	LastError  string        `json:"last_error"`
}

func deliveryOf(d webhook.Delivery) deliveryJSON {
	return deliveryJSON{
		d.EventID, d.Type, d.EventAt.UTC(), d.State, d.Attempts, when(d.NextAt), when(d.LastAt), d.LastStatus,
		d.LastAnswer, d.LastError,
	}
}

func (a *API) listWebhooks(r *http.Request) (int, any, error) {
	list, err := a.Endpoints.Webhooks(r.Context(), user(r))
	return http.StatusOK, map[string]any{"webhooks": all(list, a.webhookOf)}, err
}

// addWebhook answers the secret, once: it is stored sealed.
func (a *API) addWebhook(r *http.Request) (int, any, error) {
	var p endpoint.NewWebhookParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	w, secret, err := a.Endpoints.AddWebhook(r.Context(), user(r), p)
	return http.StatusOK, map[string]any{
		"success": true, "webhook": a.webhookOf(endpoint.WebhookView{Endpoint: w}), "secret": secret,
		"message": "Keep this secret: it is not shown again.",
	}, err
}

func (a *API) readWebhook(r *http.Request) (int, any, error) {
	w, err := a.Endpoints.Webhook(r.Context(), user(r), r.PathValue("id"))
	return http.StatusOK, map[string]any{"webhook": a.webhookOf(w)}, err
}

func (a *API) changeWebhook(r *http.Request) (int, any, error) {
	var p endpoint.WebhookParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	w, err := a.Endpoints.ChangeWebhook(r.Context(), user(r), r.PathValue("id"), p)
	return http.StatusOK, map[string]any{
		"success": true, "webhook": a.webhookOf(endpoint.WebhookView{Endpoint: w}),
	}, err
}

func (a *API) rotateWebhook(r *http.Request) (int, any, error) {
	var p endpoint.RotateParams
	if r.ContentLength != 0 {
		if err := input.JSON(r, &p); err != nil {
			return 0, nil, err
		}
	}
	w, secret, err := a.Endpoints.RotateWebhook(r.Context(), user(r), r.PathValue("id"), p)
	return http.StatusOK, map[string]any{
		"success": true, "webhook": a.webhookOf(endpoint.WebhookView{Endpoint: w}), "secret": secret,
		"message": "Keep this secret: it is not shown again. The one before signs too for 24 hours.",
	}, err
}

func (a *API) replayWebhook(r *http.Request) (int, any, error) {
	var p endpoint.ReplayParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	message, err := a.Endpoints.ReplayWebhook(r.Context(), user(r), r.PathValue("id"), p)
	return http.StatusOK, map[string]any{"success": true, "message": message}, err
}

func (a *API) resendDelivery(r *http.Request) (int, any, error) {
	message, err := a.Endpoints.ResendDelivery(r.Context(), user(r), r.PathValue("id"), r.PathValue("event"))
	return http.StatusOK, map[string]any{"success": true, "message": message}, err
}

func (a *API) listDeliveries(r *http.Request) (int, any, error) {
	var p endpoint.DeliveryListParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return 0, nil, err
	}
	list, more, err := a.Endpoints.Deliveries(r.Context(), user(r), r.PathValue("id"), p)
	return http.StatusOK, map[string]any{"deliveries": all(list, deliveryOf), "more": more}, err
}

func (a *API) webhookAction(action string) handler {
	return func(r *http.Request) (int, any, error) {
		message, err := a.Endpoints.ActOnWebhook(r.Context(), user(r), r.PathValue("id"), action)
		return http.StatusOK, map[string]any{"success": true, "message": message}, err
	}
}
