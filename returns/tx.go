package returns

import (
	"fmt"

	"github.com/returnkit/returnkit/orders/payment"
)

// With returns the service on another store, such as one in a transaction of the
// caller's:
//
//	r, err := svc.With(store.WithTx(tx)).Create(ctx, by, returns.CreateParams{Purchase: &bought, ...})
//
// The return, the units it claims and its events commit or roll back with the
// caller's own rows. It covers creation: Create asks no neighbor there, so
// CreateParams.Purchase carries the order and CreateParams.Estimate is refused.
// Changes of a case that need no neighbor, such as Authorize, work as well. What
// looks a refund up, pays one or restocks returns payment.ErrInTransaction and
// changes nothing. The Observer is not called: the transaction may still roll back.
//
// Photos are stored as they are outside, before the return is, and stay where the
// transaction rolls back. Their store must not wait for the caller's transaction.
func (s *Service) With(store Store) *Service {
	in := *s
	in.store, in.cfg.Observer, in.inTx = store, deaf{}, true
	return &in
}

// outside refuses what asks a neighbor, in a transaction of the caller's.
func (s *Service) outside() error {
	if s.inTx {
		return fmt.Errorf("returns: %w", payment.ErrInTransaction)
	}
	return nil
}

// checkInTx refuses a request that would ask a neighbor in a transaction.
func (s *Service) checkInTx(q CreateParams) error {
	switch {
	case !s.inTx:
		return nil
	case q.Purchase == nil:
		return &Error{
			Code: CodeInvalid, Field: "Purchase", Err: payment.ErrInTransaction,
			Message: "It is nil; a return that is created in a transaction needs the order in its parameters.",
		}
	case q.Estimate != nil:
		return &Error{
			Code: CodeInvalid, Field: "Estimate", Err: payment.ErrInTransaction,
			Message: "An estimate can't be compared in a transaction; compare it before.",
		}
	}
	return nil
}
