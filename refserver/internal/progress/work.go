package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
)

// Work executes an operation of the kind to its end, unless another process does, and
// returns how it stands.
func (s *Service) Work(ctx context.Context, k Kind, id string) (Operation, error) {
	return s.work(ctx, k, id, false)
}

// work is Work; with later, an operation that fails keeps its lease, so that it is tried again
// when that ends and others have their turn in the meantime.
func (s *Service) work(ctx context.Context, k Kind, id string, later bool) (Operation, error) {
	t, now, err := s.claim(ctx, k, id)
	if err != nil || t == nil {
		return now, err
	}
	leased, stop := t.keep(ctx)
	err = k.Work(leased, t)
	lost := leased.Err() != nil && ctx.Err() == nil
	stop()
	switch {
	case lost || errors.Is(err, ErrLost):
	case !k.Resumes && (err != nil || ctx.Err() != nil):
		return s.giveUp(ctx, t, err)
	case err != nil:
		if !later || ctx.Err() != nil {
			t.release(ctx)
		}
		return t.Operation, err
	}
	return s.Operation(ctx, id)
}

// giveUp ends an operation that is not tried again.
func (s *Service) giveUp(ctx context.Context, t *Task, cause error) (Operation, error) {
	state, message := Failed, "It could not be completed. Start it again."
	if ctx.Err() != nil {
		state, message, cause = Interrupted, "The shop was stopped meanwhile. Start it again.", nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := t.Finish(ctx, state, message, nil)
	if errors.Is(err, ErrLost) {
		err = nil // it is finished
	}
	return t.Operation, errors.Join(cause, err)
}

// WorkDue executes one operation of the kind that no process is executing; more reports
// whether there was one. An operation that can't be executed keeps no other from it: the
// next one is taken, and this one again when its lease ends.
func (s *Service) WorkDue(ctx context.Context, k Kind) (more bool, err error) {
	attempted := []string{""}
	var failed error
	for ctx.Err() == nil {
		var ids []string
		now := s.cfg.Now()
		q := s.cfg.DB.Read().NewSelect().Model((*row)(nil)).Column("id").Where("kind = ?", k.Name).
			Where("state = ?", Running).Where("id NOT IN (?)", bun.List(attempted)).Order("started_at", "id").Limit(1)
		err := lease.WhereFree(q, "o", now, lasts).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return false, errors.Join(failed, err)
		}
		if _, err = s.work(ctx, k, ids[0], true); err == nil {
			return failed == nil, failed
		}
		attempted = append(attempted, ids[0])
		failed = errors.Join(failed, fmt.Errorf("%s %s: %w", k.Name, ids[0], err))
	}
	return false, errors.Join(failed, ctx.Err())
}

// FileLasts is how long a file can be fetched after its operation has finished.
const FileLasts = 24 * time.Hour

// FileUntil is until when the file of an operation that is done can be fetched, whenever CleanUp removes it.
func (o Operation) FileUntil() time.Time { return o.FinishedAt.Add(FileLasts) }

// keptFor is how long finished operations stay in the lists.
const keptFor = 90 * 24 * time.Hour

// CleanUp removes files that are older than FileLasts, and operations of the kinds that are
// older than ninety days. It returns how many files and operations those were.
func (s *Service) CleanUp(ctx context.Context, kinds ...string) (n int, err error) {
	err = s.cfg.DB.Tx(ctx, "progress: clean up", func(ctx context.Context, tx bun.IDB) error {
		n = 0
		now := s.cfg.Now()
		var files []string
		err := tx.NewSelect().Model((*row)(nil)).Column("id").Where("parts > 0").Where("state <> ?", Running).
			Where("finished_at < ?", sqldb.At(now.Add(-FileLasts))).Limit(batch).Scan(ctx, &files)
		if err != nil {
			return err
		}
		if len(files) > 0 {
			n = len(files)
			_, err = tx.NewDelete().Model((*partRow)(nil)).Where("operation_id IN (?)", bun.List(files)).Exec(ctx)
			if err != nil {
				return err
			}
			_, err = tx.NewUpdate().Model((*row)(nil)).Set("parts = 0").Where("id IN (?)", bun.List(files)).Exec(ctx)
			if err != nil {
				return err
			}
		}
		if len(kinds) == 0 {
			return nil
		}
		res, err := tx.NewDelete().Model((*row)(nil)).Where("kind IN (?)", bun.List(kinds)).Where("parts = 0").
			Where("state <> ?", Running).Where("finished_at < ?", sqldb.At(now.Add(-keptFor))).Exec(ctx)
		if err != nil {
			return err
		}
		old, err := res.RowsAffected()
		n += int(old)
		return err
	})
	return n, err
}

// batch is how many files are removed at a time.
const batch = 50

// File writes the file of an operation that is done. It returns ErrNotFound, before anything
// is written, where there is none or it has been there for FileLasts.
func (s *Service) File(ctx context.Context, id string, w io.Writer) error {
	o, err := s.Operation(ctx, id)
	if err != nil {
		return err
	}
	if o.State != Done || !o.HasFile || !s.cfg.Now().Before(o.FileUntil()) {
		return ErrNotFound
	}
	for number := 1; ; number++ {
		part := partRow{OperationID: id, Number: number}
		if last, err := s.writePart(ctx, &part, w); last || err != nil {
			return err
		}
	}
}
