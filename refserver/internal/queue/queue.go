// Package queue is what nobody but a person can settle: refunds and charges
// that nobody can tell about, refunds that are held back, and contradictions of
// the payment provider. Pages and the JSON interface show it and act on it
// through here, so that both ask for the same reasons and record the same.
package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/alarm"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// Shown is how many of each kind are shown; the rest moves up as these are
// dealt with. answers is how many of the provider's answers.
const (
	Shown   = 50
	answers = 12
)

// Queue reads what waits, and settles it. All fields are required.
type Queue struct {
	Orders  *orders.Service
	Returns *returns.Service
	Refunds *refunds.Service
	Alarms  *alarm.Book
	// Approvals are refunds that wait for a second person.
	Approvals *approval.Desk
}

// Waiting is what waits for a person: the first of each kind, and how many.
type Waiting struct {
	Refunds     []Refund
	RefundCount int
	Orders      []Order
	OrderCount  int
	Alarms      []alarm.Alarm
	AlarmCount  int
	// Approvals are the refunds that wait for a second person.
	Approvals     []approval.Approval
	ApprovalCount int
}

// Empty reports whether nothing waits.
func (w Waiting) Empty() bool { return w.RefundCount+w.OrderCount+w.AlarmCount+w.ApprovalCount == 0 }

// Refund is a refund with its evidence.
type Refund struct {
	refunds.Refund
	Why     string         // it is here, in our words
	Answers []refunds.Call // the last of the provider's, oldest first, in its words
}

// Choice reports whether it only waits for somebody to choose how to pay it.
func (r Refund) Choice() bool { return r.HoldRef == refunds.AwaitingMethod }

// Held reports whether a dispute of the payment holds it.
func (r Refund) Held() bool { return r.HoldRef != "" && !r.Choice() }

// Methods are those by which it can be paid, where that is what it waits for.
func (r Refund) Methods() []payment.Method {
	if !r.Choice() {
		return nil
	}
	return []payment.Method{payment.StoreCredit, payment.Cash, payment.Card}
}

// Unsent reports whether it certainly was never sent.
func (r Refund) Unsent() bool { return r.Attempt().FirstSentAt.IsZero() }

// Order is an order whose charge nobody can tell about.
type Order struct {
	orders.Order
	Tries []Try // the last ones, oldest first
}

// Why it is here, in our words.
func (Order) Why() string { return "the provider has not said whether it took the money" }

// Try is what came of one attempt to charge.
type Try struct {
	At        time.Time `json:"-"`
	Outcome   string    `json:"outcome"`
	Code      string    `json:"code"`
	LastError string    `json:"last_error"`
}

// Waiting reads the queue.
func (q Queue) Waiting(ctx context.Context) (Waiting, error) {
	var w Waiting
	list, n, err := q.Refunds.List(ctx, refunds.Query{NeedsReview: true, PageSize: Shown})
	if err != nil {
		return w, err
	}
	w.RefundCount = n
	for _, r := range list {
		waiting, err := q.refund(ctx, r)
		if err != nil {
			return w, err
		}
		w.Refunds = append(w.Refunds, waiting)
	}
	sold, n, err := q.Orders.Orders(ctx, orders.Query{NeedsReview: true, PageSize: Shown})
	if err != nil {
		return w, err
	}
	w.OrderCount = n
	for _, o := range sold {
		tries, err := q.tries(ctx, o.ID)
		if err != nil {
			return w, err
		}
		w.Orders = append(w.Orders, Order{Order: o, Tries: tries})
	}
	if w.Approvals, w.ApprovalCount, err = q.Approvals.Waiting(ctx, Shown); err != nil {
		return w, err
	}
	w.Alarms, w.AlarmCount, err = q.Alarms.Open(ctx, Shown)
	return w, err
}

// refund completes a refund with what its events tell.
func (q Queue) refund(ctx context.Context, r refunds.Refund) (Refund, error) {
	w := Refund{Refund: r, Why: "the provider has not said whether it paid"}
	events, err := q.Refunds.Events(ctx, r.ID)
	if err != nil {
		return w, err
	}
	if w.Answers, err = refunds.ProviderCalls(events, answers); err != nil {
		return w, err
	}
	for _, e := range events {
		if e.Type != refunds.EventReviewRequired && e.Type != refunds.EventHeld {
			continue
		}
		var told struct{ Reason string }
		if err := json.Unmarshal(e.Data, &told); err != nil {
			return w, fmt.Errorf("queue: event %s: %w", e.ID, err)
		}
		w.Why = told.Reason
	}
	return w, nil
}

