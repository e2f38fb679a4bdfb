package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refunds"
)

func (a *API) queueRoutes() {
	e := a.Endpoints
	a.use("GET /api/admin/queue", endpoint.ReadQueue, a.waiting)
	a.use("POST /api/admin/queue/refunds/{id}/resolve", endpoint.ResolveRefund, resolve(e.ResolveRefund))
	a.use("POST /api/admin/queue/refunds/{id}/release", endpoint.ReleaseRefund, resolve(e.ReleaseRefund))
	a.use("POST /api/admin/queue/orders/{id}/resolve", endpoint.ResolveOrder, resolve(e.ResolveOrder))
	a.use("POST /api/admin/queue/alarms/{id}/close", endpoint.CloseDiscrepancy, resolve(e.CloseDiscrepancy))
	a.use("POST /api/admin/queue/approvals/{id}/approve", endpoint.ApproveRefund, resolve(e.ApproveRefund))
	a.use("POST /api/admin/queue/approvals/{id}/decline", endpoint.DeclineRefund, resolve(e.DeclineRefund))
}

// queueJSON is what needs review: the first of each kind, and how many there are.
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
	ID       string           `json:"id"`
	ReturnID string           `json:"return_id"`
	OrderID  string           `json:"sale_id"`
	Amount   json.Number      `json:"amount"`
	Currency string           `json:"currency"`
	Method   string           `json:"method"`
	Status   string           `json:"status"` // the refund's own, such as UNKNOWN or CREATED
	Why      string           `json:"why"`
	HoldRef  *string          `json:"held_by"` // a dispute, or choice_of_method
	Since    time.Time        `json:"since"`
	Methods  []string         `json:"methods"`  // by which it can be paid on its return
	Outcomes []string         `json:"outcomes"` // that resolve takes
	Attempts []attemptJSON    `json:"attempts"`
	Evidence []refundCallJSON `json:"evidence"`
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

// refundCallJSON is one answer of the provider, in its own words.
type refundCallJSON struct {
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
	Evidence []chargeTryJSON `json:"evidence"`
}

type chargeTryJSON struct {
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
	w, err := a.Endpoints.ReviewQueue(r.Context(), user(r))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, queueJSON{
		Refunds: all(w.Refunds, waitingRefund), RefundCount: w.RefundCount,
		Orders: all(w.Orders, waitingOrder), OrderCount: w.OrderCount,
		Alarms: all(w.Discrepancies, alarmOf), AlarmCount: w.DiscrepancyCount,
		Approvals: all(w.Approvals, approvalOf), ApprovalCount: w.ApprovalCount,
	}, nil
}

func waitingRefund(r review.Refund) waitingRefundJSON {
	j := waitingRefundJSON{
		ID: r.ID, ReturnID: r.ClientReference, OrderID: r.OrderID,
		Amount: amount(r.Amount(), r.Quote.Currency), Currency: string(r.Quote.Currency),
		Method: say(r.Method), Status: say(r.Status), Why: r.Why, HoldRef: known(r.HoldRef), Since: r.UpdatedAt.UTC(),
		Methods: all(r.Methods(), say[payment.Method]), Outcomes: []string{"paid", "not_paid"},
		Evidence: all(r.Calls, callOf),
	}
	switch {
	case r.Failed():
		j.Outcomes = []string{} // it is tried again, by one of the methods
	case r.Unsent():
		j.Outcomes = []string{"not_paid"} // it was never sent
	}
	j.Attempts = all(r.Attempts, func(t refunds.Attempt) attemptJSON {
		return attemptJSON{
			Number: t.Number, Method: say(t.Method), Status: say(t.Status), Key: known(t.Key),
			Payment:   known(t.PaymentProviderID),
			Reference: known(t.ProviderID), Calls: t.Sent, FirstSent: when(t.FirstSentAt),
		}
	})
	return j
}

func callOf(s refunds.Call) refundCallJSON {
	j := refundCallJSON{
		At: s.At.UTC(), Attempt: s.Attempt, Call: s.Kind, Outcome: string(s.Outcome),
		Code: known(s.Code), Message: known(s.Message), Stored: s.Replayed,
	}
	if s.HTTP != 0 {
		j.HTTP = &s.HTTP
	}
	return j
}

func waitingOrder(o review.Order) waitingOrderJSON {
	return waitingOrderJSON{
		ID: o.ID, Number: o.Number, Amount: amount(o.Payment.Amount, o.Currency),
		Currency: string(o.Currency), PlacedAt: o.PlacedAt.UTC(),
		Status: say(o.Payment.Status), Key: known(o.Payment.Key), Payment: known(o.Payment.ProviderID), Why: o.Why(),
		Outcomes: []string{"paid", "not_paid", "ask_again"},
		Evidence: all(o.Tries, func(t review.Try) chargeTryJSON {
			return chargeTryJSON{At: t.At.UTC(), Outcome: t.Outcome, Code: known(t.Code), Message: known(t.LastError)}
		}),
	}
}

func alarmOf(m review.Discrepancy) alarmJSON {
	return alarmJSON{
		ID: m.ID, Kind: m.Kind, Message: m.Message, RefundID: known(m.RefundID), OrderID: known(m.OrderID),
		Reference: known(m.ProviderID), RaisedAt: m.RaisedAt.UTC(),
	}
}

// resolve answers an action on what the address names.
func resolve[P any](do func(context.Context, auth.User, string, P) (string, error)) handler {
	return func(r *http.Request) (int, any, error) {
		var p P
		if err := input.JSON(r, &p); err != nil {
			return 0, nil, err
		}
		message, err := do(r.Context(), user(r), r.PathValue("id"), p)
		return http.StatusOK, map[string]any{"success": true, "message": message}, err
	}
}
