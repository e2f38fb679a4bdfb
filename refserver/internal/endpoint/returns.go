package endpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// ReturnParams is a request for a return. What may be requested is for the
// policy to say; here it only has to be there.
type ReturnParams struct {
	OrderID string       `json:"sale_id" validate:"required"`
	Reason  string       `json:"reason" validate:"required"`
	Details string       `json:"details" form:"verbatim"`
	Items   []ItemParams `json:"items" validate:"max=200,dive"`
	// Estimate is the amount that the caller was shown, in Currency; optional.
	Estimate *input.Number `json:"estimate"`
	Currency string        `json:"currency"`
}

// ItemParams is a line of the order and how many units of it are returned.
type ItemParams struct {
	OrderLineID string `json:"sale_item_id" validate:"required"`
	Quantity    *int   `json:"quantity" validate:"required" text:"requested units"`
}

// FilingParams is a return that staff file for a customer.
type FilingParams struct {
	ReturnParams

	CustomerID string          `json:"customer_id" validate:"required"`
	Override   *OverrideParams `json:"override"`
}

// OverrideParams names the rules of the policy that staff override, and why.
type OverrideParams struct {
	Reason string   `json:"reason" validate:"required" text:"override reason"`
	Rules  []string `json:"rules" validate:"required,dive,known=rules"`
}

// InfoParams is what a customer answers to a request for information.
type InfoParams struct {
	Details string `json:"details" form:"verbatim"`
}

// ReturnChange is a case after an action, and what to say of it.
type ReturnChange struct {
	returns.Return
	Message string
}

// params is the request as package returns takes it.
func (p ReturnParams) params() (returns.CreateParams, error) {
	out := returns.CreateParams{
		OrderID: strings.TrimSpace(p.OrderID), Details: p.Details, Items: make([]returns.RequestItem, 0, len(p.Items)),
		// Words are upper case here, as everywhere.
		Reason: returns.Reason(strings.ToUpper(strings.TrimSpace(p.Reason))),
	}
	if err := input.Check(p); err != nil {
		return out, err
	}
	for _, it := range p.Items {
		out.Items = append(out.Items, returns.RequestItem{OrderLineID: it.OrderLineID, Quantity: *it.Quantity})
	}
	return out, p.consent(&out)
}

// consent reads the amount that a caller says it was shown.
func (p ReturnParams) consent(out *returns.CreateParams) error {
	if p.Estimate == nil {
		return nil
	}
	c, err := money.ParseCurrency(p.Currency)
	if err != nil {
		return problem.Mistaken(problem.Mistake{Field: "currency", Text: fmt.Sprintf(
			" is %q; it must be the ISO 4217 code of the estimate, such as USD.", input.Clip(p.Currency))})
	}
	shown, err := money.Parse(p.Estimate.String(), c)
	if err != nil {
		return problem.Mistaken(amountMistake("estimate", "Estimate", p.Estimate.String(), c))
	}
	minor := shown.Minor()
	out.Estimate, out.Currency = &minor, c
	return nil
}

// CheckRequest returns what RequestReturn would refuse whatever the photos are,
// and nil where that can't be said yet. A caller asks it before it takes in
// photos.
func (e *Endpoints) CheckRequest(ctx context.Context, by auth.User, p ReturnParams) error {
	if err := RequestReturn.Permit(by); err != nil {
		return err
	}
	if err := e.need(feature.Returns, by.ID); err != nil {
		return err
	}
	request, err := p.params()
	if err != nil {
		return nil // what is missing may come behind the photos
	}
	request.CustomerID = by.ID
	return e.d.Returns.Check(ctx, actor(by), request)
}

// RequestReturn files a return for who asks.
func (e *Endpoints) RequestReturn(
	ctx context.Context, by auth.User, p ReturnParams, photos []returns.Upload,
) (ReturnChange, error) {
	if err := RequestReturn.Permit(by); err != nil {
		return ReturnChange{}, err
	}
	if err := cmp.Or(e.need(feature.Returns, by.ID), e.needPhotos(by.ID, photos)); err != nil {
		return ReturnChange{}, err
	}
	request, err := p.params()
	if err != nil {
		return ReturnChange{}, err
	}
	request.CustomerID, request.Photos = by.ID, photos
	c, err := e.d.Returns.Create(ctx, actor(by), request)
	message := "Your return is requested. We will review it; check this page for updates."
	if c.Status == returns.StatusAuthorized {
		message = "Your return is authorized: " + c.RMA + ". Ship the items and keep the receipt."
	}
	return ReturnChange{c, message}, err
}

