package app

import (
	"context"
	"errors"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
)

// openFigures makes what counts the key figures and the service levels. It
// comes after the breaker, whose outages are part of them, and before the
// orders, whose last charges at the stop are recorded too.
func (s *App) openFigures(context.Context) (err error) {
	s.Figures = observabilitydb.New(s.DB)
	log := observability.Named(s.Log, "figures")
	s.recorder, err = observabilitydb.NewRecorder(
		s.DB,
		observabilitydb.RecorderConfig{Outages: s.Breaker.Outages, Now: s.now, Log: log},
	)
	if err != nil {
		return err
	}
	s.onClose(s.recorder.Flush)
	s.rollup, err = observabilitydb.NewRollup(s.DB, observabilitydb.RollupConfig{Now: s.now, Log: log})
	if err != nil {
		return err
	}
	s.group.Add("count key figures", s.rollup)
	s.group.Add("record service levels", s.recorder)
	return nil
}

// followFigures has the key figures see what happens to returns and refunds.
// Orders are found without fanning their events out; see observabilitydb.
func (s *App) followFigures() error {
	for _, stream := range followed {
		err := s.Events.Watch(stream, observabilitydb.EventTypes(stream), outboxdb.Watcher(s.rollup.Note))
		if err != nil {
			return err
		}
	}
	return nil
}

// CountNow brings the counts of this process up to the present, for those who
// can't wait until they are counted anyway, within about ten seconds.
func (s *App) CountNow(ctx context.Context) error {
	_, err := s.rollup.Roll(ctx)
	return errors.Join(err, s.recorder.Flush(ctx))
}

// Changes searches all that happened to orders, returns and refunds.
func (s *App) Changes(ctx context.Context, q outboxdb.Query) (outboxdb.Page, error) {
	return outboxdb.Search(ctx, s.DB.Reader(), streams, q)
}

// recordFailed counts a checkout that left no order. One whose caller went
// away is no failure: its order, where there is one, continues.
func recordFailed(r *observabilitydb.Recorder, err error) {
	if !errors.Is(err, context.Canceled) {
		r.Failed()
	}
}
