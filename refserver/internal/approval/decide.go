package approval

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// cutOff is how long an approval may be on its way to being paid before a
// worker, or the next click, takes it up: longer than a request lives.
const cutOff = 2 * time.Minute

// maxNote is the most characters of a note.
const maxNote = 2000

// Approve has a refund paid that waits, for the amount that was requested. Who requested it, and
// who counts as the same person, may not approve it. The refund's state shows how far it is.
func (d *Desk) Approve(ctx context.Context, id string, by event.Actor) (refunds.Refund, error) {
	a, err := d.approve(ctx, id, by)
	if err != nil {
		d.recordRefusal(ctx, id, err)
		return refunds.Refund{}, err
	}
	return d.pay(ctx, a)
}

// approve is Approve before the refund is paid.
func (d *Desk) approve(ctx context.Context, id string, by event.Actor) (Approval, error) {
	if err := d.twoPeople(ctx, id, by); err != nil {
		return Approval{}, err
	}
	return d.change(ctx, id, func(r *row) (string, error) {
		resumed := r.State == string(Approved) && r.DecidedAt.Time().Before(d.Now().Add(-cutOff))
		switch {
		case r.AskerID == by.ID || by.ID == "":
			return "", selfApproval("You requested this refund. Someone else must approve it.")
		case r.State != string(Pending) && !resumed:
			return "", decided(r.approval())
		}
		r.State, r.DeciderID, r.DeciderName, r.DecidedAt = string(Approved), by.ID, by.Name, sqldb.At(d.Now())
		return "approval.approved", nil
	})
}

// recordRefusal records that somebody may not approve a refund that they requested, or who counts as them did.
func (d *Desk) recordRefusal(ctx context.Context, id string, err error) {
	p := problem.Of(err)
	if p.Status != http.StatusForbidden {
		return
	}
	a, err := d.Approval(context.WithoutCancel(ctx), id)
	if err != nil {
		a = Approval{ID: id} // what was refused is recorded all the same
	}
	e := entryOf("approval.refused", a)
	e.Details["reason"] = p.Code
	d.Audit.Refused(ctx, e)
}

func selfApproval(message string) error {
	return problem.New(http.StatusForbidden, "SELF_APPROVAL", message)
}

// twoPeople returns an error where by counts as who requested the refund.
func (d *Desk) twoPeople(ctx context.Context, id string, by event.Actor) error {
	a, err := d.Approval(ctx, id)
	if err != nil || a.AskerID == by.ID {
		return err // Approve says that it is one's own
	}
	asker, err := d.CountsAs(ctx, a.AskerID)
	if err != nil {
		return err
	}
	decider, err := d.CountsAs(ctx, by.ID)
	if err == nil && asker == decider {
		err = selfApproval("You and " + a.AskerName + " count as one person here: a new role counts as held by who " +
			"gave it. Someone else must approve this refund.")
	}
	return err
}

// Decline ends a refund that waits without paying it. Who requested it may
// decline it too, and so withdraw it.
func (d *Desk) Decline(ctx context.Context, id, note string, by event.Actor) error {
	note = strings.TrimSpace(note)
	if note == "" || len([]rune(note)) > maxNote {
		return problem.Invalid("note", fmt.Sprintf("Say why, in 1 to %d characters.", maxNote))
	}
	_, err := d.change(ctx, id, func(r *row) (string, error) {
		if r.State != string(Pending) {
			return "", decided(r.approval())
		}
		r.State, r.DeciderID, r.DeciderName, r.DecidedAt = string(Declined), by.ID, by.Name, sqldb.At(d.Now())
		r.Note = note
		return "approval.declined", nil
	})
	return err
}

func decided(a Approval) error {
	message := "This request is void because the return has changed. Request the refund again."
	if a.State != Void {
		message = a.DeciderName + " has decided this request already: " + string(a.State) + "."
	}
	return problem.New(http.StatusConflict, "TRANSITION", message)
}

// change changes an approval under its lock, and records what change returns.
func (d *Desk) change(ctx context.Context, id string, change func(*row) (string, error)) (Approval, error) {
	var r row
	err := d.DB.Tx(ctx, "approval: decide", func(ctx context.Context, tx bun.IDB) error {
		r = row{ID: id}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&r).WherePK()).Scan(ctx); err != nil {
			return err
		}
		kind, err := change(&r)
		if err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&r).WherePK().Exec(ctx); err != nil {
			return err
		}
		return d.record(ctx, tx, kind, r.approval())
	})
	return r.approval(), notFound(id, err)
}

func notFound(id string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("approval %.40q: %w", id, orders.ErrNotFound)
	}
	return err
}