// EstimateReturn says what a request would pay back, and records nothing.
func (e *Endpoints) EstimateReturn(ctx context.Context, by auth.User, p ReturnParams) (returns.Estimate, error) {
	if err := EstimateReturn.Permit(by); err != nil {
		return returns.Estimate{}, err
	}
	if err := e.need(feature.Returns, by.ID); err != nil {
		return returns.Estimate{}, err
	}
	p.Estimate = nil
	request, err := p.params()
	if err != nil {
		return returns.Estimate{}, err
	}
	request.CustomerID = by.ID
	out, err := e.d.Returns.Estimate(ctx, actor(by), request)
	out.Methods = e.Offered(by.ID, out.Methods)
	return out, err
}

// FileReturn files a return for a customer.
func (e *Endpoints) FileReturn(
	ctx context.Context, by auth.User, p FilingParams, photos []returns.Upload,
) (ReturnChange, error) {
	if err := FileReturn.Permit(by); err != nil {
		return ReturnChange{}, err
	}
	if err := e.needPhotos(by.ID, photos); err != nil {
		return ReturnChange{}, err
	}
	if err := input.Check(p); err != nil {
		return ReturnChange{}, err
	}
	request, err := p.params()
	if err != nil {
		return ReturnChange{}, err
	}
	if e.d.Own != nil {
		if err := e.d.Own(ctx, by, request.OrderID); err != nil {
			return ReturnChange{}, err
		}
	}
	request.CustomerID, request.Photos = p.CustomerID, photos
	if p.Override != nil {
		request.Override = p.Override.override()
		request.Override.By, request.Override.At = actor(by), e.d.Now()
	}
	c, err := e.d.Returns.Create(ctx, actor(by), request)
	return ReturnChange{c, "The return is created."}, err
}

// override is the override as package returns takes it, with the rules in upper
// case.
func (p OverrideParams) override() *returns.Override {
	o := returns.Override{Reason: p.Reason}
	for _, rule := range p.Rules {
		o.Rules = append(o.Rules, strings.ToUpper(rule))
	}
	return &o
}

// Return returns a case of who asks. Somebody else's is as good as none, for
// staff too, who have AnyReturn.
func (e *Endpoints) Return(ctx context.Context, by auth.User, id string) (returns.Return, error) {
	if err := ReadReturn.Permit(by); err != nil {
		return returns.Return{}, err
	}
	c, err := e.d.Returns.Return(ctx, id)
	if err != nil {
		return returns.Return{}, err
	}
	if c.CustomerID != by.ID {
		return returns.Return{}, fmt.Errorf("endpoint: return %s of another customer: %w", c.ID, returns.ErrNotFound)
	}
	return c, nil
}

// AnyReturn returns a case, whosoever it is.
func (e *Endpoints) AnyReturn(ctx context.Context, by auth.User, id string) (returns.Return, error) {
	if err := ReadAnyReturn.Permit(by); err != nil {
		return returns.Return{}, err
	}
	return e.d.Returns.Return(ctx, id)
}

// Photo opens a photo of a case, for its customer and for staff.
func (e *Endpoints) Photo(
	ctx context.Context, by auth.User, id, photo string,
) (io.ReadCloser, returns.Evidence, error) {
	if err := ReadPhoto.Permit(by); err != nil {
		return nil, returns.Evidence{}, err
	}
	c, err := e.d.Returns.Return(ctx, id)
	if err != nil {
		return nil, returns.Evidence{}, err
	}
	if c.CustomerID != by.ID && !by.IsStaff() {
		return nil, returns.Evidence{}, returns.ErrNotFound
	}
	return e.d.Returns.OpenEvidence(ctx, c.ID, photo)
}

// CheckInfo returns what ProvideInfo would refuse whatever the photos are.
func (e *Endpoints) CheckInfo(ctx context.Context, by auth.User, id string) error {
	if err := ProvideInfo.Permit(by); err != nil {
		return err
	}
	return e.d.Returns.CheckInfo(ctx, id, actor(by))
}

