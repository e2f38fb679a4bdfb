package endpoint

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

// The actions on webhooks. None is executed once per key: the answer of some holds a secret,
// which must not be kept.
var (
	ReadWebhooks   = Action{Name: "read webhooks", Who: Staff}
	ChangeWebhooks = Action{Name: "change webhooks", Who: Staff}
)

// WebhookParams is what staff set of a webhook; package webhook judges it.
type WebhookParams struct {
	URL    string   `json:"url" validate:"required"`
	Events []string `json:"events"` // empty: all
}

// CheckWebhook returns all that is wrong with the params of a webhook.
func (e *Endpoints) CheckWebhook(p WebhookParams) error {
	return problem.Join(
		input.Check(p), webhookProblem(e.d.Webhooks.Check(webhook.Params{URL: p.URL, Types: p.Events})),
	)
}

// CheckNewWebhook returns all that is wrong with the params of a new webhook.
func (e *Endpoints) CheckNewWebhook(p NewWebhookParams) error {
	_, err := e.newWebhook(p)
	return err
}

// newWebhook returns the day from which on a new webhook gets past events, or all that is wrong with
// the params.
func (e *Endpoints) newWebhook(p NewWebhookParams) (time.Time, error) {
	since, err := problem.Day("since", p.Since, e.d.Zone)
	if err == nil && since.After(e.d.Now()) {
		err = problem.Invalid("since", "The day must not be in the future.")
	}
	return since, problem.Join(e.CheckWebhook(p.WebhookParams), err)
}

// NewWebhookParams is what staff set of a new webhook.
type NewWebhookParams struct {
	WebhookParams
	Since string `json:"since"` // day from which on past events are sent too; empty: none are
}

// WebhookView is a webhook with how many events wait for it, and how many were given up.
type WebhookView struct {
	webhook.Endpoint
	Waiting, Dead int
}

// Webhooks returns all webhooks.
func (e *Endpoints) Webhooks(ctx context.Context, by auth.User) ([]WebhookView, error) {
	if err := ReadWebhooks.Permit(by); err != nil {
		return nil, err
	}
	list, err := e.d.Webhooks.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := e.d.Webhooks.Counts(ctx)
	out := make([]WebhookView, len(list))
	for i, w := range list {
		out[i] = WebhookView{w, counts[w.ID][webhook.Waiting], counts[w.ID][webhook.Dead]}
	}
	return out, err
}

// DeliveryListParams selects deliveries.
type DeliveryListParams struct {
	Paging
	State string `json:"state" validate:"omitempty,word=waiting delivered dead"`
}

// deliveriesPage is how many deliveries a page has.
const deliveriesPage = 50

// Webhook returns a webhook.
func (e *Endpoints) Webhook(ctx context.Context, by auth.User, id string) (WebhookView, error) {
	if err := ReadWebhooks.Permit(by); err != nil {
		return WebhookView{}, err
	}
	w, err := e.d.Webhooks.Endpoint(ctx, id)
	if err != nil {
		return WebhookView{}, webhookProblem(err)
	}
	counts, err := e.d.Webhooks.Counts(ctx)
	return WebhookView{w, counts[id][webhook.Waiting], counts[id][webhook.Dead]}, err
}

// Deliveries returns a page of what was sent to a webhook, the newest first; more reports
// whether there are older ones.
func (e *Endpoints) Deliveries(
	ctx context.Context, by auth.User, id string, p DeliveryListParams,
) (list []webhook.Delivery, more bool, err error) {
	if err := ReadWebhooks.Permit(by); err != nil {
		return nil, false, err
	}
	if err := input.Check(p); err != nil {
		return nil, false, err
	}
	if _, err := e.d.Webhooks.Endpoint(ctx, id); err != nil {
		return nil, false, webhookProblem(err)
	}
	return e.d.Webhooks.Deliveries(ctx, id, webhook.Query{
		State: webhook.State(p.State), Page: p.Page(), Size: deliveriesPage,
	})
}

// AddWebhook makes a webhook and returns its secret, which is shown once.
func (e *Endpoints) AddWebhook(
	ctx context.Context, by auth.User, p NewWebhookParams,
) (webhook.Endpoint, string, error) {
	if err := ChangeWebhooks.Permit(by); err != nil {
		return webhook.Endpoint{}, "", err
	}
	since, err := e.newWebhook(p)
	if err != nil {
		return webhook.Endpoint{}, "", err
	}
	w, secret, err := e.d.Webhooks.Add(ctx, webhook.Params{URL: p.URL, Types: p.Events}, since)
	if err != nil {
		return webhook.Endpoint{}, "", webhookProblem(err)
	}
	audit.Created(ctx, w.ID)
	return w, secret, nil
}

