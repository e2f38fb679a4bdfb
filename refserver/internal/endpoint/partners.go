package endpoint

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// PartnerParams is what staff set of a partner; package partner judges it.
type PartnerParams struct {
	Name     string `json:"name"`
	Currency string `json:"currency"`
	FeedURL  string `json:"feed_url"`
	Token    string `json:"token"`
	Schedule string `json:"schedule"` // minutes or a cron expression; empty: not on schedule
}

func (p PartnerParams) params() (partner.Params, error) {
	return partner.Params{
		Name: p.Name, Currency: money.Currency(strings.ToUpper(p.Currency)), FeedURL: p.FeedURL, Token: p.Token,
		Schedule: partner.Schedule(p.Schedule),
	}, input.Check(p)
}

// Partners returns all partners.
func (e *Endpoints) Partners(ctx context.Context, by auth.User) ([]partner.Partner, error) {
	if err := ReadPartners.Permit(by); err != nil {
		return nil, err
	}
	return e.d.Partners.Partners(ctx)
}

// Partner returns a partner with its latest feeds, at most limit of them.
func (e *Endpoints) Partner(
	ctx context.Context, by auth.User, id string, limit int,
) (partner.Partner, []partner.Run, error) {
	if err := ReadPartners.Permit(by); err != nil {
		return partner.Partner{}, nil, err
	}
	p, err := e.d.Partners.Partner(ctx, id)
	if err != nil {
		return p, nil, PartnerProblem(err)
	}
	runs, err := e.d.Partners.Runs(ctx, p.ID, limit)
	return p, runs, err
}

// CreatePartner makes a partner.
func (e *Endpoints) CreatePartner(ctx context.Context, by auth.User, p PartnerParams) (partner.Partner, error) {
	if err := CreatePartner.Permit(by); err != nil {
		return partner.Partner{}, err
	}
	params, err := p.params()
	if err != nil {
		return partner.Partner{}, err
	}
	made, err := e.d.Partners.Create(ctx, params)
	if err == nil {
		audit.Created(ctx, made.ID)
	}
	return made, PartnerProblem(err)
}

// ChangePartner changes a partner.
func (e *Endpoints) ChangePartner(
	ctx context.Context, by auth.User, id string, p PartnerParams,
) (partner.Partner, error) {
	if err := ChangePartner.Permit(by); err != nil {
		return partner.Partner{}, err
	}
	params, err := p.params()
	if err != nil {
		return partner.Partner{}, err
	}
	changed, err := e.d.Partners.Update(ctx, id, params)
	return changed, PartnerProblem(err)
}

// FetchPartner has the feed of a partner fetched soon, and says so.
func (e *Endpoints) FetchPartner(ctx context.Context, by auth.User, id string) (string, error) {
	if err := FetchPartner.Permit(by); err != nil {
		return "", err
	}
	return "The feed will be fetched in a moment.", PartnerProblem(e.d.Partners.FetchNow(ctx, id))
}

// NewPartnerKey makes a key, whose text is stored nowhere. The zero time: it
// does not expire.
func (e *Endpoints) NewPartnerKey(
	ctx context.Context, by auth.User, id string, expires time.Time,
) (text string, k partner.Key, err error) {
	if err := ManagePartnerKeys.Permit(by); err != nil {
		return "", k, err
	}
	text, k, err = e.d.Partners.NewKey(ctx, id, expires)
	if err == nil {
		audit.Created(ctx, k.Prefix)
	}
	return text, k, PartnerProblem(err)
}

// RevokePartnerKey ends a key.
func (e *Endpoints) RevokePartnerKey(ctx context.Context, by auth.User, id, prefix string) (string, error) {
	if err := ManagePartnerKeys.Permit(by); err != nil {
		return "", err
	}
	return "The key is revoked.", PartnerProblem(e.d.Partners.RevokeKey(ctx, id, prefix))
}

// PartnerProblem says what is wrong with what was sent about a partner; nil for
// nil.
func PartnerProblem(err error) error {
	if wrong := invalids(err, func(i *partner.Invalid) (string, string) { return i.Field, i.Message }); wrong != nil {
		return problem.Mistaken(wrong...)
	}
	switch {
	case errors.Is(err, partner.ErrNotFound):
		return problem.New(http.StatusNotFound, "NOT_FOUND", "There is nothing with that id.")
	}
	return err
}
