package refundstest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

// Credit implements refunds.Store.
func (s *Store) Credit(ctx context.Context, e refunds.CreditEntry) (bool, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	return s.addCredit(e)
}

// LockCredit returns the customer's store credit in the currency. With MoveCredit
// it makes the Store the CreditLedger of package orders, in memory: an
// orderstest.Store asks it while it holds its own lock, and nobody else may take
// store credit meanwhile.
func (s *Store) LockCredit(ctx context.Context, customerID string, c money.Currency) (int64, error) {
	return s.CreditBalance(ctx, customerID, c)
}

// MoveCredit adds the entry of an order's move, once per Ref.
func (s *Store) MoveCredit(ctx context.Context, m purchase.CreditMove, st event.Stamp) (bool, error) {
	return s.Credit(ctx, refunds.EntryOf(m, st))
}

func (s *Store) addCredit(e refunds.CreditEntry) (bool, error) {
	if err := e.Validate(); err != nil {
		return false, err
	}
	if s.refs[e.Ref] {
		return false, nil
	}
	balance := s.creditBalance(e.CustomerID, e.Currency)
	if e.Amount > math.MaxInt64-balance {
		return false, &refunds.Error{Code: refunds.CodeInvalid, Field: "amount",
			Message: "the balance would be beyond the range of minor units"}
	}
	if balance+e.Amount < 0 {
		return false, &refunds.Error{Code: refunds.CodeCreditTooLow, Field: "amount", Message: fmt.Sprintf(
			"%d minor units of store credit can't be taken; there are %d", -e.Amount, balance)}
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	s.refs[e.Ref] = true
	s.credit = append(s.credit, e)
	return true, nil
}

func (s *Store) creditBalance(customerID string, c money.Currency) int64 {
	var sum int64
	for _, e := range s.credit {
		if e.CustomerID == customerID && e.Currency == c {
			sum += e.Amount
		}
	}
	return sum
}

// CreditBalance implements refunds.Store.
func (s *Store) CreditBalance(ctx context.Context, customerID string, c money.Currency) (int64, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	return s.creditBalance(customerID, c), nil
}

// CreditEntries implements refunds.Store.
func (s *Store) CreditEntries(ctx context.Context, customerID string) ([]refunds.CreditEntry, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var entries []refunds.CreditEntry
	for _, e := range s.credit {
		if e.CustomerID == customerID {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b refunds.CreditEntry) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID))
	})
	return entries, nil
}
