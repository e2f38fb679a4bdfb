package web

import (
	"net/http"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
)

func (s *server) partnerRoutes() {
	s.use("GET /admin/partners", endpoint.ReadPartners, s.partners)
	s.use("POST /admin/partners", endpoint.CreatePartner, s.createPartner)
	s.use("GET /admin/partners/{id}", endpoint.ReadPartners, s.partner)
	s.use("POST /admin/partners/{id}", endpoint.ChangePartner, s.changePartner)
	s.use("POST /admin/partners/{id}/fetch", endpoint.FetchPartner, s.fetchPartner)
	s.use("POST /admin/partners/{id}/keys", endpoint.ManagePartnerKeys, s.newPartnerKey)
	s.use("POST /admin/partners/{id}/keys/{prefix}/revoke", endpoint.ManagePartnerKeys, s.revokePartnerKey)
}

// partnerForm is a partner as the form holds it, so that a refused form comes back as it was sent.
type partnerForm struct {
	ID, Name, Currency, FeedURL, Schedule string

	HasToken bool
	Problem  string
	Field    string // the input the problem is about
}

// Key makes a double click on the form one partner.
func (partnerForm) Key() string { return newKey() }

// partnersBody is the list of partners with the form for a new one.
type partnersBody struct {
	Partners []partner.Partner
	Pages    pager
	Form     partnerForm
}

func (s *server) partners(w http.ResponseWriter, r *http.Request) error {
	return s.showPartners(w, r, http.StatusOK, partnerForm{Currency: string(s.Currency)})
}

func (s *server) showPartners(w http.ResponseWriter, r *http.Request, status int, form partnerForm) error {
	filter, notes, err := catalogOf(r)
	if err != nil {
		return err
	}
	if len(notes) > 0 {
		status = listStatus(notes)
	}
	all, err := s.Endpoints.Partners(r.Context(), user(r))
	if err != nil {
		return err
	}
	links, err := pagesAt(r, "/admin/partners", "page", filter.Page(), catalogPage, len(all))
	if err != nil {
		return err
	}
	notes = append(notes, s.switchedOff(feature.PartnerIngest)...)
	return s.pageStatus(w, r, status, "admin_partners", "Partners", partnersBody{
		paging.Cut(all, filter.Page(), catalogPage), links, form,
	}, notes...)
}

// sentPartner reads the form.
func sentPartner(r *http.Request) (partnerForm, endpoint.PartnerParams, error) {
	var p endpoint.PartnerParams
	err := readForm(r, &p)
	return partnerForm{Name: p.Name, Currency: p.Currency, FeedURL: p.FeedURL, Schedule: p.Schedule}, p, err
}

func (s *server) createPartner(w http.ResponseWriter, r *http.Request) error {
	form, params, err := sentPartner(r)
	if err == nil {
		var p partner.Partner
		if p, err = s.Endpoints.CreatePartner(r.Context(), user(r), params); err == nil {
			return s.redirect(w, r, "/admin/partners/"+p.ID, p.Name+" is a partner now. Create a key for it.")
		}
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	refused(r, p, nil)
	form.Problem, form.Field = p.PageMessage(), p.Field
	return s.showPartners(w, r, p.Status, form)
}

// feedsShown is how many feeds of a partner its page lists.
const feedsShown = 20

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

func (s *server) partner(w http.ResponseWriter, r *http.Request) error {
	return s.showPartner(w, r, http.StatusOK, nil, "")
}

// showPartner shows the page of a partner; form is one that was refused, key one that was
// made just now.
func (s *server) showPartner(w http.ResponseWriter, r *http.Request, status int, form *partnerForm, key string) error {
	p, runs, err := s.Endpoints.Partner(r.Context(), user(r), r.PathValue("id"), feedsShown)
	if err != nil {
		return err
	}
	if form == nil {
		form = &partnerForm{
			Name: p.Name, Currency: string(p.Currency), FeedURL: p.FeedURL, Schedule: string(p.Schedule),
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
		body.Feeds = append(body.Feeds, feedRow{run, operationStates[run.State], run.State == progress.Running})
	}
	return s.pageStatus(w, r, status, "admin_partner", p.Name, body)
}

func (s *server) changePartner(w http.ResponseWriter, r *http.Request) error {
	form, params, err := sentPartner(r)
	if err == nil {
		var p partner.Partner
		if p, err = s.Endpoints.ChangePartner(r.Context(), user(r), r.PathValue("id"), params); err == nil {
			return s.redirect(w, r, "/admin/partners/"+p.ID, p.Name+" is saved.")
		}
	}
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	refused(r, p, nil)
	form.Problem, form.Field = p.PageMessage(), p.Field
	return s.showPartner(w, r, p.Status, &form, "")
}

// partnerDone goes back to the page of the partner.
func (s *server) partnerDone(w http.ResponseWriter, r *http.Request, message string, err error) error {
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/partners/"+r.PathValue("id"), message)
}

func (s *server) fetchPartner(w http.ResponseWriter, r *http.Request) error {
	message, err := s.Endpoints.FetchPartner(r.Context(), user(r), r.PathValue("id"))
	return s.partnerDone(w, r, message, err)
}

// newPartnerKey shows a new key, once: it is stored nowhere, so that the page is the answer.
func (s *server) newPartnerKey(w http.ResponseWriter, r *http.Request) error {
	var f struct {
		Expires string `json:"expires_at"`
	}
	if err := readForm(r, &f); err != nil {
		return err
	}
	expires, err := problem.Day("expires_at", f.Expires, s.Zone)
	if err != nil {
		return err
	}
	if !expires.IsZero() {
		expires = problem.NextDay(expires, s.Zone)
	}
	key, _, err := s.Endpoints.NewPartnerKey(r.Context(), user(r), r.PathValue("id"), expires)
	if err != nil {
		return err
	}
	return s.showPartner(w, r, http.StatusOK, nil, key)
}

func (s *server) revokePartnerKey(w http.ResponseWriter, r *http.Request) error {
	message, err := s.Endpoints.RevokePartnerKey(r.Context(), user(r), r.PathValue("id"), r.PathValue("prefix"))
	return s.partnerDone(w, r, message, err)
}
