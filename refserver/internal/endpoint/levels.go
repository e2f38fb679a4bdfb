package endpoint

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// LevelReader reads the service levels of all processes:
// *observabilitydb.Reader.
type LevelReader interface {
	SLO(ctx context.Context, now time.Time, window time.Duration) (observabilitydb.SLO, error)
}

// levelWindow is how far service levels look back where nothing else is named.
const levelWindow = 24 * time.Hour

// LevelParams is how far to look back.
type LevelParams struct {
	Window string `json:"window"` // a duration such as 1h, from 10m to 672h; empty: a day
}

// Levels are the service levels of checkout, and how many orders wait for their
// charge.
type Levels struct {
	observabilitydb.SLO
	Queued int
}

// ServiceLevels returns how the service levels are kept, over all processes.
func (e *Endpoints) ServiceLevels(ctx context.Context, by auth.User, p LevelParams) (Levels, error) {
	if err := ReadServiceLevels.Permit(by); err != nil {
		return Levels{}, err
	}
	window := levelWindow
	if p.Window != "" {
		var err error
		window, err = time.ParseDuration(p.Window)
		if err != nil || window < 10*time.Minute || window > 28*24*time.Hour {
			return Levels{}, problem.Invalid(
				"window", "window is "+input.Clip(p.Window)+"; it must be a time from 10m to 672h.")
		}
	}
	levels, err := e.d.Levels.SLO(ctx, e.d.Now(), window)
	if err != nil {
		return Levels{}, err
	}
	_, queued, err := e.d.Orders.Orders(
		ctx, orders.Query{Status: []orders.Status{orders.StatusQueued}, PageSize: 1})
	return Levels{levels, queued}, err
}
