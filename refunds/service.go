package refunds

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Service pays money back: it quotes, opens refunds, carries them out and
// finishes what was left. Make one with New; it is safe for concurrent use,
// in any number of processes on one store.
type Service struct {
	cfg   Config
	store Store
}

// New returns a Service, or says which field of the Config is wrong.
func New(c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	return &Service{cfg: c, store: c.Store}, nil
}

// now is the instant a step happens, as it is stored.
func (s *Service) now() time.Time { return instant(s.cfg.Now()) }

// worker is the actor of what the service does on its own.
func (s *Service) worker(ctx context.Context) event.Stamp {
	return s.stamp(ctx, event.System("refunds"))
}

// stamp is the actor's, now, from where ctx says.
func (s *Service) stamp(ctx context.Context, by event.Actor) event.Stamp {
	return event.Stamp{At: s.now(), By: by, Source: event.SourceOf(ctx)}
}

// Request asks for a refund.
type Request struct {
	ClientReference   string // what it is for, the id of a return
	OrderID           string
	PaymentID         string
	PaymentMethod     payment.Method   // how the order was paid: one of Config.ProviderMethods, cash or store_credit
	PaymentProviderID string           // the provider's id of the payment, where it has one
	Captured          int64            // minor units of the whole payment; seeds the balance on first use
	Currency          money.Currency   // of the payment
	Customer          string           // id of who gets the money
	Method            payment.Method   // as PaymentMethod, or original_method; empty: original_method
	Allowed           []payment.Method // by the terms; empty: all
	// Quote says which units come back. Without lines, a new attempt after a
	// failed one quotes what the failed one did.
	Quote QuoteRequest
	// Expect, when not nil, is the amount in minor units that the caller means to
	// pay back. Any other is CodeAmountChanged, and nothing is paid.
	Expect *int64
	By     event.Actor // who asks; for a manual method also who hands it out
}

// expects refuses an amount that is not the one the caller means.
func (r Request) expects(amount int64) error {
	if r.Expect == nil || *r.Expect == amount {
		return nil
	}
	return &Error{Code: CodeAmountChanged, Field: "amount", Message: fmt.Sprintf(
		"the refund of %s is now %s and not %s; look at it again",
		r.ClientReference, money.New(amount, r.Currency), money.New(*r.Expect, r.Currency))}
}

func (r Request) openRequest() OpenRequest {
	return OpenRequest{ClientReference: r.ClientReference, OrderID: r.OrderID, PaymentID: r.PaymentID, Captured: r.Captured, Currency: r.Currency}
}

const maxID = 255

func (r Request) validate(c Config) error {
	for _, f := range []struct{ name, value string }{
		{"reference", r.ClientReference}, {"order_id", r.OrderID}, {"payment_id", r.PaymentID}, {"customer", r.Customer},
	} {
		if f.value == "" {
			return &Error{Code: CodeInvalid, Field: f.name, Message: "it is empty"}
		}
		if err := checkText(f.name, f.value, maxID); err != nil {
			return err
		}
	}
	if err := checkText("payment_reference", r.PaymentProviderID, maxID); err != nil {
		return err
	}
	if r.Captured < 0 {
		return &Error{Code: CodeInvalid, Field: "captured", Message: fmt.Sprintf("%d minor units; 0 or more are allowed", r.Captured)}
	}
	if p, err := money.ParseCurrency(string(r.Currency)); err != nil || p != r.Currency {
		return &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf("%q is not an ISO 4217 code in upper case, such as USD", string(r.Currency))}
	}
	for _, l := range r.Quote.Lines {
		if err := checkText("line", l.OrderLineID, maxID); err != nil {
			return err
		}
	}
	if len(r.Quote.Lines) > 0 && r.Quote.Currency != r.Currency {
		return &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf("a quote in %s can't be paid back on a payment in %s", r.Quote.Currency, r.Currency)}
	}
	return c.checkMethods(r)
}

// Preview quotes what Refund would pay now, and the balance it is held
// against, without recording anything.
func (s *Service) Preview(ctx context.Context, r Request) (Quote, Balance, error) {
	if err := r.validate(s.cfg); err != nil {
		return Quote{}, Balance{}, err
	}
	book, err := s.store.PaymentState(ctx, r.openRequest())
	if err != nil {
		return Quote{}, Balance{}, fmt.Errorf("refunds: preview for %s: %w", r.ClientReference, err)
	}
	q, err := NewQuote(r.Quote, book.Refunded)
	return q, book.Balance, err
}

// ByID returns the refund, or ErrNotFound.
func (s *Service) ByID(ctx context.Context, id string) (Refund, error) {
	return s.store.Refund(ctx, id)
}

// ByClientReference returns the refund of the reference that is not reversed, or
// else the latest reversed one, or ErrNotFound.
func (s *Service) ByClientReference(ctx context.Context, reference string) (Refund, error) {
	return s.store.ByClientReference(ctx, reference)
}

// ByClientReferences is ByClientReference for many; those without a refund are left out.
func (s *Service) ByClientReferences(ctx context.Context, references []string) (map[string]Refund, error) {
	return s.store.ByClientReferences(ctx, references)
}

// ByProviderID returns the refund with an attempt of that provider
// reference (re_... or MANUAL-CAS-00042), or ErrNotFound.
func (s *Service) ByProviderID(ctx context.Context, reference string) (Refund, error) {
	return s.store.ByProviderID(ctx, reference)
}

// List returns a page of refunds, newest first, and how many match.
func (s *Service) List(ctx context.Context, q Query) ([]Refund, int, error) {
	if q.Page < 0 || q.PageSize < 0 || q.PageSize > MaxPageSize {
		return nil, 0, &Error{Code: CodeInvalid, Field: "page", Message: fmt.Sprintf("page %d of %d refunds; pages start at 1 and hold 1 to %d", q.Page, q.PageSize, MaxPageSize)}
	}
	return s.store.List(ctx, q.Normalize())
}

// Events returns the audit trail of a refund, oldest first.
func (s *Service) Events(ctx context.Context, id string) ([]event.Event, error) {
	return s.store.Events(ctx, id)
}

// checkText reports a text that is too long, or no text.
func checkText(field, value string, most int) error {
	if n := utf8.RuneCountInString(value); n > most {
		return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf("it has %d letters; at most %d", n, most)}
	}
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return &Error{Code: CodeInvalid, Field: field, Message: "it holds bytes that are no text; UTF-8 without NUL is allowed"}
	}
	return nil
}
