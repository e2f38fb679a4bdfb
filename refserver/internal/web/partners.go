package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) partnerRoutes() {
	s.staff("GET /admin/partners", s.partners)
	s.staffOnce("POST /admin/partners", s.createPartner)
	s.staff("GET /admin/partners/{id}", s.partner)
	s.staffOnce("POST /admin/partners/{id}", s.changePartner)
	s.staffOnce("POST /admin/partners/{id}/fetch", s.fetchPartner)
	s.staff("POST /admin/partners/{id}/keys", s.newPartnerKey)
	s.staff("POST /admin/partners/{id}/keys/{prefix}/revoke", s.revokePartnerKey)
	s.staff("POST /admin/partners/{id}/feeds/{feed}/cancel", s.cancelFeed)
}

// partnerForm is a partner as the form holds it, so that a refused form comes back as it was sent.
type partnerForm struct {
	ID, Name, Currency, FeedURL, Every string

	HasToken bool
	Problem  string
	Field    string // the input the problem is about
}

// Key makes a double click on the form one partner.
func (partnerForm) Key() string { return newKey() }

// partnersBody is the list of partners with the form for a new one.
type partnersBody struct {
	Partners []partner.Partner
	Form     partnerForm
}

func (s *server) partners(w http.ResponseWriter, r *http.Request) error {
	return s.showPartners(w, r, http.StatusOK, partnerForm{Currency: string(s.Currency)})
}

func (s *server) showPartners(w http.ResponseWriter, r *http.Request, status int, form partnerForm) error {
	all, err := s.Partners.Partners(r.Context())
	if err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "admin_partners", "Partners", partnersBody{all, form})
}

// sentPartner reads the form.
func sentPartner(r *http.Request) (partnerForm, partner.Params, error) {
	get := func(field string) string { return strings.TrimSpace(r.PostForm.Get(field)) }
	form := partnerForm{Name: get("name"), Currency: get("currency"), FeedURL: get("feed_url"), Every: get("every")}
	p := partner.Params{
		Name: form.Name, Currency: money.Currency(strings.ToUpper(form.Currency)), FeedURL: form.FeedURL,
		Token: get("token"),
	}
	if form.Every != "" {
		minutes, err := strconv.Atoi(form.Every)
		if err != nil || minutes < 1 || minutes > 44640 {
			return form, p, problem.Invalid(
				"every",
				"Enter how many minutes lie between two fetches: 1 to 44640, or nothing.",
			)
		}
		p.Every = time.Duration(minutes) * time.Minute
	}
	return form, p, nil
}

func (s *server) createPartner(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	form, params, err := sentPartner(r)
	if err == nil {
		var p partner.Partner
		if p, err = s.Partners.Create(r.Context(), params); err == nil {
			return s.redirect(w, r, "/admin/partners/"+p.ID, p.Name+" is a partner now. Make a key for it.")
		}
	}
	p := problem.Of(partnerProblem(err))
	if p.Internal {
		return err
	}
	form.Problem, form.Field = p.Message, p.Field
	return s.showPartners(w, r, p.Status, form)
}

// partnerProblem says what is wrong with what was entered.
func partnerProblem(err error) error {
	var invalid *partner.Invalid
	switch {
	case errors.As(err, &invalid):
		return problem.Invalid(invalid.Field, invalid.Message)
	case errors.Is(err, partner.ErrNotFound):
		return problem.New(http.StatusNotFound, "NOT_FOUND", "There is no such partner.")
	}
	return err
}

// partnerBody is a partner with its keys and its last feeds.
type partnerBody struct {
	Partner partner.Partner
	Keys    []partnerKeyRow
	Feeds   []feedRow
	Form    partnerForm
	NewKey  string // shown once
}

type partnerKeyRow struct {
	partner.Key

	State badge
	Valid bool
}

type feedRow struct {
	partner.Run

	State   badge
	Running bool
}

var feedStates = map[partner.State]badge{
	partner.Running: {"info", "running"}, partner.Done: {"good", "done"}, partner.Failed: {"bad", "failed"},
	partner.Canceled: {"warn", "canceled"},
}

func (s *server) partner(w http.ResponseWriter, r *http.Request) error {
	return s.showPartner(w, r, http.StatusOK, nil, "")
}

// showPartner shows the page of a partner; form is one that was refused, key one that was
// made just now.
func (s *server) showPartner(w http.ResponseWriter, r *http.Request, status int, form *partnerForm, key string) error {
	p, err := s.Partners.Partner(r.Context(), r.PathValue("id"))
	if err != nil {
		return partnerProblem(err)
	}
	runs, err := s.Partners.Runs(r.Context(), p.ID, 20)
	if err != nil {
		return err
	}
	if form == nil {
		form = &partnerForm{Name: p.Name, Currency: string(p.Currency), FeedURL: p.FeedURL}
		if p.Every > 0 {
			form.Every = strconv.Itoa(int(p.Every / time.Minute))
		}
	}
	form.ID, form.HasToken = p.ID, p.HasToken
	body := partnerBody{Partner: p, Form: *form, NewKey: key}
	now := s.Now()
	for _, k := range p.Keys {
		row := partnerKeyRow{Key: k, State: badge{"good", "valid"}, Valid: k.Valid(now)}
		switch {
		case !k.RevokedAt.IsZero():
			row.State = badge{"bad", "revoked"}
		case !row.Valid:
			row.State = badge{"warn", "expired"}
		}
		body.Keys = append(body.Keys, row)
	}
	for _, run := range runs {
		body.Feeds = append(body.Feeds, feedRow{run, feedStates[run.State], run.State == partner.Running})
	}
	return s.pageStatus(w, r, status, "admin_partner", p.Name, body)
}

func (s *server) changePartner(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	form, params, err := sentPartner(r)
	if err == nil {
		var p partner.Partner
		if p, err = s.Partners.Update(r.Context(), r.PathValue("id"), params); err == nil {
			return s.redirect(w, r, "/admin/partners/"+p.ID, p.Name+" is saved.")
		}
	}
	p := problem.Of(partnerProblem(err))
	if p.Internal || p.Status == http.StatusNotFound {
		return partnerProblem(err)
	}
	form.Problem, form.Field = p.Message, p.Field
	return s.showPartner(w, r, p.Status, &form, "")
}

func (s *server) fetchPartner(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := s.Partners.FetchNow(r.Context(), id); err != nil {
		return partnerProblem(err)
	}
	return s.redirect(w, r, "/admin/partners/"+id, "The feed will be fetched in a moment.")
}

// newPartnerKey shows a new key, once: it is stored nowhere, so that the page is the answer.
func (s *server) newPartnerKey(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	var expires time.Time
	if text := strings.TrimSpace(r.PostForm.Get("expires")); text != "" {
		day, err := problem.Day("expires", text, s.Zone)
		if err != nil {
			return err
		}
		expires = problem.NextDay(day, s.Zone)
	}
	key, _, err := s.Partners.NewKey(r.Context(), r.PathValue("id"), expires)
	if err != nil {
		return partnerProblem(err)
	}
	return s.showPartner(w, r, http.StatusOK, nil, key)
}

func (s *server) revokePartnerKey(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := s.Partners.RevokeKey(r.Context(), id, r.PathValue("prefix")); err != nil {
		return partnerProblem(err)
	}
	return s.redirect(w, r, "/admin/partners/"+id, "The key is revoked.")
}

func (s *server) cancelFeed(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Partners.Cancel(r.Context(), r.PathValue("feed")); err != nil {
		return partnerProblem(err)
	}
	return s.redirect(w, r, "/admin/partners/"+r.PathValue("id"), "The feed is canceled.")
}
