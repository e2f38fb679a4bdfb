package web

import (
	"context"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
)

// restView is what the refunds of an order could not send to the card in the end, as it
// became store credit.
type restView struct {
	Amount    int64
	Currency  money.Currency
	At        time.Time
	Reference string
}

// restsOf returns the rests of an order that were paid, oldest first.
func (s *server) restsOf(ctx context.Context, orderID string) ([]restView, error) {
	list, _, err := s.Refunds.List(ctx, refunds.Query{
		OrderID: orderID, Status: []refunds.Status{refunds.StatusSucceeded}, PageSize: refunds.MaxPageSize,
	})
	if err != nil {
		return nil, err
	}
	var rests []restView
	for _, r := range slices.Backward(list) {
		if _, ok := refunds.CarriedPayment(r.ClientReference); ok {
			rests = append(rests, restView{
				Amount: r.Amount(), Currency: r.Quote.Currency, At: r.Attempt().SettledAt,
				Reference: r.Attempt().ProviderID,
			})
		}
	}
	return rests, nil
}
