package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

// WebhookPath is where the provider sends its messages.
const WebhookPath = "/webhooks/stripe"

const (
	// maxWebhook is far above what an event weighs, in bytes.
	maxWebhook = 256 << 10
	// webhooksAtOnce is how many messages are read at a time, which is 16 MiB, and webhooksOfAddress
	// how many from one address.
	webhooksAtOnce    = 64
	webhooksOfAddress = 16
	// webhookTime is how long one message that is there may take: less than the provider
	// waits for the answer.
	webhookTime = 8 * time.Second
	// keepWebhooks is how long messages are remembered. Stripe sends one again
	// for three days (https://docs.stripe.com/webhooks#retries), and for up to
	// thirty where somebody asks it to.
	keepWebhooks = 45 * 24 * time.Hour
)

// provider is the actor of what a message leads to.
var provider = event.Actor{Kind: event.ActorProvider, Name: "webhook"}

// ReceiveWebhooks has the simulator in this process send its messages to the
// shop, which is reached at base, such as http://127.0.0.1:5000. Without a
// simulator it does nothing.
func (s *App) ReceiveWebhooks(base string) error {
	if s.Simulator == nil {
		return nil
	}
	return s.Simulator.SetWebhook(base+WebhookPath, s.webhookSecret)
}

// Webhooks answers the provider's messages: 200 when what one says is
// recorded, was before, or does not concern us; 400 when it is not signed with
// our secret or too old; 5xx when it has to come again. Messages may come late,
// twice, and in the wrong order: what one says changes nothing, it only has the
// shop look. Without a secret nothing can be believed, and all are put off
// with 503.
//
// Anybody may send one, so few bodies are read at a time, and of one address fewer: one more cuts off
// the oldest.
func (s *App) Webhooks() (http.Handler, error) {
	log := observability.Named(s.Log, "webhooks")
	answer := func(w http.ResponseWriter, r *http.Request, result string, status int, err error) {
		s.money.webhooks.WithLabelValues(result).Inc()
		logWebhook(r.Context(), log, result, err)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		// The sender reads the status alone.
		_, _ = io.WriteString(w, result+"\n")
	}
	if s.webhookSecret == "" {
		log.Warn(
			"STRIPE_WEBHOOK_SECRET is not set: webhooks of the payment provider are answered 503, and what it " +
				"decides later is found by look-ups",
		)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, r, hookOff, http.StatusServiceUnavailable, nil)
		}), nil
	}
	body, err := throttlehttp.NewBody(throttlehttp.BodyConfig{
		MaxBytes: maxWebhook, Timeout: checkoutBody, PerKey: webhooksOfAddress, Total: webhooksAtOnce,
		Key: throttlehttp.AddressKey(s.proxies),
		Failed: func(w http.ResponseWriter, r *http.Request, status int) {
			answer(w, r, hookRefused, status, errors.New("it did not arrive completely, or is too large"))
		},
	})
	if err != nil {
		return nil, err
	}
	return body.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, status, err := s.webhook(r, log)
		answer(w, r, result, status, err)
	})), nil
}

// logWebhook logs what somebody has to look at.
func logWebhook(ctx context.Context, log *slog.Logger, result string, err error) {
	switch {
	case result == hookOff:
		log.WarnContext(
			ctx,
			"a webhook of the payment provider was refused: set STRIPE_WEBHOOK_SECRET to the signing secret "+
				"of this endpoint",
		)
	case result == hookRefused:
		log.WarnContext(
			ctx,
			"a webhook was refused: it does not come from the payment provider, or the secrets differ",
			"error",
			err,
		)
	case err != nil:
		log.ErrorContext(
			ctx, "a webhook of the payment provider could not be recorded; it will be sent again", "error", err,
		)
	}
}

