package api

import (
	"net/http"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

// creditLineJSON is one entry of a customer's store credit.
type creditLineJSON struct {
	At       time.Time `json:"at"`
	Amount   any       `json:"amount"`  // below 0 where it was spent
	Balance  any       `json:"balance"` // after it, in its currency
	Currency string    `json:"currency"`
	For      string    `json:"for"`
	OrderID  *string   `json:"sale_id"` // the order it paid, or that gave it back
}

// creditBalanceJSON is a customer's store credit in one currency.
type creditBalanceJSON struct {
	Balance  any    `json:"balance"`
	Currency string `json:"currency"`
}

// storeCredit answers with the caller's store credit in the shop's currency, in
// each currency, and the entries of all, newest first.
func (a *API) storeCredit(r *http.Request) (int, any, error) {
	var p endpoint.Paging
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return 0, nil, err
	}
	page, err := a.Endpoints.StoreCredit(r.Context(), user(r), p)
	if err != nil {
		return 0, nil, err
	}
	own := page.Balances[0]
	return http.StatusOK, map[string]any{
		"balance": amount(own.Minor(), own.Currency()), "currency": own.Currency(), "total": page.Total,
		"balances": all(page.Balances, func(m money.Money) creditBalanceJSON {
			return creditBalanceJSON{amount(m.Minor(), m.Currency()), string(m.Currency())}
		}),
		"entries": all(page.Lines, func(l endpoint.CreditLine) creditLineJSON {
			c := l.Amount.Currency()
			return creditLineJSON{
				At: l.At.UTC(), Amount: amount(l.Amount.Minor(), c), Balance: amount(l.Balance.Minor(), c),
				Currency: string(c), For: l.For, OrderID: known(l.OrderID),
			}
		}),
	}, nil
}
