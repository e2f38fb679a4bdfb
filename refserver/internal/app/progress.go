package app

import (
	"context"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/export"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

// openProgress makes what keeps operations that outlast a request.
func (s *App) openProgress() (err error) {
	s.Progress, err = progress.New(progress.Config{
		DB: s.DB, Now: s.now, Log: observability.Named(s.Log, "operations"),
	})
	if err != nil {
		return err
	}
	c := s.quality
	c.Operations = s.Progress
	if s.Config.Production() && !s.Config.ScenariosInProduction {
		c.Run = nil
	}
	s.Quality, err = quality.New(c)
	return err
}

// openExports makes what writes files.
func (s *App) openExports() (err error) {
	s.Exports, err = export.New(export.Config{
		Operations: s.Progress, Orders: s.Orders.Orders, Returns: s.Returns.Returns, Audit: s.Audit, Now: s.now,
	})
	return err
}

// operationLoops executes operations, each kind on its own: a long one of another kind
// keeps none from its turn.
func (s *App) operationLoops(add addLoop) error {
	fetch := s.whileOn(feature.PartnerIngest, s.Partners.FetchDue)
	if _, err := add("fetch partners' feeds", fetchEvery, fetch); err != nil {
		return err
	}
	takeIn := s.whileOn(feature.PartnerIngest, s.Partners.WorkDue)
	if _, err := add("take in partners' feeds", feedsEvery, takeIn); err != nil {
		return err
	}
	for _, kind := range append(s.Quality.Kinds(), s.Exports.Kind()) {
		name := map[string]string{
			export.Operation: "write exports", quality.Operation: "run quality scenarios", quality.Load: "run loads",
		}[kind.Name]
		if _, err := add(name, lookEvery, func(ctx context.Context) (bool, error) {
			return s.Progress.WorkDue(ctx, kind)
		}); err != nil {
			return err
		}
	}
	return nil
}

// forgetOperations removes the files of exports after a day, and exports and partners' feeds
// after ninety. Runs of scenarios stay: they are the record of what was measured.
func (s *App) forgetOperations(ctx context.Context) (int, error) {
	return s.Progress.CleanUp(ctx, export.Operation, partner.Operation)
}
