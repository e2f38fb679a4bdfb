package refundsdb

import (
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// WithTx returns the store in a transaction of the caller's, a bun.Tx or an
// *sql.Tx on the same database: the request of a refund, its balance and its
// events commit or roll back with the caller's own rows. It batches nothing,
// retries nothing, and reads through the transaction; see sqlstore.DB.WithTx.
//
// A refund is requested there and not executed: Claim, and whatever takes a
// lease to call the provider, return payment.ErrInTransaction and change nothing.
func (s *Store) WithTx(tx bun.IConn) *Store { return New(s.db.WithTx(tx)) }

// unleased refuses a lease that one of the calls takes in a transaction of the
// caller's: who has it calls the provider next.
func (s *Store) unleased(before []refunds.Refund, calls []*changeCall) error {
	if !s.db.InTx() {
		return nil
	}
	tokens := make(map[string]string, len(before))
	for i := range before {
		tokens[before[i].ID] = before[i].Work.LeaseToken
	}
	for _, c := range calls {
		for _, r := range c.saved {
			if t := r.Work.LeaseToken; c.err == nil && t != "" && t != tokens[r.ID] {
				return payment.ErrInTransaction
			}
		}
	}
	return nil
}
