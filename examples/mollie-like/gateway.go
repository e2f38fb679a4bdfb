package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Gateway is the provider as a payment.RefundGateway and payment.RefundLister.
type Gateway struct {
	URL    string // such as https://api.example.com
	APIKey string
	Client *http.Client
}

// The shapes of the API.
type (
	amount struct {
		Currency string `json:"currency"`
		Value    string `json:"value"` // with the decimals of the currency: "10.00"
	}
	metadata struct {
		RefundID  string `json:"refund_id"`
		AttemptID string `json:"attempt_id"`
	}
	refund struct {
		ID          string    `json:"id,omitempty"`
		PaymentID   string    `json:"paymentId,omitempty"`
		Amount      amount    `json:"amount"`
		Description string    `json:"description"`
		Metadata    metadata  `json:"metadata"`
		Status      string    `json:"status,omitempty"`
		CreatedAt   time.Time `json:"createdAt,omitzero"`
	}
	page struct {
		Embedded struct {
			Refunds []refund `json:"refunds"`
		} `json:"_embedded"`
		Links struct {
			Next *struct {
				Href string `json:"href"`
			} `json:"next"`
		} `json:"_links"`
	}
	apiError struct {
		Status int    `json:"status"`
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Field  string `json:"field,omitempty"`
	}
)

// Capabilities implements payment.Capable: a key is known for an hour.
func (g *Gateway) Capabilities() payment.Capabilities {
	return payment.Capabilities{KeyLife: time.Hour}
}

// CreateRefund implements payment.RefundGateway.
func (g *Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	body, err := json.Marshal(refund{
		Amount:      amount{string(r.Currency), money.New(r.Amount, r.Currency).Decimal()},
		Description: "Refund of order " + r.OrderID,
		Metadata:    metadata{r.RefundID, r.AttemptID},
	})
	if err != nil {
		return payment.Result{Outcome: payment.OutcomeNoEffect, Failure: payment.Setup, Message: err.Error()}
	}
	var made refund
	failed := g.call(ctx, http.MethodPost, g.refundsOf(r.PaymentProviderID), r.Key, body, &made)
	if failed != nil {
		return *failed
	}
	return made.result()
}

// FindRefund implements payment.RefundGateway: it is absent only when every page was
// read.
func (g *Gateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	found := payment.Result{Outcome: payment.OutcomeAbsent}
	for one, err := range g.pages(ctx, g.refundsOf(r.PaymentProviderID)) {
		if err != nil {
			return payment.Result{Outcome: payment.OutcomeUnknown, Message: err.Error()}
		}
		// Of several, one that holds money counts before one that failed.
		if one.Metadata.AttemptID == r.AttemptID && !found.Outcome.Effective() {
			found = one.result()
		}
	}
	return found
}

// ListRefunds implements payment.RefundLister. The provider lists the newest first.
func (g *Gateway) ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[payment.ProviderRefund, error] {
	return func(yield func(payment.ProviderRefund, error) bool) {
		for one, err := range g.pages(ctx, g.URL+"/v2/refunds?limit=50") {
			if err != nil {
				yield(payment.ProviderRefund{}, err)
				return
			}
			if one.CreatedAt.Before(from) {
				return
			}
			a := one.result()
			if one.CreatedAt.Before(to) && !yield(payment.ProviderRefund{
				ProviderID: one.ID, PaymentProviderID: one.PaymentID, AttemptID: one.Metadata.AttemptID,
				RefundID: one.Metadata.RefundID, Amount: a.Amount, Currency: a.Currency, Outcome: a.Outcome,
				Status: one.Status, CreatedAt: one.CreatedAt,
			}, nil) {
				return
			}
		}
	}
}

func (g *Gateway) refundsOf(paymentID string) string {
	return g.URL + "/v2/payments/" + url.PathEscape(paymentID) + "/refunds"
}

// pages yields the refunds of a list over all its pages.
func (g *Gateway) pages(ctx context.Context, next string) iter.Seq2[refund, error] {
	return func(yield func(refund, error) bool) {
		for next != "" {
			var p page
			if failed := g.call(ctx, http.MethodGet, next, "", nil, &p); failed != nil {
				yield(refund{}, fmt.Errorf("list refunds: %s %s", failed.Code, failed.Message))
				return
			}
			for _, r := range p.Embedded.Refunds {
				if !yield(r, nil) {
					return
				}
			}
			if next = ""; p.Links.Next != nil {
				next = p.Links.Next.Href
			}
		}
	}
}

// call makes one call. It returns nil if the answer was read into out, else how the
// call ended.
func (g *Gateway) call(ctx context.Context, method, address, key string, body []byte, out any) *payment.Result {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return &payment.Result{Outcome: payment.OutcomeNoEffect, Failure: payment.Setup, Message: err.Error()}
	}
	req.Header.Set("Authorization", "Bearer "+g.APIKey)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
		// net/http sends a POST with such a header again by itself where a reused
		// connection breaks, and that call would stand in no attempt.
		req.GetBody = nil
	}
	res, err := g.Client.Do(req)
	if err != nil {
		return &payment.Result{
			Outcome: payment.OutcomeUnknown, Failure: payment.Unreachable, Message: err.Error(),
		}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode/100 == 2 {
		if err = json.Unmarshal(text, out); err == nil {
			return nil
		}
	}
	return classify(res.StatusCode, text, err)
}

// classify returns what an answer that holds no object means. What is not
// recognized is unknown, and looked up.
func classify(status int, text []byte, broken error) *payment.Result {
	var e apiError
	shaped := json.Unmarshal(text, &e) == nil && e.Status == status
	a := &payment.Result{Outcome: payment.OutcomeUnknown, HTTP: status, Code: e.Field, Message: e.Detail}
	switch {
	case broken != nil:
		a.Message = broken.Error()
	case status == http.StatusTooManyRequests, status == http.StatusConflict: // busy, or the key is in flight
		a.Outcome, a.Failure = payment.OutcomeNoEffect, payment.TryLater
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		a.Outcome, a.Failure = payment.OutcomeNoEffect, payment.Setup
	case !shaped: // a page of a proxy
	case status == http.StatusNotFound:
		a.Outcome, a.Failure = payment.OutcomeDeclined, payment.UnknownAtProvider
	case status == http.StatusUnprocessableEntity && e.Field == "amount":
		a.Outcome, a.Failure = payment.OutcomeDeclined, payment.AmountTooLarge
	case status == http.StatusUnprocessableEntity:
		a.Outcome, a.Failure = payment.OutcomeDeclined, payment.NotRefundable
	}
	return a
}

// result reads a refund as the answer to "did the money go back?".
func (r refund) result() payment.Result {
	a := payment.Result{Outcome: payment.OutcomeUnknown, ProviderID: r.ID, Status: r.Status}
	m, err := money.Parse(r.Amount.Value, money.Currency(r.Amount.Currency))
	if err = errors.Join(err, check(r.ID != "", "the answer names no refund")); err != nil {
		a.Message = err.Error()
		return a
	}
	a.Amount, a.Currency = m.Minor(), m.Currency()
	switch r.Status {
	case "refunded":
		a.Outcome = payment.OutcomeDone
	case "queued", "pending", "processing":
		a.Outcome = payment.OutcomePending
	case "failed":
		a.Outcome, a.Failure = payment.OutcomeDeclined, payment.DeclinedByBank
	case "canceled":
		a.Outcome, a.Failure = payment.OutcomeDeclined, payment.CanceledAtProvider
	}
	return a
}

func check(ok bool, message string) error {
	if ok {
		return nil
	}
	return errors.New(message)
}
