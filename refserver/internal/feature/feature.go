// Package feature switches parts of the shop off and on while it runs.
//
// Switches are in the database, each change with who made it and when. Every process reads
// them twice a second, which is what is promised; a notification by PostgreSQL or Redis, where
// there is one, makes it sooner. A process that cannot read them continues with what it knows.
package feature

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/defaults"
	"github.com/returnkit/returnkit/resilience"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("feature", migrations) }

// ErrUnknown is returned for the name of no switch.
var ErrUnknown = errors.New("feature: there is no such switch")

// ErrChanged is returned for a change of a switch that somebody else has changed in the meantime.
var ErrChanged = errors.New("feature: the switch was changed by somebody else meanwhile")

// Invalid is an error in what was asked for.
type Invalid struct{ Field, Message string }

// Error implements error.
func (e *Invalid) Error() string { return e.Message }

// poll is how often the switches are read.
const poll = 500 * time.Millisecond

// Signal notifies other processes of a changed switch.
type Signal interface {
	// Publish notifies them. It is called after the change is committed.
	Publish(ctx context.Context) error
	// Listen calls changed for each change of others, until ctx is done or it cannot
	// listen any more.
	Listen(ctx context.Context, changed func()) error
}

// Config says what a Service works with. DB is required.
type Config struct {
	DB      *sqlstore.DB
	Signals []Signal
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// Service knows the switches. It is safe for concurrent use, by any number of processes on
// one database.
type Service struct {
	cfg     Config
	current atomic.Pointer[map[Name]Switch]
	wake    chan struct{}
}

// New returns a Service that has read the switches.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.DB == nil {
		return nil, errors.New("feature: Config.DB is required")
	}
	defaults.ClockAndLog(&c.Now, &c.Log)
	s := &Service{cfg: c, wake: make(chan struct{}, 1)}
	return s, s.read(ctx)
}

type switchRow struct {
	bun.BaseModel `bun:"table:?(rk)feature_switches,alias:f"`

	Name       Name `bun:",pk"`
	Version    int
	Mode       Mode
	Percentage int
	Users      sqldb.JSON[[]string]
	ChangedAt  sqldb.Time
	ChangedBy  string
}

type changeRow struct {
	bun.BaseModel `bun:"table:?(rk)feature_changes,alias:c"`

	Name       Name `bun:",pk"`
	Version    int  `bun:",pk"`
	Mode       Mode
	Percentage int
	Users      sqldb.JSON[[]string]
	ChangedAt  sqldb.Time
	ChangedBy  string
}

func (r switchRow) state() Switch {
	return Switch{r.Name, r.Mode, r.Percentage, r.Users.V, r.Version, r.ChangedAt.Time(), r.ChangedBy}
}

// read makes the switches of the database current.
func (s *Service) read(ctx context.Context) error {
	var rows []switchRow
	if err := s.cfg.DB.Read().NewSelect().Model(&rows).Scan(ctx); err != nil {
		return fmt.Errorf("feature: read switches: %w", err)
	}
	all := map[Name]Switch{}
	for _, d := range Definitions {
		all[d.Name] = Switch{Name: d.Name, Mode: On}
	}
	for _, r := range rows {
		if _, ok := all[r.Name]; ok { // else it is one of another version of the shop
			all[r.Name] = r.state()
		}
	}
	s.current.Store(&all)
	return nil
}

// On reports whether a feature is on for a user; the empty id is somebody who has not signed
// in. It asks no database. A name that is no switch is off.
func (s *Service) On(n Name, userID string) bool { return (*s.current.Load())[n].For(userID) }

// Switches returns the switches as this process knows them, in the order of Definitions.
func (s *Service) Switches() []Switch {
	all := *s.current.Load()
	out := make([]Switch, len(Definitions))
	for i, d := range Definitions {
		out[i] = all[d.Name]
	}
	return out
}

// Change is what is asked of a switch.
type Change struct {
	Mode       Mode
	Percentage int      // with Rollout: 0 to 100
	Users      []string // with Rollout: ids of users
	// Version is the version of the switch when the change was decided on; nil: any.
	Version *int
}

const (
	maxUsers  = 1000
	maxUserID = 255
)

