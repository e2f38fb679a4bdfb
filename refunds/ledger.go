package refunds

import (
	"fmt"

	"github.com/returnkit/returnkit/orders/payment"
)

// effectsOf returns what the change from before (nil for a new refund) to after
// does. An open refund holds its amount, a succeeded one has moved it to
// refunded, failed and reversed hold nothing. Store credit is granted when an
// attempt by it succeeds and withdrawn when that is reversed.
func effectsOf(before *Refund, after Refund) Effects {
	var e Effects
	if before != nil {
		reserved, refunded := before.ledgerAmounts()
		e.Reserved, e.Refunded = -reserved, -refunded
	}
	reserved, refunded := after.ledgerAmounts()
	e.Reserved += reserved
	e.Refunded += refunded

	was := Status("")
	if before != nil {
		was = before.Status
	}
	a := after.Attempt()
	if a == nil || after.Method != payment.StoreCredit || after.Amount() == 0 || was == after.Status {
		return e
	}
	entry := CreditEntry{CustomerID: after.Customer, Currency: after.Quote.Currency, At: after.UpdatedAt, By: a.PaidBy}
	switch after.Status {
	case StatusSucceeded:
		entry.ID, entry.Ref, entry.Amount = a.ID, "refund:"+a.ID, after.Amount()
		entry.Note = "refund " + a.ProviderID
		if _, rest := CarriedPayment(after.ClientReference); rest {
			entry.Note = "the rest of refunds that could not be paid with them"
		}
	case StatusReversed:
		entry.ID, entry.Ref, entry.Amount = a.ID+":reversed", "reversal:"+a.ID, -after.Amount()
		entry.Note = "reversal of refund " + a.ProviderID
		if n := len(after.changes); n > 0 {
			entry.By = after.changes[n-1].Actor
		}
	default:
		return e
	}
	e.Credit = &entry
	return e
}

// checkSave reports what no store may save: a refund that is another one than
// before (nil for a new one), or whose events don't follow those before. It is
// a bug of the caller, not a refusal. So is a method that is none, an attempt by
// a provider without key, a state that is none, and an amount without currency.
func checkSave(before *Refund, after *Refund) error {
	version := 0
	if before != nil {
		version = before.Version
		if before.ID != after.ID || before.IntentID != after.IntentID || before.Leg != after.Leg ||
			before.ClientReference != after.ClientReference ||
			before.OrderID != after.OrderID || before.PaymentID != after.PaymentID {
			return fmt.Errorf(
				"refunds: refund %s can't be saved as refund %s of another reference or payment", before.ID, after.ID)
		}
	}
	if n := len(after.changes); after.Version != version+n || before == nil && n == 0 {
		return fmt.Errorf(
			"refunds: stale save of refund %s: version %d with %d events on version %d",
			after.ID,
			after.Version,
			n,
			version,
		)
	}
	if err := after.check(); err != nil {
		return err
	}
	return checkTexts(after.changes, after)
}

// check reports what no refund can be, however it was made.
func (r *Refund) check() error {
	bad := func(field, format string, args ...any) error {
		return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	a := r.Attempt()
	switch {
	case a == nil:
		return bad("attempts", "refund %s has none", r.ID)
	case !r.Status.valid() || a.Status != r.Status:
		return bad("status", "refund %s is %q and its attempt %q; no state is", r.ID, r.Status, a.Status)
	case !r.Method.Valid() || a.Method != r.Method:
		return bad("method", "refund %s is by %s and its attempt by %s; cash, store_credit or a method of the provider",
			r.ID, quoted(r.Method), quoted(a.Method))
	case a.Method.Manual() != (a.Key == ""):
		return bad("key", "attempt %s by %s has the key %q; those of a provider have one, others have none",
			a.ID, a.Method, a.Key)
	case r.Quote.Currency == "":
		return bad("currency", "refund %s has none", r.ID)
	case r.Amount() < 0 || a.Amount != r.Amount():
		return bad("amount", "refund %s is of %d minor units and its attempt of %d", r.ID, r.Amount(), a.Amount)
	}
	return nil
}

// ledgerAmounts are what the refund counts for in its payment's balance.
func (r *Refund) ledgerAmounts() (reserved, refunded int64) {
	switch {
	case !r.Status.CountsAgainstCaptured():
		return 0, 0
	case r.Status == StatusSucceeded:
		return 0, r.Amount()
	}
	return r.Amount(), 0
}

// apply adds the effects to the balance. More than was captured, or less than
// nothing, is CodeBalance and leaves the balance as it was.
func (b *Balance) apply(e Effects) error {
	next := *b
	next.Reserved += e.Reserved
	next.Refunded += e.Refunded
	more := e.Reserved + e.Refunded
	if next.Reserved < 0 || next.Refunded < 0 || next.Reserved+next.Refunded > next.Captured ||
		more > 0 && more > b.Available() {
		return &Error{Code: CodeBalance, Field: "amount", Message: fmt.Sprintf(
			"%d minor units can't be refunded; payment %s has %d left of %d",
			more,
			b.PaymentID,
			b.Available(),
			b.Captured,
		)}
	}
	*b = next
	return nil
}

// ManualReference is the n-th reference of a manual method, such as
// MANUAL-CAS-00042 or MANUAL-STO-00007: five digits or more.
func ManualReference(m payment.Method, n int64) (string, error) {
	short := map[payment.Method]string{payment.Cash: "CAS", payment.StoreCredit: "STO"}[m]
	if short == "" {
		return "", &Error{Code: CodeMethod, Field: "method", Message: fmt.Sprintf(
			"%q has no manual references; cash or store_credit", string(m))}
	}
	return fmt.Sprintf("MANUAL-%s-%05d", short, n), nil
}
