package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

func (s *server) webhookRoutes() {
	const one = "/admin/webhooks/{id}"
	s.use("GET /admin/webhooks", endpoint.ReadWebhooks, s.webhooks)
	s.use("POST /admin/webhooks", endpoint.ChangeWebhooks, s.addWebhook)
	s.use("GET "+one, endpoint.ReadWebhooks, s.webhook)
	s.use("POST "+one, endpoint.ChangeWebhooks, s.changeWebhook)
	s.use("POST "+one+"/rotate", endpoint.ChangeWebhooks, s.rotateWebhook)
	s.use("POST "+one+"/replay", endpoint.ChangeWebhooks, s.replayWebhook)
	s.use("POST "+one+"/deliveries/{event}/resend", endpoint.ChangeWebhooks, s.resendDelivery)
	s.use("POST "+one+"/enable", endpoint.ChangeWebhooks, s.webhookAction(endpoint.EnableWebhook))
	s.use("POST "+one+"/disable", endpoint.ChangeWebhooks, s.webhookAction(endpoint.DisableWebhook))
	s.use("POST "+one+"/delete", endpoint.ChangeWebhooks, s.webhookAction(endpoint.DeleteWebhook))
	s.use("POST "+one+"/ping", endpoint.ChangeWebhooks, s.webhookAction(endpoint.PingWebhook))
	s.use("POST "+one+"/resend", endpoint.ChangeWebhooks, s.webhookAction(endpoint.ResendWebhook))
}

// webhookForm is a webhook as the form holds it, so that a refused form comes back as it was
// sent.
type webhookForm struct {
	ID, URL, Since string
	Events         []webhookEvent
	Problem        string
	Field          string // the input the problem is about
}

// webhookEvent is a type of event with its box.
type webhookEvent struct {
	webhook.Type
	Chosen bool
}

// chosen refuses a form without an event: to a program that leaves them out, none stands for all.
func chosen(events []string) error {
	if len(events) == 0 {
		return problem.Invalid("events", "Choose at least one event.")
	}
	return nil
}

func newWebhookForm(id, url string, chosen []string) webhookForm {
	f := webhookForm{ID: id, URL: url}
	for _, t := range webhook.Types() {
		f.Events = append(f.Events, webhookEvent{t, slices.Contains(chosen, t.Name)})
	}
	return f
}

// webhookRow is a webhook in the list.
type webhookRow struct {
	endpoint.WebhookView
	State badge
}

func webhookState(w webhook.Endpoint) badge {
	switch {
	case w.Enabled():
		return badge{"good", "enabled"}
	case w.DisabledWhy != "":
		return badge{"bad", "disabled"}
	}
	return badge{"warn", "disabled"}
}

// webhooksBody is the list of webhooks with the form for a new one.
type webhooksBody struct {
	Webhooks []webhookRow
	Form     webhookForm
}

func (s *server) webhooks(w http.ResponseWriter, r *http.Request) error {
	var all []string
	for _, t := range webhook.Types() {
		all = append(all, t.Name)
	}
	return s.showWebhooks(w, r, http.StatusOK, newWebhookForm("", "", all))
}

func (s *server) showWebhooks(w http.ResponseWriter, r *http.Request, status int, form webhookForm) error {
	list, err := s.Endpoints.Webhooks(r.Context(), user(r))
	if err != nil {
		return err
	}
	body := webhooksBody{Form: form}
	for _, one := range list {
		body.Webhooks = append(body.Webhooks, webhookRow{one, webhookState(one.Endpoint)})
	}
	return s.pageStatus(w, r, status, "admin_webhooks", "Webhooks", body)
}

func (s *server) addWebhook(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.NewWebhookParams
	err := readForm(r, &p)
	if err = problem.Join(err, chosen(p.Events)); err != nil {
		err = problem.Join(err, s.Endpoints.CheckNewWebhook(p))
	} else {
		var made webhook.Endpoint
		var secret string
		if made, secret, err = s.Endpoints.AddWebhook(r.Context(), user(r), p); err == nil {
			return s.showWebhook(w, r, http.StatusOK, made.ID, nil, secret)
		}
	}
	q := problem.Of(err)
	if q.Internal {
		return err
	}
	refused(r, q, nil)
	form := newWebhookForm("", p.URL, p.Events)
	form.Since, form.Problem, form.Field = p.Since, q.PageMessage(), q.Field
	return s.showWebhooks(w, r, q.Status, form)
}

