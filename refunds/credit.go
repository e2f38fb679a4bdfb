package refunds

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Validate reports what is wrong with an entry of the ledger.
func (e CreditEntry) Validate() error {
	for _, f := range []struct{ name, value string }{
		{"id", e.ID}, {"customer", e.CustomerID}, {"currency", string(e.Currency)}, {"ref", e.Ref},
	} {
		if f.value == "" {
			return &Error{Code: CodeInvalid, Field: f.name, Message: "it is empty"}
		}
		if err := checkText(f.name, f.value, maxID); err != nil {
			return err
		}
	}
	if e.Amount == 0 {
		return &Error{Code: CodeInvalid, Field: "amount",
			Message: "it is 0; an entry adds or takes 1 minor unit or more"}
	}
	if err := checkText("note", e.Note, maxReason); err != nil {
		return err
	}
	return checkTexts(&e)
}

// EntryOf returns the entry of the ledger that an order's move of store credit is.
func EntryOf(m purchase.CreditMove, s event.Stamp) CreditEntry {
	return CreditEntry{
		ID: m.Ref, CustomerID: m.CustomerID, Currency: m.Currency, Amount: m.Amount, Ref: m.Ref, Note: m.Note,
		At: s.At, By: s.By,
	}
}

// CreditBalance is the customer's store credit in the currency, 0 or more
// minor units.
func (s *Service) CreditBalance(ctx context.Context, customerID string, c money.Currency) (int64, error) {
	return s.store.CreditBalance(ctx, customerID, c)
}

// CreditEntries returns the customer's entries, newest first.
func (s *Service) CreditEntries(ctx context.Context, customerID string) ([]CreditEntry, error) {
	return s.store.CreditEntries(ctx, customerID)
}

// CreditChange adds to store credit, or takes from it.
type CreditChange struct {
	CustomerID string
	Currency   money.Currency
	Amount     int64  // 1 minor unit or more
	Ref        string // what makes it happen once
	Note       string
	By         event.Actor
}

// GrantCredit adds store credit, once per Ref: false says that it was there.
func (s *Service) GrantCredit(ctx context.Context, c CreditChange) (bool, error) {
	return s.credit(ctx, c, 1)
}

// SpendCredit takes store credit, once per Ref: false says that it was taken
// before. More than there is is CodeCreditTooLow.
func (s *Service) SpendCredit(ctx context.Context, c CreditChange) (bool, error) {
	return s.credit(ctx, c, -1)
}

func (s *Service) credit(ctx context.Context, c CreditChange, sign int64) (bool, error) {
	if c.Amount < 1 {
		return false, &Error{Code: CodeInvalid, Field: "amount", Message: fmt.Sprintf(
			"%d minor units; 1 or more are allowed", c.Amount)}
	}
	if p, err := money.ParseCurrency(string(c.Currency)); err != nil || p != c.Currency {
		return false, &Error{Code: CodeInvalid, Field: "currency", Message: fmt.Sprintf(
			"%q is not an ISO 4217 code in upper case, such as USD", string(c.Currency))}
	}
	e := CreditEntry{
		ID: s.cfg.NewID(), CustomerID: c.CustomerID, Currency: c.Currency, Amount: sign * c.Amount,
		Ref: c.Ref, Note: c.Note, At: s.now(), By: c.By,
	}
	if err := e.Validate(); err != nil {
		return false, err
	}
	return s.store.Credit(ctx, e)
}
