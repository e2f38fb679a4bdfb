// Package progress keeps operations that outlast the request that started them: feeds, exports,
// quality scenarios and load runs. How far each is stands in the database, so that a reload, a
// restart and another process show the same.
//
// A [Service] starts, reads and cancels operations, and [Service.WorkDue] executes one of
// a [Kind]. The process that executes one holds it by a lease. When that process dies, an
// operation of a kind that resumes is continued from where it was, and any other one ends as
// interrupted: none runs forever. What is reported of an operation never goes back.
package progress

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/defaults"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("progress", migrations) }

// Errors that callers tell apart.
var (
	// ErrNotFound is returned for the id of no operation, or of no file.
	ErrNotFound = errors.New("progress: not found")
	// ErrBusy is returned for a start while an operation of the same Params.Serial is running.
	ErrBusy = errors.New("progress: another operation of this kind is running")
	// ErrMismatch is returned for an idempotency key that came with something else before.
	ErrMismatch = errors.New("progress: this idempotency key was used for something else")
	// ErrLost is returned to who executes an operation that was canceled, or that another
	// process has taken over.
	ErrLost = errors.New("progress: the operation was canceled or taken over")
)

// State says how an operation stands.
type State string

// The states of an operation. All but Running are final.
const (
	Running     State = "running" // or waiting for its turn
	Done        State = "done"
	Failed      State = "failed"
	Canceled    State = "canceled"
	Interrupted State = "interrupted" // by the end of the process, and not of a kind that resumes
)

// Operation is how far something is. Its numbers never fall.
type Operation struct {
	ID         string
	Kind       string
	Title      string // for people
	OwnerID    string // of the user or partner who started it
	State      State
	Done       int // of Total
	Total      int
	Percent    int // 0 to 100; 100 only when it is Done
	Message    string
	Params     json.RawMessage // what was asked
	Result     json.RawMessage // what it has found, {} before
	HasFile    bool            // it has made a file
	StartedAt  time.Time
	BegunAt    time.Time // zero: it waits
	FinishedAt time.Time // zero: it is running
}

// Left returns how long an operation will take from now on, if it continues as it went so far;
// false where that can't be said.
func (o Operation) Left(now time.Time) (time.Duration, bool) {
	took := now.Sub(o.BegunAt)
	if o.State != Running || o.BegunAt.IsZero() || o.Done <= 0 || took < time.Second {
		return 0, false
	}
	return time.Duration(float64(took) / float64(o.Done) * float64(o.Total-o.Done)), true
}

type row struct {
	bun.BaseModel `bun:"table:?(rk)operations,alias:o"`

	ID             string `bun:",pk"`
	Kind           string
	Title          string
	OwnerID        string
	Serial         *string
	IdempotencyKey *string
	RequestHash    string
	Params         sqldb.JSON[json.RawMessage]
	Input          []byte
	Result         sqldb.JSON[json.RawMessage]
	Position       string
	State          State
	Done           int
	Total          int
	Percent        int
	Message        string
	Failures       int
	Parts          int
	StartedAt      sqldb.Time
	BegunAt        sqldb.Time
	FinishedAt     sqldb.Time
	lease.Lease
}

func (r row) operation() Operation {
	return Operation{
		ID: r.ID, Kind: r.Kind, Title: r.Title, OwnerID: r.OwnerID, State: r.State, Done: r.Done, Total: r.Total,
		Percent: r.Percent, Message: r.Message, Params: r.Params.V, Result: r.Result.V, HasFile: r.Parts > 0,
		StartedAt: r.StartedAt.Time(), BegunAt: r.BegunAt.Time(), FinishedAt: r.FinishedAt.Time(),
	}
}

// Config says what a Service works with. DB is required.
type Config struct {
	DB  *sqlstore.DB
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: nothing is logged
}

// Service keeps operations. It is safe for concurrent use, by any number of processes on one
// database.
type Service struct{ cfg Config }

// New returns a Service, or an error that names the field that is missing.
func New(c Config) (*Service, error) {
	if c.DB == nil {
		return nil, errors.New("progress: Config.DB is required")
	}
	defaults.ClockAndLog(&c.Now, &c.Log)
	return &Service{c}, nil
}

// Params say what an operation is. Kind and Title are required.
type Params struct {
	Kind    string
	Title   string
	OwnerID string
	Serial  string // of the operations with the same text one runs at a time; empty: any number
	Total   int    // of what is counted
	Message string // empty: that it waits
	Params  any    // what was asked, kept as JSON
	Input   []byte // what it works on, kept until it is finished
	// IdempotencyKey makes the operations of the owner under it one; RequestHash is of what
	// was asked. Empty: none.
	IdempotencyKey string
	RequestHash    string
}

