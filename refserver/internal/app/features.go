package app

import (
	"cmp"
	"context"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
)

// openFeatures reads the switches. PostgreSQL notifies of changes on a direct connection, and
// Redis where there is one.
func (s *App) openFeatures(ctx context.Context) (err error) {
	c := feature.Config{DB: s.DB, Now: s.now, Log: observability.Named(s.Log, "features")}
	if s.DB.Dialect() == sqlstore.Postgres {
		direct := cmp.Or(string(s.Config.MigrationURL), string(s.Config.DatabaseURL))
		c.Signals = append(c.Signals, feature.Postgres{DB: s.DB, URL: direct})
	}
	if s.Config.RedisURL != "" {
		// A client of its own: the one of the limit is given up when it is late.
		client, err := redisthrottle.Dial(string(s.Config.RedisURL))
		if err != nil {
			return err
		}
		s.onClose(func(context.Context) error { client.Close(); return nil })
		c.Signals = append(c.Signals, feature.Redis{Client: client})
	}
	if s.Features, err = feature.New(ctx, c); err != nil {
		return err
	}
	s.group.Add("feature switches", s.Features)
	return nil
}

// whileOn is work that is left alone while a feature is off.
func (s *App) whileOn(
	n feature.Name, work func(context.Context) (bool, error),
) func(context.Context) (more bool, err error) {
	return func(ctx context.Context) (bool, error) {
		if !s.Features.On(n, "") {
			return false, nil
		}
		return work(ctx)
	}
}
