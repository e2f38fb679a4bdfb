// Package review is the review queue: refunds and charges whose outcome is
// unknown, refunds that are on hold, and discrepancies between the shop and its
// payment provider. Pages and the JSON interface read it and act on it through
// here, so that both require the same reasons and record the same.
package review

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
)

// Shown is how many of each kind are listed; the rest moves up as these are
// resolved. callsShown is how many of the provider's answers.
const (
	Shown      = 50
	callsShown = 12
)

// ordersStream is the stream of the events of orders.
const ordersStream = "orders"

// Queue reads what needs review, and resolves it. All fields are required.
type Queue struct {
	DB      *sqlstore.DB // of all of them
	Orders  *orders.Service
	Returns *returns.Service
	Refunds *refunds.Service
	// Discrepancies are those between the shop and its provider.
	Discrepancies *Discrepancies
	// Approvals are refunds that wait for a second person.
	Approvals *approval.Desk
}

// Items is what needs review: the first of each kind, and how many there are.
type Items struct {
	Refunds          []Refund
	RefundCount      int
	Orders           []Order
	OrderCount       int
	Discrepancies    []Discrepancy
	DiscrepancyCount int
	// Approvals are the refunds that wait for a second person.
	Approvals     []approval.Approval
	ApprovalCount int
}

// Empty reports whether nothing needs review.
func (i Items) Empty() bool {
	return i.RefundCount+i.OrderCount+i.DiscrepancyCount+i.ApprovalCount == 0
}

// Refund is a refund with what the provider answered about it.
type Refund struct {
	refunds.Refund
	Why   string         // it needs review, in our words
	Calls []refunds.Call // the last ones, oldest first, in the provider's words
	// NoCredit: it can't be paid as store credit, which is off for its customer.
	NoCredit bool
}

// Failed reports whether it is the part of one payment that failed, while the parts of
// others did not: it is tried again alone.
func (r Refund) Failed() bool { return r.Status == refunds.StatusFailed }

// Choice reports whether it only waits for staff to choose its method.
func (r Refund) Choice() bool { return r.HoldRef == refunds.AwaitingMethod || r.Failed() }

// Held reports whether a dispute of the payment holds it.
func (r Refund) Held() bool { return r.HoldRef != "" && !r.Choice() }

// Methods are those by which it can be paid, where it waits for that choice.
func (r Refund) Methods() []payment.Method {
	if !r.Choice() {
		return nil
	}
	if r.NoCredit {
		return []payment.Method{payment.Cash, payment.Card}
	}
	return []payment.Method{payment.StoreCredit, payment.Cash, payment.Card}
}

// Unsent reports whether it certainly was never sent.
func (r Refund) Unsent() bool { return r.Attempt().FirstSentAt.IsZero() }

// Order is an order whose charge has an unknown outcome.
type Order struct {
	orders.Order
	Tries []Try // the last ones, oldest first
}

// Why returns why it needs review, in our words, with what its charge met last.
func (o Order) Why() string {
	const why = "the provider has not said whether it took the money"
	switch f := o.Payment.Failure; f {
	case "", payment.NotYetKnown: // says the same
		return why
	default:
		return why + "; the last attempt: " + problem.ChargeFailed(f, money.New(o.Payment.FailureLimit, o.Currency))
	}
}

// Try is the result of one attempt to charge.
type Try struct {
	At        time.Time `json:"-"`
	Outcome   string    `json:"outcome"`
	Code      string    `json:"code"`
	LastError string    `json:"last_error"`
}

// Items reads the queue.
func (q Queue) Items(ctx context.Context) (Items, error) {
	var w Items
	list, n, err := q.Refunds.List(ctx, refunds.Query{NeedsReview: true, PageSize: Shown})
	if err != nil {
		return w, err
	}
	w.RefundCount = n
	if w.Refunds, err = q.refunds(ctx, list); err != nil {
		return w, err
	}
	sold, n, err := q.Orders.Orders(ctx, orders.Query{NeedsReview: true, PageSize: Shown})
	if err != nil {
		return w, err
	}
	w.OrderCount = n
	if w.Orders, err = q.orders(ctx, sold); err != nil {
		return w, err
	}
	if w.Approvals, w.ApprovalCount, err = q.Approvals.Waiting(ctx, Shown); err != nil {
		return w, err
	}
	w.Discrepancies, w.DiscrepancyCount, err = q.Discrepancies.Open(ctx, Shown)
	return w, err
}

