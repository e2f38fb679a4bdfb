package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/returnkit/returnkit/orders/payment"
)

// Transfer is an order to the bank to pay money back.
type Transfer struct {
	Number   string `json:"number"`
	Key      string `json:"key"` // of the order; the bank takes each once
	Account  string `json:"account"`
	RefundID string `json:"refund_id"`
	Attempt  string `json:"attempt_id"`
	Cents    int64  `json:"cents"`
	Executed bool   `json:"executed"`
}

// Bank stands for the provider: it takes orders at once and executes them later.
// The zero Bank keeps them in memory.
type Bank struct {
	mu        sync.Mutex
	transfers []Transfer
	file      *os.File // where the bank writes its book; nil: nowhere
}

// OpenBank opens a bank whose book is a file, and which so outlives the process.
func OpenBank(path string) (*Bank, error) {
	b := &Bank{}
	old, err := os.Open(path)
	if err == nil {
		defer old.Close()
		lines := bufio.NewScanner(old)
		for lines.Scan() {
			var t Transfer
			if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
				return nil, fmt.Errorf("the bank's book: %w", err)
			}
			b.keep(t)
		}
		err = lines.Err()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	b.file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return b, err
}

// keep keeps the newest state of a transfer.
func (b *Bank) keep(t Transfer) {
	for i := range b.transfers {
		if b.transfers[i].Key == t.Key {
			b.transfers[i] = t
			return
		}
	}
	b.transfers = append(b.transfers, t)
}

// write writes the state of a transfer into the book, before anybody hears of it.
func (b *Bank) write(t Transfer) error {
	if b.file != nil {
		line, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if _, err := b.file.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	b.keep(t)
	return nil
}

// Execute executes every transfer, and returns the bank's message about each. It
// includes the messages of before: the bank repeats itself.
func (b *Bank) Execute() []payment.WebhookEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	var messages []payment.WebhookEvent
	for _, t := range b.transfers {
		if !t.Executed {
			t.Executed = true
			if err := b.write(t); err != nil {
				continue // next time
			}
		}
		messages = append(messages, payment.WebhookEvent{
			RefundID: t.RefundID, AttemptID: t.Attempt, ProviderID: t.Number, Amount: t.Cents, Currency: "EUR",
			Outcome: payment.OutcomeDone,
		})
	}
	return messages
}

// Transfers returns the bank's book.
func (b *Bank) Transfers() []Transfer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Transfer(nil), b.transfers...)
}

// Gateway is the bank as a payment.RefundGateway.
type Gateway struct{ Bank *Bank }

// CreateRefund implements payment.RefundGateway.
func (g Gateway) CreateRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	g.Bank.mu.Lock()
	defer g.Bank.mu.Unlock()
	if ctx.Err() != nil {
		return payment.Result{Outcome: payment.OutcomeUnknown, Message: ctx.Err().Error()}
	}
	for _, t := range g.Bank.transfers {
		if t.Key == r.Key {
			return t.result()
		}
	}
	t := Transfer{
		Number: fmt.Sprintf("T%06d", len(g.Bank.transfers)+1), Key: r.Key, Account: r.PaymentProviderID,
		RefundID: r.RefundID, Attempt: r.AttemptID, Cents: r.Amount,
	}
	if err := g.Bank.write(t); err != nil {
		return payment.Result{Outcome: payment.OutcomeUnknown, Message: err.Error()}
	}
	return t.result()
}

// FindRefund implements payment.RefundGateway.
func (g Gateway) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	g.Bank.mu.Lock()
	defer g.Bank.mu.Unlock()
	if ctx.Err() != nil {
		return payment.Result{Outcome: payment.OutcomeUnknown, Message: ctx.Err().Error()}
	}
	for _, t := range g.Bank.transfers {
		if t.Attempt == r.AttemptID {
			return t.result()
		}
	}
	return payment.Result{Outcome: payment.OutcomeAbsent}
}

func (t Transfer) result() payment.Result {
	r := payment.Result{
		Outcome: payment.OutcomePending, ProviderID: t.Number, Amount: t.Cents, Currency: "EUR", Status: "accepted",
	}
	if t.Executed {
		r.Outcome, r.Status = payment.OutcomeDone, "executed"
	}
	return r
}
