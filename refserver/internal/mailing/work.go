package mailing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
)

// writeTimeout limits the write of a result, which takes place also when the process stops.
const writeTimeout = 5 * time.Second

// errUnwanted says that a mail has nobody to go to: the account is gone, has no address, or
// wants no notices.
var errUnwanted = errors.New("mailing: nobody gets this mail")

// Work sends at most limit mails that are due, and returns how many it tried. One that can't be
// sent is tried again later.
func (q *Queue) Work(ctx context.Context, limit int) (int, error) {
	for n := range limit {
		row, found, err := q.claim(ctx)
		if err != nil || !found {
			return n, err
		}
		err = q.send(ctx, row)
		if err != nil && ctx.Err() != nil {
			return n, errors.Join(ctx.Err(), q.finish(ctx, row, func(r *mailRow) {}))
		}
		if err := q.settle(ctx, row, err); err != nil {
			return n, err
		}
	}
	return limit, nil
}

func (q *Queue) claim(ctx context.Context) (row mailRow, found bool, err error) {
	now := q.cfg.Now()
	due := func(sel *bun.SelectQuery) *bun.SelectQuery {
		return sel.Where("m.sent_at IS NULL").Where("m.dead_at IS NULL").Where("m.next_at <= ?", sqldb.At(now)).
			Order("m.next_at", "m.id").Limit(1)
	}
	// A look without a lock first: mostly there is nothing.
	look := due(q.cfg.DB.Read().NewSelect().Model((*mailRow)(nil)))
	some, err := lease.WhereFree(look, "m", now, leaseFor).Exists(ctx)
	if err != nil || !some {
		return row, false, err
	}
	err = q.cfg.DB.Tx(ctx, "mailing: claim", func(ctx context.Context, tx bun.IDB) error {
		rows, err := lease.ClaimDue[mailRow](ctx, tx, "m", now, leaseFor, due)
		if found = len(rows) > 0; found {
			row = rows[0]
		}
		return err
	})
	return row, found, err
}

// send makes one attempt.
func (q *Queue) send(ctx context.Context, row mailRow) error {
	u, err := q.cfg.User(ctx, row.UserID)
	if errors.Is(err, auth.ErrNotFound) {
		return errUnwanted
	}
	if err != nil {
		return err
	}
	to := row.Address
	if to == "" {
		to = u.Email
	}
	// What was true of an account when a reset was requested must still be.
	fixed := row.Kind == Reset && (u.Locked || u.Super || !strings.EqualFold(to, u.Email))
	if u.Deleted || to == "" || fixed {
		return errUnwanted
	}
	if row.Kind == News {
		wants, err := q.Wants(ctx, u.ID)
		if err != nil {
			return err
		}
		if !wants {
			return errUnwanted
		}
	}
	m, err := q.message(ctx, row, u)
	if err != nil {
		return err
	}
	m.To, m.ID, m.Optional = to, row.ID, row.Kind == News
	m.Unsubscribe = q.cfg.BaseURL + accountPage
	return q.cfg.Sender.Send(ctx, m)
}

const accountPage = "/account#mail"

// message is the mail of a row.
func (q *Queue) message(ctx context.Context, row mailRow, u auth.User) (mail.Message, error) {
	c := row.Content.V
	footer := "You get this mail because it concerns the security of your account " + u.Username + "."
	switch row.Kind {
	case News:
		footer = "You can turn these mails off on the page of your account: " + q.cfg.BaseURL + accountPage
	case Reset:
		if q.cfg.ResetLink == nil {
			return mail.Message{}, errors.New("mailing: passwords can't be reset by mail")
		}
		link, err := q.cfg.ResetLink(ctx, u)
		if err != nil {
			return mail.Message{}, err
		}
		c = Content{
			Subject: resetSubject, Link: link, LinkText: "Choose a new password",
			Lines: []string{
				"We received a request to reset the password of the account " + u.Username +
					". Open this link within an hour to choose a new one.",
				"If you did not request this, ignore this mail: your password stays as it is.",
			},
		}
	}
	return Render(c, q.cfg.BaseURL, footer)
}

// settle writes the result of an attempt.
func (q *Queue) settle(ctx context.Context, row mailRow, cause error) error {
	now := q.cfg.Now()
	if errors.Is(cause, errUnwanted) {
		return q.cfg.DB.Tx(ctx, "mailing: drop", func(ctx context.Context, tx bun.IDB) error {
			_, err := lease.Delete(ctx, tx, &row)
			return err
		})
	}
	return q.finish(ctx, row, func(r *mailRow) {
		r.Attempts++
		if cause == nil {
			r.SentAt, r.LastError = sqldb.At(now), ""
			return
		}
		r.LastError = sqldb.ErrorText(cause)
		next := now.Add(q.cfg.Retry.Wait(r.Attempts - 1))
		if next.After(r.CreatedAt.Time().Add(GiveUpAfter)) {
			r.DeadAt = sqldb.At(now)
			q.cfg.Log.ErrorContext(ctx, "a mail is given up", "mail", r.ID, "kind", r.Kind, "attempts", r.Attempts,
				"error", cause)
			return
		}
		r.NextAt = sqldb.At(next)
		q.cfg.Log.WarnContext(ctx, "a mail was not sent, will try again", "mail", r.ID, "kind", r.Kind,
			"attempt", r.Attempts, "error", cause)
	})
}