// history returns all events of the aggregates of a stream by their ids, read at once.
func (q Queue) history(ctx context.Context, stream string, ids []string) (map[string][]event.Event, error) {
	events, err := outboxdb.Events(ctx, q.DB.Read(), stream, ids...)
	of := make(map[string][]event.Event, len(ids))
	for _, e := range events {
		of[e.AggregateID] = append(of[e.AggregateID], e)
	}
	return of, err
}

// refunds completes refunds with what their events say.
func (q Queue) refunds(ctx context.Context, list []refunds.Refund) ([]Refund, error) {
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.ID
	}
	history, err := q.history(ctx, refundsdb.EventPrefix, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Refund, len(list))
	for i, r := range list {
		if out[i], err = refundOf(r, history[r.ID]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// refundOf completes a refund with what its events say.
func refundOf(r refunds.Refund, events []event.Event) (_ Refund, err error) {
	w := Refund{Refund: r, Why: "the provider has not said whether it paid"}
	if w.Calls, err = refunds.ProviderCalls(events, callsShown); err != nil {
		return w, err
	}
	for _, e := range events {
		if e.Type != refunds.EventReviewRequired && e.Type != refunds.EventHeld {
			continue
		}
		var data struct{ Reason string }
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return w, fmt.Errorf("review: event %s: %w", e.ID, err)
		}
		w.Why = data.Reason
	}
	if a := r.Attempt(); w.Failed() {
		w.Why = "a part of the refund failed, because " + problem.RefundFailed(a.FailureCode, a.FailureReason) +
			"; the parts of other payments are not affected"
	}
	return w, nil
}

// orders completes orders with what their events say.
func (q Queue) orders(ctx context.Context, list []orders.Order) ([]Order, error) {
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i] = o.ID
	}
	history, err := q.history(ctx, ordersStream, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Order, len(list))
	for i, o := range list {
		tries, err := triesOf(history[o.ID])
		if err != nil {
			return nil, err
		}
		out[i] = Order{Order: o, Tries: tries}
	}
	return out, nil
}

// triesOf are the last attempts to charge an order, oldest first.
func triesOf(events []event.Event) ([]Try, error) {
	var tries []Try
	for _, e := range events {
		if e.Type != orders.EventChargeAttempted {
			continue
		}
		t := Try{At: e.At}
		if err := json.Unmarshal(e.Data, &t); err != nil {
			return nil, fmt.Errorf("review: event %s: %w", e.ID, err)
		}
		tries = append(tries, t)
	}
	return tries[max(0, len(tries)-callsShown):], nil
}

// Count returns how much needs review.
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
	_, open, err := q.Discrepancies.Open(ctx, 1)
	return paid + sold + open + approvals, err
}

// Decision is what staff say of a refund or a charge.
type Decision struct {
	Outcome    string // paid or not_paid; of an order also ask_again
	Reason     string // how they know; required
	ProviderID string // the provider's id of a refund, if known
	// Confirm is the amount as a decimal number, entered again to overrule the provider's answer.
	Confirm string
	By      event.Actor
}

// confirmed is Confirm in the currency; the zero value where nothing was entered.
func (d Decision) confirmed(c money.Currency) (money.Money, error) {
	if d.Confirm == "" {
		return money.Money{}, nil
	}
	amount, err := money.Parse(d.Confirm, c)
	if err != nil {
		return money.Money{}, problem.Invalid("confirm_amount", fmt.Sprintf(
			"The amount to confirm is %.40q; it must be a number of %s.", d.Confirm, c))
	}
	return amount, nil
}

// reason is how staff know; it is required.
func (d Decision) reason() (string, error) {
	text := strings.TrimSpace(d.Reason)
	if text == "" {
		return "", problem.Invalid("reason", "Say how you know, such as what the provider's dashboard shows.")
	}
	return text, nil
}

func wrongOutcome(got, allowed string) error {
	return problem.Invalid("outcome", fmt.Sprintf("outcome is %.40q; it must be %s.", got, allowed))
}

// ResolveRefund ends a refund as staff say, has its return follow, and returns
// what to say of the result.
func (q Queue) ResolveRefund(ctx context.Context, id string, d Decision) (string, error) {
	why, err := d.reason()
	if err != nil {
		return "", err
	}
	paid, ok := map[string]bool{"paid": true, "not_paid": false}[d.Outcome]
	if !ok {
		return "", wrongOutcome(d.Outcome, "paid or not_paid")
	}
	p := refunds.ResolveParams{Paid: paid, Reason: why, ProviderID: strings.TrimSpace(d.ProviderID)}
	r, err := q.Refunds.ByID(ctx, id)
	if err != nil {
		return "", err
	}
	if p.Confirmed, err = d.confirmed(r.Quote.Currency); err != nil {
		return "", err
	}
	if r, err = q.Refunds.Resolve(ctx, id, d.By, p); err != nil {
		return "", err
	}
	// Its event does the same, where this is cut off.
	if err := q.Returns.RefundChanged(ctx, r); err != nil {
		return "", err
	}
	amount := money.New(r.Amount(), r.Quote.Currency)
	if paid {
		return fmt.Sprintf("The refund of %s is recorded as paid.", amount), nil
	}
	return fmt.Sprintf(
		"The refund of %s is recorded as not paid. It can be tried again on its return.",
		amount,
	), nil
}

