package paysim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The states of a dispute, in Stripe's words
// (https://docs.stripe.com/api/disputes/object#dispute_object-status).
const (
	disputeNeedsResponse = "needs_response"
	disputeUnderReview   = "under_review"
	disputeWon           = "won"
	disputeLost          = "lost"
	disputePrevented     = "prevented"
	inquiryNeedsResponse = "warning_needs_response"
	inquiryUnderReview   = "warning_under_review"
	inquiryClosed        = "warning_closed"
)

// disputeMoves says which states can follow each
// (https://docs.stripe.com/disputes/how-disputes-work). What is not a key is
// the end.
var disputeMoves = map[string][]string{
	disputeNeedsResponse: {disputeUnderReview, disputeWon, disputeLost, disputePrevented},
	disputeUnderReview:   {disputeWon, disputeLost, disputePrevented},
	inquiryNeedsResponse: {inquiryUnderReview, inquiryClosed, disputeNeedsResponse},
	inquiryUnderReview:   {inquiryClosed, disputeNeedsResponse},
}

// disputeReasons are the reasons that a dispute can have
// (https://docs.stripe.com/api/disputes/object#dispute_object-reason).
var disputeReasons = []string{
	"bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized",
	"duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant",
	"product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
}

// dispute is what a customer's bank says against a charge.
type dispute struct {
	ID        string     `json:"id"`
	Intent    string     `json:"payment_intent"`
	Charge    string     `json:"charge"`
	Amount    int64      `json:"amount_minor"`
	Currency  string     `json:"currency"` // lower case
	Reason    string     `json:"reason"`
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"created_at"`
	ClosedAt  *time.Time `json:"closed_at,omitempty"`
	Movements []movement `json:"movements,omitempty"`

	index int // position in state.disputes
}

// movement is money that a dispute took from the account, negative, or gave
// back.
type movement struct {
	ID     string    `json:"id"`
	Amount int64     `json:"amount"`
	At     time.Time `json:"at"`
}

// inquiry reports whether the bank only asks; nothing has been withdrawn then.
func (d *dispute) inquiry() bool { return strings.HasPrefix(d.Status, "warning_") }

// blocks reports whether the charge cannot be refunded because of the dispute.
func (d *dispute) blocks() bool {
	return d.Status == disputeNeedsResponse || d.Status == disputeUnderReview || d.Status == disputeLost
}

// withdrawn returns how much the dispute has taken from the account.
func (d *dispute) withdrawn() int64 {
	var sum int64
	for _, m := range d.Movements {
		sum -= m.Amount
	}
	return sum
}

// Dispute is what a customer's bank says against a charge. While it is open,
// and when it was lost, the charge cannot be refunded; an inquiry does not
// prevent that.
type Dispute struct {
	ID             string     `json:"id"`
	PaymentIntent  string     `json:"payment_intent"`
	Charge         string     `json:"charge"`
	AmountMinor    int64      `json:"amount_minor"`    // in the provider's unit
	WithdrawnMinor int64      `json:"withdrawn_minor"` // taken from the account for it at this moment
	Currency       string     `json:"currency"`        // ISO 4217, upper case
	Digits         int        `json:"digits"`          // decimals of the amounts
	Reason         string     `json:"reason"`          // such as fraudulent
	Status         string     `json:"status"`
	At             time.Time  `json:"at"`
	ClosedAt       *time.Time `json:"closed_at,omitempty"`
}

// export returns the dispute as tests and the ledger show it.
func (d *dispute) export() Dispute {
	return Dispute{
		ID: d.ID, PaymentIntent: d.Intent, Charge: d.Charge, AmountMinor: d.Amount, WithdrawnMinor: d.withdrawn(),
		Currency: strings.ToUpper(d.Currency), Digits: digitsOf(d.Currency), Reason: d.Reason, Status: d.Status,
		At: d.CreatedAt, ClosedAt: d.ClosedAt,
	}
}

// DisputeParams says what a bank disputes.
type DisputeParams struct {
	PaymentIntent string `json:"payment_intent"`
	// AmountMinor is the part of the charge that is disputed, in the provider's
	// unit; 0 means all of it.
	AmountMinor int64 `json:"amount_minor"`
	// Reason is one of Stripe's; "" means general.
	Reason string `json:"reason"`
	// Inquiry makes the bank only ask, as some do before a dispute.
	Inquiry bool `json:"inquiry"`
}

// OpenDispute has the customer's bank dispute the whole charge of a
// PaymentIntent; see [Simulator.Dispute].
func (s *Simulator) OpenDispute(paymentIntent, reason string, inquiry bool) (Dispute, error) {
	return s.Dispute(DisputeParams{PaymentIntent: paymentIntent, Reason: reason, Inquiry: inquiry})
}

// Dispute has the customer's bank dispute a charge, and sends
// charge.dispute.created. Unless it is an inquiry, what was not refunded yet of
// the disputed amount is withdrawn, and charge.dispute.funds_withdrawn is sent.
// A charge has one open dispute at a time.
func (s *Simulator) Dispute(p DisputeParams) (Dispute, error) {
	var made *dispute
	err := s.control(func(t *tx) error {
		i := t.intentByID[p.PaymentIntent]
		if i == nil {
			return fmt.Errorf("paysim: there is no PaymentIntent %q", p.PaymentIntent)
		}
		ch := t.chargeByID[i.Charge]
		if ch == nil || !ch.Captured {
			return fmt.Errorf("paysim: PaymentIntent %s took no money that could be disputed", i.ID)
		}
		for _, id := range i.disputes {
			if d := t.disputeByID[id]; d.ClosedAt == nil {
				return fmt.Errorf("paysim: PaymentIntent %s is disputed already by %s", i.ID, d.ID)
			}
		}
		if p.Reason != "" && !slices.Contains(disputeReasons, p.Reason) {
			return fmt.Errorf("paysim: %q is no reason for a dispute; it must be one of %v", p.Reason, disputeReasons)
		}
		if p.AmountMinor < 0 || p.AmountMinor > ch.Amount {
			return fmt.Errorf("paysim: %d cannot be disputed; it must be from 1 to %d", p.AmountMinor, ch.Amount)
		}
		made = t.newDispute(i, ch, p)
		return nil
	})
	if err != nil {
		return Dispute{}, err
	}
	return made.export(), nil
}

// newDispute opens a dispute on a charge that was captured.
func (t *tx) newDispute(i *intent, ch *charge, p DisputeParams) *dispute {
	d := &dispute{
		ID: t.newID("dp"), Intent: i.ID, Charge: ch.ID, Amount: ch.Amount, Currency: ch.Currency,
		Reason: p.Reason, Status: disputeNeedsResponse, CreatedAt: t.now,
	}
	if d.Reason == "" {
		d.Reason = "general"
	}
	if p.AmountMinor > 0 {
		d.Amount = p.AmountMinor
	}
	t.entry.Dispute = d
	if p.Inquiry {
		d.Status = inquiryNeedsResponse
		t.emitDispute("created", d)
		return d
	}
	left := i.Amount - t.refunded(i)
	t.emitDispute("created", d)
	t.moveFunds(d, -min(d.Amount, left))
	return d
}

// emitDispute emits an event about a dispute.
func (t *tx) emitDispute(what string, d *dispute) {
	t.emit("charge.dispute."+what, t.live(d.Intent), func() any { return t.viewDispute(d) })
}

// moveFunds takes money from the account, or gives it back.
func (t *tx) moveFunds(d *dispute, amount int64) {
	if amount == 0 {
		return
	}
	d.Movements = append(slices.Clone(d.Movements), movement{t.newID("txn"), amount, t.now})
	if amount < 0 {
		t.emitDispute("funds_withdrawn", d)
	} else {
		t.emitDispute("funds_reinstated", d)
	}
}

// CloseDispute ends a dispute as won, lost, prevented or warning_closed; see
// [Simulator.MoveDispute].
func (s *Simulator) CloseDispute(id, status string) (Dispute, error) {
	if _, open := disputeMoves[status]; open {
		return Dispute{}, fmt.Errorf("paysim: %q does not end a dispute", status)
	}
	return s.MoveDispute(id, status)
}

// MoveDispute brings a dispute to its next state. It sends
// charge.dispute.updated, or charge.dispute.closed at the end;
// charge.dispute.funds_withdrawn when an inquiry becomes a dispute, and
// charge.dispute.funds_reinstated when the dispute did not end as lost.
func (s *Simulator) MoveDispute(id, status string) (Dispute, error) {
	var moved *dispute
	err := s.control(func(t *tx) error {
		old := t.disputeByID[id]
		switch {
		case old == nil:
			return fmt.Errorf("paysim: there is no dispute %q", id)
		case old.ClosedAt != nil:
			return fmt.Errorf("paysim: dispute %s was closed as %s", id, old.Status)
		case !slices.Contains(disputeMoves[old.Status], status):
			return fmt.Errorf("paysim: dispute %s is %s and cannot become %q; it can become one of %v",
				id, old.Status, status, disputeMoves[old.Status])
		}
		moved = t.moveDispute(old, status)
		return nil
	})
	if err != nil {
		return Dispute{}, err
	}
	return moved.export(), nil
}

func (t *tx) moveDispute(old *dispute, status string) *dispute {
	d := *old
	d.Status = status
	t.entry.Dispute = &d
	if _, open := disputeMoves[status]; open {
		t.emitDispute("updated", &d)
		if old.inquiry() && !d.inquiry() {
			i := t.intentByID[d.Intent]
			t.moveFunds(&d, -min(d.Amount, i.Amount-t.refunded(i)))
		}
		return &d
	}
	d.ClosedAt = &t.now
	if status != disputeLost {
		t.moveFunds(&d, d.withdrawn())
	}
	t.emitDispute("closed", &d)
	return &d
}

// The JSON of a dispute.

type disputeView struct {
	ID                  string            `json:"id"`
	Object              string            `json:"object"`
	Amount              int64             `json:"amount"`
	BalanceTransactions []balanceView     `json:"balance_transactions"`
	Charge              string            `json:"charge"`
	Created             int64             `json:"created"`
	Currency            string            `json:"currency"`
	IsChargeRefundable  bool              `json:"is_charge_refundable"`
	Livemode            bool              `json:"livemode"`
	Metadata            map[string]string `json:"metadata"`
	PaymentIntent       string            `json:"payment_intent"`
	Details             disputeDetails    `json:"payment_method_details"`
	Reason              string            `json:"reason"`
	Status              string            `json:"status"`
}

type balanceView struct {
	ID                string `json:"id"`
	Object            string `json:"object"`
	Amount            int64  `json:"amount"`
	Created           int64  `json:"created"`
	Currency          string `json:"currency"`
	Fee               int64  `json:"fee"`
	Net               int64  `json:"net"`
	ReportingCategory string `json:"reporting_category"`
	Source            string `json:"source"`
	Status            string `json:"status"`
	Type              string `json:"type"`
}

type disputeDetails struct {
	Type string      `json:"type"`
	Card disputeCard `json:"card"`
}

type disputeCard struct {
	Brand    string `json:"brand"`
	CaseType string `json:"case_type"`
}

func (st *state) viewDispute(d *dispute) disputeView {
	v := disputeView{
		ID: d.ID, Object: "dispute", Amount: d.Amount, BalanceTransactions: []balanceView{}, Charge: d.Charge,
		Created: d.CreatedAt.Unix(), Currency: d.Currency, IsChargeRefundable: !d.blocks(), Livemode: st.live(d.Intent),
		Metadata: map[string]string{}, PaymentIntent: d.Intent, Reason: d.Reason, Status: d.Status,
		Details: disputeDetails{Type: "card", Card: disputeCard{CaseType: "chargeback"}},
	}
	if d.inquiry() {
		v.Details.Card.CaseType = "inquiry"
	}
	if ch := st.chargeByID[d.Charge]; ch != nil {
		c, _ := cardFor(ch.Method)
		v.Details.Card.Brand = c.brand
	}
	for _, m := range d.Movements {
		b := balanceView{
			ID: m.ID, Object: "balance_transaction", Amount: m.Amount, Created: m.At.Unix(), Currency: d.Currency,
			Net: m.Amount, ReportingCategory: "dispute", Source: d.ID, Status: "pending", Type: "adjustment",
		}
		if m.Amount > 0 {
			b.ReportingCategory = "dispute_reversal"
		}
		v.BalanceTransactions = append(v.BalanceTransactions, b)
	}
	return v
}

func retrieveDispute(c *call) (operation, *apiError) {
	if _, err := c.params.onlyExpansions(); err != nil {
		return nil, err
	}
	return func(t *tx) (func() any, *apiError) {
		d := t.disputeByID[c.object]
		if d == nil || !t.sees(t.live(d.Intent)) {
			return nil, t.noSuch("dispute", "dispute", c.object, d != nil)
		}
		return func() any { return t.viewDispute(d) }, nil
	}, nil
}

func listDisputes(c *call) (operation, *apiError) {
	page, err := readPage(c.params, []string{"payment_intent", "charge"}, nil)
	if err != nil {
		return nil, err
	}
	intentID, byIntent := c.params.values["payment_intent"]
	chargeID, byCharge := c.params.values["charge"]
	return func(t *tx) (func() any, *apiError) {
		found, more, err := list(t.disputes, page, "dispute",
			func(id string) (int, bool) {
				d := t.disputeByID[id]
				if d == nil {
					return 0, false
				}
				return d.index, true
			},
			func(d *dispute) bool {
				return page.created.has(d.CreatedAt) && (!byIntent || d.Intent == intentID) &&
					(!byCharge || d.Charge == chargeID) && t.sees(t.live(d.Intent))
			})
		if err != nil {
			return nil, err
		}
		return func() any {
			return viewList(c, found, more, func(d *dispute) any { return t.viewDispute(d) })
		}, nil
	}, nil
}
