package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/alarm"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
)

// queueShown is how many of each kind the queue shows; the rest moves up as
// these are dealt with. queueAnswers is how many of the provider's answers.
const (
	queueShown   = 50
	queueAnswers = 12
)

func (s *server) queueRoutes() {
	s.staff("GET /admin/queue", s.queue)
	s.staffOnce("POST /admin/queue/refunds/{id}/resolve", s.resolveRefund)
	s.staffOnce("POST /admin/queue/refunds/{id}/release", s.releaseRefund)
	s.staffOnce("POST /admin/queue/orders/{id}/resolve", s.resolveOrder)
	s.staffOnce("POST /admin/queue/alarms/{id}/close", s.closeAlarm)
}

// queueBody is what nobody but a person can settle.
type queueBody struct {
	Refunds     []queuedRefund
	RefundCount int
	Orders      []queuedOrder
	OrderCount  int
	Alarms      []alarm.Alarm
	AlarmCount  int
	Form        url.Values // what was typed into a form that was refused
	At          string     // the id of what that form is about
}

// Empty reports whether nothing waits for a person.
func (b queueBody) Empty() bool { return b.RefundCount+b.OrderCount+b.AlarmCount == 0 }

// Value is what was typed into a field of the form about id.
func (b queueBody) Value(id, field string) string {
	if b.At != id {
		return ""
	}
	return b.Form.Get(field)
}

// queuedRefund is a refund with its evidence.
type queuedRefund struct {
	refunds.Refund
	Answers []refunds.Said
	Methods []refunds.Method // by which it can be paid, where that is what it waits for
	Key     string           // makes a double click one
}

// Choice reports whether it only waits for somebody to choose how to pay it.
func (q queuedRefund) Choice() bool { return q.HeldBy == refunds.AwaitsChoice }

// Waits reports whether it certainly was never sent.
func (q queuedRefund) Waits() bool { return q.Refund.Waits() }

// Held reports whether a dispute of the payment holds it.
func (q queuedRefund) Held() bool { return q.HeldBy != "" && !q.Choice() }

// queuedOrder is an order whose charge nobody can tell about.
type queuedOrder struct {
	orders.Order
	Tries []chargeTry
	Key   string
}

// chargeTry is what came of one attempt to charge.
type chargeTry struct {
	At        time.Time
	Outcome   string `json:"outcome"`
	Code      string `json:"code"`
	LastError string `json:"last_error"`
}

func (s *server) queue(w http.ResponseWriter, r *http.Request) error {
	return s.showQueue(w, r, http.StatusOK, queueBody{})
}

func (s *server) showQueue(w http.ResponseWriter, r *http.Request, status int, body queueBody, notes ...note) error {
	ctx := r.Context()
	list, n, err := s.Refunds.List(ctx, refunds.Query{NeedPerson: true, PageSize: queueShown})
	if err != nil {
		return err
	}
	body.RefundCount = n
	for _, refund := range list {
		q := queuedRefund{Refund: refund, Key: newKey()}
		if q.Answers, err = s.Refunds.Evidence(ctx, refund.ID, queueAnswers); err != nil {
			return err
		}
		if q.Choice() {
			q.Methods = []refunds.Method{refunds.StoreCredit, refunds.Cash, refunds.Card}
		}
		body.Refunds = append(body.Refunds, q)
	}
	sold, n, err := s.Orders.Orders(ctx, orders.Query{NeedPerson: true, PageSize: queueShown})
	if err != nil {
		return err
	}
	body.OrderCount = n
	for _, o := range sold {
		q := queuedOrder{Order: o, Key: newKey()}
		if q.Tries, err = s.chargeTries(r, o.ID); err != nil {
			return err
		}
		body.Orders = append(body.Orders, q)
	}
	if body.Alarms, body.AlarmCount, err = s.Alarms.Open(ctx, queueShown); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "admin_queue", "Queue", body, notes...)
}

// chargeTries are the last attempts to charge an order, oldest first.
func (s *server) chargeTries(r *http.Request, id string) ([]chargeTry, error) {
	events, err := s.Orders.Events(r.Context(), id)
	if err != nil {
		return nil, err
	}
	var tries []chargeTry
	for _, e := range events {
		if e.Type != orders.EventChargeAttempted {
			continue
		}
		t := chargeTry{At: e.At}
		if err := json.Unmarshal(e.Data, &t); err != nil {
			return nil, fmt.Errorf("web: event %s: %w", e.ID, err)
		}
		tries = append(tries, t)
	}
	return tries[max(0, len(tries)-queueAnswers):], nil
}