// ReleaseRefund ends the hold of a refund's payment, where the webhook that the
// dispute is over did not come. The provider is asked before: a dispute that it calls won is over
// by its word, and one that it calls open or lost is overruled with the amount of the refund.
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
		return "", problem.New(http.StatusConflict, "TRANSITION", "This refund is no longer on hold.")
	}
	against, err := q.dispute(ctx, r, d)
	if err != nil {
		return "", err
	}
	if against != "" {
		why += " (against the provider's answer: " + against + ")"
	}
	o, err := q.Orders.Order(ctx, r.OrderID)
	if err != nil {
		return "", err
	}
	_, err = q.Refunds.Release(ctx, refunds.HoldRequest{
		OrderID: o.ID, PaymentID: r.PaymentID, Captured: o.Payment.Amount, Currency: o.Currency,
		Ref: r.HoldRef, Reason: why, By: d.By,
	})
	return "The hold of " + r.HoldRef + " is released, and refunds of that payment continue.", err
}

// dispute asks the provider about the dispute that holds a refund, and returns its answer where
// the amount that staff entered overrules that. One that can't be asked contradicts nobody.
func (q Queue) dispute(ctx context.Context, r refunds.Refund, d Decision) (against string, err error) {
	booked, err := q.Refunds.SyncPayment(ctx, r.Attempt().PaymentProviderID, d.By)
	if refunds.CodeOf(err) != "" {
		// It answered, and something else of the payment contradicts the shop: the dispute is booked.
		booked, err = q.Refunds.OutsideMoney(ctx, r.OrderID)
		if err != nil {
			return "", err
		}
	}
	if err != nil {
		return "", ctx.Err()
	}
	i := slices.IndexFunc(booked, func(o refunds.Outside) bool {
		return o.ProviderID == r.HoldRef && o.State != refunds.OutsideReturned
	})
	if i < 0 {
		return "", nil
	}
	against = fmt.Sprintf("dispute %s is %s", r.HoldRef, booked[i].Status)
	amount := money.New(r.Amount(), r.Quote.Currency)
	confirmed, err := d.confirmed(r.Quote.Currency)
	switch {
	case err != nil || confirmed == amount:
		return against, err
	case d.Confirm != "":
		return "", problem.Invalid("confirm_amount", fmt.Sprintf(
			"It is %s, and the refund is of %s.", confirmed, amount))
	}
	refused := problem.New(http.StatusConflict, string(refunds.CodeUnconfirmed), fmt.Sprintf(
		"The provider says that dispute %s is %s. To release the refund anyway, enter its amount, %s.",
		r.HoldRef, booked[i].Status, amount))
	refused.Problem.Field = "confirm_amount"
	return "", refused
}

// ResolveOrder ends the charge of an order as staff say, or looks it up again.
func (q Queue) ResolveOrder(ctx context.Context, id string, d Decision) (string, error) {
	why, err := d.reason()
	if err != nil {
		return "", err
	}
	switch d.Outcome {
	case "paid", "not_paid":
		o, err := q.Orders.Order(ctx, id)
		if err != nil {
			return "", err
		}
		r := orders.Resolution{Captured: d.Outcome == "paid", Reason: why}
		if r.Confirmed, err = d.confirmed(o.Currency); err != nil {
			return "", err
		}
		if o, err = q.Orders.Resolve(ctx, id, d.By, r); err != nil {
			return "", err
		}
		return fmt.Sprintf("Order %s is %s now.", o.Number, o.Status), nil
	case "ask_again":
		o, err := q.Orders.Retry(ctx, id, d.By, why)
		return "The charge of order " + o.Number + " is looked up again.", err
	}
	return "", wrongOutcome(d.Outcome, "paid, not_paid or ask_again")
}

// CloseDiscrepancy closes a discrepancy, with what staff found and did.
func (q Queue) CloseDiscrepancy(ctx context.Context, id, note string, by event.Actor) (string, error) {
	return "The discrepancy is closed.", q.Discrepancies.Close(ctx, id, note, by)
}
