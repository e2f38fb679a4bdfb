package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/money"
)

// Provider stands in for the payment provider: it answers its API over HTTP and
// keeps a ledger.
type Provider struct {
	Takes time.Duration // how long it thinks before it does anything

	mu       sync.Mutex
	payments map[string]money.Money
	refunds  []refund          // oldest first
	keys     map[string]string // key -> the body it came with
	answers  map[string]refund // key -> its refund
}

// Capture makes a captured payment.
func (p *Provider) Capture(id string, m money.Money) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.payments == nil {
		p.payments, p.keys, p.answers = map[string]money.Money{}, map[string]string{}, map[string]refund{}
	}
	p.payments[id] = m
}

// Refunds returns the ledger, oldest first.
func (p *Provider) Refunds() []refund {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]refund(nil), p.refunds...)
}

// Client returns a client whose requests go to the provider without a network. As
// over one, a request that the caller gives up is executed all the same.
func (p *Provider) Client() *http.Client { return &http.Client{Transport: direct{p.handler()}} }

type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		answered <- w.Result()
	}()
	select {
	case res := <-answered:
		return res, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (p *Provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/payments/{id}/refunds", p.create)
	mux.HandleFunc("GET /v2/payments/{id}/refunds", p.list)
	mux.HandleFunc("GET /v2/refunds", p.list)
	return mux
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a recorder takes everything
}

func refuse(w http.ResponseWriter, status int, field, detail string) {
	say(w, status, apiError{Status: status, Title: http.StatusText(status), Detail: detail, Field: field})
}

func (p *Provider) create(w http.ResponseWriter, r *http.Request) {
	time.Sleep(p.Takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	var asked refund
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, "", err.Error())
		return
	}
	id, key := r.PathValue("id"), r.Header.Get("Idempotency-Key")
	body := id + fmt.Sprint(asked)
	if before, used := p.keys[key]; used && before != body {
		refuse(w, http.StatusBadRequest, "", "the key was used for another request")
		return
	}
	if made, ok := p.answers[key]; ok {
		say(w, http.StatusCreated, made)
		return
	}
	left, ok := p.payments[id]
	if !ok {
		refuse(w, http.StatusNotFound, "", "no payment "+id)
		return
	}
	m, err := money.Parse(asked.Amount.Value, money.Currency(asked.Amount.Currency))
	if err == nil {
		left, err = left.Sub(m)
	}
	if err != nil || left.Sign() < 0 {
		refuse(w, http.StatusUnprocessableEntity, "amount", "the amount is higher than what is left of the payment")
		return
	}
	p.payments[id] = left
	asked.ID, asked.PaymentID = "re_"+strconv.Itoa(len(p.refunds)+1), id
	asked.Status, asked.CreatedAt = "refunded", time.Now().UTC().Truncate(time.Second)
	p.refunds = append(p.refunds, asked)
	p.keys[key], p.answers[key] = body, asked
	say(w, http.StatusCreated, asked)
}

// list answers a page of 50, newest first, of a payment or of all.
func (p *Provider) list(w http.ResponseWriter, r *http.Request) {
	time.Sleep(p.Takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	const pageSize = 50
	var out page
	from := r.URL.Query().Get("from")
	for i := len(p.refunds) - 1; i >= 0; i-- {
		one := p.refunds[i]
		if id := r.PathValue("id"); id != "" && one.PaymentID != id {
			continue
		}
		if from != "" && one.ID != from {
			continue
		}
		if from = ""; len(out.Embedded.Refunds) == pageSize {
			next := *r.URL
			next.RawQuery = "from=" + one.ID
			out.Links.Next = &struct {
				Href string `json:"href"`
			}{next.String()}
			break
		}
		out.Embedded.Refunds = append(out.Embedded.Refunds, one)
	}
	say(w, http.StatusOK, out)
}