// tries are the last attempts to charge an order, oldest first.
func (q Queue) tries(ctx context.Context, id string) ([]Try, error) {
	events, err := q.Orders.Events(ctx, id)
	if err != nil {
		return nil, err
	}
	var tries []Try
	for _, e := range events {
		if e.Type != orders.EventChargeAttempted {
			continue
		}
		t := Try{At: e.At}
		if err := json.Unmarshal(e.Data, &t); err != nil {
			return nil, fmt.Errorf("queue: event %s: %w", e.ID, err)
		}
		tries = append(tries, t)
	}
	return tries[max(0, len(tries)-answers):], nil
}

// Count is how much waits for a person.
func (q Queue) Count(ctx context.Context) (int, error) {
	_, paid, err := q.Refunds.List(ctx, refunds.Query{NeedsReview: true, PageSize: 1})
	if err != nil {
		return 0, err
	}
	_, sold, err := q.Orders.Orders(ctx, orders.Query{NeedsReview: true, PageSize: 1})
	if err != nil {
		return 0, err
	}
	_, approvals, err := q.Approvals.Waiting(ctx, 1)
	if err != nil {
		return 0, err
	}
	_, alarms, err := q.Alarms.Open(ctx, 1)
	return paid + sold + alarms + approvals, err
}

// Decision is what a person says of a refund or a charge.
type Decision struct {
	Outcome   string // paid or not_paid; of an order also ask_again
	Reason    string // how they know; required
	Reference string // the provider's id of a refund, if known
	By        event.Actor
}

// reason is why somebody says what they say; they must say something.
func (d Decision) reason() (string, error) {
	text := strings.TrimSpace(d.Reason)
	if text == "" {
		return "", problem.Invalid("reason", "Say how you know: what the provider's own pages show.")
	}
	return text, nil
}

func wrongOutcome(got, allowed string) error {
	return problem.Invalid("outcome", fmt.Sprintf("outcome is %.40q; it must be %s.", got, allowed))
}

// SettleRefund ends a refund by the word of a person, has its return follow,
// and says what has come of it.
func (q Queue) SettleRefund(ctx context.Context, id string, d Decision) (string, error) {
	why, err := d.reason()
	if err != nil {
		return "", err
	}
	paid, ok := map[string]bool{"paid": true, "not_paid": false}[d.Outcome]
	if !ok {
		return "", wrongOutcome(d.Outcome, "paid or not_paid")
	}
	r, err := q.Refunds.Resolve(
		ctx,
		id,
		d.By,
		refunds.ResolveParams{Paid: paid, Reason: why, ProviderID: strings.TrimSpace(d.Reference)},
	)
	if err != nil {
		return "", err
	}
	// Its event does the same, where this is cut off.
	if err := q.Returns.RefundChanged(ctx, r); err != nil {
		return "", err
	}
	amount := money.New(r.Amount(), r.Quote.Currency)
	if paid {
		return fmt.Sprintf("The refund of %s counts as paid, on your word.", amount), nil
	}
	return fmt.Sprintf(
		"The refund of %s counts as not paid, on your word. It can be tried again on its return.",
		amount,
	), nil
}

// ReleaseRefund ends the hold of a refund's payment, where the message that the
// dispute is over did not come.
func (q Queue) ReleaseRefund(ctx context.Context, id string, d Decision) (string, error) {
	why, err := d.reason()
	if err != nil {
		return "", err
	}
	r, err := q.Refunds.ByID(ctx, id)
	if err != nil {
		return "", err
	}
	if !(Refund{Refund: r}).Held() {
		return "", problem.New(http.StatusConflict, "TRANSITION", "Nothing holds this refund any more.")
	}
	o, err := q.Orders.Order(ctx, r.OrderID)
	if err != nil {
		return "", err
	}
	_, err = q.Refunds.Release(ctx, refunds.HoldRequest{
		OrderID: o.ID, PaymentID: r.PaymentID, Captured: o.Payment.Amount, Currency: o.Currency,
		Ref: r.HoldRef, Reason: why, By: d.By,
	})
	return "The hold of " + r.HoldRef + " is over, and refunds of that payment go on.", err
}

// SettleOrder ends the charge of an order by the word of a person, or has the
// provider asked about it again.
func (q Queue) SettleOrder(ctx context.Context, id string, d Decision) (string, error) {
	why, err := d.reason()
	if err != nil {
		return "", err
	}
	switch d.Outcome {
	case "paid", "not_paid":
		o, err := q.Orders.Resolve(ctx, id, d.By, orders.Resolution{Captured: d.Outcome == "paid", Reason: why})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("Order %s is %s, on your word.", o.Number, o.Status), nil
	case "ask_again":
		o, err := q.Orders.Retry(ctx, id, d.By, why)
		return "The provider is asked about order " + o.Number + " again.", err
	}
	return "", wrongOutcome(d.Outcome, "paid, not_paid or ask_again")
}

// CloseAlarm notes that a person has dealt with a contradiction, and how.
func (q Queue) CloseAlarm(ctx context.Context, id, note string, by event.Actor) (string, error) {
	return "The alarm is closed.", q.Alarms.Close(ctx, id, note, by)
}
