package paysim

import (
	"strings"
	"time"
)

// Ledger is what truly happened to money, whatever the callers were told. Its
// JSON form is what GET /_sim/ledger answers.
type Ledger struct {
	// Calls counts the API calls received, look-ups and those that were cut
	// off too. Unlike the rest it is kept on disk only together with the next
	// change.
	Calls int64 `json:"calls"`
	// Charges that took money, oldest first. Declined ones are not among them.
	Charges []Charge `json:"charges"`
	// Refunds, oldest first.
	Refunds []Refund `json:"refunds"`
}

// Charge is money that was taken.
type Charge struct {
	ID          string    `json:"id"`
	Order       string    `json:"order"`        // metadata[order_id] of the PaymentIntent
	AmountMinor int64     `json:"amount_minor"` // in the currency's smallest unit
	Currency    string    `json:"currency"`     // ISO 4217, upper case
	At          time.Time `json:"at"`
	// PaymentIntent is the reference that callers know the charge by.
	PaymentIntent string `json:"-"`
}

// Refund is money that was given back, or is on its way.
type Refund struct {
	ID          string    `json:"id"`
	Charge      string    `json:"charge"`       // the Charge's ID
	Key         string    `json:"key"`          // idempotency key that made it
	AmountMinor int64     `json:"amount_minor"` // in the currency's smallest unit
	Currency    string    `json:"currency"`     // ISO 4217, upper case
	Status      string    `json:"status"`       // succeeded, pending or failed
	At          time.Time `json:"at"`
	// PaymentIntent and Metadata are as the caller gave them.
	PaymentIntent string            `json:"-"`
	Metadata      map[string]string `json:"-"`
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
	l := Ledger{Calls: s.calls.Load(), Charges: make([]Charge, 0, len(st.charges)), Refunds: make([]Refund, 0, len(st.refunds))}
	for _, c := range st.charges {
		if !c.Captured {
			continue
		}
		l.Charges = append(l.Charges, Charge{
			ID: c.ID, Order: st.intentByID[c.Intent].Metadata["order_id"], AmountMinor: c.Amount,
			Currency: strings.ToUpper(c.Currency), At: c.CreatedAt, PaymentIntent: c.Intent,
		})
	}
	for _, r := range st.refunds {
		l.Refunds = append(l.Refunds, Refund{
			ID: r.ID, Charge: r.Charge, Key: r.Key, AmountMinor: r.Amount, Currency: strings.ToUpper(r.Currency),
			Status: r.Status, At: r.CreatedAt, PaymentIntent: r.Intent, Metadata: copyMap(r.Metadata),
		})
	}
	return l, s.journal.last()
}
