package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/returnkit/returnkit/orders/payment"
)

// Payout is money that the wallet gave back on a payment.
type Payout struct {
	Number, Payment, Reference, Note string
	Minor                            int64
}

var (
	errUsed = errors.New("the reference was used for another payout")
	errMuch = errors.New("more than the payment has left")
)

// Wallet is the provider: a payout is put under a reference of ours, once.
type Wallet struct {
	mu       sync.Mutex
	captured map[string]int64 // by payment
	payouts  []Payout
}

// Capture books what a customer paid.
func (w *Wallet) Capture(payment string, minor int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.captured == nil {
		w.captured = map[string]int64{}
	}
	w.captured[payment] += minor
}

// Put makes the payout, or answers with the one that is there under its reference.
func (w *Wallet) Put(p Payout) (Payout, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.captured[p.Payment]
	for _, there := range w.payouts {
		if there.Reference == p.Reference {
			if there.Payment != p.Payment || there.Minor != p.Minor || there.Note != p.Note {
				return Payout{}, errUsed
			}
			return there, nil
		}
		if there.Payment == p.Payment {
			left -= there.Minor
		}
	}
	if p.Minor > left {
		return Payout{}, errMuch
	}
	p.Number = fmt.Sprintf("W%05d", len(w.payouts)+1)
	w.payouts = append(w.payouts, p)
	return p, nil
}

// Payouts returns the payouts of a payment; an empty payment means all.
func (w *Wallet) Payouts(payment string) []Payout {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.payouts), func(p Payout) bool {
		return p.Payment != cmp.Or(payment, p.Payment)
	})
}

// Gateway is the wallet as a payment.RefundGateway.
type Gateway struct{ Wallet *Wallet }

func note(r payment.RefundRequest) string { return r.RefundID + "/" + r.AttemptID }

// CreateRefund implements payment.RefundGateway.
func (g Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if err := ctx.Err(); err != nil {
		return payment.Result{Outcome: payment.OutcomeNoEffect, Message: err.Error()} // it was not sent
	}
	p, err := g.Wallet.Put(Payout{Payment: r.PaymentProviderID, Reference: r.Key, Note: note(r), Minor: r.Amount})
	switch {
	case err == nil:
		return done(p)
	case errors.Is(err, errMuch):
		return payment.Result{Outcome: payment.OutcomeDeclined, Code: "too_much", Message: err.Error()}
	}
	return payment.Result{Outcome: payment.OutcomeUnknown, Message: err.Error()} // what is not recognized is unknown
}

// FindRefund implements payment.RefundGateway.
func (g Gateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if err := ctx.Err(); err != nil {
		return payment.Result{Outcome: payment.OutcomeUnknown, Message: err.Error()}
	}
	for _, p := range g.Wallet.Payouts(r.PaymentProviderID) {
		if p.Note == note(r) {
			return done(p)
		}
	}
	return payment.Result{Outcome: payment.OutcomeAbsent}
}

func done(p Payout) payment.Result {
	return payment.Result{Outcome: payment.OutcomeDone, ProviderID: p.Number, Amount: p.Minor, Status: "paid"}
}