// pay pays what is approved. What refuses it makes the approval void; any other
// error leaves it to the worker.
func (d *Desk) pay(ctx context.Context, a Approval) (refunds.Refund, error) {
	amount := a.Amount.Minor()
	by := event.Actor{Kind: event.ActorStaff, ID: a.AskerID, Name: a.AskerName}
	paying := context.WithValue(ctx, approvalKey{}, a.ID)
	var paid refunds.Intent
	var err error
	if paymentID, rest := a.Rest(); rest {
		paid.Refund, err = d.Rests.PayRest(paying, refunds.RestParams{OrderID: a.OrderID, PaymentID: paymentID,
			Expect: &amount, By: by, Key: a.ID}) // paid once under it, if it is cut off before it is booked
	} else {
		_, paid, err = d.Payer.Refund(paying, a.ReturnID, by, returns.RefundParams{
			Method: a.Method, Expect: &amount, LessOutside: a.LessOutside,
		})
	}
	refused := err != nil && paid.ID == "" &&
		(refunds.CodeOf(err) != "" || returns.CodeOf(err) != "" || errors.Is(err, returns.ErrNotFound))
	if err != nil && !refused {
		return paid.Refund, err
	}
	_, finishErr := d.change(context.WithoutCancel(ctx), a.ID, func(r *row) (string, error) {
		if r.State != string(Approved) {
			return "", decided(r.approval())
		}
		if refused {
			r.State, r.Note = string(Void), problem.Of(err).Message
			return "approval.void", nil
		}
		r.State, r.RefundID = string(Paid), paid.ID
		return "approval.paid", nil
	})
	if problem.Of(finishErr).Status == http.StatusConflict {
		finishErr = nil // the worker was faster
	}
	return paid.Refund, errors.Join(err, finishErr)
}

// Resume pays what was approved and cut off before it was paid, at most limit of
// them, those tried least recently first, and returns how many it took up. One
// that can't be paid keeps no other from being paid.
func (d *Desk) Resume(ctx context.Context, limit int) (int, error) {
	var rows []row
	cut := sqldb.At(d.Now().Add(-cutOff))
	err := d.DB.Reader().NewSelect().Model(&rows).Where("a.state = 'approved'").Where("a.decided_at < ?", cut).
		Where("(a.attempted_at IS NULL OR a.attempted_at < ?)", cut).
		OrderExpr("COALESCE(a.attempted_at, a.decided_at), a.id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return 0, fmt.Errorf("approval: resume: %w", err)
	}
	var failed error
	for _, r := range rows {
		if ctx.Err() != nil {
			break
		}
		if err := d.resume(ctx, r); err != nil {
			failed = errors.Join(failed, fmt.Errorf("approval: resume %s: %w", r.ID, err))
		}
	}
	return len(rows), failed
}

// resume pays one, and notes first that it is tried.
func (d *Desk) resume(ctx context.Context, r row) error {
	err := d.DB.Tx(ctx, "approval: resume", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Model((*row)(nil)).Set("attempted_at = ?", sqldb.At(d.Now())).
			Where("id = ?", r.ID).Exec(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := d.pay(ctx, r.approval()); err != nil && problem.Of(err).Internal {
		return err
	}
	return nil
}

// Approval returns the approval, or orders.ErrNotFound.
func (d *Desk) Approval(ctx context.Context, id string) (Approval, error) {
	r := row{ID: id}
	err := d.DB.Read().NewSelect().Model(&r).WherePK().Scan(ctx)
	return r.approval(), notFound(id, err)
}

// Waiting returns the refunds that wait, oldest first, at most limit of them,
// and how many there are.
func (d *Desk) Waiting(ctx context.Context, limit int) ([]Approval, int, error) {
	var rows []row
	q := d.DB.Reader().NewSelect().Model(&rows).Where("a.state IN ('pending', 'approved')")
	total, err := q.Clone().Count(ctx)
	if err == nil && total > 0 {
		err = q.Order("a.asked_at", "a.id").Limit(int64(limit)).Scan(ctx)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("approval: waiting: %w", err)
	}
	list := make([]Approval, len(rows))
	for i, r := range rows {
		list[i] = r.approval()
	}
	return list, int(total), nil
}

// Of returns the approval that the refund of a return waits for; found is false
// where it waits for none.
func (d *Desk) Of(ctx context.Context, returnID string) (a Approval, found bool, err error) {
	var rows []row
	err = d.DB.Reader().NewSelect().Model(&rows).Where("a.return_id = ?", returnID).
		Where("a.state IN ('pending', 'approved')").Limit(1).Scan(ctx)
	if err != nil || len(rows) == 0 {
		return Approval{}, false, err
	}
	return rows[0].approval(), true, nil
}
