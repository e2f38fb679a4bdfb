// Command own-gateway refunds through a provider of another shape than
// Stripe's: a bank that makes transfers, knows no idempotency keys but refuses
// an order number it has seen, and shows them page by page on a statement.
//
// What a gateway has to do is in Gateway's two methods; main_test.go holds it to
// refundstest.TestGateway and cuts refunds through it at every step.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// Gateway is the bank as a refunds.RefundGateway. Keys become order numbers: a number
// that was used is answered with the transfer that used it, if it is the same.
type Gateway struct{ Bank *Bank }

// CreateRefund implements refunds.RefundGateway.
func (g Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if ctx.Err() != nil {
		return payment.Result{Outcome: payment.OutcomeUnknown, Message: ctx.Err().Error()}
	}
	t, err := g.Bank.Send(
		Transfer{
			Account:     r.PaymentProviderID,
			OrderNumber: r.Key,
			Memo:        r.RefundID + " " + r.AttemptID,
			Cents:       r.Amount,
		},
	)
	switch {
	case err == nil:
		return done(t)
	case errors.Is(err, errSeen) && t.Cents == r.Amount && t.Account == r.PaymentProviderID:
		return done(t)
	case errors.Is(err, errFunds):
		return payment.Result{Outcome: payment.OutcomeDeclined, Code: "funds", Message: err.Error()}
	}
	return payment.Result{Outcome: payment.OutcomeUnknown, Message: err.Error()} // what is not recognized is unknown
}

// FindRefund implements refunds.RefundGateway: absent only when every page was read.
func (g Gateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	for page, more := 0, true; more; page++ {
		if ctx.Err() != nil {
			return payment.Result{Outcome: payment.OutcomeUnknown, Message: ctx.Err().Error()}
		}
		var lines []Transfer
		lines, more = g.Bank.Statement(page)
		for _, t := range lines {
			if t.Account == r.PaymentProviderID && t.Memo == r.RefundID+" "+r.AttemptID {
				return done(t)
			}
		}
	}
	return payment.Result{Outcome: payment.OutcomeAbsent}
}

func done(t Transfer) payment.Result {
	return payment.Result{Outcome: payment.OutcomeDone, ProviderID: t.Number, Amount: t.Cents, Status: "sent"}
}

func main() {
	bank := &Bank{}
	bank.Receive("account-1", 3_000)
	svc, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: Gateway{bank}})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 { // asked for twice, paid once
		r, err := svc.Refund(context.Background(), refunds.Request{
			ClientReference: "return-1", OrderID: "order-1",
			Payments: []refunds.Payment{
				{ID: "payment-1", Method: payment.Card, ProviderID: "account-1", Captured: 3_000},
			},
			Currency: "EUR", Customer: "customer-1",
			Quote: refunds.QuoteRequest{Currency: "EUR", Lines: []refunds.QuoteRequestLine{
				{OrderLineID: "line-1", Bought: 3, Units: 1, Paid: money.Components{Price: 3_000}},
			}},
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Status, r.Amount(), r.Attempt().ProviderID)
	}
}