// finish ends the lease of a row that change has changed, while it is still ours.
func (q *Queue) finish(ctx context.Context, row mailRow, change func(*mailRow)) error {
	change(&row)
	row.Release()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return q.cfg.DB.Tx(ctx, "mailing: write result", func(ctx context.Context, tx bun.IDB) error {
		_, err := lease.Save(ctx, tx, &row)
		return err
	})
}

// State says how a mail stands.
type State string

// The states of a mail.
const (
	Waiting State = "waiting"
	Sent    State = "sent"
	Dead    State = "dead" // given up after two days
)

// States are all of them.
func States() []State { return []State{Waiting, Sent, Dead} }

// Entry is a mail as staff see it, without its text.
type Entry struct {
	ID        string
	UserID    string
	Kind      Kind
	Subject   string
	State     State
	Attempts  int
	CreatedAt time.Time
	NextAt    time.Time // of the next attempt; zero: there is none
	LastError string
}

func (r mailRow) entry() Entry {
	e := Entry{
		ID: r.ID, UserID: r.UserID, Kind: r.Kind, Subject: r.Content.V.Subject, State: Waiting, Attempts: r.Attempts,
		CreatedAt: r.CreatedAt.Time(), NextAt: r.NextAt.Time(), LastError: r.LastError,
	}
	switch {
	case !r.SentAt.IsZero():
		e.State, e.NextAt = Sent, time.Time{}
	case !r.DeadAt.IsZero():
		e.State, e.NextAt = Dead, time.Time{}
	}
	return e
}

// Mail returns a mail without its text, or ErrNotFound.
func (q *Queue) Mail(ctx context.Context, id string) (Entry, error) {
	row := mailRow{ID: id}
	err := q.cfg.DB.Read().NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Entry{}, ErrNotFound
	}
	return row.entry(), err
}

// List returns a page of the mails in a state (empty: all), the newest first; more reports
// whether there are older ones.
func (q *Queue) List(ctx context.Context, state State, page, size int) (list []Entry, more bool, err error) {
	var rows []mailRow
	sel := q.cfg.DB.Read().NewSelect().Model(&rows)
	switch state {
	case Waiting:
		sel.Where("m.sent_at IS NULL").Where("m.dead_at IS NULL")
	case Sent:
		sel.Where("m.sent_at IS NOT NULL")
	case Dead:
		sel.Where("m.dead_at IS NOT NULL")
	}
	err = sel.Order("m.created_at DESC", "m.id DESC").Limit(int64(size + 1)).
		Offset(paging.Offset(page, size)).Scan(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("mailing: list: %w", err)
	}
	rows, more = paging.More(rows, size)
	for _, r := range rows {
		list = append(list, r.entry())
	}
	return list, more, nil
}

// Pending returns how many mails wait, the time of the oldest, and how many are dead letters.
func (q *Queue) Pending(ctx context.Context) (n int, oldest time.Time, dead int, err error) {
	var found struct {
		N      int
		Oldest sqldb.Time
	}
	err = q.cfg.DB.Read().NewSelect().Model((*mailRow)(nil)).ColumnExpr("COUNT(*) AS n").
		ColumnExpr("MIN(m.created_at) AS oldest").Where("m.sent_at IS NULL").Where("m.dead_at IS NULL").
		Scan(ctx, &found)
	if err != nil {
		return 0, time.Time{}, 0, fmt.Errorf("mailing: count: %w", err)
	}
	count, err := q.cfg.DB.Read().NewSelect().Model((*mailRow)(nil)).Where("m.dead_at IS NOT NULL").Count(ctx)
	return found.N, found.Oldest.Time(), int(count), err
}

// Resend has a dead letter sent again, for two days more.
func (q *Queue) Resend(ctx context.Context, id string) error {
	found := false
	err := q.cfg.DB.Tx(ctx, "mailing: resend", func(ctx context.Context, tx bun.IDB) (err error) {
		now := sqldb.At(q.cfg.Now())
		found, err = sqldb.ChangedOne(tx.NewUpdate().Model((*mailRow)(nil)).Set("created_at = ?", now).
			Set("next_at = ?", now).Set("attempts = 0").Set("dead_at = NULL").Where("id = ?", id).
			Where("dead_at IS NOT NULL").Exec(ctx))
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return err
}

// CleanUp removes mails that ended a month ago, and returns how many.
func (q *Queue) CleanUp(ctx context.Context) (n int, err error) {
	err = q.cfg.DB.Tx(ctx, "mailing: clean up", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*mailRow)(nil)).
			Where("created_at < ?", sqldb.At(q.cfg.Now().Add(-keepEnded))).
			Where("(sent_at IS NOT NULL OR dead_at IS NOT NULL)").Exec(ctx))
		return err
	})
	return n, err
}
