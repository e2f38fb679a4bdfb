package endpoint

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

// CreditLine is one entry of a customer's store credit.
type CreditLine struct {
	At      time.Time
	Amount  money.Money // below 0 where it was spent
	Balance money.Money // after it
	For     string      // what it is for, in words
	OrderID string      // the order that it paid or that gave it back; may be empty
}

// CreditPage is a page of a customer's store credit.
type CreditPage struct {
	Balances []money.Money // in the shop's currency first
	Lines    []CreditLine  // newest first
	Total    int
	Page     int
	Size     int
}

// StoreCredit returns the store credit of who asks, with the entries it is made of.
func (e *Endpoints) StoreCredit(ctx context.Context, by auth.User, p Paging) (CreditPage, error) {
	if err := ReadCredit.Permit(by); err != nil {
		return CreditPage{}, err
	}
	if err := input.Check(p); err != nil {
		return CreditPage{}, err
	}
	entries, err := e.d.Refunds.CreditEntries(ctx, by.ID)
	if err != nil {
		return CreditPage{}, err
	}
	out := CreditPage{Page: p.Page(), Size: e.d.PageSize, Total: len(entries)}
	lines := make([]CreditLine, len(entries))
	sums := map[money.Currency]int64{e.d.Currency: 0}
	for i, entry := range slices.Backward(entries) { // the oldest first
		sums[entry.Currency] += entry.Amount
		lines[i] = CreditLine{
			At: entry.At, Amount: money.New(entry.Amount, entry.Currency),
			Balance: money.New(sums[entry.Currency], entry.Currency), For: sentence(entry.Note),
		}
		if id, ok := orders.CreditOrder(entry.Ref); ok {
			lines[i].OrderID = id
		}
	}
	out.Lines = paging.Cut(lines, out.Page, out.Size)
	for c, sum := range sums {
		out.Balances = append(out.Balances, money.New(sum, c))
	}
	slices.SortFunc(out.Balances, func(a, b money.Money) int {
		own := func(m money.Money) int {
			if m.Currency() == e.d.Currency {
				return 0
			}
			return 1
		}
		return cmp.Or(own(a)-own(b), cmp.Compare(a.Currency(), b.Currency()))
	})
	return out, nil
}

// sentence is a note of the ledger as a page begins it.
func sentence(note string) string {
	if note == "" {
		return "Store credit"
	}
	return strings.ToUpper(note[:1]) + note[1:]
}

// CreditOffer is what store credit can pay of a cart.
type CreditOffer struct {
	Balance money.Money // what the customer has
	Use     money.Money // what it pays of the cart at most; zero where it pays nothing
}

// CreditOffer returns what the store credit of who asks can pay of the cart:
// nothing of one that can't be ordered, and nothing while store credit is off.
func (e *Endpoints) CreditOffer(ctx context.Context, by auth.User, cart orders.CartView) (CreditOffer, error) {
	if err := ReadCredit.Permit(by); err != nil {
		return CreditOffer{}, err
	}
	if !cart.Orderable() || !e.d.Features.On(feature.StoreCredit, by.ID) {
		return CreditOffer{}, nil
	}
	have, err := e.d.Refunds.CreditBalance(ctx, by.ID, cart.Currency)
	if err != nil {
		return CreditOffer{}, err
	}
	return CreditOffer{
		Balance: money.New(have, cart.Currency), Use: money.New(min(have, cart.Total), cart.Currency),
	}, nil
}

// allCredit is what a form or a script sends for as much store credit as there is.
const allCredit = "all"

// askCredit reads the store credit that is to pay first: an amount, or all of it.
func (e *Endpoints) askCredit(by auth.User, p CheckoutParams, r *orders.CheckoutRequest) error {
	if p.Credit == "" {
		return nil
	}
	if r.AllCredit = strings.EqualFold(p.Credit, allCredit); !r.AllCredit {
		currency, err := e.currency(p.Currency)
		if err != nil {
			return err
		}
		r.Credit, err = money.Parse(p.Credit, currency)
		if err != nil || r.Credit.Sign() < 0 {
			return creditMistake(p.Credit, currency)
		}
	}
	if r.Credit.IsZero() && !r.AllCredit {
		return nil
	}
	return e.need(feature.StoreCredit, by.ID)
}
