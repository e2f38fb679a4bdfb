package paysim

import (
	"strings"
	"time"
)

// Ledger is what truly happened to money, whatever the callers were answered.
// Its JSON form is what GET /_sim/ledger answers. Amounts are in the
// provider's unit: 10.00 USD are 1000, 10 JPY are 10, and 10 UGX, which has no
// decimals any more, are 1000.
type Ledger struct {
	// Calls counts the API calls received, look-ups and those that were cut
	// off too. Unlike the rest it is kept on disk only together with the next
	// change.
	Calls int64 `json:"calls"`
	// Charges that took money, oldest first. Declined ones are not among them.
	Charges []Charge `json:"charges"`
	// Refunds, oldest first.
	Refunds []Refund `json:"refunds"`
	// Disputes, oldest first.
	Disputes []Dispute `json:"disputes"`
	// Sessions are the Checkout Sessions, oldest first.
	Sessions []Session `json:"sessions"`
}

// Session is a hosted page on which a customer pays, or might have.
type Session struct {
	ID            string    `json:"id"`
	PaymentIntent string    `json:"payment_intent,omitempty"` // empty until the customer first pays
	Order         string    `json:"order"`                    // metadata[order_id] of the session
	AmountMinor   int64     `json:"amount_minor"`             // in the provider's unit
	Currency      string    `json:"currency"`                 // ISO 4217, upper case
	Digits        int       `json:"digits"`                   // decimals of AmountMinor
	Status        string    `json:"status"`                   // open, complete or expired
	At            time.Time `json:"at"`
}

// Charge is money that was taken.
type Charge struct {
	ID            string    `json:"id"`
	PaymentIntent string    `json:"payment_intent"` // the id that callers know the charge by
	Order         string    `json:"order"`          // metadata[order_id] of the PaymentIntent
	AmountMinor   int64     `json:"amount_minor"`   // in the provider's unit
	Currency      string    `json:"currency"`       // ISO 4217, upper case
	Digits        int       `json:"digits"`         // decimals of AmountMinor
	At            time.Time `json:"at"`
}

// Refund is money that was given back, or is on its way.
type Refund struct {
	ID            string    `json:"id"`
	Charge        string    `json:"charge"` // the Charge's ID
	PaymentIntent string    `json:"payment_intent"`
	Key           string    `json:"key"`          // idempotency key that made it
	AmountMinor   int64     `json:"amount_minor"` // in the provider's unit
	Currency      string    `json:"currency"`     // ISO 4217, upper case
	Digits        int       `json:"digits"`       // decimals of AmountMinor
	Status        string    `json:"status"`       // succeeded, pending or failed
	At            time.Time `json:"at"`
	// Outside says that it was made on the provider's own pages.
	Outside bool `json:"outside,omitempty"`
	// Metadata is as the caller gave it.
	Metadata map[string]string `json:"-"`
}

// export returns the refund as the ledger shows it.
func (r *refund) export() Refund {
	return Refund{
		ID: r.ID, Charge: r.Charge, PaymentIntent: r.Intent, Key: r.Key, AmountMinor: r.Amount,
		Currency: strings.ToUpper(r.Currency), Digits: digitsOf(r.Currency), Status: r.Status, At: r.CreatedAt,
		Outside: r.Outside, Metadata: copyMap(r.Metadata),
	}
}

// Ledger returns a copy of what has happened, once it is on disk. When the
// disk has refused a write, the newest entries may be in memory only; every
// API call and GET /_sim/ledger fail from then on.
func (s *Simulator) Ledger() Ledger {
	l, _ := s.ledger()
	return l
}

func (s *Simulator) ledger() (Ledger, error) {
	l, seen := s.copyLedger()
	return l, s.journal.wait(seen)
}

// copyLedger returns the ledger and the line that its newest part rests on.
func (s *Simulator) copyLedger() (Ledger, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state
	l := Ledger{
		Calls: s.calls.Load(), Charges: make([]Charge, 0, len(st.charges)),
		Refunds: make([]Refund, 0, len(st.refunds)), Disputes: make([]Dispute, 0, len(st.disputes)),
		Sessions: make([]Session, 0, len(st.sessions)),
	}
	for _, c := range st.charges {
		if !c.Captured {
			continue
		}
		l.Charges = append(l.Charges, Charge{
			ID: c.ID, PaymentIntent: c.Intent, Order: st.intentByID[c.Intent].Metadata["order_id"],
			AmountMinor: c.Amount, Currency: strings.ToUpper(c.Currency), Digits: digitsOf(c.Currency), At: c.CreatedAt,
		})
	}
	for _, r := range st.refunds {
		l.Refunds = append(l.Refunds, r.export())
	}
	for _, d := range st.disputes {
		l.Disputes = append(l.Disputes, d.export())
	}
	for _, c := range st.sessions {
		l.Sessions = append(l.Sessions, Session{
			ID: c.ID, PaymentIntent: c.Intent, Order: c.Metadata["order_id"], AmountMinor: c.Amount,
			Currency: strings.ToUpper(c.Currency), Digits: digitsOf(c.Currency), Status: c.status(s.now()),
			At: c.CreatedAt,
		})
	}
	return l, s.journal.last()
}