// webhook deals with one message: the result, the status, and why.
func (s *App) webhook(r *http.Request, log *slog.Logger) (string, int, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return hookRefused, http.StatusBadRequest, err
	}
	e, err := stripegateway.ParseEvent(body, r.Header.Get(stripegateway.SignatureHeader), s.webhookSecret, 0)
	if err != nil {
		return hookRefused, http.StatusBadRequest, err
	}
	if !s.concerns(e) {
		return hookUnknown, http.StatusOK, nil
	}
	// What is begun is finished, also when the sender has gone away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), webhookTime)
	defer cancel()
	result := hookRepeated
	_, err = s.inbox.Once(ctx, e.ID, e.Type, time.Now(), func(ctx context.Context) (err error) {
		result, err = s.follow(ctx, e)
		return err
	})
	if err != nil {
		return hookFailed, http.StatusInternalServerError, fmt.Errorf("%s %s: %w", e.Type, e.ID, err)
	}
	log.InfoContext(ctx, "payment webhook", "webhook_id", e.ID, "type", e.Type, "object", e.Reference, "result", result)
	return result, http.StatusOK, nil
}

// concerns reports whether a message is of our own account, and of the mode of our key.
func (s *App) concerns(e stripegateway.Event) bool {
	return e.Account == "" && e.Livemode == s.Config.LiveKey()
}

// follow does what a message requests. Doing it again does no harm.
func (s *App) follow(ctx context.Context, e stripegateway.Event) (string, error) {
	switch e.Kind {
	case stripegateway.EventRefund:
		return s.handleRefundEvent(ctx, e)
	case stripegateway.EventPaymentSettled:
		return s.ofOrder(ctx, e, s.handlePaymentEvent)
	case stripegateway.EventPage:
		return s.ofOrder(ctx, e, s.handlePageEvent)
	case stripegateway.EventDispute:
		return s.handleDisputeEvent(ctx, e)
	}
	return hookIgnored, nil
}

// ofOrder has a message handled with the order that it names.
func (s *App) ofOrder(ctx context.Context, e stripegateway.Event,
	handle func(context.Context, orders.Order, stripegateway.Event) (string, error)) (string, error) {
	if e.OrderID == "" {
		return hookUnknown, nil
	}
	o, err := s.Orders.Order(ctx, e.OrderID)
	switch {
	case errors.Is(err, orders.ErrNotFound):
		return hookUnknown, nil
	case err != nil:
		return "", err
	}
	return handle(ctx, o, e)
}

// handleRefundEvent looks a refund up. What that leads to is followed by its return
// (see returns.Subscribe).
func (s *App) handleRefundEvent(ctx context.Context, e stripegateway.Event) (string, error) {
	r, err := s.Refunds.HandleWebhook(ctx, provider, e.WebhookEvent())
	switch {
	case errors.Is(err, refunds.ErrNotFound):
		return hookUnknown, nil // of a payment that is not ours
	case refunds.CodeOf(err) == refunds.CodeContradiction:
		return hookAlarm, s.raise(ctx, aboutRefund, review.Discrepancy{
			ID: e.ID, Message: inWords(err), RefundID: r.ID, OrderID: r.OrderID, ProviderID: e.Reference,
		})
	case err != nil:
		return "", err
	}
	s.Events.Wake()
	return hookHandled, nil
}

// handlePaymentEvent has an order that waits for its payment charged now, which looks
// the payment up first.
func (s *App) handlePaymentEvent(ctx context.Context, o orders.Order, e stripegateway.Event) (string, error) {
	wrong := ""
	switch p := o.Payment; {
	case p.ID != e.PaymentID:
		wrong = fmt.Sprintf("it was made for payment %s, and the order's payment is %s", e.PaymentID, p.ID)
	case p.ProviderID != "" && p.ProviderID != e.Reference:
		wrong = "the payment of the order is " + p.ProviderID
	case e.Amount != p.Amount || e.Currency != o.Currency:
		wrong = fmt.Sprintf(
			"it took %s, and the order is for %s",
			money.New(e.Amount, e.Currency),
			money.New(p.Amount, o.Currency),
		)
	case o.Status == orders.StatusCanceled:
		wrong = "the order is cancelled"
	}
	if wrong != "" {
		return hookAlarm, s.raise(ctx, aboutPayment, review.Discrepancy{
			ID: e.ID,
			Message: fmt.Sprintf(
				"The provider says that %s of order %s succeeded, but %s.", e.Reference, o.Number, wrong,
			),
			OrderID: o.ID, ProviderID: e.Reference,
		})
	}
	if o.Status == orders.StatusCompleted {
		return hookHandled, nil
	}
	return s.lookAgain(ctx, o, e)
}

