package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/alarm"
	"github.com/returnkit/returnkit/refserver/internal/queue"
	"github.com/returnkit/returnkit/refunds"
)

func (a *API) queueRoutes() {
	a.staff("GET /api/admin/queue", a.waiting)
	a.staffOnce("POST /api/admin/queue/refunds/{id}/resolve", a.decide(a.Queue.SettleRefund))
	a.staffOnce("POST /api/admin/queue/refunds/{id}/release", a.decide(a.Queue.ReleaseRefund))
	a.staffOnce("POST /api/admin/queue/orders/{id}/resolve", a.decide(a.Queue.SettleOrder))
	a.staffOnce("POST /api/admin/queue/alarms/{id}/close", a.closeAlarm)
	a.staffOnce("POST /api/admin/queue/approvals/{id}/approve", a.approve)
	a.staffOnce("POST /api/admin/queue/approvals/{id}/decline", a.decline)
}

// queueJSON is what waits for a person: the newest of each kind, and how many
// there are.
type queueJSON struct {
	Refunds     []waitingRefundJSON `json:"refunds"`
	RefundCount int                 `json:"refund_count"`
	Orders      []waitingOrderJSON  `json:"orders"`
	OrderCount  int                 `json:"order_count"`
	Alarms      []alarmJSON         `json:"alarms"`
	AlarmCount  int                 `json:"alarm_count"`

	Approvals     []approvalJSON `json:"approvals"`
	ApprovalCount int            `json:"approval_count"`
}

type waitingRefundJSON struct {
	ID       string          `json:"id"`
	ReturnID string          `json:"return_id"`
	OrderID  string          `json:"sale_id"`
	Amount   json.Number     `json:"amount"`
	Currency string          `json:"currency"`
	Method   string          `json:"method"`
	Status   string          `json:"status"` // the refund's own, such as UNKNOWN or CREATED
	Why      string          `json:"why"`
	HeldBy   *string         `json:"held_by"` // a dispute, or choice_of_method
	Since    time.Time       `json:"since"`
	Methods  []string        `json:"methods"`  // by which it can be paid on its return
	Outcomes []string        `json:"outcomes"` // that resolve takes
	Attempts []attemptJSON   `json:"attempts"`
	Evidence []refundSayJSON `json:"evidence"`
}

type attemptJSON struct {
	Number    int        `json:"number"`
	Method    string     `json:"method"`
	Status    string     `json:"status"`
	Key       *string    `json:"idempotency_key"`
	Payment   *string    `json:"payment_reference"`
	Reference *string    `json:"provider_reference"`
	Calls     int        `json:"calls"`
	FirstSent *time.Time `json:"first_sent_at"`
}

// refundSayJSON is one answer of the provider, in its own words.
type refundSayJSON struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	Call    string    `json:"call"` // create or find
	Outcome string    `json:"outcome"`
	HTTP    *int      `json:"http_status"` // null: no answer
	Code    *string   `json:"code"`
	Message *string   `json:"message"`
	Stored  bool      `json:"replayed"`
}

type waitingOrderJSON struct {
	ID       string          `json:"id"`
	Number   string          `json:"number"`
	Amount   json.Number     `json:"amount"`
	Currency string          `json:"currency"`
	PlacedAt time.Time       `json:"placed_at"`
	Status   string          `json:"payment_status"`
	Key      *string         `json:"idempotency_key"`
	Payment  *string         `json:"payment_reference"`
	Why      string          `json:"why"`
	Outcomes []string        `json:"outcomes"`
	Evidence []chargeSayJSON `json:"evidence"`
}

type chargeSayJSON struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Code    *string   `json:"code"`
	Message *string   `json:"message"`
}

type alarmJSON struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Message   string    `json:"message"`
	RefundID  *string   `json:"refund_id"`
	OrderID   *string   `json:"sale_id"`
	Reference *string   `json:"provider_reference"`
	RaisedAt  time.Time `json:"raised_at"`
}

