package client

import (
	"context"
	"time"
)

// Ledger is what truly happened to money, in the payment simulator's words.
// Amounts are in the provider's unit.
type Ledger struct {
	Charges  []LedgerCharge  `json:"charges"`
	Refunds  []LedgerRefund  `json:"refunds"`
	Disputes []LedgerDispute `json:"disputes"`
	Sessions []LedgerSession `json:"sessions"`
}

// LedgerCharge is money that was taken.
type LedgerCharge struct {
	ID       string `json:"id"`
	Order    string `json:"order"`
	Amount   int64  `json:"amount_minor"`
	Currency string `json:"currency"`
	Digits   int    `json:"digits"` // decimals of Amount
}

// LedgerRefund is money that was given back, or is on its way.
type LedgerRefund struct {
	ID       string `json:"id"`
	Charge   string `json:"charge"`
	Key      string `json:"key"`
	Amount   int64  `json:"amount_minor"`
	Currency string `json:"currency"`
	Digits   int    `json:"digits"`
	Status   string `json:"status"`
	Outside  bool   `json:"outside"` // made on the provider's own pages
}

// LedgerDispute is what a bank says against a charge.
type LedgerDispute struct {
	ID        string `json:"id"`
	Charge    string `json:"charge"`
	Withdrawn int64  `json:"withdrawn_minor"`
	Currency  string `json:"currency"`
	Digits    int    `json:"digits"`
	Status    string `json:"status"`
}

// LedgerSession is a page of the provider's on which an order is paid.
type LedgerSession struct {
	ID     string `json:"id"`
	Order  string `json:"order"`
	Amount int64  `json:"amount_minor"`
	Status string `json:"status"` // open, complete or expired
}

// ReadLedger reads the ledger of the simulator at base.
func ReadLedger(ctx context.Context, base string) (Ledger, error) {
	var l Ledger
	_, err := New(base, 30*time.Second).Call(ctx, "/_sim/ledger", nil, &l)
	return l, err
}