// ChangeWebhook changes the address and the events of a webhook.
func (e *Endpoints) ChangeWebhook(
	ctx context.Context, by auth.User, id string, p WebhookParams,
) (webhook.Endpoint, error) {
	if err := ChangeWebhooks.Permit(by); err != nil {
		return webhook.Endpoint{}, err
	}
	if err := e.CheckWebhook(p); err != nil {
		return webhook.Endpoint{}, err
	}
	w, err := e.d.Webhooks.Change(ctx, id, webhook.Params{URL: p.URL, Types: p.Events})
	return w, webhookProblem(err)
}

// RotateParams asks for a new secret.
type RotateParams struct {
	EndOld bool `json:"end_old"` // although the one before the last signs still
}

// RotateWebhook gives a webhook a new secret and returns it.
func (e *Endpoints) RotateWebhook(
	ctx context.Context, by auth.User, id string, p RotateParams,
) (webhook.Endpoint, string, error) {
	if err := ChangeWebhooks.Permit(by); err != nil {
		return webhook.Endpoint{}, "", err
	}
	w, secret, err := e.d.Webhooks.Rotate(ctx, id, p.EndOld)
	if err != nil {
		return webhook.Endpoint{}, "", webhookProblem(err)
	}
	return w, secret, nil
}

// The changes of a webhook that take nothing but its id.
const (
	EnableWebhook  = "enable"
	DisableWebhook = "disable"
	DeleteWebhook  = "delete"
	PingWebhook    = "ping"
	ResendWebhook  = "resend" // all its dead letters
)

// ActOnWebhook executes one of those changes, and says what it did.
func (e *Endpoints) ActOnWebhook(ctx context.Context, by auth.User, id, action string) (string, error) {
	if err := ChangeWebhooks.Permit(by); err != nil {
		return "", err
	}
	var err error
	message := ""
	switch action {
	case EnableWebhook:
		message = "The webhook is enabled. To send the events that happened in the meantime, replay them."
		_, err = e.d.Webhooks.Enable(ctx, id)
	case DisableWebhook:
		message = "The webhook is disabled. Nothing is sent to it."
		_, err = e.d.Webhooks.Disable(ctx, id)
	case DeleteWebhook:
		message = "The webhook is deleted."
		err = e.d.Webhooks.Delete(ctx, id)
	case PingWebhook:
		message = "A test is on its way. Its result is among the deliveries."
		_, err = e.d.Webhooks.Ping(ctx, id)
	case ResendWebhook:
		message = "All dead letters will be sent again."
		err = e.d.Webhooks.ResendDead(ctx, id)
	}
	return message, webhookProblem(err)
}

// ResendDelivery has one event sent to a webhook again.
func (e *Endpoints) ResendDelivery(ctx context.Context, by auth.User, id, eventID string) (string, error) {
	if err := ChangeWebhooks.Permit(by); err != nil {
		return "", err
	}
	return "The event will be sent again.", webhookProblem(e.d.Webhooks.Resend(ctx, id, eventID))
}

// ReplayParams says since when events are sent again.
type ReplayParams struct {
	Since string `json:"since" validate:"required"` // a day
}

// ReplayWebhook has all events since a day sent to a webhook, those that it has seen too.
func (e *Endpoints) ReplayWebhook(ctx context.Context, by auth.User, id string, p ReplayParams) (string, error) {
	if err := ChangeWebhooks.Permit(by); err != nil {
		return "", err
	}
	if err := input.Check(p); err != nil {
		return "", err
	}
	since, err := problem.Day("since", p.Since, e.d.Zone)
	if err != nil {
		return "", err
	}
	_, err = e.d.Webhooks.Replay(ctx, id, since)
	return "All events since " + since.Format("2 January 2006") + " will be sent again.", webhookProblem(err)
}

// webhookProblem says what is wrong with what was sent about a webhook; nil for nil.
func webhookProblem(err error) error {
	if wrong := invalids(err, func(i *webhook.Invalid) (string, string) { return i.Field, i.Message }); wrong != nil {
		return problem.Mistaken(wrong...)
	}
	switch {
	case errors.Is(err, webhook.ErrTwoSecrets):
		return problem.New(http.StatusConflict, "TWO_SECRETS", "The secret was changed within the last 24 hours, and "+
			"the previous one still signs. A new one would end it now. Confirm if the receiver no longer needs it.")
	case errors.Is(err, webhook.ErrNotFound):
		return problem.New(http.StatusNotFound, "NOT_FOUND", "There is no such webhook, or nothing to send again.")
	}
	return err
}

// OnlyUntil is when a secret that was rotated stops signing, zero where there is none.
func OnlyUntil(w webhook.Endpoint, now time.Time) time.Time {
	if w.OldUntil.After(now) {
		return w.OldUntil
	}
	return time.Time{}
}
