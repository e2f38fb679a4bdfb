package main

import (
	"errors"
	"fmt"
	"sync"
)

// Transfer is a line of the bank's statement.
type Transfer struct {
	Number, Account, OrderNumber, Memo string
	Cents                              int64
}

var (
	errSeen  = errors.New("order number used before")
	errFunds = errors.New("more than came in on this account")
)

// Bank is the provider.
type Bank struct {
	mu       sync.Mutex
	received map[string]int64 // by account
	lines    []Transfer
}

// Receive books a customer's payment.
func (b *Bank) Receive(account string, cents int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.received == nil {
		b.received = map[string]int64{}
	}
	b.received[account] += cents
}

// Send makes a transfer, once per order number.
func (b *Bank) Send(t Transfer) (Transfer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.received[t.Account]
	for _, l := range b.lines {
		if l.OrderNumber == t.OrderNumber {
			return l, errSeen
		}
		if l.Account == t.Account {
			left -= l.Cents
		}
	}
	if t.Cents > left {
		return Transfer{}, errFunds
	}
	t.Number = fmt.Sprintf("T%06d", len(b.lines)+1)
	b.lines = append(b.lines, t)
	return t, nil
}

// Statement is a page of 25 lines of all accounts.
func (b *Bank) Statement(page int) (lines []Transfer, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, to := min(25*page, len(b.lines)), min(25*page+25, len(b.lines))
	return append([]Transfer(nil), b.lines[from:to]...), to < len(b.lines)
}