// lookAgain has the payment of an order looked up now, because of a message about it.
func (s *App) lookAgain(ctx context.Context, o orders.Order, e stripegateway.Event) (_ string, err error) {
	if o.Payment.Work.NeedsReview {
		_, err = s.Orders.Retry(ctx, o.ID, provider, "the provider says that "+e.Reference+" is "+e.Status)
		if orders.CodeOf(err) == orders.CodeTransition {
			err = nil // settled by somebody in the meantime
		}
	} else {
		_, err = s.Orders.Expedite(ctx, o.ID)
	}
	if err != nil {
		return "", err
	}
	s.Orders.Wake()
	return hookHandled, nil
}

// handleDisputeEvent looks a disputed payment up, whatever a message says of the dispute:
// while it is open its refunds are held back, and what the bank took for good
// counts as given back. The returns of its order get a task.
func (s *App) handleDisputeEvent(ctx context.Context, e stripegateway.Event) (string, error) {
	if e.PaymentReference == "" {
		return hookUnknown, nil
	}
	booked, err := s.Refunds.SyncPayment(ctx, e.PaymentReference, provider)
	switch {
	case errors.Is(err, refunds.ErrNotFound):
		return hookUnknown, nil
	case refunds.CodeOf(err) != "":
		return hookAlarm, s.raise(
			ctx,
			aboutOutside,
			review.Discrepancy{ID: e.ID, Message: inWords(err), ProviderID: e.Reference},
		)
	case err != nil:
		return "", err
	}
	s.Refunds.Wake()
	s.Events.Wake()
	for _, o := range booked {
		if o.ProviderID == e.Reference {
			return hookHandled, s.disputeTasks(ctx, o)
		}
	}
	return "", fmt.Errorf("the provider reports dispute %s and does not list it yet", e.Reference)
}

// closeTasks closes the open tasks of a kind.
func (s *App) closeTasks(ctx context.Context, c returns.Return, kind, note string) error {
	for _, task := range c.OpenTasks() {
		if task.Kind != kind {
			continue
		}
		_, err := s.Returns.CloseTask(ctx, c.ID, provider, returns.Task{ID: task.ID, Note: note})
		if err != nil && returns.CodeOf(err) != returns.CodeInvalid { // closed by somebody in the meantime
			return err
		}
	}
	return nil
}

// inWords is what a refusal of package refunds says to people.
func inWords(err error) string {
	if e, ok := errors.AsType[*refunds.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// raise puts a discrepancy into the review queue, once.
func (s *App) raise(ctx context.Context, about string, d review.Discrepancy) error {
	d.Kind = about
	fresh, err := s.Discrepancies.Raise(ctx, d)
	if err != nil || !fresh {
		return err
	}
	s.money.alarms.WithLabelValues(about).Inc()
	s.Log.ErrorContext(
		ctx,
		"the payment provider contradicts the shop; needs review, nothing was changed",
		observability.EventKey,
		"payment_alarm",
		"about",
		about,
		"alarm",
		d.ID,
		"refund_id",
		d.RefundID,
		"order_id",
		d.OrderID,
		"provider_reference",
		d.ProviderID,
		"cause",
		d.Message,
	)
	return nil
}

// forgetWebhooks removes the notes of messages that can't come again.
func (s *App) forgetWebhooks(ctx context.Context) (int, error) {
	return s.inbox.Forget(ctx, time.Now().Add(-keepWebhooks))
}