func (a *API) waiting(r *http.Request) (int, any, error) {
	w, err := a.Queue.Waiting(r.Context())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, queueJSON{
		Refunds: all(w.Refunds, waitingRefund), RefundCount: w.RefundCount,
		Orders: all(w.Orders, waitingOrder), OrderCount: w.OrderCount,
		Alarms: all(w.Alarms, alarmOf), AlarmCount: w.AlarmCount,
		Approvals: all(w.Approvals, approvalOf), ApprovalCount: w.ApprovalCount,
	}, nil
}

// all is f of each; none is an empty list.
func all[A, B any](list []A, f func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

func waitingRefund(r queue.Refund) waitingRefundJSON {
	j := waitingRefundJSON{
		ID: r.ID, ReturnID: r.ClientReference, OrderID: r.OrderID, Amount: amount(r.Amount(), r.Quote.Currency), Currency: string(r.Quote.Currency),
		Method: say(r.Method), Status: say(r.Status), Why: r.Why, HeldBy: known(r.HoldRef), Since: r.UpdatedAt.UTC(),
		Methods: all(
			r.Methods(),
			say[payment.Method],
		), Outcomes: []string{"paid", "not_paid"}, Evidence: all(r.Answers, saidOf),
	}
	if r.Unsent() {
		j.Outcomes = []string{"not_paid"} // it was never sent
	}
	j.Attempts = all(r.Attempts, func(t refunds.Attempt) attemptJSON {
		return attemptJSON{
			Number: t.Number, Method: say(t.Method), Status: say(t.Status), Key: known(t.Key), Payment: known(t.PaymentProviderID),
			Reference: known(t.ProviderID), Calls: t.Sent, FirstSent: when(t.FirstSentAt),
		}
	})
	return j
}

func saidOf(s refunds.Call) refundSayJSON {
	j := refundSayJSON{
		At: s.At.UTC(), Attempt: s.Attempt, Call: s.Kind, Outcome: string(s.Outcome), Code: known(s.Code), Message: known(s.Message), Stored: s.Replayed,
	}
	if s.HTTP != 0 {
		j.HTTP = &s.HTTP
	}
	return j
}

func waitingOrder(o queue.Order) waitingOrderJSON {
	return waitingOrderJSON{
		ID: o.ID, Number: o.Number, Amount: amount(o.Payment.Amount, o.Currency), Currency: string(o.Currency), PlacedAt: o.PlacedAt.UTC(),
		Status: say(o.Payment.Status), Key: known(o.Payment.Key), Payment: known(o.Payment.ProviderID), Why: o.Why(),
		Outcomes: []string{"paid", "not_paid", "ask_again"},
		Evidence: all(o.Tries, func(t queue.Try) chargeSayJSON {
			return chargeSayJSON{At: t.At.UTC(), Outcome: t.Outcome, Code: known(t.Code), Message: known(t.LastError)}
		}),
	}
}

func alarmOf(m alarm.Alarm) alarmJSON {
	return alarmJSON{
		ID: m.ID, Kind: m.Kind, Message: m.Message, RefundID: known(m.RefundID), OrderID: known(m.OrderID), Reference: known(m.Reference),
		RaisedAt: m.RaisedAt.UTC(),
	}
}

type settleRequest struct {
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Reference string `json:"provider_reference"`
}

// decide answers an action on what the address names. The reason is required
// and recorded with who gave it.
func (a *API) decide(do func(context.Context, string, queue.Decision) (string, error)) handler {
	return func(r *http.Request) (int, any, error) {
		var q settleRequest
		if err := decode(r, maxJSON, &q); err != nil {
			return 0, nil, err
		}
		return settled(
			do(
				r.Context(),
				r.PathValue("id"),
				queue.Decision{Outcome: q.Outcome, Reason: q.Reason, Reference: q.Reference, By: actor(r)},
			),
		)
	}
}

func (a *API) closeAlarm(r *http.Request) (int, any, error) {
	var q noteRequest
	if err := decode(r, maxJSON, &q); err != nil {
		return 0, nil, err
	}
	return settled(a.Queue.CloseAlarm(r.Context(), r.PathValue("id"), q.Note, actor(r)))
}

func settled(message string, err error) (int, any, error) {
	return http.StatusOK, map[string]any{"success": true, "message": message}, err
}