// Start stores an operation, to be executed by WorkDue. Under an idempotency key that was
// used before, it returns the operation of that time, or ErrMismatch. It returns ErrBusy while
// another one of the same Serial runs.
func (s *Service) Start(ctx context.Context, p Params) (Operation, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Operation{}, err
	}
	params, err := json.Marshal(p.Params)
	if err != nil {
		return Operation{}, fmt.Errorf("progress: params: %w", err)
	}
	r := row{
		ID: id.String(), Kind: p.Kind, Title: p.Title, OwnerID: p.OwnerID, RequestHash: p.RequestHash,
		Params: sqldb.AsJSON(json.RawMessage(params)), Input: p.Input, Result: sqldb.AsJSON(json.RawMessage("{}")),
		State: Running, Total: p.Total, Message: cmp.Or(p.Message, "Waiting to start."),
		StartedAt: sqldb.At(s.cfg.Now()),
	}
	r.Release()
	if p.Serial != "" {
		r.Serial = &p.Serial
	}
	if p.IdempotencyKey != "" {
		r.IdempotencyKey = &p.IdempotencyKey
	}
	err = s.cfg.DB.Tx(ctx, "progress: start", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewInsert().Model(&r).Returning("NULL").Exec(ctx)
		return err
	})
	constraint, taken := sqldb.IsUnique(err)
	switch {
	case taken && constraint == "rk_operations_serial_key":
		return Operation{}, ErrBusy
	case taken && p.IdempotencyKey != "":
		return s.before(ctx, r)
	}
	return r.operation(), err
}

// before returns the operation that came under the key.
func (s *Service) before(ctx context.Context, r row) (Operation, error) {
	var was row
	err := s.cfg.DB.Read().NewSelect().Model(&was).ExcludeColumn("input").Where("owner_id = ?", r.OwnerID).
		Where("idempotency_key = ?", *r.IdempotencyKey).Scan(ctx)
	if err == nil && was.RequestHash != r.RequestHash {
		err = ErrMismatch
	}
	return was.operation(), err
}

// Operation returns an operation, or ErrNotFound.
func (s *Service) Operation(ctx context.Context, id string) (Operation, error) {
	r := row{ID: id}
	err := s.cfg.DB.Read().NewSelect().Model(&r).ExcludeColumn("input").WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Operation{}, ErrNotFound
	}
	return r.operation(), err
}

// Query says which operations are wanted; its zero values select all.
type Query struct {
	Kind    string
	OwnerID string
	Limit   int // 1 to 1000
}

// Operations returns the newest operations.
func (s *Service) Operations(ctx context.Context, q Query) ([]Operation, error) {
	var rows []row
	sel := s.cfg.DB.Read().NewSelect().Model(&rows).ExcludeColumn("input").Order("started_at DESC", "id DESC").
		Limit(int64(min(max(q.Limit, 1), 1000)))
	if q.Kind != "" {
		sel.Where("kind = ?", q.Kind)
	}
	if q.OwnerID != "" {
		sel.Where("owner_id = ?", q.OwnerID)
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("progress: list: %w", err)
	}
	out := make([]Operation, len(rows))
	for i, r := range rows {
		out[i] = r.operation()
	}
	return out, nil
}

// Cancel ends an operation where it is: what it has done stays. Whoever executes it notices
// within seconds. An operation that is finished stays as it is.
func (s *Service) Cancel(ctx context.Context, id string) (Operation, error) {
	var r row
	err := s.cfg.DB.Tx(ctx, "progress: cancel", func(ctx context.Context, tx bun.IDB) error {
		r = row{ID: id}
		err := sqldb.ForUpdate(tx.NewSelect().Model(&r).ExcludeColumn("input").WherePK()).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil || r.State != Running {
			return err
		}
		r.finish(Canceled, fmt.Sprintf("Canceled after %d of %d.", r.Done, r.Total), s.cfg.Now())
		_, err = tx.NewUpdate().Model(&r).WherePK().Exec(ctx)
		return err
	})
	return r.operation(), err
}

// finish ends the operation; what it worked on is dropped.
func (r *row) finish(state State, message string, now time.Time) {
	r.State, r.Message, r.FinishedAt, r.Input, r.Failures = state, message, sqldb.At(now), nil, 0
	r.Release()
	r.LeaseToken = ""
	if state == Done {
		r.Done, r.Percent = r.Total, 100
	}
}