// webhookBody is a webhook with what was sent to it.
type webhookBody struct {
	Webhook    webhookRow
	OldUntil   time.Time // until when the secret before signs too; zero: there is none
	Form       webhookForm
	Secret     string // shown once
	Deliveries []deliveryLine
	State      string // of the deliveries that are shown; empty: all
	States     []webhook.State
	Pager      older
	ReplayDay  string // that the form for a replay proposes
}

type deliveryLine struct {
	webhook.Delivery
	Badge     badge
	CanResend bool
}

var deliveryStates = map[webhook.State]badge{
	webhook.Waiting: {"info", "waiting"}, webhook.Delivered: {"good", "delivered"},
	webhook.Dead: {"bad", "dead letter"},
}

func (s *server) webhook(w http.ResponseWriter, r *http.Request) error {
	return s.showWebhook(w, r, http.StatusOK, r.PathValue("id"), nil, "")
}

// showWebhook shows the page of a webhook; form is one that was refused, secret one that was
// made just now.
func (s *server) showWebhook(
	w http.ResponseWriter, r *http.Request, status int, id string, form *webhookForm, secret string,
) error {
	var p endpoint.DeliveryListParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	one, err := s.Endpoints.Webhook(r.Context(), user(r), id)
	if err != nil {
		return err
	}
	read := func(number int) ([]webhook.Delivery, bool, error) {
		p.Number = &number
		return s.Endpoints.Deliveries(r.Context(), user(r), id, p)
	}
	list, links, err := olderPage(r, "/admin/webhooks/"+id, p.Page(), read)
	if err != nil {
		return err
	}
	if form == nil {
		f := newWebhookForm(one.ID, one.URL, one.Types)
		form = &f
	}
	body := webhookBody{
		Webhook: webhookRow{one, webhookState(one.Endpoint)}, OldUntil: endpoint.OnlyUntil(one.Endpoint, s.Now()),
		Form: *form, Secret: secret, State: p.State, States: webhook.States(),
		Pager: links,
	}
	if since := one.DisabledAt; !since.IsZero() {
		body.ReplayDay = since.In(s.Zone).Format(time.DateOnly)
	}
	for _, d := range list {
		body.Deliveries = append(body.Deliveries, deliveryLine{
			d, deliveryStates[d.State], d.State != webhook.Waiting && d.Type != webhook.TypePing,
		})
	}
	return s.pageStatus(w, r, status, "admin_webhook", "Webhook", body)
}

func (s *server) changeWebhook(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	var p endpoint.WebhookParams
	err := readForm(r, &p)
	if err = problem.Join(err, chosen(p.Events)); err != nil {
		err = problem.Join(err, s.Endpoints.CheckWebhook(p))
	} else {
		if _, err = s.Endpoints.ChangeWebhook(r.Context(), user(r), id, p); err == nil {
			return s.redirect(w, r, "/admin/webhooks/"+id, "The webhook is saved.")
		}
	}
	q := problem.Of(err)
	if q.Internal || q.Status == http.StatusNotFound {
		return err
	}
	refused(r, q, nil)
	form := newWebhookForm(id, p.URL, p.Events)
	form.Problem, form.Field = q.PageMessage(), q.Field
	return s.showWebhook(w, r, q.Status, id, &form, "")
}

// rotateWebhook shows the new secret, once.
func (s *server) rotateWebhook(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.RotateParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	one, secret, err := s.Endpoints.RotateWebhook(r.Context(), user(r), r.PathValue("id"), p)
	if err != nil {
		return err
	}
	return s.showWebhook(w, r, http.StatusOK, one.ID, nil, secret)
}

func (s *server) replayWebhook(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.ReplayParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	message, err := s.Endpoints.ReplayWebhook(r.Context(), user(r), r.PathValue("id"), p)
	return s.webhookDone(w, r, message, err)
}

func (s *server) resendDelivery(w http.ResponseWriter, r *http.Request) error {
	message, err := s.Endpoints.ResendDelivery(r.Context(), user(r), r.PathValue("id"), r.PathValue("event"))
	return s.webhookDone(w, r, message, err)
}

func (s *server) webhookAction(action string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		message, err := s.Endpoints.ActOnWebhook(r.Context(), user(r), r.PathValue("id"), action)
		if err == nil && action == endpoint.DeleteWebhook {
			return s.redirect(w, r, "/admin/webhooks", message)
		}
		return s.webhookDone(w, r, message, err)
	}
}

// webhookDone goes back to the page of the webhook.
func (s *server) webhookDone(w http.ResponseWriter, r *http.Request, message string, err error) error {
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/webhooks/"+r.PathValue("id"), message)
}