// ProvideInfo adds what a customer answers to a request for information.
func (e *Endpoints) ProvideInfo(
	ctx context.Context, by auth.User, id string, p InfoParams, photos []returns.Upload,
) (ReturnChange, error) {
	if err := ProvideInfo.Permit(by); err != nil {
		return ReturnChange{}, err
	}
	c, err := e.Return(ctx, by, id)
	if err != nil {
		return ReturnChange{}, err
	}
	if err := e.needPhotos(by.ID, photos); err != nil {
		return ReturnChange{}, err
	}
	c, err = e.d.Returns.ProvideInfo(ctx, c.ID, actor(by), returns.InfoParams{Details: p.Details, Photos: photos})
	return ReturnChange{c, "Thank you. We will continue with your return."}, err
}

// CancelReturn ends a case before work on it has started.
func (e *Endpoints) CancelReturn(ctx context.Context, by auth.User, id string) (ReturnChange, error) {
	if err := CancelReturn.Permit(by); err != nil {
		return ReturnChange{}, err
	}
	c, err := e.Return(ctx, by, id)
	if err != nil {
		return ReturnChange{}, err
	}
	c, err = e.d.Returns.Cancel(ctx, c.ID, actor(by))
	return ReturnChange{c, "The return is canceled. You can request another one while the return window is open."}, err
}

// ListParams filter a list of returns.
type ListParams struct {
	Paging

	Status string `json:"status" validate:"omitempty,known=statuses|word=ALL" text:"return status"`
	// Text is a customer's name, or part of an RMA number or of a product's name.
	Text      string `json:"q"`
	OpenTasks bool   `json:"tasks"`
	Size      int    `json:"-"` // of a page
	Uncounted bool   `json:"-"` // list all pages, however many they are
}

// ReturnPage is one page of cases.
type ReturnPage struct {
	Returns []returns.Return
	Total   int
	Page    int
	Status  returns.Status // of the filter; empty for all
}

// Returns returns the cases of who asks.
func (e *Endpoints) Returns(ctx context.Context, by auth.User, p ListParams) (ReturnPage, error) {
	if err := ListReturns.Permit(by); err != nil {
		return ReturnPage{}, err
	}
	return e.list(ctx, p, returns.Query{CustomerID: by.ID})
}

// AllReturns returns everybody's cases.
func (e *Endpoints) AllReturns(ctx context.Context, by auth.User, p ListParams) (ReturnPage, error) {
	if err := ListAllReturns.Permit(by); err != nil {
		return ReturnPage{}, err
	}
	q, err := e.returnText(ctx, p)
	if err != nil {
		return ReturnPage{}, err
	}
	return e.list(ctx, p, q)
}

// returnText is the query of the text of a filter: a customer's name, or a part of something.
func (e *Endpoints) returnText(ctx context.Context, p ListParams) (q returns.Query, err error) {
	text := strings.TrimSpace(p.Text)
	if text == "" {
		return q, nil
	}
	u, err := e.d.Auth.UserByName(ctx, text)
	switch {
	case err == nil:
		q.CustomerID = u.ID
	case errors.Is(err, auth.ErrNotFound):
		q.Text, err = text, nil
	}
	return q, err
}

func (e *Endpoints) list(ctx context.Context, p ListParams, q returns.Query) (ReturnPage, error) {
	out, q, err := e.returnQuery(p, q)
	if err != nil {
		return out, err
	}
	out.Returns, out.Total, err = e.d.Returns.Returns(ctx, q)
	return out, err
}

// returnQuery completes a query with the rest of a filter, and returns the page it is for.
func (e *Endpoints) returnQuery(p ListParams, q returns.Query) (ReturnPage, returns.Query, error) {
	out := ReturnPage{Page: p.Page()}
	if err := input.Check(p); err != nil {
		return out, q, err
	}
	if s := returns.Status(strings.ToLower(p.Status)); s != "" && s != "all" {
		out.Status, q.Status = s, []returns.Status{s}
	}
	q.OpenTasks, q.Page, q.PageSize, q.CountUpTo = p.OpenTasks, out.Page, cmp.Or(p.Size, e.d.PageSize), MaxCounted
	if p.Uncounted {
		q.CountUpTo = 0
	}
	return out, q, nil
}
