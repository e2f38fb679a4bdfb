package progress

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/resilience"
)

const (
	lasts = 15 * time.Second // a lease
	beat  = time.Second      // between two looks whether the operation is still ours
	// maxFailures is how often in a row an operation that resumes may fail without having
	// advanced.
	maxFailures = 100
)

// Kind is a sort of operations and how one is executed.
type Kind struct {
	Name string
	// Resumes has an operation whose process died continued by Work, from Task.Position.
	// Without it, such an operation ends as interrupted.
	Resumes bool
	// Work executes an operation to its end and finishes it, see Task. ctx ends when the
	// operation is canceled or lost, and when the process stops.
	Work func(ctx context.Context, t *Task) error
}

// Task is an operation that this process executes. It is for one goroutine.
type Task struct {
	Operation

	Input    []byte // what it works on
	Position string // where it is continued; empty at first

	service *Service
	token   string
}

// Advance is how far an operation has come.
type Advance struct {
	Done     int    // more of Operation.Total is done
	Total    int    // greater than 0: Operation.Total is this now
	Message  string // empty: as it was
	Position string // empty: as it was
	Result   any    // nil: as it was
	Part     []byte // of the file, as text; nil: none
	Finish   State  // empty: it continues
}

// Step executes a part in one transaction and notes how far the operation is in the same
// one: after a crash both or neither are there. part may be nil. Step returns ErrLost, and
// changes nothing, when the operation is no longer ours.
func (t *Task) Step(
	ctx context.Context, a Advance, part func(ctx context.Context, tx bun.IDB) (Advance, error),
) error {
	var r row
	err := t.service.cfg.DB.Tx(ctx, "progress: step", func(ctx context.Context, tx bun.IDB) error {
		r = row{ID: t.ID}
		q := tx.NewSelect().Model(&r).ExcludeColumn("input").WherePK().Where("state = ?", Running).
			Where("lease_token = ?", t.token)
		if err := sqldb.ForUpdate(q).Scan(ctx); errors.Is(err, sql.ErrNoRows) {
			return ErrLost
		} else if err != nil {
			return err
		}
		if part != nil {
			var err error
			if a, err = part(ctx, tx); err != nil {
				return err
			}
		}
		if err := r.advance(ctx, tx, a, t.service.cfg.Now()); err != nil {
			return err
		}
		update := tx.NewUpdate().Model(&r).WherePK()
		if r.State == Running {
			update.ExcludeColumn("input") // it stays until the operation is finished
		}
		_, err := update.Exec(ctx)
		return err
	})
	if err == nil {
		t.Operation, t.Position = r.operation(), r.Position
	}
	return err
}

// Finish ends the operation.
func (t *Task) Finish(ctx context.Context, state State, message string, result any) error {
	return t.Step(ctx, Advance{Finish: state, Message: message, Result: result}, nil)
}

// advance notes how far the operation is.
func (r *row) advance(ctx context.Context, tx bun.IDB, a Advance, now time.Time) error {
	if a.Total > 0 {
		r.Total = max(a.Total, r.Done)
	}
	r.Done = min(r.Done+max(a.Done, 0), r.Total)
	if r.Total > 0 {
		r.Percent = max(r.Percent, min(99, int(int64(r.Done)*100/int64(r.Total))))
	}
	if a.Message != "" {
		r.Message = a.Message
	}
	if a.Position != "" {
		r.Position = a.Position
	}
	if a.Result != nil {
		result, err := json.Marshal(a.Result)
		if err != nil {
			return fmt.Errorf("progress: result: %w", err)
		}
		r.Result = sqldb.AsJSON(json.RawMessage(result))
	}
	if a.Part != nil {
		if err := r.addPart(ctx, tx, a.Part); err != nil {
			return err
		}
	}
	r.Failures = 0
	r.Prolong(now, lasts)
	if a.Finish != "" {
		r.finish(a.Finish, r.Message, now)
	}
	return nil
}

type partRow struct {
	bun.BaseModel `bun:"table:?(rk)operation_parts,alias:p"`

	OperationID string `bun:",pk"`
	Number      int    `bun:",pk"`
	Data        []byte
}

func (r *row) addPart(ctx context.Context, tx bun.IDB, text []byte) error {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	r.Parts++
	part := partRow{OperationID: r.ID, Number: r.Parts, Data: packed.Bytes()}
	_, err := tx.NewInsert().Model(&part).Returning("NULL").Exec(ctx)
	return err
}

// claim takes an operation of a kind that nobody executes, and returns nil where there is
// nothing to execute. One that was cut off and does not resume ends here.
func (s *Service) claim(ctx context.Context, k Kind, id string) (*Task, Operation, error) {
	var r row
	var mine bool
	err := s.cfg.DB.Tx(ctx, "progress: claim", func(ctx context.Context, tx bun.IDB) error {
		r, mine = row{ID: id}, false
		err := sqldb.ForUpdate(tx.NewSelect().Model(&r).WherePK().Where("kind = ?", k.Name)).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		now := s.cfg.Now()
		if err != nil || r.State != Running || r.Held(now, lasts) {
			return err
		}
		switch {
		case !r.BegunAt.IsZero() && !k.Resumes:
			r.finish(Interrupted, "The process that ran it was stopped. Start it again.", now)
		case r.Failures >= maxFailures:
			r.finish(Failed, "It failed too often. Start it again, and tell the operator if that fails too.", now)
		default:
			mine = true
			if r.BegunAt.IsZero() {
				r.BegunAt = sqldb.At(now)
			}
			r.Failures++ // until it advances
			r.Take(now, lasts)
		}
		_, err = tx.NewUpdate().Model(&r).WherePK().Exec(ctx)
		return err
	})
	if err != nil || !mine {
		return nil, r.operation(), err
	}
	return &Task{
		Operation: r.operation(), Input: r.Input, Position: r.Position, service: s, token: r.LeaseToken,
	}, r.operation(), nil
}

// keep renews the lease while the operation is executed; the context ends when it is lost. It
// renews beside Step, which replaces the Operation, so it reads nothing of that.
func (t *Task) keep(ctx context.Context) (leased context.Context, stop func()) {
	id, token, service := t.ID, t.token, t.service
	return resilience.KeepLease(ctx, 3*beat, func(ctx context.Context) (held bool, err error) {
		r := row{ID: id, Lease: lease.Lease{LeaseToken: token}}
		err = service.cfg.DB.Tx(ctx, "progress: renew", func(ctx context.Context, tx bun.IDB) error {
			held, err = lease.Renew(ctx, tx, &r, service.cfg.Now(), lasts)
			return err
		})
		return held, err
	})
}

// release lets another process continue at once.
func (t *Task) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := t.service.cfg.DB.Tx(ctx, "progress: release", func(ctx context.Context, tx bun.IDB) error {
		_, err := lease.SaveRelease(ctx, tx, &row{ID: t.ID, Lease: lease.Lease{LeaseToken: t.token}})
		return err
	})
	if err != nil {
		t.service.cfg.Log.WarnContext(ctx, "an operation is not released; it is continued when its lease ends",
			"operation", t.ID, "error", err)
	}
}
