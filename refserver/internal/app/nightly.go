package app

import (
	"context"
	"errors"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refunds"
)

const (
	reconcileEvery = time.Minute
	// reconcileAfter is how long after its start a process leaves the night to
	// others: a start has to be quick, and one that fails is repeated.
	reconcileAfter = 5 * time.Minute
)

// openNightly makes what compares refunds with the provider's list at night.
func (s *App) openNightly() {
	s.Nightly = &reconcile.Nightly{
		DB: s.DB, Compare: s.Refunds.Reconcile, Settle: s.settleDifference,
		Zone: s.Config.DefaultTimezone.Location(), Now: s.now, NotBefore: s.now().Add(reconcileAfter),
	}
}

// reconcile runs the night that is due, if one is, and records in the metrics the last
// one, whichever process ran it.
func (s *App) reconcile(ctx context.Context) (bool, error) {
	run, ran, err := s.Nightly.Due(ctx)
	if err != nil {
		return false, err
	}
	if ran {
		log := observability.Named(s.Log, "reconciliation")
		fields := []any{
			"night",
			run.Night,
			"from",
			run.From,
			"to",
			run.To,
			"differences",
			run.Differences,
			"counts",
			run.Report.Totals.Count,
		}
		if run.Differences > 0 {
			log.ErrorContext(
				ctx,
				"our refunds and the provider's list differ; see the reconciliation page",
				append(fields, observability.EventKey, "reconciliation_differs")...)
		} else {
			log.InfoContext(ctx, "our refunds and the provider's list agree", fields...)
		}
	}
	nights, err := s.Nightly.Last(ctx, 2)
	if err != nil {
		return false, err
	}
	for _, n := range nights {
		if n.DoneAt.IsZero() {
			continue // the one under way; the one before counts
		}
		for _, f := range refunds.MatchStatuses() {
			s.money.differs.WithLabelValues(string(f)).Set(float64(n.Report.Totals.Count[f]))
		}
		s.money.night.Set(float64(n.DoneAt.Unix()))
		break
	}
	return false, nil
}

// settleDifference looks a refund up whose state differs: what the provider
// took back becomes reversed, though its message was lost. What it says was
// paid and failed here needs review; so does all else, which the report shows.
func (s *App) settleDifference(ctx context.Context, c refunds.Match) error {
	if c.Match != refunds.StateDiffers || c.AttemptID == "" { // what others made is followed by the sweep
		return nil
	}
	// As if the provider had told it: of an attempt that was replaced, too.
	_, err := s.Refunds.HandleWebhook(ctx, event.System("reconciliation"), payment.WebhookEvent{
		RefundID: c.RefundID, AttemptID: c.AttemptID, ProviderID: c.ProviderID, Outcome: payment.OutcomeDone,
	})
	switch refunds.CodeOf(err) {
	case "":
	case refunds.CodeTransition:
		return nil // settled by somebody in the meantime; the next night sees it
	default:
		// Also what can't be done about this one must not keep the night from
		// the others.
		return s.raise(ctx, aboutRefund, review.Discrepancy{
			ID: "reconciliation " + c.AttemptID, Message: inWords(err), RefundID: c.RefundID,
			OrderID: c.OrderID, ProviderID: c.ProviderID,
		})
	}
	if errors.Is(err, refunds.ErrNotFound) {
		return nil
	}
	if err == nil {
		s.Events.Wake()
	}
	return err
}
