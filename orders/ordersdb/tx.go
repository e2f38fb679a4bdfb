package ordersdb

import (
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
)

// WithTx returns the store in a transaction of the caller's, a bun.Tx or an
// *sql.Tx on the same database: a new order, its stock and its events commit or
// roll back with the caller's own rows. It batches nothing, retries nothing, and
// reads through the transaction; see sqlstore.DB.WithTx.
//
// An order is placed there and not charged: Claim, and whatever takes a lease to
// call the provider, return payment.ErrInTransaction and change nothing.
func (s *Store) WithTx(tx bun.IConn) *Store { return New(s.db.WithTx(tx), s.options...) }

// unleased refuses a lease that is taken in a transaction of the caller's: who
// has it calls the provider next.
func (s *Store) unleased(before, after orders.Order) error {
	if t := after.Payment.Work.LeaseToken; s.db.InTx() && t != "" && t != before.Payment.Work.LeaseToken {
		return payment.ErrInTransaction
	}
	return nil
}
