package refundsdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

type creditBalanceRow struct {
	bun.BaseModel `bun:"table:?(rk)store_credit_balances,alias:cb"`

	CustomerID   string `bun:",pk"`
	Currency     string `bun:",pk"`
	BalanceMinor int64
}

// Credit implements refunds.Store.
func (s *Store) Credit(ctx context.Context, e refunds.CreditEntry) (bool, error) {
	did := false
	err := s.db.Tx(ctx, "refundsdb: store credit", func(ctx context.Context, tx bun.IDB) (err error) {
		did, err = addCredit(ctx, tx, e)
		return err
	})
	return did && err == nil, refusal(err)
}

// LockCredit returns the customer's store credit in the currency, and keeps
// everybody else from changing it until the transaction ends: the store is one
// that WithTx returned. With MoveCredit it is the CreditLedger of package orders.
func (s *Store) LockCredit(ctx context.Context, customerID string, c money.Currency) (balance int64, err error) {
	if !s.db.InTx() {
		return 0, errors.New("refundsdb: lock store credit: there is no transaction that it stays locked in; " +
			"use WithTx")
	}
	err = s.db.Tx(ctx, "refundsdb: lock store credit", func(ctx context.Context, tx bun.IDB) error {
		balance, err = lockCredit(ctx, tx, customerID, c)
		return err
	})
	return balance, err
}

// MoveCredit adds the entry of an order's move, once per Ref; it reports whether
// this call did it. More than there is is CodeCreditTooLow.
func (s *Store) MoveCredit(ctx context.Context, m purchase.CreditMove, st event.Stamp) (bool, error) {
	return s.Credit(ctx, refunds.EntryOf(m, st))
}

// lockCredit locks the balance of a customer, who may have none yet.
func lockCredit(ctx context.Context, tx bun.IDB, customerID string, c money.Currency) (int64, error) {
	balance := creditBalanceRow{CustomerID: customerID, Currency: string(c)}
	_, err := tx.NewInsert().Model(&balance).
		On("CONFLICT (customer_id, currency) DO NOTHING").
		Returning("NULL").Exec(ctx)
	if err != nil {
		return 0, err
	}
	err = sqldb.ForUpdate(tx.NewSelect().Model(&balance).WherePK()).Scan(ctx)
	return balance.BalanceMinor, err
}

// addCredit appends an entry under the lock of the customer's balance.
func addCredit(ctx context.Context, tx bun.IDB, e refunds.CreditEntry) (bool, error) {
	if err := e.Validate(); err != nil {
		return false, err
	}
	balance, err := lockCredit(ctx, tx, e.CustomerID, e.Currency)
	if err != nil {
		return false, err
	}
	row := rowOfCredit(e)
	res, err := tx.NewInsert().Model(&row).On("CONFLICT (ref) DO NOTHING").Returning("NULL").Exec(ctx)
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	switch {
	case e.Amount > math.MaxInt64-balance:
		return false, &refunds.Error{Code: refunds.CodeInvalid, Field: "amount",
			Message: "the balance would be beyond the range of minor units"}
	case balance+e.Amount < 0:
		return false, &refunds.Error{Code: refunds.CodeCreditTooLow, Field: "amount", Message: fmt.Sprintf(
			"%d minor units of store credit can't be taken; there are %d", -e.Amount, balance)}
	}
	_, err = tx.NewUpdate().Model((*creditBalanceRow)(nil)).Set("balance_minor = ?", balance+e.Amount).
		Where("customer_id = ?", e.CustomerID).Where("currency = ?", string(e.Currency)).Exec(ctx)
	return err == nil, err
}

// CreditBalance implements refunds.Store.
func (s *Store) CreditBalance(ctx context.Context, customerID string, c money.Currency) (int64, error) {
	if !storable(customerID) || !storable(string(c)) {
		return 0, nil
	}
	var row creditBalanceRow
	err := s.db.Read().NewSelect().Model(&row).Where("cb.customer_id = ?", customerID).Where("cb.currency = ?",
		string(c)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("refundsdb: store credit of customer %s: %w", customerID, err)
	}
	return row.BalanceMinor, nil
}

// CreditEntries implements refunds.Store.
func (s *Store) CreditEntries(ctx context.Context, customerID string) ([]refunds.CreditEntry, error) {
	if !storable(customerID) {
		return nil, nil
	}
	var rows []creditRow
	err := s.db.Read().NewSelect().Model(&rows).Where("e.customer_id = ?", customerID).Order("e.at DESC",
		"e.id DESC").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("refundsdb: store credit of customer %s: %w", customerID, err)
	}
	var entries []refunds.CreditEntry
	for _, r := range rows {
		entries = append(entries, r.entry())
	}
	return entries, nil
}

// NextManualReference implements refunds.Store.
func (s *Store) NextManualReference(ctx context.Context, m payment.Method) (string, error) {
	if _, err := refunds.ManualReference(m, 0); err != nil {
		return "", err
	}
	var n int64
	err := s.db.Tx(ctx, "refundsdb: manual reference", func(ctx context.Context, tx bun.IDB) error {
		return tx.NewRaw(`INSERT INTO ?(rk)refund_manual_counters AS c (method, last) VALUES (?, 1)
			ON CONFLICT (method) DO UPDATE SET last = c.last + 1 RETURNING last`, string(m)).Scan(ctx, &n)
	})
	if err != nil {
		return "", err
	}
	return refunds.ManualReference(m, n)
}
