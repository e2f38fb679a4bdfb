package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/returnkit/returnkit/orders/money"
)

// Order is what the provider is asked for: to refund a part of a payment.
type Order struct {
	PaymentReference  string // the provider's, of the payment
	MerchantReference string // ours; it comes back in the message
	Amount            int64
	Currency          money.Currency
}

// Decided is a refund in the provider's books.
type Decided struct {
	Reference string // the provider's
	Key       string
	Order
	Success bool
}

// Notification is a message of the provider, in the shape of Adyen's standard
// webhooks: it is the only thing that tells how a refund ended.
type Notification struct {
	EventCode         string         `json:"eventCode"` // REFUND, REFUND_FAILED
	Success           bool           `json:"success"`
	PSPReference      string         `json:"pspReference"`
	OriginalReference string         `json:"originalReference"`
	MerchantReference string         `json:"merchantReference"`
	Value             int64          `json:"value"`
	Currency          money.Currency `json:"currency"`
	Reason            string         `json:"reason"`
}

// Errors of a call to the provider.
var (
	errDown  = errors.New("connection refused")
	errOther = errors.New("422: the key was used for another request")
)

// Provider stands in for the payment provider. A refund is only received at first;
// Decide decides it and makes its message. It shows no refund to anybody.
type Provider struct {
	Secret []byte // of the signatures

	mu       sync.Mutex
	down     bool
	captured map[string]int64
	received map[string]Order  // by key
	answers  map[string]string // key -> reference
	waiting  []string          // keys, in order
	books    []Decided
}

// Capture makes a captured payment.
func (p *Provider) Capture(reference string, amount int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.captured == nil {
		p.captured, p.received, p.answers = map[string]int64{}, map[string]Order{}, map[string]string{}
	}
	p.captured[reference] = amount
}

// SetDown makes every call fail, or work again.
func (p *Provider) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// Refund receives an order, once per key, and answers with its reference.
func (p *Provider) Refund(key string, o Order) (reference string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return "", errDown
	}
	if before, used := p.received[key]; used {
		if before != o {
			return "", errOther
		}
		return p.answers[key], nil
	}
	reference = fmt.Sprintf("PSP%05d", len(p.received)+1)
	p.received[key], p.answers[key] = o, reference
	p.waiting = append(p.waiting, key)
	return reference, nil
}

// Decide decides what is waiting and returns the signed messages of it.
func (p *Provider) Decide() (messages []Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range p.waiting {
		o := p.received[key]
		left, known := p.captured[o.PaymentReference]
		d := Decided{Reference: p.answers[key], Key: key, Order: o, Success: known && o.Amount <= left}
		reason := ""
		if d.Success {
			p.captured[o.PaymentReference] -= o.Amount
		} else {
			reason = "Insufficient balance on payment"
		}
		p.books = append(p.books, d)
		messages = append(messages, p.sign(Notification{
			EventCode: "REFUND", Success: d.Success, PSPReference: d.Reference, OriginalReference: o.PaymentReference,
			MerchantReference: o.MerchantReference, Value: o.Amount, Currency: o.Currency, Reason: reason,
		}))
	}
	p.waiting = nil
	return messages
}

// Books returns what was decided.
func (p *Provider) Books() []Decided {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Decided(nil), p.books...)
}

// Message is a webhook as it arrives.
type Message struct {
	Body      []byte
	Signature string
}

func (p *Provider) sign(n Notification) Message {
	body, err := json.Marshal(n)
	if err != nil {
		panic(err) // texts and numbers
	}
	return Message{Body: body, Signature: signature(p.Secret, body)}
}

func signature(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// ids are our ids in a merchant reference.
func ids(merchantReference string) (refundID, attemptID string) {
	refundID, attemptID, _ = strings.Cut(merchantReference, "/")
	return refundID, attemptID
}