// inQueue counts what waits for a person.
func (s *server) inQueue(r *http.Request) (int, error) {
	_, paid, err := s.Refunds.List(r.Context(), refunds.Query{NeedPerson: true, PageSize: 1})
	if err != nil {
		return 0, err
	}
	_, sold, err := s.Orders.Orders(r.Context(), orders.Query{NeedPerson: true, PageSize: 1})
	if err != nil {
		return 0, err
	}
	_, alarms, err := s.Alarms.Open(r.Context(), 1)
	return paid + sold + alarms, err
}

// actOnQueue reads the form of an action, does it, and goes back to the queue.
// A refusal shows the queue again with what was typed.
func (s *server) actOnQueue(w http.ResponseWriter, r *http.Request, do func(id string, f url.Values) (string, error)) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	id := r.PathValue("id")
	message, err := do(id, r.PostForm)
	if err == nil {
		return s.redirect(w, r, "/admin/queue", message)
	}
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	return s.showQueue(w, r, p.Status, queueBody{Form: r.PostForm, At: id}, note{Tone: "bad", Text: p.Message})
}

// reasonIn is why somebody says what they say; they must say something.
func reasonIn(f url.Values) (string, error) {
	text := strings.TrimSpace(f.Get("reason"))
	if text == "" {
		return "", problem.Invalid("reason", "Say how you know: what the provider's own pages show.")
	}
	return text, nil
}

func (s *server) resolveRefund(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(w, r, func(id string, f url.Values) (string, error) {
		why, err := reasonIn(f)
		if err != nil {
			return "", err
		}
		paid, ok := map[string]bool{"paid": true, "not_paid": false}[f.Get("outcome")]
		if !ok {
			return "", problem.Invalid("outcome", fmt.Sprintf("outcome is %q; it must be paid or not_paid.", clip(f.Get("outcome"))))
		}
		refund, err := s.Refunds.Resolve(r.Context(), id, paid, why, actor(r), strings.TrimSpace(f.Get("provider_reference")))
		if err != nil {
			return "", err
		}
		// Its event does the same, where this is cut off.
		if err := s.Returns.RefundChanged(r.Context(), refund); err != nil {
			return "", err
		}
		amount := orders.NewMoney(refund.Amount(), refund.Quote.Currency)
		if paid {
			return fmt.Sprintf("The refund of %s counts as paid, on your word.", amount), nil
		}
		return fmt.Sprintf("The refund of %s counts as not paid, on your word. It can be tried again on its return.", amount), nil
	})
}

// releaseRefund ends the hold of a payment, where the message that its dispute
// is over did not come.
func (s *server) releaseRefund(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(w, r, func(id string, f url.Values) (string, error) {
		why, err := reasonIn(f)
		if err != nil {
			return "", err
		}
		refund, err := s.Refunds.ByID(r.Context(), id)
		if err != nil {
			return "", err
		}
		if !(queuedRefund{Refund: refund}).Held() {
			return "", problem.New(http.StatusConflict, "TRANSITION", "Nothing holds this refund any more.")
		}
		o, err := s.Orders.Order(r.Context(), refund.OrderID)
		if err != nil {
			return "", err
		}
		_, err = s.Refunds.Release(r.Context(), refunds.HoldRequest{
			OrderID: o.ID, PaymentID: refund.PaymentID, Captured: o.Payment.Amount, Currency: o.Currency,
			Ref: refund.HeldBy, Reason: why, By: actor(r),
		})
		return "The hold of " + refund.HeldBy + " is over, and refunds of that payment go on.", err
	})
}

func (s *server) resolveOrder(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(w, r, func(id string, f url.Values) (string, error) {
		why, err := reasonIn(f)
		if err != nil {
			return "", err
		}
		switch outcome := f.Get("outcome"); outcome {
		case "paid", "not_paid":
			o, err := s.Orders.Resolve(r.Context(), id, outcome == "paid", actor(r), why)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("Order %s is %s, on your word.", o.Number, o.Status), nil
		case "ask_again":
			o, err := s.Orders.Retry(r.Context(), id, actor(r), why)
			return "The provider is asked about order " + o.Number + " again.", err
		default:
			return "", problem.Invalid("outcome", fmt.Sprintf("outcome is %q; it must be paid, not_paid or ask_again.", clip(outcome)))
		}
	})
}

func (s *server) closeAlarm(w http.ResponseWriter, r *http.Request) error {
	return s.actOnQueue(w, r, func(id string, f url.Values) (string, error) {
		return "The alarm is closed.", s.Alarms.Close(r.Context(), id, f.Get("note"), actor(r))
	})
}