func (c Change) check(d Definition) error {
	switch {
	case c.Mode != On && c.Mode != Off && c.Mode != Rollout:
		return &Invalid{"action", "The action must be enable, disable or rollout."}
	case c.Mode == Rollout && !d.PerUser:
		return &Invalid{"action", d.Label + " is on for all or for nobody: enable or disable it."}
	case c.Percentage < 0 || c.Percentage > 100:
		return &Invalid{"rollout_percentage", fmt.Sprintf("The percentage is %d; it must be 0 to 100.", c.Percentage)}
	case len(c.Users) > maxUsers:
		return &Invalid{"users", fmt.Sprintf("%d users are listed; at most %d.", len(c.Users), maxUsers)}
	}
	for _, u := range c.Users {
		if u == "" || len(u) > maxUserID {
			return &Invalid{"users", fmt.Sprintf("The id of a user has 1 to %d characters.", maxUserID)}
		}
	}
	return nil
}

// Set changes a switch. It is the current one of this process when Set returns, and of the
// others within a second. It returns ErrUnknown, ErrChanged or an *Invalid and then changes
// nothing.
func (s *Service) Set(ctx context.Context, n Name, by string, c Change) (Switch, error) {
	d, ok := Define(n)
	if !ok {
		return Switch{}, ErrUnknown
	}
	if err := c.check(d); err != nil {
		return Switch{}, err
	}
	if c.Mode != Rollout {
		c.Percentage, c.Users = 0, nil
	}
	c.Users = slices.Compact(slices.Sorted(slices.Values(c.Users)))
	var row switchRow
	err := s.cfg.DB.Tx(ctx, "feature: set switch", func(ctx context.Context, tx bun.IDB) error {
		first := switchRow{Name: n, Mode: On, Users: sqldb.AsJSON([]string{}), ChangedAt: sqldb.At(s.cfg.Now())}
		_, err := tx.NewInsert().Model(&first).On("CONFLICT (name) DO NOTHING").Returning("NULL").Exec(ctx)
		if err != nil {
			return err
		}
		row = switchRow{Name: n}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return err
		}
		if c.Version != nil && *c.Version != row.Version {
			return ErrChanged
		}
		row.Version++
		row.Mode, row.Percentage, row.Users = c.Mode, c.Percentage, sqldb.AsJSON(append([]string{}, c.Users...))
		row.ChangedAt, row.ChangedBy = sqldb.At(s.cfg.Now()), by
		if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
			return err
		}
		change := changeRow{
			Name: n, Version: row.Version, Mode: row.Mode, Percentage: row.Percentage, Users: row.Users,
			ChangedAt: row.ChangedAt, ChangedBy: by,
		}
		_, err = tx.NewInsert().Model(&change).Returning("NULL").Exec(ctx)
		return err
	})
	if err != nil {
		return Switch{}, err
	}
	s.cfg.Log.InfoContext(ctx, "a feature was switched", "feature", n, "mode", c.Mode, "percentage", c.Percentage)
	for _, signal := range s.cfg.Signals {
		if err := signal.Publish(ctx); err != nil {
			s.cfg.Log.WarnContext(
				ctx,
				"a switch was changed without a signal; it is noticed within a second",
				"error",
				err,
			)
		}
	}
	return row.state(), s.read(ctx)
}

// History returns the newest changes of a switch, at most limit.
func (s *Service) History(ctx context.Context, n Name, limit int) ([]Switch, error) {
	var rows []changeRow
	err := s.cfg.DB.Read().NewSelect().
		Model(&rows).
		Where("name = ?", n).
		Order("version DESC").
		Limit(int64(limit)).Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("feature: read changes: %w", err)
	}
	out := make([]Switch, len(rows))
	for i, r := range rows {
		out[i] = Switch{r.Name, r.Mode, r.Percentage, r.Users.V, r.Version, r.ChangedAt.Time(), r.ChangedBy}
	}
	return out, nil
}

// Run reads the switches twice a second, and when a signal comes, until ctx is done.
func (s *Service) Run(ctx context.Context) {
	for _, signal := range s.cfg.Signals {
		go s.listen(ctx, signal)
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.wake:
		}
		err := s.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != failed { // a line when it begins and when it ends
			failed = err != nil
			if failed {
				s.cfg.Log.ErrorContext(ctx, "the switches cannot be read; they stay as they were", "error", err)
			} else {
				s.cfg.Log.InfoContext(ctx, "the switches can be read again")
			}
		}
	}
}

// listenAgain is how long a signal that failed is left alone.
const listenAgain = 5 * time.Second

func (s *Service) listen(ctx context.Context, signal Signal) {
	for ctx.Err() == nil {
		err := signal.Listen(ctx, func() {
			select {
			case s.wake <- struct{}{}:
			default:
			}
		})
		if ctx.Err() != nil {
			return
		}
		s.cfg.Log.DebugContext(ctx, "no signal of switches; they are read twice a second all the same", "error", err)
		_ = resilience.Sleep(ctx, listenAgain) // the loop ends with ctx
	}
}
