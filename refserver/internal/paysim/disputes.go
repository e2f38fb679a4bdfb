package paysim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// The states of a dispute that can be told here, in Stripe's words
// (https://docs.stripe.com/api/disputes/object#dispute_object-status).
const (
	disputeOpen     = "needs_response"
	disputeWon      = "won"
	disputeLost     = "lost"
	disputePrevent  = "prevented"
	disputeInquiry  = "warning_needs_response"
	disputeInquired = "warning_closed"
)

// Dispute is what a customer's bank says against a charge. While it is open,
// and when it was lost, the charge takes no refund; an inquiry stops none.
type Dispute struct {
	ID            string     `json:"id"`
	PaymentIntent string     `json:"payment_intent"`
	Charge        string     `json:"charge"`
	AmountMinor   int64      `json:"amount_minor"` // in the currency's smallest unit
	Currency      string     `json:"currency"`     // ISO 4217, lower case
	Reason        string     `json:"reason"`       // such as fraudulent
	Status        string     `json:"status"`
	CreatedAt     time.Time  `json:"created_at"`
	ClosedAt      *time.Time `json:"closed_at,omitempty"`
}

// stops reports whether the charge takes no refund for it.
func (d *Dispute) stops() bool { return d.Status == disputeOpen || d.Status == disputeLost }

type disputeView struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	Charge             string            `json:"charge"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	IsChargeRefundable bool              `json:"is_charge_refundable"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	PaymentIntent      string            `json:"payment_intent"`
	Reason             string            `json:"reason"`
	Status             string            `json:"status"`
}

func viewDispute(d *Dispute) disputeView {
	return disputeView{
		ID: d.ID, Object: "dispute", Amount: d.AmountMinor, Charge: d.Charge, Created: d.CreatedAt.Unix(), Currency: d.Currency,
		IsChargeRefundable: !d.stops(), Metadata: map[string]string{}, PaymentIntent: d.PaymentIntent, Reason: d.Reason, Status: d.Status,
	}
}

// OpenDispute has the customer's bank dispute the charge of a PaymentIntent,
// all of it, and sends charge.dispute.created. inquiry only asks, as banks do
// before some disputes. A charge has one open dispute at a time.
func (s *Simulator) OpenDispute(paymentIntent, reason string, inquiry bool) (Dispute, error) {
	return s.dispute(func(t *tx) (*Dispute, string, error) {
		i := t.intentByID[paymentIntent]
		if i == nil {
			return nil, "", fmt.Errorf("paysim: there is no PaymentIntent %q", paymentIntent)
		}
		ch := t.chargeByID[i.Charge]
		if ch == nil || !ch.Captured {
			return nil, "", fmt.Errorf("paysim: PaymentIntent %s took no money that could be disputed", i.ID)
		}
		for _, d := range t.disputes {
			if d.PaymentIntent == i.ID && d.ClosedAt == nil {
				return nil, "", fmt.Errorf("paysim: PaymentIntent %s is disputed already by %s", i.ID, d.ID)
			}
		}
		if reason == "" {
			reason = "general"
		}
		status := disputeOpen
		if inquiry {
			status = disputeInquiry
		}
		return &Dispute{
			ID: t.newID("dp"), PaymentIntent: i.ID, Charge: ch.ID, AmountMinor: ch.Amount, Currency: ch.Currency,
			Reason: reason, Status: status, CreatedAt: t.now,
		}, "charge.dispute.created", nil
	})
}

// CloseDispute ends a dispute as won, lost, prevented or warning_closed, and
// sends charge.dispute.closed.
func (s *Simulator) CloseDispute(id, status string) (Dispute, error) {
	ends := []string{disputeWon, disputeLost, disputePrevent, disputeInquired}
	if !slices.Contains(ends, status) {
		return Dispute{}, fmt.Errorf("paysim: %q is no end of a dispute; one of %v", status, ends)
	}
	return s.dispute(func(t *tx) (*Dispute, string, error) {
		old := t.disputes[id]
		switch {
		case old == nil:
			return nil, "", fmt.Errorf("paysim: there is no dispute %q", id)
		case old.ClosedAt != nil:
			return nil, "", fmt.Errorf("paysim: dispute %s was closed as %s", id, old.Status)
		}
		d := *old
		d.Status, d.ClosedAt = status, &t.now
		return &d, "charge.dispute.closed", nil
	})
}

// dispute puts down what change made, with its event, and returns when it is
// on disk.
func (s *Simulator) dispute(change func(*tx) (*Dispute, string, error)) (Dispute, error) {
	d, seq, err := s.applyDispute(change)
	if err != nil {
		return Dispute{}, err
	}
	return *d, s.journal.wait(seq)
}

func (s *Simulator) applyDispute(change func(*tx) (*Dispute, string, error)) (*Dispute, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped() {
		return nil, 0, errJournalClosed
	}
	t := &tx{state: s.state, now: s.now(), newID: s.newID}
	d, event, err := change(t)
	if err != nil {
		return nil, 0, err
	}
	t.entry.Dispute = d
	t.emit(event, func() any { return viewDispute(d) })
	s.state.apply(&t.entry)
	told := entry{Events: s.makeEvents(t)}
	s.state.apply(&told)
	t.entry.Events = told.Events
	seq, err := s.record(&t.entry)
	return d, seq, err
}

// controlDispute is POST /_sim/dispute: {"payment_intent", "reason", "inquiry"}
// opens one, {"id", "status"} closes it. It answers the dispute.
func (s *Simulator) controlDispute(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, http.MethodPost) {
		return
	}
	var asked struct {
		ID            string `json:"id"`
		Status        string `json:"status"`
		PaymentIntent string `json:"payment_intent"`
		Reason        string `json:"reason"`
		Inquiry       bool   `json:"inquiry"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(&asked)
	if err == nil && dec.Decode(new(any)) != io.EOF {
		err = errors.New("more follows the dispute")
	}
	if err != nil {
		control(w, http.StatusBadRequest, controlError(fmt.Errorf("paysim: the dispute could not be read: %w", err)))
		return
	}
	var d Dispute
	if asked.ID != "" {
		d, err = s.CloseDispute(asked.ID, asked.Status)
	} else {
		d, err = s.OpenDispute(asked.PaymentIntent, asked.Reason, asked.Inquiry)
	}
	if err != nil {
		control(w, http.StatusBadRequest, controlError(err))
		return
	}
	control(w, http.StatusOK, d)
}
